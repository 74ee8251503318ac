"""`eddy run` on a real broker: outputs, dead letters, waiting, restarts, several workers and processes."""
import hashlib
import json
import signal
import struct
import time

import pytest
from conftest import await_true, effect_gaps
from kafka_fixture import decode, encode_event, event_record

HOUR = 3_600_000


def settings(server, app, **more):
    """A configuration as YAML (JSON is YAML): two-segment models after few users, triggers for old events, too."""
    whole = {
        "app": app,
        "kafka": {"brokers": server.brokers, **more.pop("kafka", {})},
        "time": {"publish_after": "none", "at_end": "wall", **more.pop("time", {})},
        "triggers": [{"name": "cart_abandonment", "kind": "absence", "after": "product_added", "without": "order_completed",
                      "for": "1h", "subject": "user", "payload": "cart"}],
        **more,
    }
    return json.dumps(whole)


def event(user, kind, at, **fields):
    return {"type": kind, "user_id": user, "event_time": at, **fields}


def cart(user, at, product="shoe"):
    return event(user, "product_added", at, currency="EUR", items=[{"product_id": product, "price": 4990, "quantity": 2}])


def triggers(kafka, app):
    return [decode("Trigger", message.value()) for message in kafka.read(f"{app}.triggers")]


def await_triggers(kafka, app, count, eddy):
    found = await_true(lambda: (lambda all: all if len(all) >= count else None)(triggers(kafka, app)), 60,
                       lambda: eddy.log()[-3000:])
    assert len(found) == count, [trigger["user_id"] for trigger in found]
    return found


def ready(eddy, partitions=1):
    eddy.start()
    eddy.await_log('msg="partition assigned"', count=partitions)


def test_triggers(kafka, eddies, app):
    """Carts left for an hour become triggers; an order cancels; both encodings; a clean end commits all offsets."""
    kafka.create(f"{app}.events", 2)
    now = int(time.time() * 1000)
    old = now - 2 * HOUR
    kafka.produce(f"{app}.events", [
        event_record(cart("left", old)),
        event_record(cart("bought", old)),
        event_record(event("bought", "order_completed", old + 60_000)),
        event_record(cart("avro", old), avro_encoded=True),
        event_record(cart("too-young", now)),
    ])
    eddy = eddies(settings(kafka, app)).start()
    found = {trigger["user_id"]: trigger for trigger in await_triggers(kafka, app, 2, eddy)}
    assert set(found) == {"left", "avro"}
    trigger = found["left"]
    assert trigger["trigger"] == "cart_abandonment" and trigger["due_at"] == old + HOUR and trigger["fired_at"] >= trigger["due_at"]
    assert [(item["product_id"], item["quantity"], item["price"]) for item in trigger["payload"]["items"]] == [("shoe", 2, 4990)]
    assert (trigger["payload"]["value"], trigger["payload"]["currency"]) == (9980, "EUR")
    assert [reason["event"] for reason in trigger["reasons"]] == ["product_added"]
    assert eddy.stop() == 0, eddy.log()
    assert sum(kafka.committed(app, f"{app}.events").values()) == 5
    assert "profiles=" in eddy.log().splitlines()[0]


def test_first_run_mails_nobody(kafka, eddies, app):
    """Without publish_after what was due before the first start is suppressed, also after a restart."""
    kafka.create(f"{app}.events", 1)
    old = int(time.time() * 1000) - 2 * HOUR
    whole = json.loads(settings(kafka, app))
    del whole["time"]["publish_after"]
    for user in ("first", "second"):
        kafka.produce(f"{app}.events", [event_record(cart(user, old))])
        eddy = eddies(json.dumps(whole)).start()
        await_true(lambda: user in [decode("Suppressed", m.value())["user_id"] for m in topic_or_nothing(kafka, f"{app}.suppressed")],
                   60, eddy.log)
        assert eddy.stop() == 0
    assert {decode("Suppressed", m.value())["reason"] for m in kafka.read(f"{app}.suppressed")} == {"backfill"}
    assert triggers(kafka, app) == []


def topic_or_nothing(kafka, topic):
    return kafka.read(topic) if topic in kafka.topics() else []


def test_segments(kafka, eddies, app):
    """Contributions travel to the trainer, a model comes back, users get segments with reasons."""
    kafka.create(f"{app}.events", 2)
    now = int(time.time() * 1000)
    eddy = eddies(settings(kafka, app, model={"segments": 2, "buffer_min": 64, "epoch": 100}))
    ready(eddy, 2)

    def visits(round_):
        at = now - 40 * HOUR + round_ * HOUR
        for i in range(200):
            kind = "product_viewed" if i % 2 else "email_opened"
            more = {"items": [{"product_id": "p"}]} if i % 2 else {"message_id": "m", "campaign_id": "c"}
            for repeat in range(1 + i % 5):
                yield event_record(event(f"u{i}", kind, at + 1000 * repeat, **more))

    for round_ in range(40):
        kafka.produce(f"{app}.events", visits(round_))
        if kafka.read(f"{app}.segment-changes"):
            break
    else:
        raise AssertionError(eddy.log()[-3000:])
    changes = [decode("SegmentChange", message.value()) for message in kafka.read(f"{app}.segment-changes")]
    assert all(change["from"] is None and change["to"] is not None and change["to_name"] for change in changes[:5]), changes[:5]
    models = [decode("Model", message.value()) for message in kafka.read(f"{app}.model")]
    assert models and len(models[0]["segments"]) == 2
    assert len({message.key() for message in kafka.read(f"{app}.segments")}) == 2
    assert eddy.stop() == 0, eddy.log()
    assert not effect_gaps(kafka, app)


def garbage():
    """(key, value, code): what must become a dead letter."""
    now = int(time.time() * 1000)
    good = encode_event(cart("g", now))
    at = event("g", "page_viewed", now, page_url="/")
    located = encode_event({**at, "latitude": float("nan"), "longitude": 1.0})
    huge = good[:10] + b"\x02" + b"\xfe\xff\xff\xff\x0f" + b"x"  # event_id present, 2^31 bytes long
    yield b"g", b"\x17\x99random bytes", "unknown_framing"
    yield b"g", good[:-3], "truncated"
    yield b"g", good + b"!", "trailing_bytes"
    yield b"g", b"\x00" + struct.pack(">I", 4711) + good[10:], "unknown_schema"
    yield b"g", b"\xc3\x01" + b"\x01" * 8 + good[10:], "unknown_schema"
    yield b"g", huge, "truncated"
    yield b"g", located, "bad_number"
    yield b"g", json.dumps({**at, "event_time": 1000}).encode(), "bad_time"
    yield b"g", b"{\"type\":", "bad_json"
    yield b"g", b"", "empty_value"
    yield b"g", None, "empty_value"
    yield None, good, "no_key"
    yield b"other", good, "key_mismatch"
    yield b"k" * 1_000_000, good, "key_mismatch"


def test_garbage(kafka, eddies, app):
    """Each bad record lands in the dead-letter topic with its bytes and the reason; a stamp in 2090 is clamped; nothing stops."""
    kafka.create(f"{app}.events", 1, message_timestamp_type="LogAppendTime")
    now = int(time.time() * 1000)
    bad = list(garbage())
    records = [{"key": key, "value": value, "headers": [("trace", b"\x00\xff")]} for key, value, _ in bad]
    records.append(event_record(event("future", "page_viewed", 3_800_000_000_000, page_url="/")))
    records.append(event_record(cart("fine", now - 2 * HOUR)))
    kafka.produce(f"{app}.events", records)
    eddy = eddies(settings(kafka, app)).start()
    assert await_triggers(kafka, app, 1, eddy)[0]["user_id"] == "fine"
    letters = kafka.read(f"{app}.dlq")
    assert eddy.stop() == 0, eddy.log()
    assert [dict(letter.headers())["x-eddy-error-code"].decode() for letter in letters] == [code for _, _, code in bad]
    for offset, (letter, (key, value, code)) in enumerate(zip(letters, bad)):
        headers = dict(letter.headers())
        assert (letter.key(), letter.value()) == (key, value), code
        assert headers["trace"] == b"\x00\xff" and headers["__streams.errors.message"]
        assert headers["__streams.errors.topic"] == f"{app}.events".encode()
        assert (headers["__streams.errors.partition"], headers["__streams.errors.offset"]) == (b"0", str(offset).encode())
    assert f"invalid={len(bad)} clamped=1" in eddy.log()


def test_dead_letter_is_cut(kafka, eddies, app):
    """Where the dead-letter topic takes less than the input, the value is cut and its size and digest are kept."""
    kafka.create(f"{app}.events", 1)
    kafka.create(f"{app}.dlq", 1, max_message_bytes=100_000)
    value = bytes(range(1, 251)) * 2000
    kafka.produce(f"{app}.events", [{"key": b"g", "value": value}])
    eddy = eddies(settings(kafka, app)).start()
    letter = await_true(lambda: kafka.read(f"{app}.dlq"), 60, eddy.log)[0]
    headers = dict(letter.headers())
    assert 50_000 < len(letter.value()) < 100_000 and value.startswith(letter.value())
    assert headers["x-eddy-original-size"] == str(len(value)).encode()
    assert headers["x-eddy-original-sha256"] == hashlib.sha256(value).hexdigest().encode()
    assert eddy.stop() == 0


def test_waits_and_survives_restarts(own_kafka, eddies, app):
    """Broker down at the start: waits, says so once. Topic missing: the same. Broker killed later: goes on, nothing twice."""
    eddy = eddies(settings(own_kafka, app)).start()
    eddy.await_log('msg="waiting for Kafka"')
    own_kafka.start()
    eddy.await_log('msg="waiting for a topic"')
    own_kafka.create(f"{app}.events", 2)
    eddy.await_log('msg="partition assigned"', count=2)
    old = int(time.time() * 1000) - 2 * HOUR
    own_kafka.produce(f"{app}.events", [event_record(cart(f"a{i}", old)) for i in range(50)])
    await_triggers(own_kafka, app, 50, eddy)
    own_kafka.restart()
    own_kafka.produce(f"{app}.events", [event_record(cart(f"b{i}", old)) for i in range(50)])
    found = await_triggers(own_kafka, app, 100, eddy)
    assert len({trigger["user_id"] for trigger in found}) == 100
    assert eddy.log().count('msg="waiting for Kafka"') <= 2
    assert eddy.stop() == 0, eddy.log()


def test_each_output_once(own_kafka, eddies, app):
    """Every bad record becomes exactly one dead letter, whatever is killed or frozen meanwhile."""
    own_kafka.start()
    own_kafka.create(f"{app}.events", 4)
    eddy = eddies(settings(own_kafka, app, kafka={"commit_interval": "2s"}))
    ready(eddy, 4)
    sent = 0

    def send(count):
        nonlocal sent
        own_kafka.produce(f"{app}.events", [{"key": b"%d" % i, "value": b"?%d" % i} for i in range(sent, sent + count)])
        sent += count

    def freeze():
        own_kafka.freeze()
        time.sleep(3)
        own_kafka.thaw()

    def kill_eddy():
        eddy.kill()
        eddy.start()
        eddy.await_log('msg="partition assigned"', count=8)

    # A long interval, so that the broker is not killed while it ends a transaction: a single broker of Kafka 4.3 that starts again
    # with a half-ended transaction forgets to write its markers, and the transaction hangs for ever.
    for trouble in (own_kafka.restart, freeze, kill_eddy):
        send(20_000)  # eddy is in the middle of it when this returns
        trouble()
    send(1000)
    found = await_true(lambda: (lambda letters: letters if len(letters) >= sent else None)(own_kafka.read(f"{app}.dlq")), 90,
                       lambda: eddy.log()[-3000:])
    assert len(found) == sent and len({letter.value() for letter in found}) == sent
    assert eddy.stop() == 0, eddy.log()
    assert sum(own_kafka.committed(app, f"{app}.events").values()) == sent


def test_redis_is_a_view(kafka, redis_server, eddies, app):
    """Redis down at the start, there, restarted: Kafka's outputs never wait for it, and it gets every trigger once."""
    kafka.create(f"{app}.events", 1)
    old = int(time.time() * 1000) - 2 * HOUR
    eddy = eddies(settings(kafka, app, redis={"url": f"redis://127.0.0.1:{redis_server.port}"}))
    ready(eddy)

    def leave_carts(name, total):
        kafka.produce(f"{app}.events", [event_record(cart(f"{name}{i}", old)) for i in range(10)])
        await_triggers(kafka, app, total, eddy)

    def stream():
        return [fields["user_id"] for _, fields in redis_server.client().xrange(f"{app}:triggers:0")]

    leave_carts("a", 10)
    redis_server.start()
    await_true(lambda: len(stream()) == 10, 30, eddy.log)
    redis_server.stop()
    leave_carts("b", 20)
    redis_server.start()  # empty: it keeps nothing
    leave_carts("c", 30)
    await_true(lambda: {f"{name}{i}" for name in "bc" for i in range(10)} <= set(stream()), 30, eddy.log)
    assert len(stream()) == len(set(stream()))
    assert redis_server.client().hget(f"{app}:user:c1", "last_trigger") == "cart_abandonment"
    assert eddy.stop() == 0, eddy.log()


@pytest.mark.parametrize("second", ["worker", "process"])
def test_shared_work(kafka, eddies, app, second):
    """Two workers, or a second process that joins later, share the partitions; every cart fires once."""
    kafka.create(f"{app}.events", 4)
    old = int(time.time() * 1000) - 2 * HOUR
    processes = [eddies(settings(kafka, app, workers=2 if second == "worker" else 1, instance="one"))]
    ready(processes[0], 4)
    for worker in range(2 if second == "worker" else 1):
        processes[0].await_log(f'"partition assigned" worker={worker}', count=2)
    kafka.produce(f"{app}.events", [event_record(cart(f"a{i}", old)) for i in range(200)])
    await_triggers(kafka, app, 200, processes[0])
    if second == "process":
        processes.append(eddies(settings(kafka, app, instance="two")))
        ready(processes[1], 2)
    kafka.produce(f"{app}.events", [event_record(cart(f"b{i}", old)) for i in range(200)])
    found = await_triggers(kafka, app, 400, processes[-1])
    assert len({trigger["user_id"] for trigger in found}) == 400
    assert [process.stop() for process in processes] == [0] * len(processes)
    assert sum(kafka.committed(app, f"{app}.events").values()) == 400


def test_foreign_offsets_are_refused(kafka, eddies, app):
    """A committed offset without our metadata: exit 78 that names the place and what to do."""
    from confluent_kafka import Consumer, TopicPartition

    kafka.create(f"{app}.events", 1)
    consumer = Consumer({"bootstrap.servers": kafka.brokers, "group.id": app})
    consumer.commit(offsets=[TopicPartition(f"{app}.events", 0, 0)], asynchronous=False)
    consumer.close()
    eddy = eddies(settings(kafka, app)).start()
    assert eddy.wait() == 78
    assert "committed offset is not ours" in eddy.log() and "hint=" in eddy.log()


def test_same_instance_twice(kafka, eddies, app):
    """A second process under the same instance takes over; the first ends with 75 and says why."""
    kafka.create(f"{app}.events", 1)
    first = eddies(settings(kafka, app, instance="twin"))
    ready(first)
    second = eddies(settings(kafka, app, instance="twin"))
    ready(second)
    assert first.wait() == 75 and "runs under instance twin" in first.log()
    assert second.stop(signal.SIGINT) == 0
