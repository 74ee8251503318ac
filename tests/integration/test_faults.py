"""Processes and brokers are killed, frozen and moved about: what comes out is exactly what a calm run publishes."""
import signal
import time

import taobao
from conftest import await_true
from fault_world import (BREAKABLE, PARTITIONS, SHORT_SESSION, kill_at_random, kill_between_commits, points, reference,  # noqa: F401
                         slices, worlds)
from kafka_fixture import decode
from test_redis import HOW, difference, drop, expected, view

UNREACHED = {"renewed"}  # points that a process without other faults never comes to


def test_killed_at_each_point(kafka, redis_server, worlds, app, reference):  # noqa: F811
    """Each life of one process ends at the next named point, at the first, second or third time it gets there; each next life has to
    clear up. Redis shows in the end what came out."""
    assert points()
    redis_server.start()
    world = worlds(kafka, app, redis={"url": f"redis://127.0.0.1:{redis_server.port}"}).create(model=reference.model)
    process, missed = world.process(), set()
    for number, (name, piece) in enumerate(zip(points(), slices(reference.records, len(points())))):
        process.start(binary=BREAKABLE, EDDY_KILL_AT=f"{name}:{1 + number % 3}")
        feed = world.feed_slowly(piece, seconds=0.5, count=5)
        try:
            assert process.wait(8) == -signal.SIGKILL, process.tail()
        except AssertionError:
            missed.add(name)
        feed.finish()
    assert missed <= UNREACHED
    process.start()
    published = expected(world.expect(reference.outputs).records)
    found, wanted = (drop(shown, HOW) for shown in (view(redis_server.client(), app), published))
    assert found == wanted, difference(found, wanted)


def test_killed_while_it_learns(kafka, worlds, app, reference):  # noqa: F811
    """With a trainer the segments depend on when a model came, but each change still starts where the last one ended."""
    world = worlds(kafka, app, model={"train": True, "epoch": 200, "buffer_min": 100, "sweep": True}).create()
    feed = world.feed_slowly(reference.records, seconds=8)
    kill_at_random(world.process().start(), times=5, seed=2)
    feed.finish()
    outputs = world.expect(reference.outputs, but=("segment-changes",))
    assert outputs.count()["segment-changes"] > 300
    versions = [decode("Model", message.value())["version"] for message in kafka.read(f"{app}.model")]
    assert versions == sorted(set(versions)) and len(versions) > 3


def test_killed_with_real_events(kafka, worlds, app):
    """Taobao's shoppers and an oracle that knows nothing of this program."""
    taobao.require()
    world = worlds(kafka, app, triggers=[taobao.TRIGGER_SPEC]).create()
    feed = world.feed_slowly(taobao.records(PARTITIONS), seconds=8)
    kill_at_random(world.process().start(), times=5, seed=3)
    feed.finish()
    world.expect_taobao()


def test_frozen_with_offsets_sent(kafka, worlds, app, reference):  # noqa: F811
    """Another process takes over from one that stands still just before it commits; when that one wakes up it publishes nothing of
    what it remembers: it ends with 75, or begins anew as a member that knows nothing."""
    world = worlds(kafka, app, kafka={"properties": SHORT_SESSION}).create(model=reference.model)
    zombie, heir = world.process("zombie").start(binary=BREAKABLE, EDDY_STOP_AT="offsets:10"), world.process("heir")
    feed = world.feed_slowly(reference.records, seconds=14)
    zombie.await_frozen()
    at = world.committed()
    heir.start().ready()
    await_true(lambda: world.committed() > at, 30, heir.tail)
    zombie.thaw()
    feed.finish()
    world.expect(reference.outputs)
    assert zombie.process.returncode in (0, 75), zombie.tail()


def test_join_and_leave(kafka, worlds, app, reference):  # noqa: F811
    """Every two seconds a process joins and the one before it leaves; its place stays reserved until its session has ended. The
    first never stops."""
    world = worlds(kafka, app, kafka={"properties": SHORT_SESSION}).create(model=reference.model)
    first = world.process("first").start().ready()
    feed = world.feed_slowly(reference.records, seconds=10)
    for number in range(5):
        guest = world.process(f"guest-{number}").start()
        time.sleep(2)
        assert guest.stop() == 0, guest.tail()
    feed.finish()
    assert first.alive(), world.tails()
    world.expect(reference.outputs)
    assert any('msg="partition assigned"' in process.log() for process in world.processes.values() if process is not first)


def test_broker_killed(own_kafka, worlds, app, reference):  # noqa: F811
    """kill -9 of the broker under load, twice, the second time together with the process."""
    own_kafka.start()
    world = worlds(own_kafka, app, kafka={"commit_interval": "2s"}).create(model=reference.model)
    process = world.process().start().ready()
    feed = world.feed_slowly(reference.records, seconds=10, count=10)
    kill_between_commits(world)
    kill_between_commits(world, process)
    feed.finish()
    world.expect(reference.outputs)
