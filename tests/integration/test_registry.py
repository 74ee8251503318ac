"""A schema registry beside a real broker. Whatever is written for eddy and read from it goes through clients that no one here
wrote: confluent-kafka's SchemaRegistryClient for the schemas, Apache Avro for Python for the values."""
import io
import json
import os
import struct
import subprocess
import time

import avro.io
import avro.schema
import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from conftest import await_true, effect_gaps
from kafka_fixture import SOURCE, event_record
from registry_stub import Registry

HOUR = 3_600_000
OUTPUTS = {"segment-changes": "SegmentChange", "triggers": "Trigger", "suppressed": "Suppressed", "model-delta": "ModelDelta",
           "model": "Model", "segments": "Segment", "receipts": "Receipt"}

# As a shop might have it: other order, other types, none of the fields that it has no use for, one that eddy does not know.
WRITER = json.dumps({"type": "record", "name": "Event", "namespace": "shop", "fields": [
    {"name": "user_id", "type": "string"}, {"name": "warehouse", "type": "string"},
    {"name": "type", "type": {"type": "enum", "name": "EventType", "symbols": ["page_viewed", "product_added"]}},
    {"name": "event_time", "type": "long"},
    {"name": "items", "type": {"type": "array", "items": {"type": "record", "name": "Item", "fields": [
        {"name": "price", "type": "int"}, {"name": "product_id", "type": "string"}]}}},
    {"name": "currency", "type": "string"}]})


@pytest.fixture
def registry():
    stub = Registry().start()
    yield stub
    stub.stop()


def settings(server, app, registry, access=(), **more):
    """A configuration as YAML (JSON is YAML)."""
    return json.dumps({
        "app": app, "kafka": {"brokers": server.brokers, "commit_interval": "20ms"}, "registry": {"url": registry.url, **dict(access)},
        "http": {"listen": "none"},
        "time": {"publish_after": "none", "at_end": "newest", "allowed_lateness": "0s"},
        "triggers": [{"name": "cart_abandonment", "after": "product_added", "for": "1h", "payload": "cart"}], **more})


def client_of(registry):
    more = {"basic.auth.user.info": ":".join(registry.auth)} if registry.auth else {}
    return SchemaRegistryClient({"url": registry.url, **more})


def framed(number, text, datum):
    out = io.BytesIO()
    avro.io.DatumWriter(avro.schema.parse(text)).write(datum, avro.io.BinaryEncoder(out))
    return struct.pack(">bI", 0, number) + out.getvalue()


def unframed(registry, value):
    """The record, read under the schema that its id names."""
    magic, number = struct.unpack(">bI", value[:5])
    assert magic == 0
    text = client_of(registry).get_schema(number).schema_str.replace('"logicalType": "timestamp-millis"', '"doc": ""')
    return avro.io.DatumReader(avro.schema.parse(text)).read(avro.io.BinaryDecoder(io.BytesIO(value[5:])))


def added(number, user, at, text=WRITER):
    return {"key": user.encode(), "value": framed(number, text, {
        "user_id": user, "warehouse": "north", "type": "product_added", "event_time": at, "currency": "EUR",
        "items": [{"product_id": "shoe", "price": 4990}]})}


def clock(at):
    """An event of nobody that moves time."""
    return event_record({"type": "page_viewed", "user_id": "clock", "event_time": at})


def triggers(kafka, registry, app):
    if f"{app}.triggers" not in kafka.topics():
        return []
    return [unframed(registry, message.value()) for message in kafka.read(f"{app}.triggers")]


def await_users(kafka, registry, app, users, eddy):
    await_true(lambda: [trigger["user_id"] for trigger in triggers(kafka, registry, app)] == users, 60, lambda: eddy.log()[-3000:])


def command(eddy, *arguments):
    return subprocess.run([os.environ["EDDY_BIN"], arguments[0], "-c", str(eddy.config), *arguments[1:]], capture_output=True,
                          text=True, timeout=120)


def test_a_foreign_client_writes_and_reads(kafka, registry, eddies, app, tmp_path):
    registry.auth = ("eddy", "s3cret-word")
    (tmp_path / "password").write_text("s3cret-word\n")
    access = {"user": "eddy", "password": "${file:password}"}
    kafka.create(f"{app}.events", 1)
    start = int(time.time() * 1000) - 10 * HOUR
    number = client_of(registry).register_schema(f"{app}.events-value", Schema(WRITER, "AVRO"))
    bob = event_record({"type": "page_viewed", "user_id": "bob", "event_time": start}, avro_encoded=True)
    kafka.produce(f"{app}.events", [added(number, "ann", start), bob, clock(start + 2 * HOUR)])
    eddy = eddies(settings(kafka, app, registry, access))
    before = command(eddy, "check")
    assert f"warn subject {app}.triggers-value: not registered yet, `eddy run` will do it\n" in before.stdout, before.stdout

    eddy.start()
    await_users(kafka, registry, app, ["ann"], eddy)
    trigger = triggers(kafka, registry, app)[0]
    assert trigger["payload"]["items"][0]["price"] == 4990 and trigger["payload"]["currency"] == "EUR"
    assert not kafka.read(f"{app}.dlq")
    for topic, schema in OUTPUTS.items():
        latest = newest(registry, f"{app}.{topic}-value")
        assert json.loads(latest) == json.loads((SOURCE / "schemas" / f"{schema}.avsc").read_text())
    after = command(eddy, "check")
    assert after.returncode == 0, after.stdout
    assert f"ok   registry: {registry.url} answers\n" in after.stdout
    assert after.stdout.count(": registered, schema id ") == len(OUTPUTS)
    shown = command(eddy, "tail", "triggers", "-o", "beginning", "-e")
    assert shown.returncode == 0 and json.loads(shown.stdout)["user_id"] == "ann", shown.stderr
    events = command(eddy, "tail", "events", "-o", "beginning", "-e")
    assert [json.loads(line)["user_id"] for line in events.stdout.splitlines()] == ["ann", "bob", "clock"], events.stderr
    assert eddy.stop() == 0
    assert "s3cret-word" not in eddy.log() + before.stdout + after.stdout

    # whoever may only read goes on with what is there
    registry.requests.clear()
    again = eddies(settings(kafka, app, registry, {**access, "register": False})).start()
    kafka.produce(f"{app}.events", [added(number, "eve", start + 3 * HOUR), clock(start + 6 * HOUR)])
    await_users(kafka, registry, app, ["ann", "eve"], again)
    assert again.stop() == 0
    assert not any(request.endswith("/versions") for request in registry.requests)
    assert not effect_gaps(kafka, app)


def newest(registry, subject):
    return registry.schemas[registry.subjects[subject][-1] - 1]


def test_an_absent_registry_is_waited_for(kafka, registry, eddies, app):
    """Down at the start, down for the next schema: no dead letter, no restart; what does not exist is one."""
    kafka.create(f"{app}.events", 1)
    start = int(time.time() * 1000) - 30 * HOUR
    first = registry.register("a", WRITER)
    second = registry.register("b", WRITER.replace("warehouse", "depot"))
    registry.stop()
    kafka.produce(f"{app}.events", [added(first, "ann", start), clock(start + 2 * HOUR)])
    eddy = eddies(settings(kafka, app, registry)).start()
    eddy.await_log("schema registry cannot be used, waiting for it")
    time.sleep(1)
    assert eddy.process.poll() is None and "partition assigned" not in eddy.log()
    down = command(eddy, "check")
    assert down.returncode == 69 and f"fail registry: {registry.url}: " in down.stdout, down.stdout
    registry.start()
    await_users(kafka, registry, app, ["ann"], eddy)

    registry.fail = 503
    blind = command(eddy, "tail", "events", "-o", "beginning", "-e")
    assert blind.returncode == 65 and blind.stderr.count("answers 503: as told") == 1 and '"clock"' in blind.stdout
    other = WRITER.replace("warehouse", "depot")
    value = framed(second, other, {"user_id": "bob", "depot": "south", "type": "product_added", "event_time": start + 3 * HOUR,
                                   "currency": "EUR", "items": []})
    kafka.produce(f"{app}.events", [{"key": b"bob", "value": value}, clock(start + 5 * HOUR)])
    eddy.await_log("partition paused: schema cannot be looked up", count=3)
    assert eddy.log().count("schema registry cannot be used") == 2
    assert kafka.committed(app, f"{app}.events") == {0: 2} and not kafka.read(f"{app}.dlq")
    registry.stop()
    time.sleep(1)
    registry.fail = None
    registry.start()
    await_users(kafka, registry, app, ["ann", "bob"], eddy)
    assert eddy.log().count("schema registry is back") == 2
    assert not kafka.read(f"{app}.dlq")

    unknown = added(9999, "eve", start + 6 * HOUR)
    kafka.produce(f"{app}.events", [unknown, added(first, "zoe", start + 7 * HOUR), clock(start + 9 * HOUR)])
    await_users(kafka, registry, app, ["ann", "bob", "zoe"], eddy)
    letters = kafka.read(f"{app}.dlq")
    assert [letter.value() for letter in letters] == [unknown["value"]]
    assert dict(letters[0].headers())["x-eddy-error-code"] == b"unknown_schema"
    assert eddy.stop() == 0, eddy.log()
    assert registry.requests.count(f"GET /schemas/ids/{first}") == 2  # of tail and of run: a schema is asked for once


def test_a_schema_that_eddy_cannot_use_is_a_dead_letter(kafka, registry, eddies, app):
    kafka.create(f"{app}.events", 1)
    start = int(time.time() * 1000) - 30 * HOUR
    good = registry.register("a", WRITER)
    number = registry.register("b", '{"type": "record", "name": "Event", "fields": [{"name": "x", "type": "shop.Elsewhere"}]}')
    records = [{"key": b"bob", "value": struct.pack(">bI", 0, number) + b"1"}, added(good, "ann", start), clock(start + 2 * HOUR)]
    kafka.produce(f"{app}.events", records)
    eddy = eddies(settings(kafka, app, registry)).start()
    await_users(kafka, registry, app, ["ann"], eddy)
    letters = kafka.read(f"{app}.dlq")
    assert [dict(letter.headers())["x-eddy-error-code"] for letter in letters] == [b"unusable_schema"]
    assert eddy.stop() == 0, eddy.log()


def test_what_is_in_the_way_is_said(kafka, registry, eddies, app):
    kafka.create(f"{app}.events", 1)
    subject = f"{app}.triggers-value"
    registry.register(subject, '"string"')
    registry.frozen = {subject}
    eddy = eddies(settings(kafka, app, registry)).start()
    assert eddy.wait() == 78
    assert f"subject {subject}: answers 409: a field went away" in eddy.log(), eddy.log()
    checked = command(eddy, "check")
    assert checked.returncode == 69
    assert f"fail subject {subject}: incompatible with the newest version: a field went away; the subject holds" in checked.stdout

    registry.frozen = set()
    forbidden = eddies(settings(kafka, app, registry, {"register": False})).start()
    assert forbidden.wait() == 78
    assert f"subject {subject}: answers 404" in forbidden.log() and "registry.register" in forbidden.log(), forbidden.log()
    assert "not registered; register the files of schemas/" in command(forbidden, "check").stdout

    registry.auth = ("eddy", "right")
    stranger = eddies(settings(kafka, app, registry, {"user": "eddy", "password": "wrong"})).start()
    stranger.await_log("schema registry cannot be used, waiting for it")
    assert "answers 401: who are you?" in stranger.log() and "check registry.user and registry.password" in stranger.log()
    checked = command(stranger, "check")
    assert checked.returncode == 69 and "answers 401: who are you?; check registry.user" in checked.stdout
    assert stranger.stop() == 0
    assert "right" not in stranger.log() and "wrong" not in stranger.log()


def test_tls(kafka, registry, eddies, app, tmp_path):
    """Several addresses, the first one of nobody; a certificate that only the configuration trusts."""
    kafka.create(f"{app}.events", 1)
    registry.stop()
    certificate = registry.use_tls(tmp_path)
    registry.start()
    start = int(time.time() * 1000) - 30 * HOUR
    kafka.produce(f"{app}.events", [added(registry.register("a", WRITER), "ann", start), clock(start + 2 * HOUR)])
    stranger = eddies(settings(kafka, app, registry)).start()
    stranger.await_log("hint=\"check registry.ca_file")
    assert stranger.stop() == 0
    urls = ["http://127.0.0.1:1/registry", registry.url]
    eddy = eddies(settings(kafka, app, registry, {"url": urls, "ca_file": certificate.name})).start()
    await_true(lambda: f"{app}.triggers" in kafka.topics() and kafka.read(f"{app}.triggers"), 60, eddy.log)
    checked = command(eddy, "check")
    assert "warn registry: http://127.0.0.1:1/registry: " in checked.stdout and f"ok   registry: {registry.url} " in checked.stdout
    assert f"ok   subject {app}.model-value: registered" in checked.stdout and checked.returncode == 0
    assert eddy.stop() == 0, eddy.log()


def visit(user, at, viewed):
    what = {"type": "product_viewed", "items": [{"product_id": "p"}]} if viewed else {"type": "email_opened"}
    return event_record({"user_id": user, "event_time": at, **what})


def test_eddy_reads_its_own_topics(kafka, registry, redis_server, eddies, app):
    """Deltas, models, triggers for a Redis that was away: all in the registry's framing."""
    kafka.create(f"{app}.events", 1)
    start = int(time.time() * 1000) - 100 * HOUR
    number = registry.register("a", WRITER)
    eddy = eddies(settings(kafka, app, registry, model={"segments": 2, "buffer_min": 64, "epoch": 100},
                           redis={"url": f"redis://127.0.0.1:{redis_server.port}"})).start()
    kafka.produce(f"{app}.events", [added(number, f"cart{i}", start) for i in range(5)])
    for round_ in range(40):
        at = start + (1 + round_) * HOUR
        kafka.produce(f"{app}.events", [visit(f"u{i}", at + i, bool(i % 2)) for i in range(200)])
        if f"{app}.segment-changes" in kafka.topics() and kafka.read(f"{app}.segment-changes"):
            break
    changes = [unframed(registry, message.value()) for message in kafka.read(f"{app}.segment-changes")]
    assert changes and changes[0]["to"] is not None, eddy.log()[-3000:]
    models = [unframed(registry, message.value()) for message in kafka.read(f"{app}.model")]
    assert len(models[0]["segments"]) == 2
    assert [unframed(registry, message.value()) for message in kafka.read(f"{app}.segments")]

    def stream():
        return sorted(fields["user_id"] for _, fields in redis_server.client().xrange(f"{app}:triggers:0"))

    carts = [f"cart{i}" for i in range(5)]
    await_true(lambda: [trigger["user_id"] for trigger in triggers(kafka, registry, app)] == carts, 30, eddy.log)
    assert eddy.stop() == 0, eddy.log()
    redis_server.start()
    eddy.start()
    await_true(lambda: stream() == carts, 30, eddy.log)
    eddy.await_log("trainer started", count=2)
    assert 'msg="trainer started" from_version=0' not in eddy.log().split("eddy ends")[1]
    assert command(eddy, "forget", "--wait", "cart0").returncode == 0
    for topic in OUTPUTS:
        written = kafka.read(f"{app}.{topic}")
        for name in topic, f"{app}.{topic}":
            shown = command(eddy, "tail", name, "-e", "-o", "beginning")
            assert shown.returncode == 0 and len(shown.stdout.splitlines()) == len(written), shown.stderr
        for message, line in zip(written, map(json.loads, shown.stdout.splitlines())):
            assert message.value()[0] == 0 and list(unframed(registry, message.value())) == list(line)[1:], line
        assert written or topic == "suppressed"
    assert eddy.stop() == 0, eddy.log()
