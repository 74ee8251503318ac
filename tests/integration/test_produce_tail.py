"""produce and tail as one who knows kcat uses them, against a real broker and a stand-in for a schema registry: framings, headers,
formats, times, and what anybody may have written into a topic."""
import base64
import io
import json
import os
import pty
import struct
import subprocess
import time

import avro.io
import avro.schema
import pytest
from kafka_fixture import SOURCE, decode, event_record, free_port
from registry_stub import Registry

OLD = 1_700_000_000_000
EVENTS = [{"type": "page_viewed", "user_id": f"u{i}", "event_time": OLD + i, "page_url": "/ü"} for i in range(5)]
LINES = "".join(json.dumps(event) + "\n" for event in EVENTS)
SCHEMA = (SOURCE / "schemas" / "event.avsc").read_text()
ESCAPES = b"\x1b]0;owned\x07\xc2\x9b31m"  # a terminal's title, and CSI as one character


@pytest.fixture
def registry():
    stub = Registry().start()
    yield stub
    stub.stop()


@pytest.fixture
def config(tmp_path, kafka, app):
    def make(partitions=1, **more):
        path = tmp_path / "eddy.yaml"
        path.write_text(json.dumps({"app": app, "kafka": {"brokers": kafka.brokers, "input": f"{app}.in"}, **more}))
        if partitions:
            assert run("topics", "create", "-c", str(path), "--partitions", str(partitions)).returncode == 0
        return str(path)

    return make


def run(*arguments, text=None):
    return subprocess.run([os.environ["EDDY_BIN"], *arguments], input=text, capture_output=True, text=True, timeout=60)


def done(result):
    assert result.returncode == 0 and result.stderr == "", result.stderr
    return result.stdout


def tail(path, *arguments):
    return done(run("tail", "-c", path, "-e", "-o", "beginning", *arguments))


def objects(text):
    return [json.loads(line) for line in text.splitlines()]


# Framings -----------------------------------------------------------------------------------------------------------------------


def test_events_come_back_in_every_framing(kafka, registry, app, config):
    path = config(registry={"url": registry.url})
    for more in [], ["--framing", "single-object"], ["--framing", "json"], ["-J"], ["--framing", "confluent"]:
        sent = run("produce", "-c", path, *more, text=LINES)
        assert sent.returncode == 0 and sent.stdout == "" and sent.stderr == f"5 events to {app}.in\n"
    values = [message.value() for message in kafka.read(f"{app}.in")]
    (number,) = registry.subjects[f"{app}.in-value"]
    assert json.loads(registry.schemas[number - 1]) == json.loads(SCHEMA)
    assert {value[:5] for value in values[:5] + values[20:]} == {struct.pack(">bI", 0, number)}
    plain = avro.schema.parse(SCHEMA.replace('"logicalType": "timestamp-millis"', '"doc": ""'))
    read = [avro.io.DatumReader(plain).read(avro.io.BinaryDecoder(io.BytesIO(value[5:]))) for value in values[:5]]
    assert [event["event_time"] for event in read] == [event["event_time"] for event in EVENTS]
    assert {value[:2] for value in values[5:10]} == {b"\xc3\x01"} and decode("event", values[5])["user_id"] == "u0"
    assert [json.loads(value) for value in values[10:20]] == EVENTS * 2
    assert objects(tail(path, "events")) == EVENTS * 5
    assert objects(tail(path, "-t", f"{app}.in")) == EVENTS * 5


def test_the_registry_decides_what_may_be_written(kafka, registry, app, config):
    closed = config(registry={"url": registry.url, "register": False})
    missing = run("produce", "-c", closed, text=LINES)
    assert missing.returncode == 78 and f"{app}.in-value: the schema of events is not registered; " in missing.stderr
    assert registry.subjects == {} and not kafka.read(f"{app}.in")
    registry.register(f"{app}.in-value", SCHEMA)
    assert run("produce", "-c", closed, text=LINES).returncode == 0

    kafka.create(f"{app}.other")
    registry.register(f"{app}.other-value", '"string"')
    registry.frozen.add(f"{app}.other-value")
    opened = config(partitions=0, registry={"url": registry.url})
    refused = run("produce", "-c", opened, "-t", f"{app}.other", text=LINES)
    assert refused.returncode == 78 and "a field went away" in refused.stderr and "--framing single-object" in refused.stderr
    registry.stop()
    away = run("produce", "-c", opened, text=LINES)
    assert away.returncode == 69 and registry.url in away.stderr
    assert run("produce", "-c", opened, "--framing", "single-object", text=LINES).returncode == 0
    none = run("produce", "-c", config(partitions=0), "--framing", "confluent", text=LINES)
    assert none.returncode == 78 and "no registry.url is configured" in none.stderr
    assert len(kafka.read(f"{app}.in")) == 10 and not kafka.read(f"{app}.other")


# Headers and formats --------------------------------------------------------------------------------------------------------------


def test_headers_go_there_and_back(kafka, app, config):
    path = config()
    headers = ["-H", "trace=a=b", "--header", "trace=2", "-H", "empty=", "-H", "none"]
    assert run("produce", "-c", path, *headers, text=LINES).returncode == 0
    for message in kafka.read(f"{app}.in"):
        assert message.headers() == [("trace", b"a=b"), ("trace", b"2"), ("empty", b""), ("none", None)]
    kafka.produce(f"{app}.in", [{**event_record(EVENTS[0]), "headers": [("bytes", b"\xff\x00")]}, event_record(EVENTS[1])])
    shown = [record["headers"] for record in objects(tail(path, "events", "-J"))]
    assert shown[0] == shown[4] == ["trace", "a=b", "trace", "2", "empty", "", "none", None]
    assert shown[5:] == [["bytes", {"base64": "/wA="}], []]
    assert tail(path, "events", "-c", "1", "-f", "%h\\n") == "trace=a=b,trace=2,empty=,none=NULL\n"


def test_formats(kafka, app, config):
    path = config(partitions=2)
    kafka.create(f"{app}.raw", 2, retention_ms=-1)
    records = [{"key": b"k\t1", "value": b'{"a": 1}', "partition": 1, "timestamp": OLD},
               {"key": None, "value": None, "partition": 1, "timestamp": OLD + 1}]
    kafka.produce(f"{app}.raw", records)
    shown = tail(path, f"{app}.raw", "-f", "%t %p %o %T %k %K %s %S %h 100%% \\x41\\t\\\\;\\n")
    assert shown == (f'{app}.raw 1 0 {OLD} k\t1 3 {{"a": 1}} 8  100% A\t\\;\n'
                     f"{app}.raw 1 1 {OLD + 1}  -1 null -1  100% A\t\\;\n")
    kafka.produce(f"{app}.triggers", [{"key": b"x", "value": b"junk", "partition": 0}])
    assert tail(path, "triggers", "-f", "%k,") == "x,"  # what is not shown need not be readable
    junk = run("tail", "-c", path, "triggers", "-e", "-f", "%k %s\\n")
    assert junk.returncode == 65 and junk.stdout == "" and "partition 0 offset 0: " in junk.stderr


def test_counts_and_partitions(kafka, app, config):
    path = config(partitions=2)
    kafka.produce(f"{app}.in", [{**event_record(event), "partition": i % 2} for i, event in enumerate(EVENTS)])
    for letters in ["-c", "3"], ["-c3"], ["-n", "3"]:
        assert len(objects(tail(path, "events", *letters))) == 3
    assert objects(tail(path, "events", "-p", "1")) == [EVENTS[1], EVENTS[3]]
    far = run("tail", "-c", path, "events", "-e", "-p", "2")
    assert far.returncode == 64 and "has no partition 2; the last is 1" in far.stderr


def test_times(kafka, app, config):
    path = config()
    kafka.create(f"{app}.raw", retention_ms=-1)
    kafka.produce(f"{app}.raw", [{"value": str(i).encode(), "timestamp": OLD + 1000 * i} for i in range(20)])

    def shown(*arguments):
        return [int(word) for word in done(run("tail", "-c", path, f"{app}.raw", "-f", "%o ", *arguments)).split()]

    assert shown("-e", "-o", f"s@{OLD + 15500}") == [16, 17, 18, 19]
    assert shown("-o", f"s@{OLD + 3000}", "-o", f"e@{OLD + 6000}") == [3, 4, 5]  # ends though nobody said -e
    assert shown("-o", f"e@{OLD + 6000}", "-o", "beginning") == [0, 1, 2, 3, 4, 5]
    assert shown("-o", "-2", "-o", f"e@{OLD + 6000}") == [4, 5]
    assert shown("-e", "-o", "s@2023-11-14T22:13:38Z") == [18, 19]
    assert shown("-e", "-o", f"s@{OLD + 99000}") == [] and shown("-o", f"e@{OLD}") == []
    assert shown("-e", "-o", "-1") == [19]


def test_a_time_that_is_to_come_ends_it(kafka, app, config):
    path = config()
    until = int(time.time() * 1000) + 3000
    kafka.create(f"{app}.raw")
    kafka.produce(f"{app}.raw", [{"value": b"now"}])
    command = [os.environ["EDDY_BIN"], "tail", "-c", path, f"{app}.raw", "-o", "beginning", "-o", f"e@{until}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout.readline() == '"now"\n'
        kafka.produce(f"{app}.raw", [{"value": b"then"}, {"value": b"later", "timestamp": until}])
        assert following.stdout.read() == '"then"\n' and following.wait(20) == 0


# Anything -------------------------------------------------------------------------------------------------------------------------


def test_topics_of_others(kafka, registry, app, config):
    path = config()
    kafka.create(f"{app}.raw")
    kafka.create(f"{app}-2.triggers")
    framed = struct.pack(">bI", 0, 77) + b"\x02"
    values = [b'{"free": "JSON"}', b"{no JSON", b"plain \xc3\xbc", b"\xff\xfe", framed, None, b""]
    kafka.produce(f"{app}.raw", [{"key": b"u", "value": value} for value in values] + [event_record(EVENTS[0], avro_encoded=True)])
    shown = objects(tail(path, "-t", f"{app}.raw"))
    assert shown == [{"free": "JSON"}, "{no JSON", "plain ü", {"base64": "//4="},
                     "\0\0\0\0M\x02", None, "", EVENTS[0]]
    wrapped = objects(tail(path, f"{app}.raw", "-J"))
    assert [record["payload"] for record in wrapped] == shown and wrapped[0]["topic"] == f"{app}.raw"

    kafka.produce(f"{app}-2.triggers", [{"value": b"\xc3\x01junk"}])
    assert objects(tail(path, f"{app}-2.triggers")) == [{"base64": base64.b64encode(b"\xc3\x01junk").decode()}]

    asking = config(partitions=0, registry={"url": f"http://127.0.0.1:{free_port()}"})
    blind = run("tail", "-c", asking, "-e", f"{app}.raw", "-o", "4", "-n", "1")
    assert blind.returncode == 65 and "partition 0 offset 4: " in blind.stderr


def test_names_with_a_typo(kafka, app, config):
    path = config()
    for command in ["tail", "-t"], ["produce", "-t"]:
        result = run(command[0], "-c", path, *command[1:], f"{app}.trigers", text="")
        assert result.returncode == 69 and f"topic {app}.trigers does not exist, or this user may not see it; did you mean `{app}.triggers`?" in result.stderr
    result = run("tail", "-c", path, "--ofset", "end", "events")
    assert result.returncode == 64 and "unknown option --ofset; did you mean --offset?" in result.stderr


def on_terminal(command):
    """What a terminal gets to see, on standard output and standard error."""
    main, other = pty.openpty()
    process = subprocess.Popen(command, stdout=other, stderr=other)
    os.close(other)
    seen = b""
    try:
        while piece := os.read(main, 4096):
            seen += piece
    except OSError:  # the other side is closed
        pass
    os.close(main)
    process.wait(60)
    return seen


def test_nothing_steers_a_terminal(kafka, app, config):
    path = config()
    kafka.create(f"{app}.raw")
    named = b'{"user_id": "\x7f\xc2\x9b31m"}'
    records = [{"key": ESCAPES, "value": ESCAPES, "headers": [("a", ESCAPES)]}, {"key": ESCAPES, "value": named},
               {"key": ESCAPES, "value": b'{"broken": ' + ESCAPES}, {"key": b"k", "value": b"\xc3\x01" + ESCAPES}]
    kafka.produce(f"{app}.raw", records)
    kafka.produce(f"{app}.in", records)
    kafka.produce(f"{app}.dlq", records)
    eddy = os.environ["EDDY_BIN"]
    for topic in f"{app}.raw", "events", "dlq":
        for form in [], ["-J"], ["-f", "%k %h %s %t\\n"]:
            command = [eddy, "tail", "-c", path, topic, "-e", "-o", "beginning", *form]
            seen = on_terminal(command)
            assert seen.count(b"\n") >= 4, seen
            for raw in b"\x1b", b"\x07", b"\x7f", b"\xc2\x9b":
                assert raw not in seen, (form, seen)
    # programs get the bytes as they are
    raw = subprocess.run([eddy, "tail", "-c", path, f"{app}.raw", "-e", "-f", "%k %h"], capture_output=True, timeout=60)
    assert raw.stdout.startswith(ESCAPES + b" a=" + ESCAPES)
    assert objects(tail(path, f"{app}.raw", "-n", "2")) == [ESCAPES.decode(), {"user_id": "\x7f\x9b31m"}]
    bad = run("produce", "-c", path, text='{"type": "\x1b]0;x\x07"}\n{"\x1b\n')
    assert bad.returncode == 65 and "\x1b" not in bad.stderr and "\x07" not in bad.stderr, bad.stderr
