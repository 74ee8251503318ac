"""eddy top against a stand-in for /metrics: what it makes of two pages, and of answers that are none."""
import http.server
import os
import pty
import re
import socket
import subprocess
import threading
import time

import pytest

EDDY = os.environ["EDDY_BIN"]

PAGE = """# HELP eddy_events_total events applied
# TYPE eddy_events_total counter
eddy_events_total {events}
eddy_invalid_total{{reason="bad_json"}} 3
eddy_invalid_total{{reason="no_key"}} 4
eddy_segment_changes_total {changes}
eddy_triggers_total{{outcome="fired"}} 5
eddy_triggers_total{{outcome="suppressed"}} 500
eddy_partitions 2
eddy_partitions_paused 1
eddy_partitions_restoring 0
eddy_users 1234567
eddy_state_bytes 1610612736
eddy_lag_records 30
eddy_model_version 7
eddy_redis_connections 1
eddy_partition_lag_records{{partition="0"}} 10
eddy_partition_lag_records{{partition="1"}} 20
eddy_partition_paused{{partition="0"}} 0
eddy_partition_paused{{partition="1"}} 1
eddy_segment_users{{id="1",name="opens \\"low\\""}} 100
eddy_segment_users{{id="2",name="carts\\n\x1b[31m"}} 400
eddy_end_to_end_latency_seconds_bucket{{le="0.1"}} {slow}
eddy_end_to_end_latency_seconds_bucket{{le="0.2"}} {slow}
eddy_end_to_end_latency_seconds_bucket{{le="+Inf"}} {slow}
eddy_build_info{{version="1.2.3"}} 1
process_start_time_seconds {started}
"""


class Instance:
    """Serves what `answer(number)` returns: bytes as they are, text as a page."""

    def __init__(self, answer):
        self.count, self.asked_at = 0, []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.count += 1
                outer.asked_at.append(time.monotonic())
                outer.path, outer.line = self.path, self.requestline
                reply = answer(outer.count)
                if isinstance(reply, bytes):
                    self.wfile.write(reply)
                else:
                    body = reply.encode()
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def page(number, events=None):
    return PAGE.format(events=events or 1000 * number, changes=500 * number, slow=50 * number, started=time.time() - 3700)


def top(*arguments, env=None):
    return subprocess.run([EDDY, "top", *arguments], env=env, capture_output=True, text=True, timeout=60)


def fields(line):
    return dict(field.split("=", 1) for field in line.split())


def test_elsewhere_it_is_a_line_per_interval(tmp_path):
    with Instance(page) as instance:
        (tmp_path / "eddy.yaml").write_text(f"http: {{listen: '{instance.address}'}}\n")
        started = time.monotonic()
        result = top("-c", str(tmp_path / "eddy.yaml"), "--interval", "100ms", "--count", "2")
        ended = time.monotonic()
        assert instance.count == 3 and instance.path == "/metrics"
    assert result.returncode == 0 and result.stderr == "" and "\x1b" not in result.stdout
    lines = [fields(line) for line in result.stdout.splitlines()]
    assert len(lines) == 2
    seconds = sum(1000 / float(line["events_per_s"]) for line in lines)
    assert instance.asked_at[2] - instance.asked_at[1] - 0.01 <= seconds <= ended - started + 0.01
    for line in lines:
        assert re.fullmatch(r"20\d\d-\d\d-\d\dT[\d:.]+Z", line["time"])
        assert abs(float(line["events_per_s"]) - 2 * float(line["changes_per_s"])) < 1 and line["invalid_per_s"] == "0.0"
        assert line["lag"] == "30" and line["paused"] == "1" and line["users"] == "1234567" and line["segments"] == "2"
        assert line["latency_p50_ms"] == "50.0" and line["latency_p99_ms"] == "99.0"
        assert "commit_p50_ms" not in line and "outputs_per_s" not in line


def test_a_counter_that_begins_anew_is_no_negative_rate():
    with Instance(lambda number: page(number, events=100_000 if number == 1 else 500)) as instance:
        result = top("--url", f"http://{instance.address}", "--interval", "100ms", "--count", "1")
    line = fields(result.stdout)
    assert line["events_per_s"] == line["changes_per_s"] and float(line["events_per_s"]) > 0


def on_terminal(arguments, env):
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(EDDY, [EDDY, "top", *arguments], env)
    out = b""
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError:
            break
        if not data:
            break
        out += data
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), out.decode()


@pytest.mark.parametrize("colour", [True, False])
def test_on_a_terminal_it_is_a_picture(colour):
    env = {**os.environ, "TERM": "xterm"}
    env.pop("NO_COLOR", None)
    if not colour:
        env["NO_COLOR"] = "1"
    with Instance(page) as instance:
        code, out = on_terminal(["--url", f"http://{instance.address}/", "--interval", "100ms", "--count", "2"], env)
    assert code == 0
    frames = out.split("\x1b[H")[1:]
    assert len(frames) == 2 and all(frame.endswith("\x1b[J") for frame in frames)
    assert ("\x1b[1m" in out) == colour and ("\x1b[31m" in out) == colour
    first, second = (re.sub(r"\x1b\[[0-9]*[A-Zm]", "", frame).splitlines() for frame in frames)
    assert len(second) < 24 and all(len(line) <= 80 for line in second)
    assert f"eddy top   {instance.address}   eddy 1.2.3   up 1h01m" in second[0]
    assert re.search(r"events +-/s", first[3]) and re.search(r"events +[0-9.]+k?/s", second[3])
    text = "\n".join(second)
    assert re.search(r"users +1235k +state +1\.5 GiB", text) and "end to end p50 50 ms, p99 99 ms" in text
    assert re.search(r"1  lag +20  #{24}  paused", text) and re.search(r"0  lag +10  #{12}$", text, re.M)
    assert re.search(r"2  carts\w\?\[31m +400  #{24}$", text, re.M) and re.search(r'1  opens "low" +100  #{6}$', text, re.M)


def test_nobody_there_is_69_and_says_where_the_address_is_set(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    (tmp_path / "eddy.yaml").write_text(f"http: {{listen: '{address}'}}\n")
    for arguments in (["-c", str(tmp_path / "eddy.yaml")], ["--url", f"http://{address}"]):
        result = top(*arguments)
        assert result.returncode == 69 and result.stdout == ""
        assert result.stderr.startswith(f"eddy top: http://{address}/metrics: Connection refused\n") and "http.listen" in result.stderr
    (tmp_path / "eddy.yaml").write_text("http: {listen: none}\n")
    result = top("-c", str(tmp_path / "eddy.yaml"))
    assert result.returncode == 78 and "http.listen of the configuration is none" in result.stderr


HEAD = b"HTTP/1.1 200 OK\r\n"


ANSWERS = {
    "another protocol": (b"SSH-2.0-OpenSSH_9.2\r\n", "does not speak HTTP"), "nothing": (b"", "ends too early"),
    "half a head": (HEAD, "ends too early"), "half a body": (HEAD + b"Content-Length: 100\r\n\r\nshort", "ends too early"),
    "another status": (b"HTTP/1.1 404 Not Found\r\n\r\n", "HTTP status 404"),
    "a length without measure": (HEAD + b"Content-Length: 99999999999\r\n\r\n", "larger than 16 MiB"),
    "a body without end": (HEAD + b"\r\n" + b"a 1\n" * (5 << 20), "larger than 16 MiB"),
    "a head without end": (HEAD + b"X: " + b"x" * 20000, "does not end"),
    "a page for people": (HEAD + b"\r\n<html>", "line 1 of the answer is no metric"),
    "metrics of others": (HEAD + b"\r\nnode_load1 0.5\n", "no metrics of eddy's"), "an empty page": (HEAD + b"\r\n", "no metrics of eddy's"),
    "chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "Transfer-Encoding"),
    "no number": (HEAD + b"\r\neddy_events_total \xff\x00\n", "no metric"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_answers_that_are_none(name):
    answer, said = ANSWERS[name]
    with Instance(lambda _: answer) as instance:
        result = top("--url", f"http://{instance.address}", "--count", "1")
    assert result.returncode == 69 and result.stdout == "" and said in result.stderr, result.stderr


def test_an_instance_that_goes_away_is_said_and_waited_for():
    with Instance(lambda number: b"HTTP/1.1 503 Busy\r\n\r\n" if number == 3 else page(number)) as instance:
        result = top("--url", f"http://{instance.address}", "--interval", "100ms", "--count", "3")
    assert result.returncode == 0 and result.stderr == f"eddy top: http://{instance.address}/metrics: the answer is HTTP status 503\n"
    assert len(result.stdout.splitlines()) == 2


def test_a_server_that_says_nothing_does_not_hold_it_up():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        result = top("--url", f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert result.returncode == 69 and "no answer in time" in result.stderr


@pytest.mark.parametrize("arguments", [["--url", "https://x"], ["--url", "localhost:1"], ["--url", "http://h/a\nb"], ["--interval", "1"],
                                       ["--interval", "10ms"], ["--interval", "2h"], ["--count", "0"], ["--count"], ["http://x"]])
def test_misuse_is_64(arguments):
    result = top(*arguments)
    assert result.returncode == 64 and result.stdout == "" and "Try `eddy top --help`." in result.stderr
