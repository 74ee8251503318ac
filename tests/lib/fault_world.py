"""One application under faults: input that is always the same, processes that are killed, and outputs that must come out exact.

A calm run (no fault, one process) over the same input is the reference; Taobao's oracle is another. Wall-clock fields and the
order between users legitimately differ from run to run, and nothing else does: time is held (`time.at_end: hold`), no event is late,
and a model that stands in its topic from the start decides the segments.
"""
import collections
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import time
import zlib

import pytest
import taobao
from feed import Feed
from kafka_fixture import SOURCE, decode, event_record, last_long
from waiting import await_true

PARTITIONS = 3
DAY = 86_400_000
TRIGGERS = [{"name": "cart_abandonment", "kind": "absence", "after": ["product_added", "cart_updated"], "without": "order_completed",
             "for": ["1h", "1d"], "subject": "user", "payload": "cart", "max_lateness": "none"}]
DECODED = {"triggers": "Trigger", "segment-changes": "SegmentChange", "suppressed": "Suppressed", "receipts": "Receipt"}
NUMBERED = ("segment-changes", "triggers", "suppressed", "model-delta", "receipts")  # topics whose records carry an effect number
# What the clock decides. Partition time when a deadline was decided depends on how many were due at once.
DIFFERS = ("published_at", "fired_at", "late", "effect")
# Sessions as short as the broker allows, so that a frozen process is noticed within a test.
SHORT_SESSION = {"consumer.session.timeout.ms": 6000, "consumer.heartbeat.interval.ms": 500, "producer.transaction.timeout.ms": 5000}
BREAKABLE = os.environ.get("EDDY_BREAKABLE_BIN", str(pathlib.Path(os.environ["EDDY_BIN"]).with_name("eddy-breakable")))


def points():
    """The named points of the commit and restore protocol, by the sources."""
    found = set()
    for path in sorted((SOURCE / "src").rglob("*.c")):
        found.update(re.findall(r'\bEDDY_POINT\("(\w+)"\)', path.read_text()))
    return sorted(found)


# Input --------------------------------------------------------------------------------------------------------------------------


def place(user):
    """The same partition in every run."""
    return zlib.crc32(user.encode()) % PARTITIONS


def shop_records(users=300, events=12_000):
    """Invented shoppers in the order of event time, some events twice, some records that are none, and time's end in each
    partition."""
    lines = subprocess.run([os.environ["EDDY_BIN"], "generate", "--users", str(users), "--events", str(events)], check=True,
                           capture_output=True).stdout.splitlines()
    records, again = [], {}
    for number, line in enumerate(lines):
        user = json.loads(line)["user_id"]
        records.append({"key": user.encode(), "value": line, "partition": place(user)})
        if number % 50 == 0:
            again[number + 20] = records[-1]
        if number in again:
            records.append(again[number])
        if number % 400 == 0:
            records.append({"key": user.encode(), "value": b"?%d" % number, "partition": place(user)})
    end = json.loads(lines[-1])["event_time"] + 3 * DAY
    return records + [end_record(partition, end) for partition in range(PARTITIONS)]


def end_record(partition, at):
    return event_record({"type": "page_viewed", "user_id": f"end-{partition}", "event_time": at}, partition=partition)


def slices(records, count):
    """`count` about equal pieces, in order."""
    return [records[len(records) * i // count:len(records) * (i + 1) // count] for i in range(count)]


# Outputs ------------------------------------------------------------------------------------------------------------------------


def _plain(record):
    return json.dumps({name: value for name, value in record.items() if name not in DIFFERS}, sort_keys=True, default=repr)


def _letter(message):
    headers = dict(message.headers())
    place = headers["__streams.errors.partition"], headers["__streams.errors.offset"], headers["x-eddy-error-code"]
    return repr((message.partition(), message.key(), message.value(), place))


class Outputs:
    """What a read_committed reader finds, as multisets that can be compared: name of the topic -> text of a record -> how often."""

    def __init__(self, kafka, app):
        present = kafka.topics()
        read = lambda suffix: kafka.read(f"{app}.{suffix}") if f"{app}.{suffix}" in present else []
        messages = {suffix: read(suffix) for suffix in (*NUMBERED, "dlq")}
        self.records = {suffix: [decode(name, message.value()) for message in messages[suffix]]
                        for suffix, name in DECODED.items()}
        self.found = {suffix: collections.Counter(map(_plain, records)) for suffix, records in self.records.items()}
        self.found["dlq"] = collections.Counter(map(_letter, messages["dlq"]))
        self.numbers = collections.defaultdict(list)
        for suffix in NUMBERED:
            for message in messages[suffix]:
                self.numbers[message.partition()].append(last_long(message.value()))

    def count(self):
        return {suffix: counter.total() for suffix, counter in self.found.items()}

    def difference(self, wanted, but=()):
        """For people; empty if equal."""
        lines = []
        for suffix in wanted.found:
            missing, extra = wanted.found[suffix] - self.found[suffix], self.found[suffix] - wanted.found[suffix]
            if suffix not in but and (missing or extra):
                lines.append(f"{suffix}: {missing.total()} missing, {extra.total()} too many of {wanted.found[suffix].total()}")
                lines += [f"  missing {text[:300]}" for text in sorted(missing)[:2]]
                lines += [f"  extra   {text[:300]}" for text in sorted(extra)[:2]]
        return "\n".join(lines)

    def number_gaps(self):
        """Effect numbers of each partition that are not 0, 1, 2 ... each once."""
        return [(partition, wanted, found) for partition, all in sorted(self.numbers.items())
                for wanted, found in enumerate(sorted(all)) if wanted != found][:5]

    def broken_chains(self):
        """Segment changes that do not start where the user's last one ended."""
        segment, broken = {}, []
        for change in self.records["segment-changes"]:  # a user's are in one partition, in order
            if segment.get(change["user_id"]) != change["from"] or change["from"] == change["to"]:
                broken.append((change["user_id"], segment.get(change["user_id"]), change["from"], change["to"]))
            segment[change["user_id"]] = change["to"]
        return broken[:5]


# Processes ----------------------------------------------------------------------------------------------------------------------


class Process:
    """`eddy run` under an instance name; its log lives in a file over all its lives."""

    def __init__(self, world, name):
        self.world, self.name, self.process, self.lives = world, name, None, 0
        self.log_path, self.config = world.folder / f"{world.app}-{name}.log", world.folder / f"{world.app}-{name}.yaml"
        self.born = 0  # where the present life begins in the log

    def start(self, *options, binary=None, **environment):
        assert not self.alive()
        self.config.write_text(json.dumps(self.world.settings(self.name)))  # JSON is YAML
        self.born, self.lives = len(self.log(whole=True)), self.lives + 1
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([binary or os.environ["EDDY_BIN"], "run", "-c", str(self.config), *options],
                                            stdout=log, stderr=log, env={**os.environ, **environment})
        return self

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def log(self, whole=False):
        text = self.log_path.read_text(errors="replace") if self.log_path.exists() else ""
        return text if whole else text[self.born:]

    def tail(self):
        return f"--- {self.name}, life {self.lives}\n{self.log()[-3000:]}"

    def await_log(self, text, count=1, seconds=60):
        """In its present life; fails at once if that ends."""
        await_true(lambda: self.log().count(text) >= count or not self.alive(), seconds, self.tail)
        assert self.log().count(text) >= count, self.tail()

    def ready(self, partitions=PARTITIONS):
        self.await_log('msg="partition assigned"', partitions)
        return self

    def kill(self):
        self.process.kill()
        self.process.wait()

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def await_frozen(self, seconds=30):
        """It stops itself at a named point."""
        state = lambda: pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        await_true(lambda: state() == "T", seconds, self.tail)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self, seconds=60):
        """In good order; returns the exit code."""
        if self.alive():
            self.process.terminate()
        return self.wait(seconds)

    def wait(self, seconds=60):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"did not end\n{self.tail()}") from None


class World:
    """Topic, processes, expectations. `more` goes over the configuration, section by section."""

    def __init__(self, server, app, folder, **more):
        self.kafka, self.app, self.folder, self.more = server, app, folder, more
        self.processes, self.sent, self.input = {}, 0, f"{app}.events"

    def settings(self, instance):
        whole = {
            "app": self.app, "instance": instance, "triggers": TRIGGERS, "log": {"level": "debug"}, "http": {"listen": "none"},
            "kafka": {"brokers": self.kafka.brokers, "commit_interval": "100ms"},
            "time": {"publish_after": "none", "at_end": "hold", "allowed_lateness": "0s"},
            "model": {"segments": 4, "train": False, "sweep": False, "switch_margin": 0.02},
        }
        for name, value in self.more.items():
            whole[name] = {**whole.get(name, {}), **value} if isinstance(value, dict) else value
        return whole

    def create(self, partitions=PARTITIONS, model=None):
        """The input topic, and the model that everybody is to use."""
        self.kafka.create(self.input, partitions)
        if model is not None:
            self.kafka.create(f"{self.app}.model", 1, cleanup_policy="compact")
            self.kafka.produce(f"{self.app}.model", [model])
        return self

    def process(self, name="one"):
        return self.processes.setdefault(name, Process(self, name))

    def feed(self, records):
        self.kafka.produce(self.input, records)
        self.sent += len(records)

    def feed_slowly(self, records, seconds, count=40):
        return Feed(self.feed, slices(records, count), seconds / count)

    def committed(self):
        return sum(self.kafka.committed(self.app, self.input).values())

    def await_commit(self):
        self.kafka.await_commit(self.app, self.input, self.tails)

    def outputs(self):
        return Outputs(self.kafka, self.app)

    def tails(self):
        return "\n".join(process.tail() for process in self.processes.values())

    def await_read(self, seconds=90):
        await_true(lambda: self.committed() == self.sent, seconds, lambda: f"{self.committed()} of {self.sent}\n{self.tails()}")

    def await_count(self, wanted, seconds=30):
        """Until there are as many outputs as wanted (a multiset of them may still differ)."""
        enough = lambda: all(found >= wanted[suffix] for suffix, found in self.outputs().count().items())
        await_true(enough, seconds, lambda: f"{self.outputs().count()} of {wanted}\n{self.tails()}")

    def stop(self):
        """All that run, in good order."""
        for process in self.processes.values():
            if process.alive():
                assert process.stop() == 0, process.tail()

    def expect(self, reference, but=()):
        """All input read and exactly the outputs of the run that never failed; a clean stop changes nothing."""
        self.await_read()
        self.await_count({suffix: 0 if suffix in but else count for suffix, count in reference.count().items()})
        self.stop()
        outputs = self.outputs()
        assert not outputs.difference(reference, but), outputs.difference(reference, but)
        assert not outputs.number_gaps() and not outputs.broken_chains(), (outputs.number_gaps(), outputs.broken_chains())
        assert self.committed() == self.sent
        return outputs

    def expect_taobao(self):
        """The same with Taobao's events: the oracle's triggers, each once, and nothing else."""
        self.await_read()
        wanted = {"triggers": len(taobao.expected()), "segment-changes": 0, "suppressed": 0, "receipts": 0, "dlq": 0}
        self.await_count(wanted)
        self.stop()
        outputs = self.outputs()
        assert taobao.fired(outputs.records["triggers"]) == taobao.expected() and outputs.count() == wanted
        assert not outputs.number_gaps() and self.committed() == self.sent

    def end(self):
        """Of the test: nothing may stay behind, whatever state it is in."""
        for process in self.processes.values():
            if process.alive():
                process.kill()


def kill_at_random(process, times, seed, pause=(1.0, 2.0)):
    """kill -9 again and again, each time with a restart under the same name."""
    draw = random.Random(seed)
    for _ in range(times):
        time.sleep(draw.uniform(*pause))
        assert process.alive(), process.tail()
        process.kill()
        process.start()


def kill_between_commits(world, *processes):
    """kill -9 and restart of the broker (and of processes), right after a transaction has ended."""
    world.await_commit()
    for process in processes:
        process.kill()
    world.kafka.restart()
    for process in processes:
        process.start()


# Reference ----------------------------------------------------------------------------------------------------------------------

Reference = collections.namedtuple("Reference", "records model outputs")


def make_reference(kafka, folder, app):
    """The records, a model that was learnt from them, and what a calm run over both publishes."""
    records = shop_records()
    school = World(kafka, f"{app}-school", folder, model={"train": True, "epoch": 200, "buffer_min": 100}).create()
    school.feed(records)
    school.process().start()
    school.await_read()
    message = await_true(lambda: kafka.read(f"{school.app}.model"), 30, school.tails)[0]
    school.stop()
    calm = World(kafka, f"{app}-calm", folder).create(model={"key": message.key(), "value": message.value()})
    calm.feed(records)
    calm.process().start()
    calm.await_read()
    await_true(lambda: calm.outputs().count() == (time.sleep(1), calm.outputs().count())[1], 30)  # the last wave of deadlines
    calm.stop()
    outputs = calm.outputs()
    assert outputs.count()["triggers"] > 100 and outputs.count()["segment-changes"] > 300 and outputs.count()["dlq"] == 30
    assert not outputs.number_gaps() and not outputs.broken_chains()
    return Reference(records, {"key": message.key(), "value": message.value()}, outputs)


@pytest.fixture(scope="module")
def reference(kafka, tmp_path_factory, request):
    return make_reference(kafka, tmp_path_factory.mktemp("reference"), request.module.__name__.replace("_", "-"))


@pytest.fixture
def worlds(tmp_path):
    """Makes worlds; what still runs at the end of the test is killed."""
    made = []

    def make(server, app, **more):
        made.append(World(server, app, tmp_path, **more))
        return made[-1]

    yield make
    for world in made:
        world.end()
