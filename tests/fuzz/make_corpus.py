#!/usr/bin/env python3
"""Writes the first seeds of the codec's fuzz corpora (corpus/<target>/seed-*); what fuzzing found lies beside them.

Standard library only: Avro is encoded by hand. Run it after schemas/event.avsc or the vectors changed.
"""
import json
import os
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
TIME = 1700000000000
SEED_MAX = 4096


def number(value):
    bits = (value << 1) ^ (value >> 63)
    out = bytearray()
    while bits >= 0x80:
        out.append(bits & 0x7F | 0x80)
        bits >>= 7
    out.append(bits)
    return bytes(out)


def text(value):
    raw = value if isinstance(value, bytes) else value.encode()
    return number(len(raw)) + raw


def seed(target, name, data):
    folder = os.path.join(HERE, "corpus", target)
    os.makedirs(folder, exist_ok=True)
    if len(data) <= SEED_MAX:
        with open(os.path.join(folder, "seed-" + name), "wb") as file:
            file.write(data)


WRITER = {"type": "record", "name": "Event", "fields": [
    {"name": "type", "type": {"type": "enum", "name": "EventType", "symbols": ["page_viewed", "product_added"]}},
    {"name": "user_id", "type": "string"}, {"name": "event_time", "type": "long"}, {"name": "channel", "type": ["null", "string"]},
    {"name": "latitude", "type": "float"},
    {"name": "items", "type": {"type": "array", "items": {"type": "record", "name": "Item", "fields": [
        {"name": "product_id", "type": "string"}, {"name": "price", "type": ["null", "int"]}]}}}]}


def body(user="u1", time=TIME, channel="web"):
    return (number(1) + text(user) + number(time) + number(1) + text(channel) + b"\0\0\0\x3f"
            + number(2) + text("p1") + number(0) + text("p2") + number(1) + number(499) + number(0))


JSON_EVENTS = {
    "plain": {"type": "page_viewed", "user_id": "u1", "event_time": TIME},
    "rich": {"type": "order_completed", "user_id": "u1", "event_time": "2023-11-14T22:13:20.5+01:00", "value": 9998, "currency": "EUR",
             "items": [{"product_id": "p1", "price": 4999, "quantity": 2}, {"product_id": "p2"}], "properties": {"a": "ü"},
             "latitude": 52.5, "longitude": -1, "machine_open": False, "channel": None},
    "segment": {"type": "track", "event": "Product Added", "userId": "u1", "messageId": "m", "timestamp": "2023-11-14T22:13:20Z"},
    "braze": {"type": "ecommerce.cart_updated", "user_id": "u1", "event_time": TIME, "cart_id": "c"},
    "wrong": {"type": "page_viewed", "user_id": 7, "event_time": TIME},
}


def vectors():
    with open(os.path.join(ROOT, "tests", "golden", "avro_vectors.json")) as file:
        return json.load(file)["vectors"]


def events_of_own_schema():
    for vector in vectors():
        if vector["name"].startswith("same schema"):
            yield vector["name"].replace(" ", "-").replace(",", ""), bytes.fromhex(vector["hex"])


def decoder_seeds():
    for name, value in JSON_EVENTS.items():
        seed("event_decoder", "json-" + name, b"\3" + json.dumps(value).encode()[1:])
    for name, value in events_of_own_schema():
        seed("event_decoder", name, b"\1" + value)
    tree = number(1) + number(0) + number(0) + number(0)
    skipping = (tree + number(5) + number(0) + number(0) + number(1) + text("web") + number(0) + b"\0\0\0\x3f" + text("u1")
                + number(TIME) + number(3) + number(1) + number(1) + text("p1") + b"abc" + number(0)
                + number(1) + text("k") + number(0) + text("v") + number(0))
    seed("event_decoder", "skipping", b"\6" + skipping)
    seed("event_decoder", "unknown-schema", b"\0\0\0\0\0\7abc")
    seed("event_decoder", "retry", b"\0\0\0\0\0\2abc")
    seed("event_decoder", "future", b"\6" + skipping.replace(number(TIME), number(TIME * 2)))


def schema_seeds():
    chosen = [vector for vector in vectors() if not vector["name"].startswith(("same", "reordered"))]
    small = [vector for vector in chosen if len(json.dumps(vector["writer"])) < 1200]
    for position, vector in enumerate(small[:36]):
        schema = json.dumps(vector["writer"], separators=(",", ":")).encode()
        seed("schema", f"{position:02}", schema + b"\0" + bytes.fromhex(vector["hex"]))
    seed("schema", "own", json.dumps(WRITER).encode() + b"\0" + body())


def container_file(codec, blocks):
    out = b"Obj\1" + number(2) + text("avro.schema") + text(json.dumps(WRITER, separators=(",", ":")))
    out += text("avro.codec") + text(codec) + number(0) + b"0123456789abcdef"
    for count, data in blocks:
        if codec == "deflate":
            packer = zlib.compressobj(9, zlib.DEFLATED, -15)
            data = packer.compress(data) + packer.flush()
        out += number(count) + number(len(data)) + data + b"0123456789abcdef"
    return out


def container_seeds():
    blocks = [(2, body() + body(user="u2")), (0, b""), (3, body() + body(channel=b"\xff") + body(time=5))]
    for codec in ("null", "deflate", "snappy"):
        seed("container", codec, container_file(codec, blocks))
    seed("container", "cut", container_file("null", blocks)[:-20])
    seed("container", "wrong-count", container_file("null", [(1 << 40, body())]))
    seed("container", "garbage", container_file("null", [(3, body() + b"\0\x7f" * 20)]))


def changelog_record(key, body, tombstone=False, version=1, place=(0, 1, 2, 100)):
    """One piece of fuzz_changelog's input; the target makes the checksum right."""
    value = bytes([version]) + b"\0\0\0\0" + b"".join(number(n) for n in place) + body
    return bytes([1 if tombstone else 2, len(key)]) + (len(key) + len(value)).to_bytes(2, "little") + key + value


def aggregate(replay_from=50, rejected=(2, 0, 9, 5, 4), state=b""):
    sections = [(replay_from, 1, 0, 7, TIME, 1, 6), (1, 1, 3, TIME), rejected]
    packed = [b"".join(number(n) for n in section) for section in sections] + [state]
    return b"".join(len(section).to_bytes(4, "little") + section for section in packed)


def changelog_seeds():
    erased = changelog_record(b"e12345678", number(TIME))
    last = changelog_record(b"a", aggregate())
    for name, choice in (("recovery", 0), ("nothing", 1), ("adopt", 3)):
        seed("changelog", name, bytes([choice]) + erased + changelog_record(b"l1234", b"layout") + last)
    gone = changelog_record(b"pann", b"", tombstone=True)
    seed("changelog", "tombstones", b"\0" + gone + changelog_record(b"e12345678", b"", tombstone=True) + last)
    seed("changelog", "profile", b"\0" + changelog_record(b"pann", b"\1" * 40) + last)
    seed("changelog", "order", b"\0" + erased + changelog_record(b"e12345678", number(5), place=(0, 1, 1, 90)))
    seed("changelog", "newer", b"\0" + changelog_record(b"e12345678", number(5), place=(0, 1, 3, 90)))
    seed("changelog", "version", b"\0" + changelog_record(b"pann", b"x", version=9))
    seed("changelog", "runs", b"\0" + changelog_record(b"a", aggregate(rejected=(8193, 1, 1))))
    seed("changelog", "empty", b"\1")


def main():
    decoder_seeds()
    schema_seeds()
    container_seeds()
    changelog_seeds()
    for name, value in JSON_EVENTS.items():
        seed("event_json", name, json.dumps(value).encode())
    seed("event_json", "number", b'{"type":"page_viewed","user_id":"u1","event_time":1.5}')
    seed("event_json", "escapes", b'{"type":"custom","user_id":"\\u00e9\\ud83d\\ude00","event_time":1700000000000,"source":"\\u0000"}')


if __name__ == "__main__":
    main()
