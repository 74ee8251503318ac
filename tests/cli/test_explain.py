"""eddy explain against a stand-in for GET /api/users/{id}: what it says of one answer, of refusals, and of answers that are none."""
import copy
import http.server
import json
import os
import socket
import subprocess
import threading

import pytest

EDDY = os.environ["EDDY_BIN"]
T0 = 1767600000000  # 2026-01-05T08:00:00Z
HOUR = 3600000

USER = {
    "user_id": "ann", "partition": 3, "now": T0, "first_seen": T0 - 24 * HOUR, "last_seen": T0,
    "segment": {"id": 2, "name": "high spend_30d", "since": T0 - HOUR},
    "evidence": 12.25, "evidence_min": 3.0, "switch_margin": 0.1, "verdict": "in `high spend_30d` since 2026-01-05T07:00:00Z: nearest",
    "distances": [{"id": 2, "name": "high spend_30d", "distance": 0.81, "current": True},
                  {"id": 1, "name": "low opens_7d", "distance": 1.4, "current": False}],
    "projected_days": [0, 1, 2, 4, 7, 14, 30],
    "features": [
        {"name": "opens_7d", "fold": "count", "half_life_ms": 604800000, "cluster": True, "z": 1.2, "value": 3.4,
         "projected": [3.4, 3.08, 2.79, 2.29, 1.7, 0.85, 0.17]},
        {"name": "spend_30d", "fold": "sum", "half_life_ms": 2592000000, "cluster": False, "currency": "EUR", "z": None, "value": 123456.0,
         "projected": [123456.0, 120636.5, 117881.3, 112558.5, 105021.6, 89340.1, 61728.0]},
        {"name": "clicks_7d", "fold": "count", "half_life_ms": 604800000, "cluster": True, "z": -1, "value": 0, "projected": [0] * 7},
        {"name": "since_order", "fold": "age", "half_life_ms": None, "cluster": False, "z": None, "value": 400, "projected": [400] * 7}],
    "carts": [{"cart_id": "", "value": 23800, "currency": "USD",
               "items": [{"product_id": "p1", "name": "Trail shoes", "quantity": 2, "price": 11900}]},
              {"cart_id": "c2", "value": 0, "currency": "", "items": [{"product_id": "p2", "name": "", "quantity": 1, "price": None}]}],
    "pending": [{"trigger": "cart_abandonment", "subject": "c2", "step": 1, "armed_at": T0, "due_at": T0 + HOUR, "because": "product_added",
                 "unless": ["order_completed", "checkout_started"], "postponed_by": ["product_added"]}],
    "triggers": [{"trigger": "cart_abandonment", "mode": "live", "text": "fires at 2026-01-05T09:00:00Z unless order_completed comes first"}],
    "decided": [{"trigger": "cart_abandonment", "step": 0, "due_at": T0 - 2 * HOUR}],
    "consent": {"unsubscribed_at": T0 - 9 * HOUR, "subscribed_at": T0 - 8 * HOUR},
    "recent": [{"at": T0 - HOUR, "kind": "segment_changed", "text": "moved from low opens_7d to high spend_30d"}],
}

TEXT = """\
ann   partition 3   as of 2026-01-05T08:00:00Z
first seen 2026-01-04T08:00:00Z, last seen 2026-01-05T08:00:00Z
consent: unsubscribed 2026-01-04T23:00:00Z, subscribed 2026-01-05T00:00:00Z

Segment
  in `high spend_30d` since 2026-01-05T07:00:00Z: nearest
  evidence 12.2, a first segment needs 3.00

Distances
      0.81  high spend_30d  <- here
      1.40  low opens_7d

Features, and what they fade to if nothing more happens
                                   z       now       +1d       +2d       +4d       +7d      +14d      +30d
  opens_7d                      1.20      3.40      3.08      2.79      2.29      1.70      0.85      0.17
  spend_30d EUR                    -      1235      1206      1179      1126      1050       893       617
  since_order                      -       400       400       400       400       400       400       400
  ... and 1 that stay 0

Carts
  default cart  238.00 USD
    2 x Trail shoes  119.00
  cart `c2`  0.00
    1 x p2  -

Pending
  2026-01-05T09:00:00Z  cart_abandonment step 1 cart `c2`: product_added at 2026-01-05T08:00:00Z, unless order_completed or checkout_started; put off by product_added

Triggers
  cart_abandonment (live): fires at 2026-01-05T09:00:00Z unless order_completed comes first

Decided, by due time
  2026-01-05T06:00:00Z  cart_abandonment

Recent
  2026-01-05T07:00:00Z  moved from low opens_7d to high spend_30d
"""


class Instance:
    """Answers with `reply`: bytes as they are, or (status, anything for JSON)."""

    def __init__(self, reply):
        self.reply, outer = reply, self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.path, outer.token = self.path, self.headers.get("Authorization")
                answer = outer.reply
                if isinstance(answer, tuple):
                    status, body = answer[0], json.dumps(answer[1]).encode()
                    answer = b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.path = self.token = None
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.address = f"127.0.0.1:{self.server.server_port}"
        self.url = f"http://{self.address}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def explain(*arguments):
    result = subprocess.run([EDDY, "explain", *arguments], capture_output=True, timeout=60)
    result.stdout, result.stderr = result.stdout.decode(), result.stderr.decode()
    assert "Sanitizer" not in result.stderr, result.stderr
    return result


def ask(reply, *arguments, user="ann"):
    with Instance(reply) as instance:
        return explain("--url", instance.url, *arguments, user)


def test_text(tmp_path):
    with Instance((200, USER)) as instance:
        (tmp_path / "eddy.yaml").write_text(f"http: {{listen: '{instance.address}'}}\n")
        result = explain("-c", str(tmp_path / "eddy.yaml"), "ann")
    assert result.returncode == 0 and result.stderr == ""
    assert result.stdout == TEXT
    assert instance.path == "/api/users/ann" and instance.token is None


def test_json_is_the_answer_as_it_came():
    odd = b'{ "user_id" : "ann",\n"more": [1.50] }'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
    result = ask(head + odd, "--json")
    assert result.returncode == 0 and result.stderr == "" and result.stdout.encode() == odd + b"\n"


def test_the_id_is_encoded_and_the_token_sent():
    for user, path in [("a/b?c#d%e f", "a%2Fb%3Fc%23d%25e%20f"), ("é\n", "%C3%A9%0A"), ("€" * 85, "%E2%82%AC" * 85)]:
        with Instance((200, USER)) as instance:
            assert explain("--url", instance.url + "/eddy/", "--token", "s3cret", "--", user).returncode == 0
        assert instance.path == "/eddy/api/users/" + path and instance.token == "Bearer s3cret"


def test_an_unknown_user_is_69_and_says_where_to_ask():
    body = {"error": "unknown_user", "message": "not known\x1b[2J here", "partitions": [0, 1], "likely_partition": {"murmur2": 3, "crc32": 1}}
    result = ask((404, body))
    assert result.returncode == 69 and result.stdout == ""
    assert ": not known\\x1b[2J here; it has partitions 0, 1\n" in result.stderr
    assert "is 3 if a Java client produces (murmur2), 1 if librdkafka does (crc32)" in result.stderr and "Ask the instance" in result.stderr
    body["partitions"] = [1, 2, 3]
    assert ask((404, body), "--json").stderr.endswith("Both are here.\n")
    body["likely_partition"] = None
    assert ask((404, body)).stderr.endswith("it has partitions 1, 2, 3\n")
    result = ask((404, {"error": "unknown_user", "partitions": "all", "likely_partition": [1]}))
    assert result.returncode == 69 and result.stderr.endswith(": unknown_user; it has no partition\n")


def test_refusals_are_77():
    result = ask((401, {"error": "unauthorized", "message": "say who you are\x1b[2J"}))
    assert result.returncode == 77 and result.stdout == "" and "say who you are\\x1b[2J" in result.stderr and "--token" in result.stderr
    result = ask((403, {"error": "forbidden", "message": "from here not"}))
    assert result.returncode == 77 and "from here not" in result.stderr and "on its own machine" in result.stderr
    result = ask(b"HTTP/1.1 401 Unauthorized\r\n\r\nno JSON")
    assert result.returncode == 77 and "HTTP status 401" in result.stderr


def test_nobody_there_is_69(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    result = explain("--url", f"http://{address}", "ann")
    assert result.returncode == 69 and result.stdout == ""
    assert result.stderr.startswith(f"eddy explain: http://{address}/api/users/ann: Connection refused\n") and "http.listen" in result.stderr
    (tmp_path / "eddy.yaml").write_text("http: {listen: none}\n")
    assert explain("-c", str(tmp_path / "eddy.yaml"), "ann").returncode == 78
    (tmp_path / "eddy.yaml").write_text("http: {lisen: none}\n")
    assert explain("-c", str(tmp_path / "eddy.yaml"), "ann").returncode == 78


OK = b"HTTP/1.1 200 OK\r\n\r\n"
GARBAGE = {
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n", "nothing": b"", "half a body": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", "an empty body": OK,
    "no JSON": OK + b"<html>", "a list": (200, []), "a number": (200, 1), "without a user": (200, {"error": "unknown_user"}),
    "a user that is none": (200, {"user_id": 7}), "no UTF-8": OK + b'{"user_id":"\xff"}', "too deep": OK + b"[" * 100000,
    "another 404": b"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\n\r\nno", "404 of others": (404, {"error": "not_found", "message": "where?"}),
    "busy": (504, {"error": "busy", "message": "the worker did not answer in time"}), "500 without JSON": (500, None),
}


@pytest.mark.parametrize("name", GARBAGE)
@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_answers_that_are_none(name, arguments):
    result = ask(GARBAGE[name], *arguments)
    assert result.returncode == 69 and result.stdout == "" and result.stderr.startswith("eddy explain: http://127.0.0.1:"), result


WRONG = [None, True, 0, -1.5, 1e308, 2**62, "x", "", "\x1b]0;title\x07\r\n\u009b31m\u202eevil\0", [], [None], ["x", 1], {}, {"id": 1}, [{}] * 3,
         [{"name": ["x"], "items": 3, "projected": {}, "unless": "x", "step": "y", "due_at": 1.5, "price": "1"}], [[[[]]]]]


def damaged(value, depth=0):
    """Copies of the user, each with one thing missing or replaced."""
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        if isinstance(value, dict) and (depth or key != "user_id"):
            yield {name: copy.deepcopy(other) for name, other in value.items() if name != key}
        for wrong in WRONG if depth or key != "user_id" else ():
            changed = copy.deepcopy(value)
            changed[key] = wrong
            yield changed
        for inner in damaged(value[key], depth + 1) if depth < 2 else ():
            changed = copy.deepcopy(value)
            changed[key] = inner
            yield changed


def test_whatever_is_in_it_there_is_text():
    """Any value of the answer may be missing or of another type."""
    variants = list(damaged(USER))
    assert len(variants) > 1000
    with Instance(None) as instance:
        for variant in variants[::17]:
            instance.reply = (200, variant)
            result = explain("--url", instance.url, "ann")
            assert result.returncode == 0 and result.stderr == "", (variant, result)
            assert not any(ord(c) < 32 and c != "\n" or 0x7f <= ord(c) < 0xa0 or c == "\u202e" for c in result.stdout), variant
            assert result.stdout.count("\n\n") == 8, variant


def test_huge_lists_are_cut():
    user = copy.deepcopy(USER)
    for key in ["distances", "features", "carts", "pending", "triggers", "decided", "recent"]:
        user[key] = user[key][:1] * 5000
    user["carts"][0] = {**user["carts"][1], "items": user["carts"][1]["items"] * 5000}
    user["projected_days"] = list(range(5000))
    result = ask((200, user))
    assert result.returncode == 0 and len(result.stdout) < 200000
    assert result.stdout.count("... and 4900 more") == 7 and "... and 4990 more" in result.stdout


@pytest.mark.parametrize("arguments", [[], ["a", "b"], [""], ["x" * 256], ["--url", "https://x", "a"], ["--url", "http://x/?y", "a"],
                                       ["--token", "a b", "a"], ["--token", "", "a"], ["--token"], ["--users", "a"]])
def test_misuse_is_64(arguments):
    result = explain(*arguments)
    assert result.returncode == 64 and result.stdout == "" and "Try `eddy explain --help`." in result.stderr, result
