"""Real shop events (../shared/data beside the checkout) as eddy's events, and the triggers that must come of them."""
import csv
import json
import os
import pathlib
import random
import zlib

import pytest
from kafka_fixture import event_record

DATA = pathlib.Path(os.environ.get("EDDY_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2])).parent / "shared" / "data"
EVENTS = DATA / "taobao_userbehavior.csv"
ORACLE = DATA / "taobao_cart_quiet_1h.csv"
LAST = 1512316763  # seconds: where the oracle's time ends
END_USER = "end-of-time"

TYPES = {"pv": "product_viewed", "fav": "wishlist_added", "cart": "product_added", "buy": "order_completed"}

TRIGGER = """
triggers:
  - {name: cart_quiet, kind: absence, after: product_added, without: order_completed, for: 1h, subject: user,
     payload: none, max_lateness: none}
"""


TRIGGER_SPEC = {"name": "cart_quiet", "kind": "absence", "after": "product_added", "without": "order_completed", "for": "1h",
                "subject": "user", "payload": "none", "max_lateness": "none"}


def require():
    for path in (EVENTS, ORACLE):
        if not path.exists():
            pytest.skip(f"{path.name} is not in ../shared/data beside the checkout")


def rows():
    """(epoch seconds, user, item, behaviour) in the file's order; the last line, which is cut, is left out."""
    with open(EVENTS, newline="") as file:
        found = [(int(row[4]), row[0], row[1], row[3]) for row in csv.reader(file) if len(row) == 5]
    assert len(found) == 84475
    return found


def event(row):
    second, user, item, behaviour = row
    return {"type": TYPES[behaviour], "user_id": user, "event_time": second * 1000, "items": [{"product_id": item}]}


def end_event(user=END_USER):
    """One last event of a user of its own, so that time reaches the oracle's end."""
    return {"type": "page_viewed", "user_id": user, "event_time": LAST * 1000}


def sorted_events():
    return [event(row) for row in sorted(rows(), key=lambda row: row[0])] + [end_event()]


def shuffled(rows, seed, within_s=600):
    """In an order in which no event comes more than `within_s` of event time too late."""
    draw = random.Random(seed)
    return sorted(rows, key=lambda row: row[0] + draw.uniform(0, within_s))


def shuffled_events(seed):
    return [event(row) for row in shuffled(rows(), seed)] + [end_event()]


def records(partitions):
    """In the order of event time, and the end of time in each partition; all of a user in one partition."""
    users = [event_record(event, partition=zlib.crc32(event["user_id"].encode()) % partitions) for event in sorted_events()[:-1]]
    return users + [event_record(end_event(f"end-{partition}"), partition=partition) for partition in range(partitions)]


def write_jsonl(path, events):
    with open(path, "w") as file:
        file.writelines(json.dumps(event) + "\n" for event in events)
    return path


def expected():
    """Sorted (fire second, user)."""
    with open(ORACLE, newline="") as file:
        fires = sorted((int(row["fire_ts"]), row["user_id"]) for row in csv.DictReader(file))
    assert len(fires) == 2487
    return fires


def fired(triggers):
    """The same of records of topic `triggers` (or of replay's lines)."""
    return sorted((trigger["due_at"] // 1000, trigger["user_id"]) for trigger in triggers)
