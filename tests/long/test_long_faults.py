"""Faults that last: sessions that end by the default timeouts, a broker that is down for more than a minute, three brokers and one
killed, minutes of rebalances and of kills, a Redis that is slow. What comes out is exactly what a calm run publishes."""
import random
import time

import pytest
import taobao
from fault_world import (BREAKABLE, PARTITIONS, SHORT_SESSION, await_true, kill_at_random, kill_between_commits,  # noqa: F401
                         points, reference, slices, worlds)

COMMIT_POINTS = [name for name in points() if name not in ("replayed", "changelog_read", "renewed", "redis", "layout")]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_killed_at_random(kafka, worlds, app, reference, seed):  # noqa: F811
    """kill -9 every few hundred milliseconds to seconds: restores are killed, too."""
    world = worlds(kafka, app, profile={"flush_interval": "2s"}).create(model=reference.model)
    feed = world.feed_slowly(reference.records, seconds=60)
    kill_at_random(world.process().start(), 30, seed, pause=(0.2, 3.0))
    feed.finish()
    world.expect(reference.outputs)


def test_two_processes_killed_at_random(kafka, worlds, app):
    """Taobao's shoppers for minutes; two processes of two workers each, either may die at any moment."""
    taobao.require()
    world = worlds(kafka, app, triggers=[taobao.TRIGGER_SPEC], workers=2, kafka={"properties": SHORT_SESSION}).create()
    both = [world.process(name).start() for name in ("one", "two")]
    feed, draw = world.feed_slowly(taobao.records(PARTITIONS), seconds=150, count=300), random.Random(5)
    for _ in range(40):
        time.sleep(draw.uniform(0.5, 4))
        victim = draw.choice(both)
        victim.kill()
        if draw.random() < 0.3:
            time.sleep(draw.uniform(0, 10))  # sometimes beyond its session
        victim.start()
    feed.finish()
    world.expect_taobao()


@pytest.mark.parametrize("where", ["anywhere", *COMMIT_POINTS])
def test_frozen_beyond_a_short_session(kafka, worlds, app, reference, where):  # noqa: F811
    """A process that stands still at each point of a commit; its heir takes over; it wakes up under load."""
    world = worlds(kafka, app, kafka={"properties": SHORT_SESSION}).create(model=reference.model)
    zombie, heir = world.process("zombie"), world.process("heir")
    feed = world.feed_slowly(reference.records, seconds=12)
    if where == "anywhere":
        zombie.start().ready()
        time.sleep(2)
        zombie.freeze()
    else:
        zombie.start(binary=BREAKABLE, EDDY_STOP_AT=f"{where}:5").await_frozen()
    heir.start().ready()
    zombie.thaw()
    feed.finish()
    world.expect(reference.outputs)
    assert zombie.process.returncode in (0, 75), zombie.tail()


def test_frozen_beyond_the_default_session(kafka, worlds, app, reference):  # noqa: F811
    """The same with the timeouts that people run."""
    world = worlds(kafka, app).create(model=reference.model)
    zombie, heir = world.process("zombie").start().ready(), world.process("heir")
    feed = world.feed_slowly(reference.records, seconds=80)
    time.sleep(5)
    zombie.freeze()
    heir.start().await_log('msg="partition assigned"', PARTITIONS, seconds=90)
    time.sleep(5)
    zombie.thaw()
    feed.finish()
    world.expect(reference.outputs)
    assert zombie.process.returncode in (0, 75), zombie.tail()


def test_broker_down_for_long(own_kafka, worlds, app, reference):  # noqa: F811
    """Down for 70 s, longer than sessions and transactions last; killed again afterwards."""
    own_kafka.start()
    world = worlds(own_kafka, app, kafka={"commit_interval": "2s"}).create(model=reference.model)
    process = world.process().start().ready()
    first, second = slices(reference.records, 2)
    feed = world.feed_slowly(first, seconds=10, count=10)
    world.await_commit()
    own_kafka.kill()
    time.sleep(70)
    assert process.alive(), process.tail()
    own_kafka.start()
    stood = world.committed()
    await_true(lambda: not process.alive() or world.committed() != stood, 90, world.tails)
    if not process.alive():  # its answer to the group got lost with the broker: another member of its name, to all appearances
        assert process.process.returncode == 75, process.tail()
        process.start().ready()
    feed.finish()
    feed = world.feed_slowly(second, seconds=10, count=10)
    kill_between_commits(world)
    feed.finish()
    world.expect(reference.outputs)


def test_one_of_three_brokers_killed(cluster, worlds, app, reference):  # noqa: F811
    """Each of three in turn, whatever it leads and coordinates, under load and in the middle of transactions."""
    world = worlds(cluster, app).create(model=reference.model)
    process = world.process().start().ready()
    feed = world.feed_slowly(reference.records, seconds=60)
    for node in cluster.nodes:
        time.sleep(5)
        node.kill()
        time.sleep(8)
        node.start()
        time.sleep(5)
    feed.finish()
    assert process.alive(), process.tail()
    world.expect(reference.outputs)


@pytest.mark.parametrize("seed", [1, 2])
def test_rebalance_storm(kafka, worlds, app, reference, seed):  # noqa: F811
    """For two minutes processes come and go every two seconds, some in good order, some by kill -9, some under a name that was there
    before."""
    world = worlds(kafka, app, kafka={"properties": SHORT_SESSION}).create(model=reference.model)
    first, draw = world.process("first").start().ready(), random.Random(seed)
    feed = world.feed_slowly(reference.records, seconds=120, count=240)
    for number in range(40):
        guest = world.process(f"guest-{draw.randrange(number + 1)}").start()
        time.sleep(draw.uniform(0.5, 3.5))
        assert guest.alive(), guest.tail()
        if draw.random() < 0.5:
            guest.kill()
        else:
            assert guest.stop() == 0, guest.tail()
    feed.finish()
    assert first.alive(), first.tail()
    world.expect(reference.outputs)


def test_redis_slow(kafka, redis_server, worlds, app, reference):  # noqa: F811
    """A Redis that pauses for seconds again and again, and processes that are killed meanwhile: nothing is missing in it, and
    nothing in Kafka waits for it."""
    redis_server.start()
    world = worlds(kafka, app, redis={"url": f"redis://127.0.0.1:{redis_server.port}"}).create(model=reference.model)
    process = world.process().start()
    feed, client = world.feed_slowly(reference.records, seconds=60), redis_server.client()
    for number in range(12):
        client.execute_command("CLIENT", "PAUSE", 4000)
        time.sleep(5)
        if number % 3 == 2:
            process.kill()
            process.start()
    feed.finish()
    world.expect(reference.outputs)
    records = world.outputs().records
    for partition in range(PARTITIONS):
        effects = [trigger["effect"] for trigger in records["triggers"] if trigger["partition"] == partition]
        assert [int(id.split("-")[1]) for id, _ in client.xrange(f"{app}:triggers:{partition}")] == effects
    segments = {change["user_id"]: change["to"] for change in records["segment-changes"]}
    shown = {user: int(key.split(":")[-1]) for key in client.keys(f"{app}:segment:*") for user in client.zrange(key, 0, -1)}
    assert shown == segments
