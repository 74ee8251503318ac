"""A real Apache Kafka for tests: one broker on free ports of the loopback, without containers.

The jars come from Maven once per build folder. A KafkaServer keeps its data across stop, kill and restart. Needs Java 17, Maven
and Debian's python3-confluent-kafka and python3-avro.
"""
import io
import json
import os
import pathlib
import signal
import socket
import subprocess
import time
import uuid

import avro.io
import avro.schema
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic
from waiting import await_true

VERSION = "4.3.1"
SOURCE = pathlib.Path(os.environ.get("EDDY_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("EDDY_BUILD_DIR", SOURCE / "build"))

POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>eddy</groupId><artifactId>test-kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{VERSION}</version></dependency>
  </dependencies>
</project>
"""

PROPERTIES = """process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={data}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
message.max.bytes=2097152
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
{more}
"""


BEING_LOADED = (KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError.COORDINATOR_NOT_AVAILABLE)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def jars():
    """The folder with Kafka's jars, filled by Maven the first time."""
    folder = BUILD / "kafka"
    libs = folder / f"libs-{VERSION}"
    if not libs.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "pom.xml").write_text(POM)
        partial = folder / f"libs-{VERSION}.part"
        subprocess.run(["mvn", "-q", "-B", "dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={partial}"],
                       cwd=folder, check=True, stdout=subprocess.DEVNULL, timeout=600)
        partial.rename(libs)
    return libs


class KafkaServer:
    """One broker that is its own controller. `more` are further lines of server.properties."""

    replication = 1

    def __init__(self, folder, more="", heap="512m"):
        controller = free_port()
        self._prepare(folder, heap, free_port(), 1, f"1@127.0.0.1:{controller}", controller, more)
        self.brokers = f"127.0.0.1:{self.port}"

    def _prepare(self, folder, heap, port, node, voters, controller, more):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port, self.heap, self.process = port, heap, None
        self.properties = self.folder / "server.properties"
        self.properties.write_text(PROPERTIES.format(port=self.port, controller=controller, node=node, voters=voters,
                                                     data=self.folder / "data", more=more))
        self._java("kafka.tools.StorageTool", "format", "-t", "ZWRkeS10ZXN0LWthZmthMA", "-c", str(self.properties))

    def _command(self, *args):
        return ["java", f"-Xmx{self.heap}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{jars()}/*", *args]

    def _java(self, *args):
        with open(self.folder / "format.log", "wb") as log:
            subprocess.run(self._command(*args), check=True, stdout=log, stderr=log, timeout=120)

    def start(self, wait=True):
        assert self.process is None
        with open(self.folder / "server.log", "ab") as log:
            self.process = subprocess.Popen(self._command("kafka.Kafka", str(self.properties)), stdout=log, stderr=log)
        if wait:
            self.wait()
        return self

    def wait(self, seconds=60):
        """Until the broker answers metadata requests."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.process.poll() is None, (self.folder / "server.log").read_text()[-3000:]
            with socket.socket() as probe:
                probe.settimeout(1)
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    break
            time.sleep(0.1)
        self.admin().list_topics(timeout=max(1, deadline - time.monotonic()))

    def _end(self, number):
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(60)
            self.process = None

    def stop(self):
        self._end(signal.SIGTERM)

    def kill(self):
        self._end(signal.SIGKILL)

    def restart(self):
        self.kill()
        self.start()

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def admin(self):
        return AdminClient({"bootstrap.servers": self.brokers, "log_level": 0})

    def create(self, topic, partitions=1, **config):
        settings = {name.replace("_", "."): str(value) for name, value in config.items()}
        admin = self.admin()  # must live until the answer is there
        admin.create_topics([NewTopic(topic, partitions, self.replication, config=settings)])[topic].result(30)

    def delete(self, topic):
        admin = self.admin()
        admin.delete_topics([topic])[topic].result(30)
        deadline = time.monotonic() + 30
        while topic in self.topics():
            assert time.monotonic() < deadline, f"{topic} is still there"
            time.sleep(0.1)

    def grow(self, topic, partitions):
        admin = self.admin()
        admin.create_partitions([NewPartitions(topic, partitions)])[topic].result(30)
        deadline = time.monotonic() + 30
        while len(self.topics()[topic].partitions) < partitions:
            assert time.monotonic() < deadline, f"{topic} has not grown"
            time.sleep(0.1)

    def topics(self):
        return self.admin().list_topics(timeout=30).topics

    def produce(self, topic, records):
        """records: dicts with key, value and, if wanted, partition, headers, timestamp. Waits for all acknowledgements."""
        failures = []
        producer = Producer({"bootstrap.servers": self.brokers, "linger.ms": 5, "message.max.bytes": 4000000, "acks": "all",
                             "enable.idempotence": True, "queue.buffering.max.messages": 1000000, "log_level": 0})

        def done(error, _):
            if error:
                failures.append(error)

        for record in records:
            producer.produce(topic, on_delivery=done, **record)
            producer.poll(0)
        assert producer.flush(120) == 0 and not failures, failures[:3]  # a test may keep the broker down for over a minute

    def read(self, topic, isolation="read_committed", seconds=30):
        """Every message of a topic up to its present end, partition by partition."""
        consumer = Consumer({"bootstrap.servers": self.brokers, "group.id": f"read-{uuid.uuid4()}", "enable.partition.eof": True,
                             "isolation.level": isolation, "auto.offset.reset": "earliest", "enable.auto.commit": False,
                             "fetch.wait.max.ms": 20, "log_level": 0})
        try:
            partitions = sorted(consumer.list_topics(topic, timeout=30).topics[topic].partitions)
            consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
            left, messages, deadline = set(partitions), [], time.monotonic() + seconds
            while left and time.monotonic() < deadline:
                for message in consumer.consume(1000, timeout=0.2):
                    if message.error() is None:
                        messages.append(message)
                    elif message.error().code() == KafkaError._PARTITION_EOF:
                        left.discard(message.partition())
                    else:
                        raise AssertionError(message.error())
            assert not left, f"no end of {topic} within {seconds} s"
            return sorted(messages, key=lambda message: (message.partition(), message.offset()))
        finally:
            consumer.close()

    def await_commit(self, group, topic, explain=lambda: ""):
        """Returns right after a transaction of the group has ended, the moment to stop a broker: a single one of Kafka 4.3 that starts
        again with a half-ended transaction forgets to write its markers, and the transaction hangs for ever. Needs a long interval."""
        before = self.committed(group, topic)
        await_true(lambda: self.committed(group, topic) != before, 30, explain)
        time.sleep(0.3)  # offsets show it first, the markers in other partitions may still be on their way

    @staticmethod
    def _patiently(ask, seconds=30):
        """The coordinator of a broker that has just started takes a while."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                return ask()
            except KafkaException as failure:
                if failure.args[0].code() not in BEING_LOADED or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def committed(self, group, topic):
        """Committed offset and metadata by partition; partitions without one are left out."""
        consumer = Consumer({"bootstrap.servers": self.brokers, "group.id": group, "log_level": 0})
        try:
            partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
            asked = [TopicPartition(topic, partition) for partition in partitions]
            offsets = self._patiently(lambda: consumer.committed(asked, timeout=30))
            return {o.partition: o.offset for o in offsets if o.offset >= 0}
        finally:
            consumer.close()


GUARD = """
sasl.enabled.mechanisms=PLAIN
listener.name.sasl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_eddy="right";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
"""


class GuardedKafka(KafkaServer):
    """On a second port it asks for a password: there user `eddy` (`right`) may do what kafka_raw.allow() has allowed. Whoever comes
    by the first port may do all."""

    def __init__(self, folder):
        super().__init__(folder)
        self.guarded = f"127.0.0.1:{free_port()}"
        text = self.properties.read_text()
        for key in ("listeners", "advertised.listeners"):
            text = text.replace(f"\n{key}=", f"\n{key}=SASL://{self.guarded},")
        text = text.replace("protocol.map=", "protocol.map=SASL:SASL_PLAINTEXT,")
        self.properties.write_text(text + GUARD)


REPLICATED = """default.replication.factor=3
min.insync.replicas=2
offsets.topic.replication.factor=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
"""


class _Node(KafkaServer):
    """One of three."""

    replication = 3

    def __init__(self, folder, node, ports, controllers):
        voters = ",".join(f"{other + 1}@127.0.0.1:{port}" for other, port in enumerate(controllers))
        self._prepare(folder, "384m", ports[node], node + 1, voters, controllers[node], REPLICATED)
        self.brokers = ",".join(f"127.0.0.1:{port}" for port in ports)


class KafkaCluster(_Node):
    """Three brokers that are controllers, too; every topic is on all of them. What a KafkaServer does to itself is done to the
    first: use `nodes` to kill and start one."""

    def __init__(self, folder):
        ports, controllers = [free_port() for _ in range(3)], [free_port() for _ in range(3)]
        super().__init__(pathlib.Path(folder) / "1", 0, ports, controllers)
        self.nodes = [self] + [_Node(pathlib.Path(folder) / str(node + 1), node, ports, controllers) for node in (1, 2)]

    def start_all(self):
        for node in self.nodes:
            node.start(wait=False)
        for node in self.nodes:
            node.wait()
        return self

    def kill_all(self):
        for node in self.nodes:
            node.kill()


# Avro, single-object encoding ---------------------------------------------------------------------------------------------------

_schemas = {}
_CRC_EMPTY = 0xC15D213AA4D7A795
_CRC_TABLE = []
for _i in range(256):
    for _ in range(8):
        _i = (_i >> 1) ^ (_CRC_EMPTY if _i & 1 else 0)
    _CRC_TABLE.append(_i)


def fingerprint(text):
    """CRC-64-AVRO of the Parsing Canonical Form (Avro specification, "Schema Fingerprints")."""
    crc = _CRC_EMPTY
    for byte in canonical(json.loads(text), "").encode():
        crc = (crc >> 8) ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc.to_bytes(8, "little")


def canonical(node, space):
    if isinstance(node, str):
        return json.dumps(node)
    if isinstance(node, list):
        return "[" + ",".join(canonical(branch, space) for branch in node) + "]"
    kind, space = node["type"], node.get("namespace", space)
    if kind not in ("record", "enum", "array", "map", "fixed"):
        return canonical(kind, space)
    parts = []
    if "name" in node:
        name = node["name"]
        parts.append('"name":' + json.dumps(name if "." in name or not space else f"{space}.{name}"))
    parts.append(f'"type":"{kind}"')
    if kind == "record":
        fields = (f'{{"name":{json.dumps(field["name"])},"type":{canonical(field["type"], space)}}}' for field in node["fields"])
        parts.append('"fields":[' + ",".join(fields) + "]")
    if kind == "enum":
        parts.append('"symbols":' + json.dumps(node["symbols"], separators=(",", ":")))
    for inner in ("items", "values"):
        if inner in node:
            parts.append(f'"{inner}":{canonical(node[inner], space)}')
    return "{" + ",".join(parts) + "}"


def schema(name):
    """A schema of schemas/ by file name without .avsc, with its single-object header."""
    if name not in _schemas:
        text = (SOURCE / "schemas" / f"{name}.avsc").read_text()
        plain = text.replace('"logicalType": "timestamp-millis"', '"doc": ""')  # times stay numbers
        _schemas[name] = avro.schema.parse(plain), b"\xc3\x01" + fingerprint(text)
    return _schemas[name]


def decode(name, data):
    parsed, header = schema(name)
    assert data[:10] == header, f"not a {name}: {data[:10].hex()} instead of {header.hex()}"
    return avro.io.DatumReader(parsed).read(avro.io.BinaryDecoder(io.BytesIO(data[10:])))


def last_long(data):
    """The last field of a record, if it is a long: only the last byte of a number has its high bit clear."""
    first = len(data) - 1
    while data[first - 1] & 0x80:
        first -= 1
    raw = sum((byte & 0x7F) << 7 * place for place, byte in enumerate(data[first:]))
    return raw >> 1 ^ -(raw & 1)


def with_defaults(record, datum):
    """The whole record: what is not set gets the schema's default."""
    return {**{field.name: field.default if field.has_default else None for field in record.fields}, **datum}


def encode_event(event):
    """A flat event (only the fields that are set) as single-object Avro."""
    parsed, header = schema("event")
    item = next(field.type.items for field in parsed.fields if field.name == "items")
    whole = with_defaults(parsed, event)
    whole["items"] = [with_defaults(item, one) for one in whole["items"]]
    out = io.BytesIO()
    avro.io.DatumWriter(parsed).write(whole, avro.io.BinaryEncoder(out))
    return header + out.getvalue()


def event_record(event, avro_encoded=False, **more):
    value = encode_event(event) if avro_encoded else json.dumps(event, separators=(",", ":")).encode()
    return {"key": event["user_id"].encode(), "value": value, **more}
