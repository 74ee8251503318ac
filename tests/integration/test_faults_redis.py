"""Redis dies, is flushed, refuses writes: Kafka's outputs are those of a calm run, and in the end Redis shows them."""
import itertools

import pytest
from conftest import await_true
from fault_world import reference, slices, worlds  # noqa: F401
from kafka_fixture import free_port
from test_redis import HOW, LAST, difference, drop, expected, view


def restarted_empty(world, server):
    server.kill()
    server.start()


def flushed(world, server):
    server.client().flushall()


def restarted_empty_with_eddy(world, server):
    world.process().kill()
    restarted_empty(world, server)
    world.process().start()


def read_only(world, server):
    server.client().replicaof("127.0.0.1", free_port())
    world.process().await_log("READONLY", seconds=20)
    server.client().replicaof("NO", "ONE")


def out_of_memory(world, server):
    server.client().config_set("maxmemory", 1)
    world.process().await_log("OOM", seconds=20)
    server.client().config_set("maxmemory", 0)


class Shown:
    """What Redis shows against what Kafka has. Streams may begin late after a loss, but have no hole."""

    def __init__(self, world, server):
        published = world.outputs().records
        self.found, self.wanted = view(server.client(), world.app), expected(published)
        streams, length = self.wanted["streams"], lambda partition: len(self.found["streams"].get(partition, []))
        self.starts = {partition: len(all) - length(partition) for partition, all in streams.items()}
        self.wanted["streams"] = {partition: all[self.starts[partition]:] for partition, all in streams.items() if length(partition)}

    def difference(self, without=()):
        found, wanted = drop(self.found, without), drop(self.wanted, without)
        return "" if found == wanted else difference(found, wanted)


def await_shown(world, server, lost, before):
    """Everything that a Redis that lost something can still show, or all."""
    wrong = lambda: Shown(world, server).difference(HOW + LAST if lost else ())
    await_true(lambda: not wrong(), 30, lambda: wrong() + world.tails())
    ends = {partition: len(all) for partition, all in before.items()}
    late = {partition: start for partition, start in Shown(world, server).starts.items() if start > ends.get(partition, 0)}
    assert not late, f"streams begin at {late}, but {ends} were published before the loss"


@pytest.mark.parametrize("lost, troubles", [
    (True, [restarted_empty, flushed, restarted_empty_with_eddy]),
    (False, [read_only, out_of_memory]),
], ids=["lost", "refused"])
def test_redis(kafka, redis_server, worlds, app, reference, lost, troubles):  # noqa: F811
    redis_server.start()
    world = worlds(kafka, app, redis={"url": f"redis://127.0.0.1:{redis_server.port}"}).create(model=reference.model)
    world.process().start()
    pieces = slices(reference.records, len(troubles) + 2)
    world.feed(pieces[0])
    world.await_read()
    before = {}
    for trouble, piece in itertools.zip_longest(troubles, pieces[1:]):
        await_shown(world, redis_server, lost, before)
        feed = world.feed_slowly(piece, seconds=1, count=10)
        if trouble:
            trouble(world, redis_server)
            before = expected(world.outputs().records)["streams"] if lost else {}
        feed.finish()
        world.await_read()
    await_true(lambda: world.outputs().count() == reference.outputs.count(), 30, world.tails)
    await_shown(world, redis_server, lost, before)
    world.expect(reference.outputs)
    await_shown(world, redis_server, lost, before)
