"""SIGHUP: what may change at run time takes effect while the process goes on; what needs a restart and what is wrong is said."""
import json
import signal
import time

import pytest
from conftest import await_true, effect_gaps
from kafka_fixture import decode, event_record
from test_notify import listener, service  # noqa: F401 (fixtures)
from test_run import HOUR, await_triggers, cart, event, ready, settings, topic_or_nothing


def with_changes(eddy, change):
    whole = json.loads(eddy.config.read_text())
    change(whole)
    return json.dumps(whole)


def reload(eddy, text, said="configuration reloaded"):
    """Writes the file, sends SIGHUP, returns the lines of the log from then on until it said what came of it."""
    before = len(eddy.log())
    eddy.config.write_text(text)
    eddy.process.send_signal(signal.SIGHUP)
    await_true(lambda: f'msg="{said}"' in eddy.log()[before:] or eddy.process.poll() is not None, 30, eddy.log)
    assert eddy.process.poll() is None, eddy.log()[-3000:]
    return eddy.log()[before:]


def suppressed(kafka, app):
    return [decode("Suppressed", message.value()) for message in topic_or_nothing(kafka, f"{app}.suppressed")]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_trigger_goes_to_shadow_and_back(kafka, eddies, app, workers):
    """mode, cooldown and priority change between two events of a running process; every cart is decided once."""
    kafka.create(f"{app}.events", 2)
    old = int(time.time() * 1000) - 2 * HOUR
    eddy = eddies(settings(kafka, app, workers=workers))
    ready(eddy, 2)

    def leave(name):
        kafka.produce(f"{app}.events", [event_record(cart(f"{name}{i}", old)) for i in range(20)])

    leave("a")
    await_triggers(kafka, app, 20, eddy)
    log = reload(eddy, with_changes(eddy, lambda whole: whole["triggers"][0].update(mode="shadow", priority=7)))
    assert "key=triggers.cart_abandonment.mode from=live to=shadow effect=applied" in log
    assert "applied=2 needs_restart=0" in log
    leave("b")
    found = await_true(lambda: (lambda all: all if len(all) >= 20 else None)(suppressed(kafka, app)), 60, eddy.log)
    assert {(one["user_id"][0], one["reason"]) for one in found} == {("b", "shadow")}
    assert "applied=1 needs_restart=0" in reload(eddy, with_changes(eddy, lambda whole: whole["triggers"][0].update(mode="live")))
    leave("c")
    triggers = await_triggers(kafka, app, 40, eddy)
    assert {(trigger["user_id"][0], trigger["priority"]) for trigger in triggers} == {("a", 0), ("c", 7)}
    assert "nothing has changed" in reload(eddy, eddy.config.read_text())
    assert eddy.log().count('msg="eddy starts"') == 1
    assert eddy.stop() == 0, eddy.log()
    assert sum(kafka.committed(app, f"{app}.events").values()) == 60 and not effect_gaps(kafka, app)


def test_a_bad_file_changes_nothing(kafka, eddies, app):
    kafka.create(f"{app}.events", 1)
    old = int(time.time() * 1000) - 2 * HOUR
    eddy = eddies(settings(kafka, app))
    ready(eddy)
    good = eddy.config.read_text()
    bad = f"app: {app}\nlog: {{level: debug}}\nmodel: {{segments: 1}}\nkafka: {{commit_interval: 5}}\n"
    log = reload(eddy, bad, "configuration not reloaded")
    await_true(lambda: eddy.log().count("configuration not reloaded") == 2, 10, eddy.log)
    assert f"{eddy.config}:3:19: error: " in log and f"{eddy.config}:4:26: error: " in eddy.log()
    assert "setting changed" not in eddy.log() and "level=debug" not in eddy.log()
    eddy.config.unlink()
    eddy.process.send_signal(signal.SIGHUP)
    eddy.await_log("the file cannot be read")
    kafka.produce(f"{app}.events", [event_record(cart("after", old))])
    await_triggers(kafka, app, 1, eddy)
    assert "nothing has changed" in reload(eddy, good)
    assert eddy.stop() == 0, eddy.log()


def test_what_needs_a_restart_is_said_each_time(kafka, eddies, app):
    kafka.create(f"{app}.events", 1)
    eddy = eddies(settings(kafka, app))
    ready(eddy)

    def change(whole):
        whole["workers"] = 2
        whole["triggers"].append({"name": "second", "after": "custom", "for": "1h"})
        whole["log"] = {"level": "debug"}

    log = reload(eddy, with_changes(eddy, change))
    assert 'key=workers from=1 to=2 effect="needs a restart"' in log
    assert 'key=triggers.second from=none to=added effect="needs a restart"' in log
    assert "key=log.level from=info to=debug effect=applied" in log and "applied=1 needs_restart=2" in log
    kafka.produce(f"{app}.events", [event_record(event("u", "page_viewed", int(time.time() * 1000), page_url="/"))])
    eddy.await_log("level=debug")
    assert "applied=0 needs_restart=2" in reload(eddy, eddy.config.read_text())
    assert eddy.stop() == 0, eddy.log()


def test_more_memory_lets_a_paused_partition_go_on(kafka, eddies, app):
    kafka.create(f"{app}.events", 1)
    now = int(time.time() * 1000)
    eddy = eddies(settings(kafka, app, profile={"memory_max": "16MiB"}))
    ready(eddy)
    count = 60_000
    kafka.produce(f"{app}.events",
                  [event_record(event(f"user-with-a-longer-name-{i}", "page_viewed", now, page_url="/"), avro_encoded=True)
                   for i in range(count)])
    eddy.await_log("partition paused: out of memory")
    assert sum(kafka.committed(app, f"{app}.events").values()) < count
    log = reload(eddy, with_changes(eddy, lambda whole: whole["profile"].update(memory_max="1GiB")))
    assert "key=profile.memory_max from=16MiB to=1GiB effect=applied" in log
    await_true(lambda: sum(kafka.committed(app, f"{app}.events").values()) == count, 60, lambda: eddy.log()[-3000:])
    assert eddy.stop() == 0, eddy.log()


def test_partitions_that_come_later_have_it_too(kafka, eddies, app):
    """The reload comes while nothing is assigned yet."""
    eddy = eddies(settings(kafka, app)).start()
    eddy.await_log('msg="waiting for a topic"')
    reload(eddy, with_changes(eddy, lambda whole: whole["triggers"][0].update(mode="shadow")))
    kafka.create(f"{app}.events", 1)
    kafka.produce(f"{app}.events", [event_record(cart("later", int(time.time() * 1000) - 2 * HOUR))])
    assert await_true(lambda: suppressed(kafka, app), 60, eddy.log)[0]["reason"] == "shadow"
    assert eddy.stop() == 0, eddy.log()


def test_the_bounds_of_redis(kafka, redis_server, eddies, app):
    kafka.create(f"{app}.events", 1)
    redis_server.start()
    old = int(time.time() * 1000) - 2 * HOUR
    eddy = eddies(settings(kafka, app, redis={"url": f"redis://127.0.0.1:{redis_server.port}"}))
    ready(eddy)
    log = reload(eddy, with_changes(eddy, lambda whole: whole["redis"].update(stream_max_length=100, buffer_max="1MiB")))
    assert "applied=2 needs_restart=0" in log
    kafka.produce(f"{app}.events", [event_record(cart(f"u{i}", old)) for i in range(1000)])
    await_triggers(kafka, app, 1000, eddy)
    await_true(lambda: redis_server.client().exists(f"{app}:user:u999"), 30, eddy.log)
    await_true(lambda: 100 <= redis_server.client().xlen(f"{app}:triggers:0") < 500, 30, eddy.log)
    assert eddy.stop() == 0, eddy.log()


def test_systemd_hears_of_it(kafka, app, service, listener):  # noqa: F811
    kafka.create(f"{app}.events", 1)
    eddy = service(f"app: {app}\nkafka: {{brokers: '{kafka.brokers}'}}\nhttp: {{listen: none}}\n")
    await_true(lambda: "READY=1" in listener.lines(), 60, eddy.log)
    reload(eddy, eddy.config.read_text() + "model: {sweep: false}\n")
    await_true(lambda: listener.lines().count("READY=1") == 2, 10, eddy.log)
    at = listener.heard.index("RELOADING=1")
    assert listener.heard[at + 1].startswith("MONOTONIC_USEC=") and listener.heard[at + 2] == "READY=1"
    assert abs(int(listener.heard[at + 1].split("=")[1]) / 1e6 - time.monotonic()) < 60
    assert eddy.stop() == 0
