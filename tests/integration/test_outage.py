"""The broker goes away, processes are told to end, configurations are wrong: nothing is lost, doubled or fired too early."""
import json
import signal
import time

import pytest
import taobao
from conftest import await_true, effect_gaps
from feed import Feed
from kafka_fixture import decode, event_record

TRIGGER = {"name": "cart_quiet", "kind": "absence", "after": "product_added", "without": "order_completed", "for": "1h",
           "subject": "user", "payload": "none", "max_lateness": "none"}


def settings(server, app, trigger=None, workers=1, commit_interval="100ms", **time):
    return json.dumps({
        "app": app, "workers": workers, "triggers": [{**TRIGGER, **(trigger or {})}], "log": {"level": "debug"},
        "kafka": {"brokers": server.brokers, "commit_interval": commit_interval},
        "time": {"publish_after": "none", **time},
    })


def cart(user, at):
    return event_record({"type": "product_added", "user_id": user, "event_time": at, "items": [{"product_id": "shoe"}]})


def order(user, at):
    return event_record({"type": "order_completed", "user_id": user, "event_time": at})


def triggers(kafka, app):
    return [decode("Trigger", message.value()) for message in kafka.read(f"{app}.triggers")]


def test_killed_under_load(own_kafka, eddies, app):
    """kill -9 twice while real shop events flow: exactly the oracle's triggers, each once, effects without gaps."""
    taobao.require()
    own_kafka.start()
    own_kafka.create(f"{app}.events", 4)
    eddy = eddies(settings(own_kafka, app, commit_interval="2s", at_end="hold", allowed_lateness="0s")).start()
    eddy.await_log('msg="partition assigned"', count=4)
    records = [event_record(event) for event in taobao.sorted_events()[:-1]]
    ends = [event_record(taobao.end_event(f"end-{partition}"), partition=partition) for partition in range(4)]
    pieces = [*(records[at:at + 8000] for at in range(0, len(records), 8000)), ends]
    feed = Feed(lambda piece: own_kafka.produce(f"{app}.events", piece), pieces, pause=1)
    for _ in range(2):
        own_kafka.await_commit(app, f"{app}.events")
        own_kafka.restart()
    feed.finish()
    found = await_true(lambda: (lambda all: all if len(all) >= 2487 else None)(triggers(own_kafka, app)), 60,
                       lambda: eddy.log()[-3000:])
    assert taobao.fired(found) == taobao.expected()
    assert eddy.log().count('msg="waiting for Kafka"') == eddy.log().count('msg="Kafka is back"') <= 2
    assert eddy.stop() == 0, eddy.log()[-3000:]
    assert effect_gaps(own_kafka, app) == []
    assert sum(own_kafka.committed(app, f"{app}.events").values()) == len(records) + len(ends)


@pytest.mark.parametrize("away, back", [("kill", "start"), ("freeze", "thaw")])
def test_deadline_while_the_broker_is_away(own_kafka, eddies, app, away, back):
    """A deadline that passes while nobody can see the topic is decided afterwards, with what was waiting there."""
    own_kafka.start()
    own_kafka.create(f"{app}.events", 1)
    eddy = eddies(settings(own_kafka, app, {"for": "12s"}, at_end="wall", allowed_lateness="0s")).start()
    eddy.await_log('msg="partition assigned"')
    at = int(time.time() * 1000)
    own_kafka.produce(f"{app}.events", [cart("buyer", at), cart("left", at)])
    await_true(lambda: own_kafka.committed(app, f"{app}.events") == {0: 2}, 10)
    getattr(own_kafka, away)()
    time.sleep(max(0, at / 1000 + 14 - time.time()))
    eddy.process.send_signal(signal.SIGSTOP)  # what was waiting must be there before eddy looks again
    getattr(own_kafka, back)()
    returned = int(time.time() * 1000)
    own_kafka.produce(f"{app}.events", [order("buyer", at + 2000)])
    eddy.process.send_signal(signal.SIGCONT)
    found = await_true(lambda: triggers(own_kafka, app), 30, lambda: eddy.log()[-3000:])
    assert [trigger["user_id"] for trigger in found] == ["left"]
    assert found[0]["due_at"] == at + 12_000 and found[0]["published_at"] >= returned
    assert eddy.stop() == 0, eddy.log()[-3000:]
    assert len(triggers(own_kafka, app)) == 1


def test_terminated_under_load(kafka, eddies, app):
    """SIGTERM again and again while records flow: each time exit 0, and what is committed is what came out; nothing twice."""
    kafka.create(f"{app}.events", 4)
    bad = [{"key": b"%d" % i, "value": b"?%d" % i} for i in range(120_000)]
    for round_ in range(4):
        own = bad[round_ * 30_000:(round_ + 1) * 30_000]
        feed = Feed(lambda piece: kafka.produce(f"{app}.events", piece), [own[at:at + 1000] for at in range(0, len(own), 1000)], 0.1)
        eddy = eddies(settings(kafka, app, workers=2)).start()
        await_true(lambda: "to=sealed" in eddy.log(), 30, eddy.log)
        assert eddy.stop() == 0, eddy.log()[-3000:]
        letters = {}
        for message in kafka.read(f"{app}.dlq"):
            source = int(dict(message.headers())["__streams.errors.partition"])
            letters[source] = letters.get(source, 0) + 1
        committed = {partition: offset for partition, offset in kafka.committed(app, f"{app}.events").items() if offset > 0}
        assert committed == letters and 0 < sum(letters.values()) < (round_ + 1) * len(own), round_
        feed.finish()
    eddy = eddies(settings(kafka, app, workers=2)).start()
    await_true(lambda: sum(kafka.committed(app, f"{app}.events").values()) == len(bad), 60, lambda: eddy.log()[-3000:])
    assert eddy.stop() == 0
    values = [message.value() for message in kafka.read(f"{app}.dlq")]
    assert len(values) == len(set(values)) == len(bad)


def test_terminated_while_waiting(own_kafka, eddies, app):
    """No broker at all: said once, in one line, and SIGTERM ends it in good order."""
    eddy = eddies(settings(own_kafka, app, workers=2)).start()
    eddy.await_log('msg="waiting for Kafka"')
    time.sleep(3)
    assert eddy.log().count('msg="waiting for Kafka"') == 1
    assert eddy.stop(seconds=10) == 0, eddy.log()


def test_terminated_while_the_broker_is_away(own_kafka, eddies, app):
    """Nothing was left to commit: it ends in good order, within the time that service managers grant."""
    own_kafka.start()
    own_kafka.create(f"{app}.events", 1)
    eddy = eddies(settings(own_kafka, app)).start()
    eddy.await_log('msg="partition assigned"')
    own_kafka.produce(f"{app}.events", [cart("left", int(time.time() * 1000))])
    await_true(lambda: own_kafka.committed(app, f"{app}.events") == {0: 1}, 10, eddy.log)
    own_kafka.kill()
    eddy.await_log('msg="waiting for Kafka"')
    assert eddy.stop(seconds=30) == 0, eddy.log()[-3000:]


def test_wrong_configuration(eddies):
    """Every error at once, each with its place and a hint; nothing is started."""
    eddy = eddies("app: shop\nkafka:\n  broker: localhost:9092\n  commit_interval: 1h\ntime: {at_end: never}\n").start()
    assert eddy.wait(10) == 78
    places = [line.split(": ")[0].split("eddy-")[-1].split(".yaml")[1] for line in eddy.log().splitlines() if "error:" in line]
    assert places == [":3:3", ":4:20", ":5:16"], eddy.log()
    assert "brokers" in eddy.log() and "wall" in eddy.log()
