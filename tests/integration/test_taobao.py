"""Real shop events through a real broker: exactly the triggers of an oracle that was computed without us, whatever the order of
arrival, the sizes of batches and transactions, and the number of workers and processes."""
import json

import pytest
import taobao
from conftest import await_true, effect_gaps
from kafka_fixture import decode, event_record

PARTITIONS = 4
LATENESS_S = 900
TRIGGER = {"name": "cart_quiet", "kind": "absence", "after": "product_added", "without": "order_completed", "for": "1h",
           "subject": "user", "payload": "none", "max_lateness": "none"}


def settings(server, app, instance=0, workers=1, commit_interval="100ms", properties=None, **time):
    return json.dumps({
        "app": app, "instance": f"i{instance}", "workers": workers, "triggers": [TRIGGER],
        "kafka": {"brokers": server.brokers, "commit_interval": commit_interval, "properties": properties or {}},
        "time": {"publish_after": "1970-01-01T00:00:00Z", **time},
    })


def records(rows, end_s=taobao.LAST):
    """The rows, and one last event of a user of its own in each partition."""
    events = [event_record(taobao.event(row)) for row in rows]
    for partition in range(PARTITIONS):
        end = {**taobao.end_event(f"end-{partition}"), "event_time": end_s * 1000}
        events.append(event_record(end, partition=partition))
    return events


def in_order(rows):
    return records(sorted(rows, key=lambda row: row[0]))


def in_disorder(rows, end_s=taobao.LAST):
    return records(taobao.shuffled(rows, 7), end_s)


@pytest.fixture(scope="module")
def rows():
    taobao.require()
    return taobao.rows()


def start(eddies, texts, workers):
    """Processes that have all partitions of the empty topic between them, and each of them some."""
    started = [eddies(text).start() for text in texts]
    for eddy in started:
        for worker in range(workers):
            eddy.await_log(f'msg="partition assigned" worker={worker}')
    settled = lambda: sum(eddy.log().count('msg="partition assigned"') - eddy.log().count('msg="partition given up"')
                          for eddy in started) == PARTITIONS
    await_true(settled, 30, lambda: "".join(eddy.log() for eddy in started))
    return started


def check(kafka, app, started, count):
    """All input read, exactly the oracle's triggers, each once, and nothing missing in any partition's outputs."""
    logs = lambda: "".join(eddy.log()[-2000:] for eddy in started)
    await_true(lambda: sum(kafka.committed(app, f"{app}.events").values()) == count, 90, logs)
    expected = taobao.expected()
    await_true(lambda: len(kafka.read(f"{app}.triggers")) >= len(expected), 30, logs)
    assert [eddy.stop() for eddy in started] == [0] * len(started), logs()
    triggers = [decode("Trigger", message.value()) for message in kafka.read(f"{app}.triggers")]
    assert taobao.fired(triggers) == expected
    assert len({trigger["trigger_id"] for trigger in triggers}) == len(expected)
    assert kafka.read(f"{app}.suppressed") == [] and kafka.read(f"{app}.dlq") == []
    assert effect_gaps(kafka, app) == []


SMALL = {"consumer.fetch.message.max.bytes": 20000, "producer.batch.num.messages": 10}
LARGE = {"consumer.queued.min.messages": 100000, "consumer.fetch.max.bytes": 50000000}


@pytest.mark.parametrize("order, workers, commit_interval, properties", [
    (in_order, 1, "100ms", {}),
    (in_order, 2, "20ms", SMALL),
    (in_disorder, 1, "2s", LARGE),
    (in_disorder, 2, "50ms", SMALL),
], ids=["sorted", "sorted-2-workers-small", "shuffled-large", "shuffled-2-workers-small"])
def test_backlog(kafka, eddies, app, rows, order, workers, commit_interval, properties):
    """The topic is full before eddy starts."""
    kafka.create(f"{app}.events", PARTITIONS)
    events = order(rows)
    kafka.produce(f"{app}.events", events)
    lateness = f"{LATENESS_S}s" if order is in_disorder else "0s"
    text = settings(kafka, app, 0, workers, commit_interval, properties, at_end="newest", allowed_lateness=lateness)
    check(kafka, app, start(eddies, [text], workers), len(events))


@pytest.mark.parametrize("order, at_end", [(in_order, "newest"), (in_disorder, "hold")], ids=["sorted", "shuffled"])
def test_two_processes_live(kafka, eddies, app, rows, order, at_end):
    """Two processes have their partitions before the first event comes. Where they meet the end of the topic again and again,
    time must not run ahead of the disorder: it is held, and the last event lies later by the lateness."""
    kafka.create(f"{app}.events", PARTITIONS)
    time = {"at_end": at_end, "allowed_lateness": f"{LATENESS_S}s"}
    started = start(eddies, [settings(kafka, app, instance, **time) for instance in range(2)], 1)
    events = in_order(rows) if order is in_order else in_disorder(rows, taobao.LAST + LATENESS_S)
    kafka.produce(f"{app}.events", events)
    check(kafka, app, started, len(events))
