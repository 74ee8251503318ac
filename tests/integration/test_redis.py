"""Redis shows what is on Kafka: hashes, members and streams are compared record by record, also after trouble with Redis."""
import json
import os
import subprocess
import time

import pytest
from conftest import await_true
from kafka_fixture import decode

PARTITIONS = 3
TOPICS = {"segment-changes": "SegmentChange", "triggers": "Trigger"}


def settings(server, app, redis_server, **more):
    return json.dumps({
        "app": app, "kafka": {"brokers": server.brokers},
        "redis": {"url": f"redis://127.0.0.1:{redis_server.port}"},
        "time": {"publish_after": "none", "at_end": "newest"},
        "model": {"segments": 4, "epoch": 200, "buffer_min": 100},
        "triggers": [{"name": "cart_abandonment", "kind": "absence", "after": "product_added", "without": "order_completed",
                      "for": "1h", "subject": "user", "payload": "cart", "max_lateness": "none"}],
        **more,
    })


@pytest.fixture(scope="module")
def shoppers():
    """The events of invented shoppers as records, cut into three waves."""
    lines = subprocess.run([os.environ["EDDY_BIN"], "generate", "--users", "400", "--events", "15000"], check=True,
                           capture_output=True).stdout.splitlines()
    records = [{"key": json.loads(line)["user_id"].encode(), "value": line} for line in lines]
    return [records[:5000], records[5000:10000], records[10000:]]


class Run:
    """One application between a broker and a Redis."""

    def __init__(self, kafka, redis_server, app):
        self.kafka, self.redis, self.app, self.sent = kafka, redis_server, app, 0
        kafka.create(f"{app}.events", PARTITIONS)

    def feed(self, wave):
        """Returns once Kafka has what comes of the wave, and the model that the first one teaches."""
        self.kafka.produce(f"{self.app}.events", wave)
        self.sent += len(wave)
        await_true(lambda: sum(self.kafka.committed(self.app, f"{self.app}.events").values()) == self.sent, 60)
        await_true(lambda: self.kafka.read(f"{self.app}.model"), 30)

    def published(self):
        """Everything for Redis that is on Kafka: by topic, in the order of each partition."""
        return {topic: [decode(name, message.value()) for message in self.kafka.read(f"{self.app}.{topic}")]
                for topic, name in TOPICS.items()}

    def settled(self):
        """What is published, once Redis shows it and nothing more comes: a late model may still move users."""

        def check():
            before = self.published()
            time.sleep(0.5)
            return before if before == self.published() and view(self.redis.client(), self.app) == expected(before) else None

        return await_true(check, 30, lambda: difference(view(self.redis.client(), self.app), expected(self.published())))


@pytest.fixture
def run(kafka, redis_server, app):
    return Run(kafka, redis_server, app)


def expected(published):
    """What Redis must hold after these records, if it was empty before them."""
    hashes, members, streams = {}, {}, {}
    for change in published["segment-changes"]:
        hashes.setdefault(change["user_id"], {}).update({
            "segment": str(change["to"]), "segment_name": change["to_name"], "since": str(change["event_time"]),
            "from": "" if change["from"] is None else str(change["from"]), "model_version": str(change["model_version"])})
    for user, fields in hashes.items():
        members.setdefault(fields["segment"], {})[user] = float(fields["since"])
    for trigger in published["triggers"]:
        hashes.setdefault(trigger["user_id"], {}).update(
            {"last_trigger": trigger["trigger"], "last_trigger_at": str(trigger["fired_at"])})
        streams.setdefault(str(trigger["partition"]), []).append((trigger["effect"], trigger["trigger_id"], trigger["user_id"],
                                                                  trigger["trigger"], trigger["due_at"], trigger))
    return {"hashes": hashes, "members": members, "streams": streams}


def view(client, app):
    hashes = {key[len(f"{app}:user:"):]: client.hgetall(key) for key in client.scan_iter(f"{app}:user:*", count=1000)}
    for fields in hashes.values():
        del fields["updated_at"], fields["v"]
    members = {key.split(":")[-1]: dict(client.zrange(key, 0, -1, withscores=True)) for key in client.keys(f"{app}:segment:*")}
    streams = {key.split(":")[-1]: [entry(*one) for one in client.xrange(key)] for key in client.keys(f"{app}:triggers:*")}
    return {"hashes": hashes, "members": members, "streams": streams}


def entry(id, fields):
    record = json.loads(fields["record"])
    assert record.pop("type") == "trigger"
    return (int(id.split("-")[1]), fields["trigger_id"], fields["user_id"], fields["trigger"], int(fields["due_at"]), record)


def difference(found, wanted):
    """For people: the first places where two views differ."""
    places = []
    for part in found:
        for key in sorted(set(found[part]) | set(wanted[part])):
            if found[part].get(key) != wanted[part].get(key):
                places.append(f"{part} {key}: {str(found[part].get(key))[:300]}\n  wanted {str(wanted[part].get(key))[:300]}")
    return f"{len(places)} differences\n" + "\n".join(places[:5])


def since(published, before):
    """Only what was not published before."""
    seen = {topic: {(record["partition"], record["effect"]) for record in records} for topic, records in before.items()}
    return {topic: [record for record in records if (record["partition"], record["effect"]) not in seen[topic]]
            for topic, records in published.items()}


@pytest.mark.parametrize("workers", [1, 2])
def test_view(kafka, redis_server, eddies, shoppers, run, app, workers):
    """Down at the start: said once by each worker, Kafka does not wait; then everything is there."""
    eddy = eddies(settings(kafka, app, redis_server, workers=workers)).start()
    run.feed(shoppers[0])
    assert eddy.log().count('msg="waiting for Redis"') == workers and 'msg="Redis is back"' not in eddy.log()
    redis_server.start()
    run.feed(shoppers[1])
    run.feed(shoppers[2])
    published = run.settled()
    assert len(published["segment-changes"]) > 400 and len(published["triggers"]) > 50
    assert any(change["from"] is not None for change in published["segment-changes"])
    assert (eddy.log().count('msg="waiting for Redis"'), eddy.log().count('msg="Redis is back"')) == (workers, workers)
    assert eddy.stop() == 0, eddy.log()


def test_killed(kafka, redis_server, eddies, shoppers, run, app):
    """Killed with writes on their way, empty afterwards: everything since is there, in order and once, those writes included."""
    redis_server.start()
    eddy = eddies(settings(kafka, app, redis_server)).start()
    run.feed(shoppers[0])
    before = run.settled()
    redis_server.freeze()
    run.feed(shoppers[1][:2500])
    redis_server.kill()
    run.feed(shoppers[1][2500:])
    redis_server.start()
    run.feed(shoppers[2])

    def tail():
        return expected(since(run.published(), before))

    await_true(lambda: view(redis_server.client(), app) == tail(), 30, lambda: difference(view(redis_server.client(), app), tail()))
    assert sum(map(len, tail()["streams"].values())) > 50 and len(tail()["members"]) > 1
    assert (eddy.log().count('msg="waiting for Redis"'), eddy.log().count('msg="Redis is back"')) == (1, 1)
    assert eddy.stop() == 0, eddy.log()


def test_frozen(kafka, redis_server, eddies, shoppers, run, app):
    """A Redis that answers nothing for seconds: Kafka does not wait for it, and afterwards nothing is missing."""
    redis_server.start()
    eddy = eddies(settings(kafka, app, redis_server)).start()
    run.feed(shoppers[0])
    redis_server.freeze()
    run.feed(shoppers[1])
    time.sleep(2)
    redis_server.thaw()
    run.feed(shoppers[2])
    assert len(run.settled()["triggers"]) > 50
    redis_server.freeze()
    assert eddy.stop(seconds=15) == 0, eddy.log()


def test_restarted_eddy(kafka, redis_server, eddies, shoppers, run, app):
    """A process that starts again writes over what the one before it wrote, and its triggers follow in the same streams."""
    redis_server.start()
    first = eddies(settings(kafka, app, redis_server)).start()
    run.feed(shoppers[0])
    before = run.settled()
    assert first.stop() == 0, first.log()
    eddy = eddies(settings(kafka, app, redis_server)).start()
    run.feed(shoppers[1])
    run.settled()
    ids = [id for key in redis_server.client().keys(f"{app}:triggers:*") for id, _ in redis_server.client().xrange(key)]
    assert len(ids) > len(before["triggers"])
    assert eddy.stop() == 0, eddy.log()
