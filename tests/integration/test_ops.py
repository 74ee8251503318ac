"""The commands for people: topics, check, produce and tail, against a real broker and a real Redis."""
import json
import os
import subprocess

import pytest
from confluent_kafka import Consumer, TopicPartition
from conftest import await_true
from kafka_fixture import decode, event_record, free_port

CONFIG = """app: {app}
instance: ops
kafka: {{brokers: "{brokers}", input: {app}.in, commit_interval: 20ms}}
triggers:
  - {{name: cart, kind: absence, after: [product_added], without: [order_completed], for: 1h, payload: cart}}
time: {{allowed_lateness: 1s, at_end: newest, publish_after: none}}
{more}
"""


@pytest.fixture
def config(tmp_path, kafka, app):
    def make(more="", brokers=kafka.brokers):
        path = tmp_path / "ops.yaml"
        path.write_text(CONFIG.format(app=app, brokers=brokers, more=more))
        return str(path)

    return make


def run(*arguments, text=None, seconds=60):
    return subprocess.run([os.environ["EDDY_BIN"], *arguments], input=text, capture_output=True, text=True, timeout=seconds)


def rows(result):
    """Name -> what is said about it."""
    return dict(line.split(": ", 1) for line in result.stdout.splitlines())


# topics create ------------------------------------------------------------------------------------------------------------------


def test_topics_are_created_once_and_compared_afterwards(kafka, app, config):
    path = config()
    planned = run("topics", "create", "-c", path, "--partitions", "3", "--dry-run")
    assert planned.returncode == 0, planned.stderr
    assert not [name for name in kafka.topics() if name.startswith(app)]

    made = run("topics", "create", "-c", path, "--partitions", "3")
    assert made.returncode == 0 and made.stderr == ""
    names = list(rows(made))
    assert names == list(rows(planned))
    assert names[:7] == [f"{app}.{suffix}" for suffix in ("in", "segment-changes", "triggers", "suppressed", "model-delta", "model",
                                                          "segments")]
    assert names[-2:] == [f"{app}.dlq", f"{app}.profiles"]
    assert all(text.startswith("created: partitions ") for text in rows(made).values())
    assert all(text.startswith("would create: partitions ") for text in rows(planned).values())
    assert rows(made)[f"{app}.in"] == "created: partitions 3, message.timestamp.type LogAppendTime, cleanup.policy delete"
    assert rows(made)[f"{app}.model"] == "created: partitions 1, cleanup.policy compact"
    assert rows(made)[f"{app}.dlq"] == f"created: partitions 3, max.message.bytes {2097152 + 65536}"
    found = {name: len(topic.partitions) for name, topic in kafka.topics().items() if name in names}
    assert found == {name: 1 if name in (f"{app}.model", f"{app}.segments") else 3 for name in names}

    again = run("topics", "create", "-c", path, "--json")
    said = {one["topic"]: (one["status"], one["partitions"], one["difference"]) for one in map(json.loads, again.stdout.splitlines())}
    assert again.returncode == 0 and said == {name: ("ok", found[name], None) for name in names}
    again = run("topics", "create", "-c", path)
    assert again.returncode == 0 and set(rows(again).values()) == {"ok"}
    wished = run("topics", "create", "-c", path, "--partitions", "4")
    assert wished.returncode == 69 and rows(wished)[f"{app}.in"] == "differs: partitions 3, expected 4"


def test_topics_that_differ_are_said(kafka, app, config):
    kafka.create(f"{app}.in", 4)
    kafka.create(f"{app}.triggers", 2)
    kafka.create(f"{app}.segments", 1)
    kafka.create(f"{app}.dlq", 8, max_message_bytes=5000)
    planned = [json.loads(line) for line in run("topics", "create", "-c", config(), "--dry-run", "-J").stdout.splitlines()]
    assert planned[0].pop("hint").startswith("change it with kafka-configs.sh")
    assert planned[0] == {"topic": f"{app}.in", "status": "differs", "partitions": 4, "difference":
                          "message.timestamp.type CreateTime, expected LogAppendTime",
                          "settings": {"message.timestamp.type": "LogAppendTime", "cleanup.policy": "delete"}}
    assert [one["status"] for one in planned if one["topic"] == f"{app}.suppressed"] == ["missing"]
    result = run("topics", "create", "-c", config())
    said = rows(result)
    assert result.returncode == 69
    assert said[f"{app}.in"] == "differs: message.timestamp.type CreateTime, expected LogAppendTime"
    assert said[f"{app}.triggers"] == "differs: partitions 2, expected 4"
    assert said[f"{app}.segments"] == "differs: cleanup.policy delete, expected compact"
    assert said[f"{app}.dlq"] == f"differs: max.message.bytes 5000, expected at least {2097152 + 65536}"
    assert said[f"{app}.suppressed"] == "created: partitions 4"


def test_no_broker_is_69_within_seconds(config):
    result = run("topics", "create", "-c", config(brokers=f"127.0.0.1:{free_port()}"), seconds=30)
    assert result.returncode == 69 and result.stdout == ""
    assert "no broker at 127.0.0.1:" in result.stderr and "Connection refused" in result.stderr and "%3|" not in result.stderr


# check --------------------------------------------------------------------------------------------------------------------------


def items(result):
    """Item -> (status, text, hint)."""
    found = [json.loads(line) for line in result.stdout.splitlines()]
    return {one["item"]: (one["status"], one["text"], one["hint"]) for one in found}


def test_check_where_all_is_well(kafka, redis_server, app, config):
    redis_server.start()
    path = config(f"redis: {{url: redis://127.0.0.1:{redis_server.port}/3}}")
    assert run("topics", "create", "-c", path).returncode == 0
    kafka.produce(f"{app}.in", [{"key": b"u", "value": b"{}", "partition": 0}])
    result = run("check", "-c", path)
    assert result.returncode == 0 and result.stderr == "", result.stdout
    lines = result.stdout.splitlines()
    assert all(line.startswith("ok   ") for line in lines), result.stdout
    assert {"configuration", "brokers", "offsets", "clock", "schemas", "redis"} <= {line[5:].split(":")[0] for line in lines}
    assert f"ok   state topic {app}.profiles: 4 partitions" in lines
    said = items(run("check", "-c", path, "--json"))
    assert said[f"input topic {app}.in"] == ("ok", "4 partitions", None)
    assert said["offsets"][1] == f"group {app} has committed 0 of 4 partitions"
    assert said["clock"][1].startswith("not behind the broker's")
    assert said["redis"][1] == "answers and takes writes"
    assert redis_server.client().keys() == [] and kafka.committed(app, f"{app}.in") == {}


def test_check_says_what_is_wrong(kafka, redis_server, app, config, tmp_path):
    redis_server.start()
    redis_server.client().config_set("requirepass", "secret")
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "7.avsc").write_text("no schema")
    kafka.create(f"{app}.in", 2)
    kafka.create(f"{app}.triggers", 1)
    path = config(f"redis: {{url: 'redis://:wrong@127.0.0.1:{redis_server.port}'}}")
    with open(path) as file:
        text = file.read().replace("commit_interval", "schemas: schemas, commit_interval")
    with open(path, "w") as file:
        file.write(text)
    result = run("check", "-c", path, "--json")
    said = items(result)
    assert result.returncode == 69
    assert said[f"input topic {app}.in"][:2] == ("warn", "message.timestamp.type CreateTime, expected LogAppendTime")
    assert said[f"output topic {app}.triggers"][:2] == ("fail", "partitions 1, expected 2")
    assert said[f"output topic {app}.dlq"] == ("warn", "missing, `eddy run` will create it", f"eddy topics create -c {path}")
    assert said["schemas"][0] == "fail" and "7.avsc" in said["schemas"][1]
    assert said["redis"][0] == "fail" and said["redis"][1].startswith(f"127.0.0.1:{redis_server.port}: AUTH: WRONGPASS")
    assert "wrong" not in said["redis"][1]


def test_check_without_topics_or_broker(config, app):
    result = run("check", "-c", config())
    assert result.returncode == 69
    assert f"fail input topic {app}.in: missing; eddy topics create -c " in result.stdout
    assert f"fail output topic {app}.triggers: missing; " in result.stdout
    result = run("check", "-c", config(brokers=f"127.0.0.1:{free_port()}"), seconds=40)
    assert result.returncode == 69 and "\nfail brokers: none at 127.0.0.1:" in result.stdout and "Connection refused" in result.stdout
    assert "topic " not in result.stdout


def test_check_finds_offsets_of_somebody_else(kafka, config, app):
    path = config()
    run("topics", "create", "-c", path)
    kafka.produce(f"{app}.in", [{"key": b"u", "value": b"{}", "partition": 0}])
    consumer = Consumer({"bootstrap.servers": kafka.brokers, "group.id": app})
    kafka._patiently(lambda: consumer.commit(offsets=[TopicPartition(f"{app}.in", 0, 1)], asynchronous=False))
    consumer.close()
    result = run("check", "-c", path)
    assert result.returncode == 69
    assert f"fail offsets: group {app}, partition 0, offset 1: another program has committed it; use another kafka.group" in result.stdout


# tail ---------------------------------------------------------------------------------------------------------------------------


def lines(result):
    assert result.returncode == 0 and result.stderr == "", result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


HOUR = 3_600_000
OLD = 1_700_000_000_000


def test_tail_prints_what_replay_prints(kafka, app, config, eddies, tmp_path):
    path = config()
    run("topics", "create", "-c", path, "--partitions", "1")
    added = {"type": "product_added", "user_id": "ann", "event_time": OLD, "items": [{"product_id": "Schuh ü", "price": 4990}],
             "currency": "EUR"}
    later = {"type": "page_viewed", "user_id": "bob", "event_time": OLD + 2 * HOUR}
    kafka.produce(f"{app}.in", [event_record(added), event_record(later, avro_encoded=True),
                                {"key": b"eve", "value": b"\xff\x00\xfe", "headers": [("mine", b"1")]}, {"key": b"eve", "value": b"{}"}])
    with open(path) as file:
        eddy = eddies(file.read()).start()
    await_true(lambda: kafka.committed(app, f"{app}.in").get(0, 0) >= 4 and kafka.read(f"{app}.triggers"), 60, eddy.log)
    assert eddy.stop() == 0
    triggers = lines(run("tail", "-c", path, "triggers", "-e"))
    assert triggers == [{"type": "trigger", **decode("Trigger", kafka.read(f"{app}.triggers")[0].value())}]

    (tmp_path / "events.jsonl").write_text(json.dumps(added) + "\n" + json.dumps(later) + "\n")
    replayed = lines_of(run("replay", "-c", path, str(tmp_path / "events.jsonl")))
    same = [{**one, "published_at": 0, "effect": 0} for one in triggers + replayed]
    assert same[0] == same[1], "tail and replay differ"

    events = run("tail", "-c", path, "events", "-e")
    assert events.returncode == 65 and "partition 0 offset 2: " in events.stderr
    assert [json.loads(line) for line in events.stdout.splitlines()] == [added, later, {}]
    letters = lines(run("tail", "-c", path, "dlq", "-e", "-o", "beginning"))
    assert [(one["type"], one["key"], one["offset"]) for one in letters] == [("dead_letter", "eve", "2"), ("dead_letter", "eve", "3")]
    assert letters[0]["value_base64"] == "/wD+" and letters[1]["value"] == "{}" and letters[0]["topic"] == f"{app}.in"
    wrapped = lines(run("tail", "-c", path, "events", "-J", "-n", "1", "-o", "1"))
    assert wrapped[0]["topic"] == f"{app}.in" and wrapped[0]["offset"] == 1 and wrapped[0]["key"] == "bob"
    assert wrapped[0]["payload"]["event_time"] == OLD + 2 * HOUR
    assert lines(run("tail", "-c", path, "triggers", "-e", "-o", "end")) == []


def lines_of(result):
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_tail_survives_garbage_and_says_where(kafka, app, config):
    path = config()
    run("topics", "create", "-c", path, "--partitions", "1")
    kafka.produce(f"{app}.triggers", [{"key": b"x", "value": value} for value in (b"", b"junk", b"\xc3\x01" + b"\0" * 20, b"\0\0\0\0\1\xff\xff")])
    result = run("tail", "-c", path, "triggers", "-e", "-o", "beginning")
    assert result.returncode == 65 and result.stdout == ""
    assert [line.split(": ")[0] for line in result.stderr.splitlines()] == [f"partition 0 offset {i}" for i in range(4)]
    assert lines(run("tail", "-c", path, "segments", "-e")) == []


def test_tail_without_a_topic_or_broker(config):
    result = run("tail", "-c", config(), "triggers", "-e")
    assert result.returncode == 69 and "`eddy topics create` makes it" in result.stderr
    result = run("tail", "-c", config(brokers=f"127.0.0.1:{free_port()}"), "triggers", "-e", seconds=40)
    assert result.returncode == 69 and "no broker at" in result.stderr


# produce ------------------------------------------------------------------------------------------------------------------------


def test_produce_encodes_and_names_bad_lines(kafka, app, config):
    path = config()
    run("topics", "create", "-c", path, "--partitions", "2")
    events = [{"type": "page_viewed", "user_id": f"u{i}", "event_time": OLD + i, "page_url": "/"} for i in range(20)]
    text = "".join(json.dumps(event) + "\n" for event in events)
    good = run("produce", "-c", path, text=text)
    assert good.returncode == 0 and good.stdout == "" and good.stderr == f"20 events to {app}.in\n"
    messages = kafka.read(f"{app}.in")
    assert {message.value()[:2] for message in messages} == {b"\xc3\x01"}
    found = {message.key().decode(): decode("event", message.value()) for message in messages}
    assert {user: event["event_time"] for user, event in found.items()} == {event["user_id"]: event["event_time"] for event in events}
    assert {message.partition() for message in messages} == {0, 1}

    kafka.create(f"{app}.other")
    bad = run("produce", "-c", path, "-J", "-t", f"{app}.other", text=json.dumps(events[0]) + "\n{nonsense\n\n" + json.dumps(
        {"type": "page_viewed", "event_time": OLD}) + "\n" + json.dumps(events[1]) + "\n")
    assert bad.returncode == 65
    said = bad.stderr.splitlines()
    assert [line.split(": ")[0] for line in said] == ["line 2", "line 4", f"2 events to {app}.other"]
    assert [json.loads(message.value()) for message in kafka.read(f"{app}.other")] == events[:2]
    assert sorted(event["user_id"] for event in lines(run("tail", "-c", path, "events", "-e", "-o", "beginning"))) == sorted(found)


def test_produce_without_a_topic_or_broker(config):
    result = run("produce", "-c", config(), text="")
    assert result.returncode == 69 and "`eddy topics create` makes it" in result.stderr
    result = run("produce", "-c", config(brokers=f"127.0.0.1:{free_port()}"), text="", seconds=40)
    assert result.returncode == 69 and "no broker at" in result.stderr
