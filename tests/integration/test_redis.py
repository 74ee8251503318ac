"""Redis shows what is on Kafka: hashes, members and streams are compared record by record, also after trouble with Redis or with
eddy. How a user came into its segment is not known to whoever writes it again from memory; that and the last trigger are compared
only where nothing was written again."""
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

    def feed(self, wave, config=None):
        """Returns once Kafka has what comes of the wave, and the model that the first one teaches. With a configuration eddy itself
        chooses the partitions."""
        if config:
            lines = b"\n".join(record["value"] for record in wave)
            subprocess.run([os.environ["EDDY_BIN"], "produce", "-c", str(config)], input=lines, check=True, capture_output=True)
        else:
            self.kafka.produce(f"{self.app}.events", wave)
        self.sent += len(wave)
        await_true(lambda: sum(self.kafka.committed(self.app, f"{self.app}.events").values()) == self.sent, 60)
        await_true(lambda: self.kafka.read(f"{self.app}.model"), 30)

    def published(self):
        """Everything for Redis that is on Kafka: by topic, in the order of each partition."""
        return {topic: [decode(name, message.value()) for message in self.kafka.read(f"{self.app}.{topic}")]
                for topic, name in TOPICS.items()}

    def settled(self, without=(), since=None):
        """What is published, once Redis shows it and nothing more comes: a late model may still move users. `without` fields of
        hashes that are not compared; `since`: streams begin behind these records."""

        def wanted(published):
            shown = expected(published)
            if since is not None:
                shown["streams"] = expected(newer(published, since))["streams"]
            return drop(shown, without)

        def shown():
            return drop(view(self.redis.client(), self.app), without)

        def check():
            before = self.published()
            time.sleep(0.5)
            return before if before == self.published() and shown() == wanted(before) else None

        return await_true(check, 60, lambda: difference(shown(), wanted(self.published())))

    def progress(self):
        """What Redis says of itself: sync:<partition> -> version."""
        status = self.redis.client().hgetall(f"{self.app}:status")
        return {name: value for name, value in status.items() if name.startswith("sync:")}


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


HOW = ("from", "model_version", "segment_name")
LAST = ("last_trigger", "last_trigger_at")


def drop(shown, fields):
    """Without these fields of the hashes, and without hashes that then say nothing."""
    hashes = {user: {name: value for name, value in hash.items() if name not in fields} for user, hash in shown["hashes"].items()}
    return {**shown, "hashes": {user: hash for user, hash in hashes.items() if hash or not fields}}


def difference(found, wanted):
    """For people: the first places where two views differ."""
    places = []
    for part in found:
        for key in sorted(set(found[part]) | set(wanted[part])):
            if found[part].get(key) != wanted[part].get(key):
                places.append(f"{part} {key}: {str(found[part].get(key))[:300]}\n  wanted {str(wanted[part].get(key))[:300]}")
    return f"{len(places)} differences\n" + "\n".join(places[:5])


def newer(published, before):
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
    published = run.settled(without=() if workers == 1 else HOW)  # a partition may have changed hands
    assert len(published["segment-changes"]) > 400 and len(published["triggers"]) > 50
    assert any(change["from"] is not None for change in published["segment-changes"])
    assert (eddy.log().count('msg="waiting for Redis"'), eddy.log().count('msg="Redis is back"')) == (workers, workers)
    await_true(lambda: len(run.progress()) == PARTITIONS, 10)
    assert eddy.stop() == 0, eddy.log()


def test_killed(kafka, redis_server, eddies, shoppers, run, app):
    """Killed with writes on their way, empty afterwards: users are written again, triggers go on where Redis had not answered."""
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
    after = run.settled(without=HOW + LAST, since=before)
    assert sum(map(len, expected(newer(after, before))["streams"].values())) > 50
    assert (eddy.log().count('msg="waiting for Redis"'), eddy.log().count('msg="Redis is back"')) == (1, 1)
    assert eddy.stop() == 0, eddy.log()


def test_flushed(kafka, redis_server, eddies, shoppers, run, app):
    """Emptied under a running process: users are written again, and only then Redis says that it has all."""
    redis_server.start()
    eddy = eddies(settings(kafka, app, redis_server)).start()
    run.feed(shoppers[0])
    before = run.settled()
    await_true(lambda: len(run.progress()) == PARTITIONS, 10)
    redis_server.client().flushall()
    run.settled(without=HOW + LAST, since=before)
    await_true(lambda: len(run.progress()) == PARTITIONS, 10)
    run.feed(shoppers[1])
    run.settled(without=HOW + LAST, since=before)
    assert eddy.stop() == 0, eddy.log()


def test_rebuilt(kafka, redis_server, eddies, shoppers, run, app):
    """`eddy redis rebuild` beside a running process: what is wrong in Redis is gone, what is right is there, the streams stay."""
    redis_server.start()
    client = redis_server.client()
    eddy = eddies(settings(kafka, app, redis_server)).start()
    run.feed(shoppers[0])
    before = run.settled()
    await_true(lambda: len(run.progress()) == PARTITIONS, 10)
    client.hset(f"{app}:user:nobody", mapping={"segment": "99", "v": "1-1", "updated_at": "1"})
    client.zadd(f"{app}:segment:99", {"nobody": 1})
    command = [os.environ["EDDY_BIN"], "redis", "rebuild", "-c", str(eddy.config)]
    counted = subprocess.run(command + ["--dry-run"], check=True, capture_output=True, text=True).stdout
    users, segments = len(view(client, app)["hashes"]), len(client.keys(f"{app}:segment:*"))
    assert counted == f"would remove {users} users, {segments} segments, progress of {PARTITIONS} partitions\n"
    machine = json.loads(subprocess.run(command + ["--dry-run", "--json"], check=True, capture_output=True, text=True).stdout)
    assert machine == {"users": users, "segments": segments, "partitions": PARTITIONS, "dry_run": True, "complete": True}
    removed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert removed == counted.replace("would remove", "removed")
    assert run.settled(without=HOW + LAST) == before
    assert not client.exists(f"{app}:user:nobody") and not client.exists(f"{app}:segment:99")
    await_true(lambda: len(run.progress()) == PARTITIONS, 10)
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


def test_killed_eddy(kafka, redis_server, eddies, shoppers, run, app):
    """Killed with a Redis that does not answer: the next process writes what Kafka has and Redis has not, triggers once each."""
    redis_server.start()
    eddy = eddies(settings(kafka, app, redis_server)).start()
    run.feed(shoppers[0])
    run.settled()
    for wave in shoppers[1:]:
        redis_server.freeze()
        run.feed(wave)
        eddy.kill()
        redis_server.thaw()
        eddy = eddies(settings(kafka, app, redis_server)).start()
        published = run.settled(without=HOW)
    assert len(published["triggers"]) > 50
    assert 'msg="Redis gets everything anew"' not in eddy.log()
    assert eddy.stop() == 0, eddy.log()


def test_forgotten(kafka, redis_server, eddies, shoppers, run, app):
    """`eddy forget`: the receipt says when it is done, and then nothing of the user is left in Redis. The invented events are years
    old: a profile of that age would count as gone."""
    redis_server.start()
    client = redis_server.client()
    eddy = eddies(settings(kafka, app, redis_server, profile={"idle_ttl": "3000d"})).start()
    run.feed(shoppers[0], eddy.config)
    published = run.settled()
    user = published["triggers"][0]["user_id"]
    assert client.exists(f"{app}:user:{user}")
    command = [os.environ["EDDY_BIN"], "forget", "-c", str(eddy.config), "--wait", user, "nobody"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0 and result.stderr.count("nothing was known of nobody in any partition") == 1, result.stderr
    assert f"nothing was known of {user}" not in result.stderr
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["user_id"] for line in lines] == [user, "nobody"]
    receipts = [decode("Receipt", message.value()) for message in kafka.read(f"{app}.receipts")]
    partitions = len(lines[0]["offsets"])
    for line, homes in zip(lines, (1, 0)):  # one in each partition: where a user is, is up to the producers
        own = [receipt for receipt in receipts if receipt["event_id"] == line["event_id"]]
        assert {receipt["user_id"] for receipt in own} == {line["user_id"]}
        assert sorted(receipt["partition"] for receipt in own) == list(range(partitions))
        assert sum(receipt["had_profile"] for receipt in own) == homes
    await_true(lambda: not client.exists(f"{app}:user:{user}"), 10)
    assert all(client.zscore(key, user) is None for key in client.keys(f"{app}:segment:*"))
    tail = subprocess.run([os.environ["EDDY_BIN"], "tail", "-c", str(eddy.config), "receipts", "-e", "-o", "beginning"],
                          capture_output=True, text=True, check=True)
    assert all(json.loads(line)["type"] == "receipt" for line in tail.stdout.splitlines()) and len(tail.stdout.splitlines()) == 2 * partitions

    machine = subprocess.run([*command[:5], "--json", "nobody else"], capture_output=True, text=True)
    said = json.loads(machine.stdout)
    assert machine.returncode == 0 and (said["user_id"], said["receipt"], said["had_profile"]) == ("nobody else", True, False)
    assert eddy.stop() == 0, eddy.log()


def test_forget_waits_in_vain(kafka, eddies, app):
    """Nobody reads the event: it stands on the topic, and the exit code says that it was not carried out yet."""
    kafka.create(f"{app}.events", 1)
    kafka.create(f"{app}.receipts", 1)
    eddy = eddies(json.dumps({"app": app, "kafka": {"brokers": kafka.brokers}}))
    started = time.monotonic()
    command = [os.environ["EDDY_BIN"], "forget", "-c", str(eddy.config), "--wait", "-J", "ann"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 75 and "no receipt of 1 of 1 within 30 s" in result.stderr, result.stderr
    said = json.loads(result.stdout)
    assert (said["offsets"], said["receipt"], said["had_profile"]) == ([0], False, None) and time.monotonic() - started >= 30
    [message] = kafka.read(f"{app}.events")
    assert message.key() == b"ann"
    event = decode("event", message.value())
    assert (event["type"], event["user_id"], event["source"]) == ("user_erased", "ann", "eddy forget")
    assert event["event_id"] == json.loads(result.stdout)["event_id"] and len(event["event_id"]) == 36
