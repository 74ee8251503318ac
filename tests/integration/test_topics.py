"""The settings that the state rests on: made, compared, and refused where state or events would be lost, on a real broker."""
import json
import os
import subprocess

import kafka_raw
import pytest
from confluent_kafka.admin import ConfigResource

CONFIG = """app: {app}
instance: topics
kafka: {{brokers: "{brokers}", input: {app}.in, commit_interval: 20ms, create_topics: {create}}}
time: {{at_end: newest}}
"""
SETTINGS = {"cleanup.policy": "compact", "segment.bytes": "67108864", "segment.ms": "600000", "min.cleanable.dirty.ratio": "0.2",
            "delete.retention.ms": "86400000", "max.message.bytes": "1048576"}


@pytest.fixture
def config(tmp_path, kafka, app):
    def make(create=True):
        path = tmp_path / "topics.yaml"
        path.write_text(text(kafka, app, create))
        return str(path)

    return make


def text(kafka, app, create=True):
    return CONFIG.format(app=app, brokers=kafka.brokers, create="true" if create else "false")


def run(*arguments):
    return subprocess.run([os.environ["EDDY_BIN"], *arguments], capture_output=True, text=True, timeout=60)


def settings(kafka, topic):
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    admin = kafka.admin()  # must live until the answer is there
    return {name: entry.value for name, entry in admin.describe_configs([resource])[resource].result(30).items()}


def checked(path):
    """Item -> (status, text, hint) of `eddy check`; items that come more than once: the last."""
    found = [json.loads(line) for line in run("check", "-c", path, "--json").stdout.splitlines()]
    return {one["item"]: (one["status"], one["text"], one["hint"]) for one in found}


def create_state(kafka, app, partitions=2, **changes):
    kafka.create(f"{app}.profiles", partitions, **{**{name.replace(".", "_"): value for name, value in SETTINGS.items()}, **changes})


def test_the_topic_of_the_state_is_made_as_it_must_be(kafka, app, config):
    kafka.create(f"{app}.in", 3)
    made = run("topics", "create", "-c", config()).stdout
    assert f"{app}.profiles: created: partitions 3, " + ", ".join(" ".join(pair) for pair in SETTINGS.items()) in made
    found = settings(kafka, f"{app}.profiles")
    assert {name: found[name] for name in SETTINGS} == SETTINGS


def test_run_makes_it_so_too(kafka, app, eddies):
    kafka.create(f"{app}.in", 2)
    eddy = eddies(text(kafka, app)).start()
    eddy.await_log("topics created")
    eddy.await_log("partition assigned", count=2)
    found = settings(kafka, f"{app}.profiles")
    assert {name: found[name] for name in SETTINGS} == SETTINGS
    assert eddy.stop() == 0 and "topic differs" not in eddy.log()


def test_slow_restores_are_warned_of(kafka, app, eddies, config):
    kafka.create(f"{app}.in", 2)
    kafka.create(f"{app}.profiles", 2, cleanup_policy="compact", max_message_bytes=600000)
    differs = ("segment.bytes 1073741824, expected at most 67108864; segment.ms 604800000, expected at most 600000; "
               "min.cleanable.dirty.ratio 0.5, expected at most 0.2; max.message.bytes 600000, expected at least 1048576")
    eddy = eddies(text(kafka, app)).start()
    eddy.await_log("partition assigned", count=2)
    assert eddy.stop() == 0
    warnings = [line for line in eddy.log().splitlines() if "topic differs" in line]
    assert len(warnings) == 1 and differs in warnings[0] and "restoring takes longer" in warnings[0], eddy.log()
    status, said, hint = checked(config())[f"state topic {app}.profiles"]
    assert (status, said) == ("warn", differs) and hint.startswith("restoring takes longer")


REFUSED = {
    "deleted": (dict(cleanup_policy="delete"), "cleanup.policy delete, expected compact", "state in it would get lost"),
    "deleted-too": (dict(cleanup_policy="compact,delete"), ", expected compact", "state in it would get lost"),
    "fewer": (dict(partitions=1), "partitions 1, expected 2", "state cannot follow users to other partitions"),
    "more": (dict(partitions=3), "partitions 3, expected 2", "state cannot follow users to other partitions"),
    "narrow": (dict(max_message_bytes=524287), "max.message.bytes 524287, expected at least 1048576", "state in it would get lost"),
}


@pytest.mark.parametrize("create", [True, False])
@pytest.mark.parametrize("name", REFUSED)
def test_state_that_would_be_lost_is_refused(kafka, app, eddies, config, name, create):
    changes, what, advice = REFUSED[name]
    kafka.create(f"{app}.in", 2)
    create_state(kafka, app, **changes)
    path = config(create)
    run("topics", "create", "-c", path)
    refuses(eddies, kafka, app, create, f"topic {app}.profiles: ", what, advice)
    status, said, hint = checked(path)[f"state topic {app}.profiles"]
    assert status == "fail" and what in said and advice in hint


@pytest.mark.parametrize("policy", ["compact", "compact,delete"])
def test_an_input_that_loses_events_is_refused(kafka, app, eddies, config, policy):
    kafka.create(f"{app}.in", 2, cleanup_policy=policy, message_timestamp_type="LogAppendTime")
    advice = "events that must be read again after a crash may be gone: take a topic that is not compacted"
    refuses(eddies, kafka, app, True, f"topic {app}.in: cleanup.policy ", "compact", ", expected delete", advice)
    status, said, hint = checked(config())[f"input topic {app}.in"]
    assert status == "fail" and said.endswith(", expected delete") and hint == advice


def refuses(eddies, kafka, app, create, *parts):
    eddy = eddies(text(kafka, app, create)).start()
    assert eddy.wait() == 78
    line = next(line for line in eddy.log().splitlines() if "topic refused" in line)
    assert all(part in line for part in parts), line


def test_check_finds_offsets_outside_of_the_log(kafka, app, config):
    path = config()
    assert run("topics", "create", "-c", path, "--partitions", "4").returncode == 0
    kafka.produce(f"{app}.in", [{"key": b"u", "value": b"{}", "partition": partition} for partition in range(4) for _ in range(5)])
    kafka_raw.delete_records(kafka.brokers, f"{app}.in", 1, 3)
    for partition, offset, metadata in ((0, 5, "eddy1 1 1"), (1, 2, "eddy1 1 1"), (2, 6, "eddy1 1 1"), (3, 4, "")):
        kafka._patiently(lambda: kafka_raw.commit_offset(kafka.brokers, app, f"{app}.in", partition, offset, metadata))
    result = run("check", "-c", path)
    lines = [line for line in result.stdout.splitlines() if " offsets: " in line]
    assert result.returncode == 69 and len(lines) == 3, result.stdout
    assert lines[0].startswith(f"fail offsets: group {app}, partition 1, offset 2: events from there on are deleted; give the input")
    assert lines[1].startswith(f"fail offsets: group {app}, partition 2, offset 6: the log ends before it; ")
    assert lines[2].startswith(f"fail offsets: group {app}, partition 3, offset 4: another program has committed it; ")

    kafka_raw.commit_offset(kafka.brokers, app, f"{app}.in", 1, 3, "eddy1 1 1")
    kafka_raw.commit_offset(kafka.brokers, app, f"{app}.in", 2, 0, "eddy1 1 1")
    kafka_raw.commit_offset(kafka.brokers, app, f"{app}.in", 3, 5, "eddy1 1 1")
    assert f"ok   offsets: group {app} has committed 4 of 4 partitions\n" in run("check", "-c", path).stdout
