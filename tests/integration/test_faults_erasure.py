"""An erased user stays away, whatever is killed and whatever comes late, until consent is given anew."""
import json
import os
import subprocess
import time

import pytest
from conftest import await_true
from fault_world import BREAKABLE, TRIGGERS, worlds  # noqa: F401
from kafka_fixture import event_record

QUIET = 5000  # ms, after which a cart fires: the command's event is of now, so all that happens here is, too


def now():
    return int(time.time() * 1000)


def event(user, kind, at, **fields):
    return event_record({"type": kind, "user_id": user, "event_time": at, **fields}, partition=0)


def cart(user, at):
    return event(user, "product_added", at, items=[{"product_id": "shoe", "price": 4990, "quantity": 1}], currency="USD")


@pytest.fixture
def world(kafka, worlds, app, redis_server):  # noqa: F811
    redis_server.start()
    made = worlds(kafka, app, redis={"url": f"redis://127.0.0.1:{redis_server.port}"},
                  triggers=[{**TRIGGERS[0], "for": f"{QUIET}ms"}]).create(partitions=1)
    made.redis = redis_server
    made.process().start()
    return made


def feed(world, *events):
    world.feed(events)
    world.await_read()


def fired(world, user):
    """When this user's triggers were due, so far."""
    return [trigger["due_at"] for trigger in world.outputs().records["triggers"] if trigger["user_id"] == user]


def quiet(world):
    """Until everything that was armed has been decided."""
    at = now()
    feed(world, cart(f"last-{at}", at))
    time.sleep(QUIET / 1000)
    feed(world, event("clock", "page_viewed", now()))
    await_true(lambda: fired(world, f"last-{at}"), 30, world.tails)


def forgotten(world):
    """Those with a receipt: each partition leaves one for what `eddy forget` writes, and that it does so once."""
    receipts = [(receipt["user_id"], receipt["event_id"], receipt["partition"]) for receipt in world.outputs().records["receipts"]]
    assert len(receipts) == len(set(receipts))
    return sorted({user for user, _, _ in receipts})


def forget(world, user):
    """By the command; done when the receipt is there."""
    result = subprocess.run([os.environ["EDDY_BIN"], "forget", "-c", str(world.process().config), user], check=True, capture_output=True)
    world.sent += len(json.loads(result.stdout)["offsets"])
    await_true(lambda: user in forgotten(world), 30, world.tails)


def kill_and_start(world, **environment):
    world.process().kill()
    return world.process().start(**environment)


def test_forgotten_user_stays_away(world):
    """One is forgotten by the process that knows it, one by a process that has it from the changelog; the next processes know of
    both by their markers."""
    began = now()
    feed(world, *(cart(user, began) for user in ("ann", "amy", "bob")))
    forget(world, "ann")
    kill_and_start(world)
    forget(world, "amy")
    kill_and_start(world)
    feed(world, *(cart(user, began + late) for late in (1, 1000) for user in ("ann", "amy")))
    quiet(world)
    kill_and_start(world)
    feed(world, cart("ann", now()))
    quiet(world)
    assert (fired(world, "ann"), fired(world, "amy"), fired(world, "bob")) == ([], [], [began + QUIET])
    client = world.redis.client()
    await_true(lambda: client.exists(f"{world.app}:user:bob"), 10, world.tails)
    assert not client.exists(f"{world.app}:user:ann", f"{world.app}:user:amy")

    feed(world, event("ann", "email_subscribed", now()))
    kill_and_start(world)
    at = now()
    feed(world, cart("ann", at), cart("amy", at))
    kill_and_start(world)
    quiet(world)
    assert (fired(world, "ann"), fired(world, "amy")) == ([at + QUIET], [])
    world.stop()
    assert forgotten(world) == ["amy", "ann"] and not world.outputs().number_gaps()


def test_killed_at_each_point_of_an_erasure(world):
    """One receipt each and no trigger, wherever the process dies."""
    users = ["begun", "outputs", "tombstones", "profiles", "aggregate", "state", "offsets", "committed"]
    began = now() - 1000 * QUIET
    feed(world, *(cart(user, began) for user in users))
    for point in users:
        process = kill_and_start(world, binary=BREAKABLE, EDDY_KILL_AT=f"{point}:1")
        world.feed([event(point, "user_erased", began + 1000)])
        assert process.wait(20) == -9, process.tail()
        process.start()
        feed(world, cart(point, began + 2000))
    feed(world, event("clock", "page_viewed", began + 2 * QUIET))
    quiet(world)
    assert not {trigger["user_id"] for trigger in world.outputs().records["triggers"]} & set(users)
    world.stop()
    outputs = world.outputs()
    assert forgotten(world) == sorted(users) and not outputs.number_gaps()
    assert all(receipt["had_profile"] for receipt in outputs.records["receipts"])
