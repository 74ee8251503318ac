"""State that cannot be trusted is refused with exit code 78 and a sentence that says where and what to do; nothing is published."""
import re

import kafka_raw
import pytest
from conftest import await_true
from fault_world import DAY, PARTITIONS, SHORT_SESSION, end_record, place, shop_records, worlds  # noqa: F401
from kafka_fixture import event_record


LATER = 1704067200000 + 400 * DAY  # than all that is generated


@pytest.fixture(scope="module")
def records():
    """Few, without those that end time."""
    return shop_records(users=60, events=1500)[:-PARTITIONS]


@pytest.fixture
def lived(kafka, worlds, app, records):  # noqa: F811
    """An application with a past: killed, so that it has to read events again."""
    world = worlds(kafka, app, kafka={"properties": SHORT_SESSION}).create()
    world.feed(records)
    world.process().start()
    world.await_read()
    await_true(lambda: world.outputs().count()["triggers"] > 5, 30, world.tails)
    world.process().kill()
    return world


def refused(world, *words, options=()):
    """Ends by itself with 78; one line says all the words, the place and what to do. Nothing was published."""
    before = world.outputs().found, world.committed()
    process = world.process().start(*options)
    assert process.wait(30) == 78, process.tail()
    lines = [line for line in process.log().splitlines() if "level=error" in line]
    assert any(all(re.search(word, line) for word in words) for line in lines), process.tail()
    assert (world.outputs().found, world.committed()) == before


def remake(kafka, topic, **config):
    kafka.delete(topic)
    kafka.create(topic, PARTITIONS, **config)


def goes_on(world, *options):
    """Starts, reads what is new, and says it."""
    count = world.outputs().count()["triggers"]
    world.feed([end_record(partition, LATER) for partition in range(PARTITIONS)])
    world.process().start(*options)
    await_true(lambda: world.outputs().count()["triggers"] > count, 30, world.tails)
    world.stop()
    assert not world.outputs().number_gaps() and not world.outputs().broken_chains()


def test_changelog_gone(kafka, lived, app):
    remake(kafka, f"{app}.profiles", cleanup_policy="compact")
    refused(lived, rf"topic={app}.profiles partition=\d", r"offset \d+ of sequence \d+ is committed", "[Bb]ring it back")


def test_offsets_gone(kafka, lived, app):
    """They can be had from the changelog, and nothing is missing or doubled then."""
    at, triggers = lived.committed(), lived.outputs().found["triggers"]
    await_true(lambda: delete_group(kafka, app), 60)
    refused(lived, rf"topic={app}.profiles partition=\d", r"position \d+, commit \d+", "restart with --offsets-from-profiles")
    goes_on(lived, "--offsets-from-profiles")
    assert lived.committed() == at + PARTITIONS and not triggers - lived.outputs().found["triggers"]
    assert max(lived.outputs().found["triggers"].values()) == 1


def delete_group(kafka, group):
    """Its member was killed: its session has to end first."""
    try:
        kafka_raw.delete_group(kafka.brokers, group)
        return True
    except AssertionError:
        return False


def test_changelog_corrupt(kafka, lived, app):
    """A record of somebody else, and a commit after it, so that a restart has to read it."""
    user = lived.outputs().records["triggers"][0]["user_id"]
    process = lived.process().start().ready()
    kafka.produce(f"{app}.profiles", [{"key": b"p" + user.encode(), "value": b"\x01garbage" * 9, "partition": place(user)}])
    offset = next(message.offset() for message in kafka.read(f"{app}.profiles") if message.value() and b"garbage" in message.value())
    lived.feed([event_record({"type": "page_viewed", "user_id": user, "event_time": LATER}, partition=place(user))])
    lived.await_read()
    process.kill()
    refused(lived, rf"topic={app}.profiles partition={place(user)}", f"changelog offset {offset}:", "bring the changelog topic back")


def test_offset_of_another_life(kafka, lived, app):
    await_true(lambda: commit_offset(kafka, app, "eddy1 4711 3"), 60)
    refused(lived, rf"topic={app}.profiles partition=0", "4711", "bring")


def test_offset_of_a_stranger(kafka, lived, app):
    await_true(lambda: commit_offset(kafka, app, "checkpoint"), 60)
    refused(lived, rf"topic={app}.events partition=0 offset=3", "metadata=checkpoint", "another kafka.group")


def commit_offset(kafka, app, metadata):
    """From outside, once the member that was killed is out of the group."""
    try:
        kafka_raw.commit_offset(kafka.brokers, app, f"{app}.events", 0, 3, metadata)
        return True
    except AssertionError:
        return False


def test_input_too_young(kafka, lived, app):
    """Events that were folded but not saved are gone; whoever accepts that goes on without them."""
    start = kafka.committed(app, f"{app}.events")[1] - 1
    kafka_raw.delete_records(kafka.brokers, f"{app}.events", 1, start)
    refused(lived, rf"topic={app}.\w+ partition=1", rf"offset \d+ on are needed, but the input begins at {start}", "--accept-loss")
    goes_on(lived, "--accept-loss")


def test_input_made_anew(kafka, lived, app):
    """Kafka deletes a topic's committed offsets with it; those in the changelog do not fit either."""
    remake(kafka, f"{app}.events")
    kafka.produce(f"{app}.events", [event_record({"type": "page_viewed", "user_id": "u", "event_time": 1}, partition=0)])
    refused(lived, rf"topic={app}.profiles partition=\d", r"state up to position \d+", "restart with --offsets-from-profiles")
    refused(lived, rf"topic={app}.\w+ partition=\d", r"offset \d+ is committed, but the input ends at [01]", "bring it back",
            options=["--offsets-from-profiles"])


def test_more_partitions(kafka, lived, app):
    kafka.grow(f"{app}.events", PARTITIONS + 1)
    refused(lived, f"{PARTITIONS}.*partitions", f"{PARTITIONS + 1}")


def test_another_erasure_key(lived, app):
    lived.more["profile"] = {"erasure_key": "another key of enough letters"}
    refused(lived, rf"topic={app}.profiles partition=\d", "configure the former key")
