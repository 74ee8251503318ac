"""eddy generate: deterministic, in order, in both formats."""
import json
import os
import signal
import subprocess
import time

import pytest

EDDY = os.environ["EDDY_BIN"]


def generate(*arguments, check=True):
    result = subprocess.run([EDDY, "generate", *map(str, arguments)], capture_output=True, timeout=120)
    if check:
        assert result.returncode == 0, result.stderr.decode()
    return result


def test_the_same_options_give_the_same_bytes():
    first = generate("-u", 50, "-n", 2000, "-s", 7).stdout
    assert first == generate("-u", 50, "-n", 2000, "-s", 7).stdout
    assert first != generate("-u", 50, "-n", 2000, "-s", 8).stdout


def test_events_are_in_order_and_complete():
    events = [json.loads(line) for line in generate("-u", 80, "-n", 5000, "--start", "2025-03-01T00:00:00Z").stdout.splitlines()]
    assert len(events) == 5000
    times = [event["event_time"] for event in events]
    assert times == sorted(times) and times[0] >= 1740787200000
    assert len({event["event_id"] for event in events}) == 5000
    assert len({event["user_id"] for event in events}) > 70
    for event in events:
        if event["type"] == "order_completed":
            assert event["value"] == sum(item["price"] * item["quantity"] for item in event["items"]) > 0


def test_more_events_are_a_longer_file_of_the_same_world():
    assert generate("-u", 50, "-n", 2000).stdout.startswith(generate("-u", 50, "-n", 500).stdout)


def test_avro_is_a_container_file(tmp_path):
    path = tmp_path / "events.avro"
    assert generate("-n", 1000, "-f", "avro", "-o", path).stdout == b""
    content = path.read_bytes()
    assert content.startswith(b"Obj\x01") and b"avro.schema" in content[:100]
    assert content == generate("-n", 1000, "-f", "avro").stdout


def test_speed_paces_the_events():
    first = json.loads(generate("-u", 10, "-n", 1).stdout)["event_time"]
    assert first > 1704067200000 + 60000  # nothing happens in the first minute: at real speed nothing may be printed now
    process = subprocess.Popen([EDDY, "generate", "-u", "10", "-n", "0", "--speed", "1"], stdout=subprocess.PIPE)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    assert process.stdout.read() == b""
    process.wait(timeout=10)
    assert generate("-u", 10, "-n", 50, "--speed", 1e9).stdout == generate("-u", 10, "-n", 50).stdout


@pytest.mark.parametrize("arguments", [["-n", "x"], ["-n", "-1"], ["-u", "0"], ["-f", "csv"], ["--speed", "0"], ["--start", "now"],
                                       ["--speed", "1e-300"], ["--start", "1999-12-31T23:59:59Z"], ["--start", "2100-01-01T00:00:00Z"],
                                       ["extra"], ["--what"], ["-n"]])
def test_misuse_is_64(arguments):
    result = generate(*arguments, check=False)
    assert result.returncode == 64 and b"eddy generate --help" in result.stderr and result.stdout == b""


def test_what_cannot_be_written_is_reported(tmp_path):
    result = generate("-n", 10, "-o", tmp_path / "none" / "file", check=False)
    assert result.returncode == 74 and b"No such file" in result.stderr
