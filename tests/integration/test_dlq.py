"""Dead letters seen and sent again, and a running instance watched, against a real broker."""
import json
import os
import re
import shlex
import shutil
import subprocess

import pytest
from conftest import await_true
from kafka_fixture import SOURCE, encode_event, event_record, free_port

CONFIG = """app: {app}
instance: dlq
kafka: {{brokers: "{brokers}", input: {app}.in, commit_interval: 20ms, schemas: schemas}}
time: {{allowed_lateness: 1s, at_end: newest, publish_after: none}}
http: {{listen: "127.0.0.1:{port}"}}
"""
OLD = 1_700_000_000_000


@pytest.fixture
def config(tmp_path, kafka, app):
    """Path of a configuration whose schemas folder is empty."""
    (tmp_path / "schemas").mkdir()
    path = tmp_path / "people's dlq.yaml"
    path.write_text(CONFIG.format(app=app, brokers=kafka.brokers, port=free_port()))
    return path


def run(*arguments, seconds=60):
    return subprocess.run([os.environ["EDDY_BIN"], *map(str, arguments)], capture_output=True, text=True, timeout=seconds)


def framed(schema, user):
    """A page view in Confluent framing."""
    event = {"type": "page_viewed", "user_id": user, "event_time": OLD}
    return b"\0" + schema.to_bytes(4, "big") + encode_event(event)[10:]


def letters(config, *more):
    result = run("dlq", "list", "-c", config, "--json", *more)
    assert result.returncode == 0 and result.stderr == "", result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def consumed(kafka, app, partition, offset):
    return lambda: kafka.committed(app, f"{app}.in").get(partition, 0) >= offset


def good(user, **more):
    return event_record({"type": "page_viewed", "user_id": user, "event_time": OLD}, **more)


def test_letters_are_listed_and_sent_again(kafka, app, config, eddies, tmp_path):
    run("topics", "create", "-c", config, "--partitions", "2")
    mine = [("trace", b"\xff\x00"), ("empty", None), ("x-eddy-retry-of", b"old"), ("trace", b"2")]
    kafka.produce(f"{app}.in", [
        {"key": b"ann", "value": b'{"type": "page_viewed", "user_id": "ann"}', "partition": 0, "headers": mine},
        {"key": b"\x1b[31m\xff", "value": b"\xff\x00\xfe", "partition": 0},
        {"key": None, "value": b"{nonsense", "partition": 0},
        good("bob", partition=0), {"key": b"ann", "value": None, "partition": 0},
        {"key": b"big", "value": b"{" + b"x" * 1_500_000, "partition": 1}])
    eddy = eddies(config.read_text()).start()
    await_true(lambda: consumed(kafka, app, 0, 5)() and consumed(kafka, app, 1, 1)(), 60, eddy.log)
    assert eddy.stop() == 0

    found = sorted(letters(config), key=lambda one: (one["partition"], one["offset"]))
    assert [(one["error"], one["original"]) for one in found] == [
        (error, {"topic": f"{app}.in", "partition": partition, "offset": offset})
        for error, partition, offset in [("bad_time", 0, 0), ("unknown_framing", 0, 1), ("no_key", 0, 2), ("empty_value", 0, 4),
                                         ("bad_json", 1, 0)]]
    assert found[0]["value"] == '{"type": "page_viewed", "user_id": "ann"}' and found[0]["size"] == 41
    assert found[1]["value_base64"] == "/wD+" and found[1]["key_base64"] == "G1szMW3/" and found[2]["key"] is None
    assert found[3]["value"] is None and found[4]["size"] == 1_500_001 and found[4]["size_before_cut"] is None
    assert [one["offset"] for one in letters(config, "-p", "0", "-n", "1")] == [found[0]["offset"]]
    assert [one["offset"] for one in letters(config, "--code", "no_key", "-p", "0")] == [found[2]["offset"]]
    assert letters(config, "-o", "end") == []

    people = run("dlq", "list", "-c", config, "-p", "0", "-o", found[0]["offset"])
    assert people.returncode == 0 and "\x1b" not in people.stdout
    lines = people.stdout.splitlines()
    assert lines[0].startswith(f"0/{found[0]['offset']}  {app}.in/0/0  bad_time  key ann  41 bytes  event_time is missing")
    assert "  key \\x1b[31m\\xff  3 bytes  " in lines[1] and "  key -  9 bytes  " in lines[2]

    dry = run("dlq", "retry", "-c", config, "--dry-run")
    assert dry.returncode == 0 and len(dry.stdout.splitlines()) == 5 and dry.stderr == f"5 would be sent to {app}.in\n"
    assert len(kafka.read(f"{app}.in")) == 6

    sent = run("dlq", "retry", "-c", config)
    assert sent.returncode == 0, sent.stderr
    assert f"5 sent to {app}.in\n" in sent.stderr
    places = dict(line.split(" -> ") for line in sent.stdout.splitlines())
    assert set(places) == {f"{app}.dlq/{one['partition']}/{one['offset']}" for one in found}
    records = {f"{app}.in/{one.partition()}/{one.offset()}": one for one in kafka.read(f"{app}.in")}
    for one in found:
        original = records["{topic}/{partition}/{offset}".format(**one["original"])]
        again = records[places[f"{app}.dlq/{one['partition']}/{one['offset']}"]]
        assert (again.key(), again.value()) == (original.key(), original.value())
        own = [(name, value) for name, value in original.headers() or [] if name != "x-eddy-retry-of"]
        assert again.headers() == own + [("x-eddy-retry-of", "{topic}/{partition}/{offset}".format(**one["original"]).encode())]

    quoted = "'" + str(config).replace("'", "'\\''") + "'"
    more = [line.strip() for line in sent.stderr.splitlines() if line.startswith("  eddy dlq retry ")]
    assert [line.rsplit(" ", 1)[0] for line in more] == [f"eddy dlq retry -c {quoted} -p {partition} -o" for partition in (0, 1)]
    for line in more:
        nothing = run(*shlex.split(line)[1:])
        assert nothing.returncode == 0 and nothing.stdout == "" and nothing.stderr == f"0 sent to {app}.in\n"


def test_what_a_missing_schema_held_up_arrives_after_it_came(kafka, app, config, eddies, tmp_path):
    run("topics", "create", "-c", config, "--partitions", "1")
    kafka.produce(f"{app}.in", [{"key": f"u{i}".encode(), "value": framed(7, f"u{i}")} for i in range(700)] + [{"key": b"x", "value": b"junk"}])
    eddy = eddies(config.read_text()).start()
    await_true(consumed(kafka, app, 0, 701), 60, eddy.log)
    assert eddy.stop() == 0
    assert {one["error"] for one in letters(config)} == {"unknown_schema", "unknown_framing"}
    shutil.copy(SOURCE / "schemas" / "event.avsc", tmp_path / "schemas" / "7.avsc")

    first = run("dlq", "retry", "-c", config, "--code", "unknown_schema", "-n", "600")
    assert first.returncode == 0 and len(first.stdout.splitlines()) == 600
    rest = re.search(r"^  eddy (dlq retry .*)$", first.stderr, re.M).group(1)
    assert "--code unknown_schema -p 0 -o " in rest
    second = run(*shlex.split(rest))
    assert second.returncode == 0 and len(second.stdout.splitlines()) == 100
    assert second.stderr.startswith(f"100 sent to {app}.in, 1 of another code left out\n")
    sent = [line.split(" -> ")[0] for line in (first.stdout + second.stdout).splitlines()]
    assert len(set(sent)) == 700

    eddy = eddies(config.read_text()).start()
    port = re.search(r"127.0.0.1:(\d+)\"}", config.read_text()).group(1)
    await_true(consumed(kafka, app, 0, 1401), 60, eddy.log)
    await_true(lambda: "users=700 " in run("top", "-c", config, "--interval", "100ms", "--count", "1").stdout, 30, eddy.log)
    watched = run("top", "-c", config, "--interval", "200ms", "--count", "2")
    assert watched.returncode == 0 and watched.stderr == "", watched.stderr
    for line in watched.stdout.splitlines():
        said = dict(field.split("=", 1) for field in line.split())
        assert said["users"] == "700" and said["partitions"] == "1" and said["lag"] == "0" and said["events_per_s"] == "0.0"
    assert len(watched.stdout.splitlines()) == 2
    assert len(letters(config)) == 701
    assert eddy.stop() == 0
    gone = run("top", "--url", f"http://127.0.0.1:{port}")
    assert gone.returncode == 69 and "http.listen" in gone.stderr


def test_what_is_no_whole_letter_is_refused(kafka, app, config):
    run("topics", "create", "-c", config, "--partitions", "1")
    ours = [("x-eddy-error-code", "bad_json"), ("__streams.errors.topic", f"{app}.in"), ("__streams.errors.partition", "0"),
            ("__streams.errors.offset", "0")]
    kafka.produce(f"{app}.dlq", [{"key": b"a", "value": b"cut", "headers": ours + [("x-eddy-original-size", "5000")]},
                                 {"key": b"b", "value": b"foreign"}, {"key": b"c", "value": b"whole", "headers": ours}])
    assert [one["size_before_cut"] for one in letters(config)] == [5000, None, None]
    planned = run("dlq", "retry", "-c", config, "--dry-run", "--json")
    said = [json.loads(line) for line in planned.stdout.splitlines()]
    assert planned.returncode == 65 and [one["status"] for one in said] == ["refused", "refused", "would be sent"]
    assert said[0]["letter"] == {"topic": f"{app}.dlq", "partition": 0, "offset": 0} and said[0]["error"].startswith("its value was cut")
    assert said[2]["record"] is None and said[2]["error"] is None
    result = run("dlq", "retry", "-c", config)
    assert result.returncode == 65
    assert result.stdout == f"{app}.dlq/0/2 -> {app}.in/0/0\n"
    said = result.stderr.splitlines()
    assert said[0].startswith(f"{app}.dlq/0/0: refused: its value was cut")
    assert said[1].startswith(f"{app}.dlq/0/1: refused: ") and "eddy has not written it" in said[1]
    assert said[2] == f"1 sent to {app}.in, 2 refused"
    assert [(one.key(), one.value()) for one in kafka.read(f"{app}.in")] == [(b"c", b"whole")]
    again = json.loads(run("dlq", "retry", "-c", config, "-J", "-o", "2").stdout)
    assert again == {"status": "sent", "letter": {"topic": f"{app}.dlq", "partition": 0, "offset": 2},
                     "record": {"topic": f"{app}.in", "partition": 0, "offset": 1}, "error": None}


def test_following_shows_what_comes_later(kafka, app, config):
    run("topics", "create", "-c", config, "--partitions", "1")
    kafka.produce(f"{app}.dlq", [{"key": b"a", "value": b"1"}])
    follower = subprocess.Popen([os.environ["EDDY_BIN"], "dlq", "list", "-c", str(config), "-f", "-n", "2"], stdout=subprocess.PIPE, text=True)
    try:
        assert follower.stdout.readline().startswith("0/0  ?/?/?  ?  key a  1 bytes  ?")
        kafka.produce(f"{app}.dlq", [{"key": b"b", "value": b"2"}, {"key": b"c", "value": b"3"}])
        assert follower.stdout.readline().startswith("0/1  ") and follower.stdout.readline() == ""
        assert follower.wait(30) == 0
    finally:
        follower.kill()
        follower.wait()


def test_letters_that_come_back_meanwhile_are_not_sent_again(kafka, app, config, eddies):
    run("topics", "create", "-c", config, "--partitions", "1")
    kafka.produce(f"{app}.in", [{"key": b"a", "value": b"junk"}] * 2000)
    eddy = eddies(config.read_text()).start()
    await_true(consumed(kafka, app, 0, 2000), 60, eddy.log)
    sent = run("dlq", "retry", "-c", config)
    assert sent.returncode == 0 and len(sent.stdout.splitlines()) == 2000
    await_true(consumed(kafka, app, 0, 4000), 60, eddy.log)
    assert len(letters(config)) == 4000 and len(kafka.read(f"{app}.in")) == 4000
    assert eddy.stop() == 0


def test_no_topic_no_partition_no_broker(kafka, app, config):
    missing = run("dlq", "list", "-c", config)
    assert missing.returncode == 69 and f"topic {app}.dlq does not exist" in missing.stderr
    run("topics", "create", "-c", config, "--partitions", "2")
    far = run("dlq", "retry", "-c", config, "-p", "2")
    assert far.returncode == 64 and f"topic {app}.dlq has no partition 2; the last is 1" in far.stderr
    kafka.delete(f"{app}.in")
    no_input = run("dlq", "retry", "-c", config)
    assert no_input.returncode == 69 and f"topic {app}.in does not exist" in no_input.stderr
    config.write_text(config.read_text().replace(kafka.brokers, f"127.0.0.1:{free_port()}"))
    for verb in ("list", "retry"):
        away = run("dlq", verb, "-c", config, seconds=40)
        assert away.returncode == 69 and "no broker at" in away.stderr
