"""What goes wrong for somebody who sets eddy up: each mistake is answered with what is wrong, where, and what to do."""
import dataclasses
import json
import os
import re
import signal
import struct
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import kafka_raw
import pytest
from confluent_kafka.admin import AdminClient
from conftest import RedisServer, await_true
from kafka_fixture import SOURCE, GuardedKafka, encode_event, event_record, free_port

SECONDS = 30  # within which every mistake must be told; most are told at once
PARTITIONS = 2
PASSWORD = "security.protocol: SASL_PLAINTEXT, sasl.mechanism: PLAIN, sasl.username: eddy, sasl.password: "


@dataclasses.dataclass
class Mistake:
    """`what`, `where` and `do` stand in one line of the answer, or near each other where it shows a place in more lines."""
    name: str
    command: str  # of eddy; -c FILE is added unless it names no configuration
    code: int     # 0 for `run`: it goes on until it is asked to end
    what: str
    where: str
    do: str
    config: str = ""
    before: str = ""   # a method of World that makes the mistake possible
    clock: int = 0     # by so many ms it is ahead

    @property
    def app(self):
        return re.sub(r"\W+", "-", self.name)


KAFKA = "kafka: {brokers: '<brokers>', commit_interval: 20ms, create_topics: false}\n"
GUARDED = "kafka: {brokers: '<guarded>', commit_interval: 20ms, properties: {" + PASSWORD + "right}}\n"
CART = "triggers: [{name: cart, after: product_added, for: 1h}]\n"
FILE = "<file>:"

MISTAKES = [
    # the command line
    Mistake("command", "chekc", 64, "there is no command `chekc`", "eddy:", "did you mean `check`?"),
    Mistake("option", "check --jsn", 64, "unknown option --jsn", "eddy check:", "did you mean --json?"),
    Mistake("topic name", "tail trigers -e", 64, "there is no topic `trigers`", "eddy tail:", "did you mean `triggers`?", KAFKA),
    Mistake("no file", "run -c nowhere.yaml", 78, "No such file", "nowhere.yaml: error", "`eddy config init` writes one"),
    Mistake("nothing runs", "top", 69, "Connection refused", "http://127.0.0.1:<closed>/", "Is `eddy run` up?", "http: {listen: '127.0.0.1:<closed>'}\n"),
    # the configuration
    Mistake("key", "validate", 78, "unknown key `half_lfe`", FILE + "4:", "did you mean `half_life`?", "model: {half_lfe: 7d}\n"),
    Mistake("unit", "validate", 78, "3600 has no unit", FILE + "4:52:", "write 3600h, or another unit", CART.replace("1h", "3600")),
    Mistake("half-life", "validate", 78, "`half_life` in features[0]: 0s", FILE + "4:", "not within 1m to",
            "features: [{name: opens, on: email_opened, half_life: 0s, cluster: true}]\n"),
    Mistake("feature twice", "validate", 78, "there is a feature `opens` already", FILE + "6:", "in line 5",
            "features:\n" + 2 * "  - {name: opens, on: email_opened, half_life: 7d, cluster: true}\n"),
    Mistake("trigger twice", "validate", 78, "there is a trigger `cart` already", FILE + "6:", "in line 5; give one of them another name",
            "triggers:\n" + 2 * "  - {name: cart, after: product_added, for: 1h}\n"),
    Mistake("event type", "validate", 78, 'no event type "product_aded"', FILE + "4:", "did you mean `product_added`?",
            CART.replace("added", "aded")),
    Mistake("tab", "validate", 78, "YAML syntax", FILE + "5:", "a tab cannot indent: use spaces", "kafka:\n\tbrokers: localhost:9092\n"),
    Mistake("variable", "validate", 78, "${NO_SUCH_VARIABLE}: the environment variable is not set", FILE + "4:",
            "set it, or write ${NAME:-default}", "kafka: {brokers: '${NO_SUCH_VARIABLE}'}\n"),
    Mistake("property", "validate", 78, "compresion.type", FILE + "4:", "did you mean compression.codec?",
            "kafka: {properties: {compresion.type: lz4}}\n"),
    # Kafka
    Mistake("port", "check", 69, "Connection refused", "none at 127.0.0.1:<closed>", "set kafka.brokers, or start them",
            "kafka: {brokers: '127.0.0.1:<closed>'}\n"),
    Mistake("port at start", "run", 0, "Connection refused", "127.0.0.1:<closed>", "set kafka.brokers, or start them",
            "kafka: {brokers: '127.0.0.1:<closed>'}\n"),
    Mistake("host", "run", 0, "Failed to resolve", "nowhere.invalid:9092", "is the host name in kafka.brokers right?",
            "kafka: {brokers: 'nowhere.invalid:9092'}\n"),
    Mistake("password", "check", 69, "Authentication failed", "none at <guarded>", "check sasl.mechanism, sasl.username and sasl.password",
            GUARDED.replace("right", "wrong")),
    Mistake("no password", "run", 0, "broker might require SASL", "<guarded>", "check security.protocol", "kafka: {brokers: '<guarded>'}\n"),
    Mistake("input", "check", 69, "missing", "fail input topic <app>.events", "eddy topics create -c <file>", KAFKA),
    Mistake("input at start", "run", 0, "is missing", "<app>.events", "`eddy topics create` makes it", KAFKA),
    Mistake("partitions", "check", 69, "partitions 1, expected 2", "fail output topic <app>.triggers", "raise its number of partitions",
            KAFKA, "few_partitions"),
    Mistake("partitions at start", "run", 78, "partitions 1, expected 2", "topic <app>.triggers", "raise its number of partitions",
            KAFKA, "few_partitions"),
    Mistake("compaction", "run", 78, "cleanup.policy delete, expected compact", "topic <app>.profiles", "change it with kafka-configs.sh",
            KAFKA, "no_compaction"),
    Mistake("compaction beforehand", "topics create", 69, "state in it would get lost", "<app>.profiles", "change it with kafka-configs.sh",
            KAFKA, "no_compaction"),
    Mistake("no right at all", "check", 69, "missing, or this user may not see it", "fail input topic <app>.events", "allow the user DESCRIBE",
            GUARDED, "topics"),
    Mistake("no right to read", "check", 69, "Topic authorization failed", "fail input topic <app>.events", "allow the user READ",
            GUARDED, "may_describe"),
    Mistake("no right to transactions", "run", 78, "Transactional Id authorization failed", "producer refused by the broker",
            "rights for the transactional id", GUARDED, "may_describe"),
    Mistake("no right to write", "run", 0, "Topic authorization failed", "<app>.profiles", "WRITE on the topic", GUARDED, "may_not_write"),
    Mistake("two of one name", "run", 75, "fenced by another", "instance one", "another process runs under", KAFKA,
            "second_process"),
    # events
    Mistake("no event", "dlq list", 0, "bad_json", "letters.events/0/0", "others: let the producer send events as in", KAFKA, "letters"),
    Mistake("avro", "dlq list", 0, "truncated", "letters.events/0/4", "others: let the producer send events as in", KAFKA, "letters"),
    Mistake("schema", "dlq list", 0, "unknown_schema", "letters.events/0/1", "put it into kafka.schemas or registry.url", KAFKA, "letters"),
    Mistake("record key", "dlq list", 0, "key_mismatch", "letters.events/0/2", "take user_id as the record's key", KAFKA, "letters"),
    Mistake("no key", "dlq list", 0, "no_key", "letters.events/0/3", "take user_id as the record's key", KAFKA, "letters"),
    # what stands beside it
    Mistake("registry", "check", 69, "connect", "fail registry: http://127.0.0.1:<closed>", "start it, or change registry.url",
            KAFKA + "registry: {url: 'http://127.0.0.1:<closed>'}\n"),
    Mistake("registry at start", "run", 0, "connect", "http://127.0.0.1:<closed>", "start it, or change registry.url",
            KAFKA + "registry: {url: 'http://127.0.0.1:<closed>'}\n", "topics"),
    Mistake("no registry", "check", 69, "answers 501", "fail registry: http://127.0.0.1:<web>", "if that is a schema registry",
            KAFKA + "registry: {url: 'http://127.0.0.1:<web>'}\n"),
    Mistake("redis port", "check", 69, "Connection refused", "fail redis: 127.0.0.1:<closed>", "start it, or change host and port in redis.url",
            KAFKA + "redis: {url: 'redis://127.0.0.1:<closed>'}\n"),
    Mistake("redis password", "check", 69, "WRONGPASS", "fail redis: 127.0.0.1:<redis>", "does not accept the user and password in redis.url",
            KAFKA + "redis: {url: 'redis://:wrong@127.0.0.1:<redis>'}\n"),
    Mistake("redis without password", "run", 0, "NOAUTH", "127.0.0.1:<redis>", "write redis://USER:PASSWORD@host into redis.url",
            KAFKA + "redis: {url: 'redis://127.0.0.1:<redis>'}\n", "topics"),
    Mistake("no redis", "check", 69, "Protocol error", "fail redis: 127.0.0.1:<web>", "what answers is no Redis",
            KAFKA + "redis: {url: 'redis://127.0.0.1:<web>'}\n"),
    Mistake("no redis to rebuild", "redis rebuild", 69, "Protocol error", "127.0.0.1:<web>", "what answers is no Redis",
            KAFKA + "redis: {url: 'redis://127.0.0.1:<web>'}\n"),
    Mistake("clock", "check", 69, "behind the broker's", "fail clock", "synchronise both", KAFKA, "fresh_record", clock=-3_600_000),
    Mistake("http port", "run", 69, "address already in use", "127.0.0.1:<web>", "set http.listen to another port",
            KAFKA + "http: {listen: '127.0.0.1:<web>'}\n"),
]


class Web(BaseHTTPRequestHandler):
    """A web server that is neither Redis nor a registry: it knows only GET."""

    def do_GET(self):
        self.send_error(404)

    def log_message(self, *arguments):
        pass


class World:
    """A broker with a guarded door, a Redis with a password, a web server, a port of nobody; and what a mistake needs of them."""

    def __init__(self, folder):
        self.folder, self.processes, self.letters_made = folder, [], threading.Lock()
        self.closed = free_port()
        self.kafka = GuardedKafka(folder / "kafka").start()
        self.redis = RedisServer(folder).start()
        self.redis.client().config_set("requirepass", "secret")
        self.web = ThreadingHTTPServer(("127.0.0.1", 0), Web)
        threading.Thread(target=self.web.serve_forever, daemon=True).start()

    def stop(self):
        for process in self.processes:
            process.kill()
            process.wait()
        self.web.shutdown()
        self.redis.kill()
        self.kafka.kill()

    def put(self, text, mistake):
        values = {"app": mistake.app, "file": str(self.file(mistake)), "brokers": self.kafka.brokers, "guarded": self.kafka.guarded,
                  "closed": self.closed, "web": self.web.server_address[1], "redis": self.redis.port}
        return re.sub(r"<(\w+)>", lambda found: str(values[found.group(1)]), text)

    def file(self, mistake):
        return self.folder / f"{mistake.app}.yaml"

    def write(self, mistake):
        head = "" if "http:" in mistake.config else "http: {listen: none}"
        app = "letters" if mistake.before == "letters" else "<app>"
        self.file(mistake).write_text(self.put(f"app: {app}\ninstance: one\n{head}\n{mistake.config}", mistake))

    def spawn(self, mistake, command):
        arguments = [os.environ["EDDY_BREAKABLE_BIN" if mistake.clock else "EDDY_BIN"], *command.split()]
        if mistake.config and "-c" not in arguments:
            arguments += ["-c", str(self.file(mistake))]
        log = self.folder / f"{mistake.app}-{len(self.processes)}.log"
        with open(log, "wb") as out:
            process = subprocess.Popen(arguments, cwd=self.folder, stdout=out, stderr=out,
                                       env={**os.environ, "EDDY_CLOCK_AHEAD": str(mistake.clock)})
        self.processes.append(process)
        return process, log

    # What makes a mistake possible

    def topics(self, mistake, **changed):
        for name in ("events", "segment-changes", "triggers", "suppressed", "model-delta", "receipts", "dlq", "profiles", "model", "segments"):
            partitions = 1 if name in ("model", "segments") else PARTITIONS
            policy = "delete" if partitions == PARTITIONS and name != "profiles" else "compact"
            settings = {"partitions": partitions, "cleanup_policy": policy, **changed.get(name, {})}
            self.kafka.create(f"{mistake.app}.{name}", message_timestamp_type="LogAppendTime", **settings)
        await_true(lambda: sum(name.startswith(f"{mistake.app}.") for name in self.kafka.topics()) == 10, SECONDS)

    def few_partitions(self, mistake):
        self.topics(mistake, triggers={"partitions": 1})

    def no_compaction(self, mistake):
        self.topics(mistake, profiles={"cleanup_policy": "delete"})

    def allow(self, mistake, resource, *operations):
        kafka_raw.allow(self.kafka.brokers, "eddy", resource, mistake.app, *operations)

    def await_rights(self, mistake):
        """The broker learns of rights in the order in which they were given: those to see topics come last here."""
        client = AdminClient({"bootstrap.servers": self.kafka.guarded, "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN",
                              "sasl.username": "eddy", "sasl.password": "right", "log_level": 0})
        await_true(lambda: f"{mistake.app}.events" in client.list_topics(timeout=SECONDS).topics, SECONDS)

    def may_describe(self, mistake, *more):
        self.topics(mistake)
        self.allow(mistake, "group", "read")
        self.allow(mistake, "topic", *more, "describe-configs", "describe")
        self.await_rights(mistake)

    def may_not_write(self, mistake):
        self.allow(mistake, "transactional-id", "write", "describe")
        self.may_describe(mistake, "read")

    def fresh_record(self, mistake):
        self.topics(mistake)
        self.kafka.produce(f"{mistake.app}.events", [event_record({"type": "page_viewed", "user_id": "ann", "event_time": 1})])

    def second_process(self, mistake):
        """It comes a while after the first, which is the one that is looked at."""
        self.topics(mistake)
        threading.Timer(2, lambda: self.spawn(mistake, "run")).start()

    def letters(self, mistake):
        """Once for all who look at them."""
        with self.letters_made:
            if "letters.dlq" in self.kafka.topics():
                return
            self.topics(Mistake("letters", "", 0, "", "", ""))
            event = json.dumps({"type": "page_viewed", "user_id": "ann", "event_time": 1_700_000_000_000}).encode()
            values = [(b"ann", b"{nonsense"), (b"ann", b"\0" + struct.pack(">I", 7) + b"\2"), (b"eve", event), (None, event),
                      (b"ann", encode_event({"type": "page_viewed", "user_id": "ann", "event_time": 1_700_000_000_000})[:-3])]
            self.kafka.produce("letters.events", [{"key": key, "value": value, "partition": 0} for key, value in values])
            process, log = self.spawn(mistake, "run")
            await_true(lambda: len(self.kafka.read("letters.dlq")) == len(values), SECONDS, log.read_text)
            process.terminate()
            process.wait(SECONDS)

    # Making it

    def make(self, mistake):
        """Exit code and everything that was said. `run` is asked to end once it has said the three things."""
        self.write(mistake)
        if mistake.before:
            getattr(self, mistake.before)(mistake)
        process, log = self.spawn(mistake, mistake.command)
        deadline = time.monotonic() + SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            if mistake.command == "run" and mistake.code == 0 and self.is_said(mistake, log.read_text()):
                process.send_signal(signal.SIGTERM)
                process.wait(SECONDS)
            time.sleep(0.05)
        return process.poll(), log.read_text()

    def is_said(self, mistake, text):
        lines = text.splitlines()
        near = 9 if mistake.command in ("validate", "top", "dlq list") else 1  # what and where are in one line, what to do below
        words = [self.put(word, mistake) for word in (mistake.what, mistake.where, mistake.do)]
        return any(all(word in "\n".join(lines[at:at + near]) for word in words) for at in range(len(lines)))


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("mistakes"))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def answers(world):
    """All mistakes are made at once, as far as there is room: many answers are a broker waited for."""
    with ThreadPoolExecutor(8) as pool:
        yield {mistake.name: pool.submit(world.make, mistake) for mistake in MISTAKES}


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_a_mistake_is_answered(world, answers, mistake):
    code, said = answers[mistake.name].result()
    assert world.is_said(mistake, said), said
    assert code == mistake.code, said


def test_the_rights_of_the_page_are_enough(world):
    """What src/deploy/README.md has eddy's user allowed, and no more, makes it run, write its outputs and pass `eddy check`."""
    mistake = Mistake("shop", "run", 0, "", "", "", GUARDED + CART + "time: {publish_after: none, at_end: newest, allowed_lateness: 0s}\n")
    grants = re.findall(r"^kafka-acls.sh --(topic|group|transactional-id) (\S+) (.*)", (SOURCE / "src/deploy/README.md").read_text(), re.M)
    assert len(grants) == 3
    for resource, name, rest in reversed(grants):  # see await_rights()
        operations = [re.sub(r"(?<!^)(?=[A-Z])", "-", word).lower() for word in re.findall(r"--operation (\w+)", rest)]
        kafka_raw.allow(world.kafka.brokers, "eddy", resource, name, *reversed(operations))
    world.topics(mistake)
    world.await_rights(mistake)
    world.write(mistake)
    items = [{"product_id": "shoe", "price": 4990}]
    added = {"type": "product_added", "user_id": "ann", "event_time": 1_700_000_000_000, "items": items, "currency": "EUR"}
    later = {"type": "page_viewed", "user_id": "ann", "event_time": 1_700_010_000_000}
    world.kafka.produce("shop.events", [event_record(event, partition=0) for event in (added, later)])
    process, log = world.spawn(mistake, "run")
    await_true(lambda: world.kafka.read("shop.triggers"), SECONDS, log.read_text)
    process.terminate()
    assert process.wait(SECONDS) == 0 and "level=error" not in log.read_text() and "aborted" not in log.read_text(), log.read_text()
    checked, said = world.spawn(mistake, "check")
    assert checked.wait(SECONDS) == 0 and "fail " not in said.read_text(), said.read_text()
