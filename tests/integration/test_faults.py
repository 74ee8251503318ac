"""Processes and brokers are killed, frozen and moved about: what comes out is exactly what a calm run publishes."""
import itertools
import time

import pytest
import taobao
from fault_world import (BREAKABLE, PARTITIONS, await_true, kill_at_random, points, reference, slices,  # noqa: F401
                         worlds)
from kafka_fixture import event_record

# Sessions as short as the broker allows, so that a frozen process is noticed within a test.
SHORT_SESSION = {"properties": {"consumer.session.timeout.ms": 6000, "consumer.heartbeat.interval.ms": 500,
                                "producer.transaction.timeout.ms": 5000}}


def test_killed_at_random(kafka, worlds, app, reference):  # noqa: F811
    """kill -9 every second or two under load."""
    world = worlds(kafka, app).create(model=reference.model)
    feed = world.feed_slowly(reference.records, seconds=8)
    kills = kill_at_random(world, world.process().start(), feed, seed=1)
    feed.finish()
    assert kills >= 3
    world.expect(reference.outputs)
