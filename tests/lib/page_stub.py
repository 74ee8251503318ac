"""A stand-in for eddy's HTTP server under the live page: the same paths, header and answers, with data that a test sets.

`python3 page_stub.py [PORT]` serves an invented shop to look at."""
import base64
import hashlib
import json
import math
import os
import pathlib
import queue
import random
import re
import socket
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGE = pathlib.Path(os.environ.get("EDDY_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2])) / "src/daemon/page.html"
DAY = 86400000


def policy(page):
    """The Content-Security-Policy as src/daemon/page.c writes it."""
    def source(tag):
        inside = re.search(f"<{tag}>(.*?)</{tag}>", page, re.S).group(1)
        return "'sha256-" + base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode() + "'"
    return (f"default-src 'none'; script-src {source('script')}; style-src {source('style')}; connect-src 'self'; img-src data:; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'")


def now_ms():
    return int(time.time() * 1000)


class Shop:
    """What the stand-in answers. Tests change its members between requests."""

    def __init__(self):
        self.started_at = now_ms() - 754000
        self.status = first_status(self.started_at)
        self.segments = {"model_version": 0, "trained_at": None, "users": 0, "segments": [],
                         "flows": {"window_ms": 600000, "counts": []}}
        self.users = {}          # id -> answer
        self.token = None        # a token that personal data needs
        self.closed = False      # personal data is answered with 403
        self.refuse = None       # (status, body) that every /api path gets
        self.past = []           # frames a new stream begins with
        self.asked = []          # (path, Authorization) of every request
        self.streams = []        # a queue of byte chunks per open stream; None ends it
        self.lock = threading.Lock()

    def push(self, *chunks):
        """Sends bytes to every open stream, each chunk by itself."""
        with self.lock:
            for stream in self.streams:
                for chunk in chunks:
                    stream.put(chunk)

    def end_streams(self):
        self.push(None)


def first_status(started_at):
    return {
        "app": "shop", "version": "0.1.0", "instance": "till-1", "started_at": started_at, "ready": True, "missing": [], "workers": 1,
        "partitions": 4, "at_end": 4, "paused": 0, "restoring": 0, "events": 0, "lag": 0, "users": 0, "state_bytes": 0, "segment_changes": 0,
        "triggers_fired": 0, "triggers_suppressed": 0, "invalid": 0, "late": 0, "suppressed_by": {}, "redis": None,
        "model": {"version": 0, "trained_at": None, "segments": 0}, "event_time": None, "latency_ms": {"p50": None, "p99": None},
        "commit_ms": {"p50": None, "p99": None}, "personal": "open",
        "history": {"step_ms": 2000, "until": started_at, "events_per_s": [], "lag": [], "p50_ms": [], "p99_ms": [], "fired_per_s": [],
                    "changes_per_s": []}}


def frame(trigger):
    return f"id: {trigger['trigger_id']}\nevent: trigger\ndata: {json.dumps(trigger)}\n\n".encode()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        shop, path = self.server.shop, urllib.parse.urlsplit(self.path).path
        shop.asked.append((self.path, self.headers.get("Authorization")))
        if path == "/":
            return self.answer(200, self.server.page.encode(), "text/html; charset=utf-8", {"Content-Security-Policy": policy(self.server.page)})
        if shop.refuse:
            return self.json(*shop.refuse)
        if path == "/api/status":
            return self.json(200, {**shop.status, "now": now_ms(), "personal": "closed" if shop.closed else "token" if shop.token else "open"})
        if path == "/api/segments":
            return self.json(200, shop.segments)
        if shop.closed:
            return self.json(403, {"error": "forbidden", "message": "personal data is answered on loopback only"})
        if shop.token and self.headers.get("Authorization") != f"Bearer {shop.token}":
            return self.json(401, {"error": "unauthorized", "message": "a token is needed"})
        if path == "/api/triggers":
            return self.stream()
        if path.startswith("/api/users/"):
            user = shop.users.get(urllib.parse.unquote(path[len("/api/users/"):]))
            user = user() if callable(user) else user
            return self.json(user.get("status", 200), user) if user else self.json(404, {
                "error": "unknown_user", "message": "this process knows no such user", "partitions": [0, 1],
                "likely_partition": {"murmur2": 3, "crc32": 2}})
        self.json(404, {"error": "not_found", "message": path})

    def json(self, status, body):
        self.answer(status, json.dumps(body, separators=(",", ":")).encode(), "application/json")

    def answer(self, status, body, kind, more=None):
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(more or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def stream(self):
        shop, chunks = self.server.shop, queue.Queue()
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.close_connection = True
        with shop.lock:
            for past in shop.past:
                chunks.put(past)
            shop.streams.append(chunks)
        try:
            while (chunk := chunks.get()) is not None:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                self.wfile.flush()
        except OSError:
            pass
        with shop.lock:
            shop.streams.remove(chunks)


class Server(ThreadingHTTPServer):
    """Listens between start() and stop(), on the same port each time."""
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, shop=None, port=0):
        self.shop, self.page, self.open_sockets = shop or Shop(), PAGE.read_text(), set()
        super().__init__(("127.0.0.1", port), Handler)
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.thread = None

    def get_request(self):
        connection, address = super().get_request()
        self.open_sockets.add(connection)
        return connection, address

    def handle_error(self, request, client_address):
        pass  # a browser that leaves

    def start(self):
        self.thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()
        return self

    def stop(self):
        """As a process that is killed: every connection breaks."""
        self.shutdown()
        self.thread.join()
        self.server_close()
        for connection in self.open_sockets:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.shop.end_streams()


# --- An invented shop -------------------------------------------------------------------------------------------------------

FEATURES = [("orders_30d", 30, "count"), ("spend_30d", 30, "sum"), ("views_7d", 7, "count"), ("views_30d", 30, "count"), ("visits_7d", 7, "count"),
            ("visits_30d", 30, "count"), ("opens_7d", 7, "count"), ("opens_30d", 30, "count"), ("clicks_7d", 7, "count"), ("carts_7d", 7, "count"),
            ("searches_7d", 7, "count"), ("wishlist_30d", 30, "count"), ("coupons_30d", 30, "count"), ("checkouts_7d", 7, "count")]
NAMES = ["average", "high views_30d, high visits_30d", "high searches_7d, high views_30d", "high wishlist_30d, high carts_7d", "high orders_30d, high spend_30d",
         "high opens_7d, low visits_30d", "high clicks_7d, high opens_30d", "low opens_30d, low visits_30d", "high carts_7d, low orders_30d", "high coupons_30d, high orders_30d",
         "high views_7d, low spend_30d", "high visits_7d, low carts_7d", "high spend_30d, low opens_7d", "high searches_7d, low orders_30d", "low clicks_7d, high visits_7d", "high wishlist_30d, low visits_7d"]
GOODS = [("Trail shoes", 11900), ("Novel of the year", 1800), ("Merino jumper", 7900), ("Garden hose", 3400), ("USB-C charger", 2900), ("Wooden train", 2900)]


def invent_segments(count, seed=7):
    """`count` segments with trends, features and moves between them."""
    dice, segments, counts = random.Random(seed), [], []
    for place in range(count):
        users, name = int(9000 / (place + 1.3)), NAMES[place]
        named = re.findall(r"(high|low) (\w+)", name)
        others = [feature for feature, _, _ in FEATURES if feature not in dict(map(reversed, named))]
        traits = [(feature, 1 if way == "high" else -1) for way, feature in named] + [(dice.choice(others), dice.choice((1, -1)))]
        segments.append({
            "id": place + 1, "name": name, "users": users,
            "trend": [int(users * (1 + 0.1 * math.sin(minute / 9 + place) - 0.05 * (59 - minute) / 59 * (-1) ** place)) for minute in range(60)],
            "strongest": [{"feature": feature, "z": sign * (2.2 - 0.6 * i), "typical": round(dice.uniform(0.4, 9), 2)} for i, (feature, sign) in enumerate(traits)]})
    for one in segments:
        counts.append({"from": None, "to": one["id"], "count": one["users"] // 60})
        for other in segments:
            if one is not other and dice.random() < 0.6:
                counts.append({"from": one["id"], "to": other["id"], "count": int(one["users"] * other["users"] ** 0.5 / 9000 * dice.uniform(0.2, 1.4)) + 1})
    counts.sort(key=lambda move: -move["count"])
    return {"model_version": 23, "trained_at": now_ms(), "users": sum(segment["users"] for segment in segments) + 3520, "segments": segments,
            "flows": {"window_ms": 600000, "counts": counts}}


def invent_status(status, model_version=23, segments=6):
    wave = [math.sin(i / 23) * 0.12 + math.sin(i / 7) * 0.05 + 1 for i in range(300)]
    dice = random.Random(3)
    status.update(
        events=571204, lag=312, users=20000, state_bytes=8340000, segment_changes=4948, triggers_fired=681, triggers_suppressed=65, invalid=2, late=17,
        suppressed_by={"cooldown": 51, "unsubscribed": 14}, redis={"connected": 1, "pending_bytes": 0}, latency_ms={"p50": 71.2, "p99": 129.4},
        commit_ms={"p50": 8.2, "p99": 21.5}, event_time=now_ms() - 2000, model={"version": model_version, "trained_at": now_ms() - 60000, "segments": segments},
        history={"step_ms": 2000, "until": now_ms(),
                 "events_per_s": [950 * w + dice.uniform(-30, 30) for w in wave],
                 "lag": [max(0, 300 * (w - 1) * 8 + dice.uniform(-80, 400)) + (9000 * math.exp(-(i - 90) / 12) if i > 90 else 0) for i, w in enumerate(wave)],
                 "p50_ms": [None if 130 < i < 138 else 60 * w + dice.uniform(-6, 6) for i, w in enumerate(wave)],
                 "p99_ms": [None if 130 < i < 138 else 115 * w + dice.uniform(-10, 40) for i, w in enumerate(wave)],
                 "fired_per_s": [0.8] * 300, "changes_per_s": [6.2] * 300})


def invent_trigger(number, user_id=None, at=None):
    dice = random.Random(number)
    goods = dice.sample(GOODS, dice.randint(1, 3))
    at = at or now_ms() - 2000
    return {"trigger_id": f"{number:032x}", "trigger": "cart_abandonment", "user_id": user_id or f"u{dice.randrange(20000):010d}", "subject": "", "due_at": at - 100,
            "fired_at": at, "published_at": at, "value": sum(price for _, price in goods), "currency": "USD", "cart": ", ".join(f"1 x {name}" for name, _ in goods),
            "reason": "product_added at 2026-11-25T10:25:06.879Z, then no checkout_started or order_completed for 1h"}


def invent_user(user_id, segments):
    """An answer of /api/users/{id}."""
    time_ms, days = now_ms(), [0, 1, 2, 4, 7, 14, 30]
    features = []
    for place, (name, half_life, fold) in enumerate(FEATURES):
        value = [0.9, 8900.0, 6.2, 11.4, 2.6, 5.1, 0, 0.4, 0, 1.9, 1.2, 0.3, 0, 0][place]
        features.append({"name": name, "fold": fold, "half_life_ms": half_life * DAY, "cluster": True, "z": round(value % 3 - 1, 2), "value": value,
                         "projected": [value * 0.5 ** (day / half_life) for day in days]})
    features.append({"name": "since_visit", "fold": "age", "half_life_ms": None, "cluster": False, "z": None, "value": 0.4, "projected": [0.4 + day for day in days]})
    near = [{"id": one["id"], "name": one["name"], "distance": 0.81 + 0.42 * place, "current": place == 0} for place, one in enumerate(segments)]
    return {
        "user_id": user_id, "partition": 3, "now": time_ms, "first_seen": time_ms - 63 * DAY, "last_seen": time_ms - 720000,
        "segment": {"id": near[0]["id"], "name": near[0]["name"], "since": time_ms - 3 * DAY} if near else None, "evidence": 12.3, "evidence_min": 3.0, "switch_margin": 0.1,
        "verdict": "in segment 1 (average): nearest by 34 %; high views_7d speaks for it" if near else "no segment: there is no model yet",
        "distances": near, "projected_days": days, "features": features,
        "carts": [{"cart_id": "", "value": 15300, "currency": "USD", "items": [
            {"product_id": "p2", "name": "Trail shoes", "quantity": 1, "price": 11900}, {"product_id": "p4", "name": "Garden hose", "quantity": 1, "price": 3400}]}],
        "pending": [{"trigger": "cart_abandonment", "subject": "", "step": 0, "armed_at": time_ms - 1080000, "due_at": time_ms + 2520000, "because": "product_added",
                     "unless": ["order_completed", "checkout_started"]}],
        "triggers": [{"trigger": "cart_abandonment", "mode": "live", "text": "fires in 42 min unless order_completed or checkout_started comes first"}],
        "decided": [{"trigger": "cart_abandonment", "subject": "", "step": 0, "due_at": time_ms - 5 * DAY}], "consent": {},
        "recent": [{"at": time_ms - 3 * DAY, "kind": "segment_changed", "text": "moved from high opens_7d, low visits_30d to average"},
                   {"at": time_ms - 5 * DAY, "kind": "trigger_fired", "text": "cart_abandonment: 1 x Merino jumper, 79.00 USD"}]}


def invented_shop(segments=6):
    shop = Shop()
    invent_status(shop.status, segments=segments)
    shop.segments = invent_segments(segments)
    shop.past = [frame(invent_trigger(n, at=now_ms() - 4000 * (12 - n))) for n in range(12)]
    user_ids = [json.loads(text.split(b"data: ")[1])["user_id"] for text in shop.past] + ["ann"]
    for user_id in user_ids:
        shop.users[user_id] = lambda user_id=user_id: invent_user(user_id, shop.segments["segments"])
    return shop


if __name__ == "__main__":
    server = Server(invented_shop(), int(sys.argv[1]) if len(sys.argv) > 1 else 8377).start()
    print(server.address, flush=True)
    threading.Event().wait()
