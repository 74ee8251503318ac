"""HTTP of a running pipeline: the demo's (a broker in its process, nothing to set up), and `eddy run` without a broker."""
import json
import re
import socket
import subprocess
import urllib.error
import urllib.request

import pytest
from conftest import await_true
from demo import get as ask
from demo import running_demo
from kafka_fixture import free_port


def get(address, path):
    status, _, text = ask(address, path)
    return status, text


def number(page, name):
    return float(re.search(rf"^{re.escape(name)} (\S+)$", page, re.M).group(1))


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Address of a demo's HTTP server, once the pipeline has a model."""
    with running_demo(tmp_path_factory.mktemp("demo"), 60) as address:
        yield address


def test_metrics_of_a_live_pipeline(demo):
    status, page = get(demo, "/metrics")
    assert status == 200
    assert number(page, "eddy_events_total") > 0 and number(page, "eddy_users") > 0
    assert number(page, "eddy_end_to_end_latency_seconds_count") > 0
    assert number(page, 'eddy_commit_duration_seconds_bucket{le="+Inf"}') == number(page, "eddy_commit_duration_seconds_count")
    assert len(re.findall(r"^eddy_partition_lag_records\{", page, re.M)) == number(page, "eddy_partitions")
    await_true(lambda: number(get(demo, "/metrics")[1], "eddy_events_total") > number(page, "eddy_events_total"))


def test_promtool_accepts_a_real_scrape(demo):
    check = subprocess.run(["promtool", "check", "metrics"], input=get(demo, "/metrics")[1], text=True, capture_output=True)
    assert check.returncode == 0 and not check.stderr, check.stdout + check.stderr


def test_health_and_segments(demo):
    assert get(demo, "/healthz") == (200, '{"healthy":true,"stuck_workers":[]}\n')
    status, ready = get(demo, "/readyz")
    assert status == 200 and json.loads(ready)["ready"] and json.loads(ready)["partitions"] == 4
    segments = json.loads(get(demo, "/api/segments")[1])
    assert segments["model_version"] > 0 and all(segment["name"] for segment in segments["segments"])
    assert get(demo, "/nothing")[0] == 404


def test_the_page_and_what_it_rests_on(demo):
    with urllib.request.urlopen(f"http://{demo}/", timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith("text/html")
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert b"<script>" in answer.read()
    status = json.loads(get(demo, "/api/status")[1])
    assert status["app"] == "demo" and status["ready"] and status["personal"] == "open"
    assert status["event_time"] > status["model"]["trained_at"] > 0
    history = await_true(lambda: (found := json.loads(get(demo, "/api/status")[1])["history"]) and found["events_per_s"] and found, 30)
    assert len({len(history[name]) for name in ("events_per_s", "lag", "p50_ms", "p99_ms", "fired_per_s", "changes_per_s")}) == 1
    assert max(history["events_per_s"]) > 0
    await_true(lambda: all(segment["trend"] for segment in json.loads(get(demo, "/api/segments")[1])["segments"]), 30)
    segments = json.loads(get(demo, "/api/segments")[1])
    assert all(segment["strongest"] for segment in segments["segments"])
    assert sum(flow["count"] for flow in segments["flows"]["counts"]) > 0


def stream_of(address, count, headers=None):
    """The first events of /api/triggers."""
    request = urllib.request.Request(f"http://{address}/api/triggers", headers=headers or {})
    found = []
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        while len(found) < count:
            line = answer.readline().decode()
            assert line, "the stream has ended"
            if line.startswith("data: "):
                found.append(json.loads(line[6:]))
    return found


def test_triggers_as_they_come_and_a_user_of_one(demo):
    triggers = stream_of(demo, 3)
    newest = triggers[-1]
    assert len({trigger["trigger_id"] for trigger in triggers}) == 3
    assert newest["trigger"] == "cart_abandonment" and "no checkout_started or order_completed" in newest["reason"]
    status, text = get(demo, f"/api/users/{newest['user_id']}")
    assert status == 200, text
    user = json.loads(text)
    assert user["user_id"] == newest["user_id"] and user["partition"] in range(4)
    assert {feature["name"] for feature in user["features"]} >= {"carts_7d", "spend_30d"}
    assert any(entry["kind"] == "trigger_fired" for entry in user["recent"])
    assert [each["distance"] for each in user["distances"]] == sorted(each["distance"] for each in user["distances"])


def test_a_user_that_nobody_knows(demo):
    status, text = get(demo, "/api/users/no%20such%2fone")
    answer = json.loads(text)
    assert status == 404 and answer["error"] == "unknown_user"
    assert answer["partitions"] == [0, 1, 2, 3] and set(answer["likely_partition"]) == {"murmur2", "crc32"}
    for bad in ("%zz", "%", "%00", "x" * 300):
        assert get(demo, f"/api/users/{bad}")[0] == 400, bad


def test_personal_data_needs_the_token(eddies):
    address = f"127.0.0.1:{free_port()}"
    eddy = eddies(f"kafka: {{brokers: '127.0.0.1:{free_port()}'}}\nhttp: {{listen: '{address}', token: 0123456789abcdef}}\n").start()
    await_true(lambda: get(address, "/healthz")[0] == 200, 30, eddy.log)
    for path in ("/api/users/ann", "/api/triggers"):
        assert get(address, path)[0] == 401
        for wrong in ("Bearer 0123456789abcdee", "Basic 0123456789abcdef", "Bearer"):
            request = urllib.request.Request(f"http://{address}{path}", headers={"Authorization": wrong})
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(request, timeout=10)
            assert refused.value.code == 401 and refused.value.headers["WWW-Authenticate"] == "Bearer"
    request = urllib.request.Request(f"http://{address}/api/users/ann", headers={"Authorization": "Bearer 0123456789abcdef"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=30)
    assert refused.value.code == 504  # asked, but a worker that waits for its broker answers nobody
    assert json.loads(get(address, "/api/status")[1])["personal"] == "token"
    assert "0123456789abcdef" not in eddy.log()
    assert eddy.stop() == 0


def test_beyond_this_machine_nothing_personal_without_a_token(eddies):
    port = free_port()
    eddy = eddies(f"kafka: {{brokers: '127.0.0.1:{free_port()}'}}\nhttp: {{listen: '0.0.0.0:{port}'}}\n").start()
    address = f"127.0.0.1:{port}"
    await_true(lambda: get(address, "/healthz")[0] == 200, 30, eddy.log)
    for path in ("/api/users/ann", "/api/triggers"):
        status, text = get(address, path)
        assert status == 403 and "http.token" in json.loads(text)["message"]
    assert json.loads(get(address, "/api/status")[1])["personal"] == "closed"
    assert get(address, "/metrics")[0] == 200
    assert eddy.stop() == 0


def test_without_a_broker_it_is_alive_but_not_ready(eddies):
    address = f"127.0.0.1:{free_port()}"
    eddy = eddies(f"kafka: {{brokers: '127.0.0.1:{free_port()}'}}\nhttp: {{listen: '{address}'}}\n").start()
    await_true(lambda: "broker" in get(address, "/readyz")[1], 60, eddy.log)
    status, ready = get(address, "/readyz")
    assert status == 503 and len(json.loads(ready)["missing"]) == 2
    assert get(address, "/healthz")[0] == 200
    assert eddy.stop() == 0


def test_beyond_loopback_any_host_is_answered(eddies):
    """What a proxy or a monitor in the network calls this machine is none of eddy's business there; on loopback it is."""
    closed, port, local = free_port(), free_port(), free_port()
    for listen, status in ((f"0.0.0.0:{port}", 200), (f"127.0.0.1:{local}", 421)):
        eddy = eddies(f"app: {listen.replace(':', '-')}\nkafka: {{brokers: '127.0.0.1:{closed}'}}\n"
                      f"http: {{listen: '{listen}', token: 0123456789abcdef}}\n").start()
        address = listen.replace("0.0.0.0", "127.0.0.1")
        await_true(lambda: get(address, "/healthz")[0] == 200, 60, eddy.log)
        asked = urllib.request.Request(f"http://{address}/healthz", headers={"Host": "eddy.shop.example"})
        try:
            with urllib.request.urlopen(asked, timeout=10) as reply:
                assert reply.status == status and reply.headers["X-Frame-Options"] == "DENY"
        except urllib.error.HTTPError as error:
            assert error.code == status
        assert "0123456789abcdef" not in eddy.log()
        assert eddy.stop() == 0


def test_a_taken_port_is_said_so(eddies):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        eddy = eddies(f"http: {{listen: '127.0.0.1:{taken.getsockname()[1]}'}}\n").start()
        assert eddy.wait() == 69
    assert "key=http.listen" in eddy.log() and "address already in use" in eddy.log()
