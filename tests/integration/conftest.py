"""What every integration test starts from: one broker for the session, and eddy as a process with a configuration of its own."""
import itertools
import os
import pathlib
import signal
import subprocess
import sys

import pytest
import redis

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

from kafka_fixture import KafkaServer, free_port, last_long  # noqa: E402
from waiting import await_true  # noqa: E402

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory):
    server = KafkaServer(tmp_path_factory.mktemp("kafka")).start()
    yield server
    server.kill()


@pytest.fixture
def own_kafka(tmp_path):
    """A broker that a test may stop and start: not yet running."""
    server = KafkaServer(tmp_path / "kafka")
    yield server
    server.kill()


class Eddy:
    """`eddy run` under a configuration. Its log is read from a file; it is ended by its pid."""

    def __init__(self, folder, text):
        self.number = next(_numbers)
        self.config = folder / f"eddy-{self.number}.yaml"
        self.config.write_text(text)
        self.log_path = folder / f"eddy-{self.number}.log"
        self.process = None

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([os.environ["EDDY_BIN"], "run", "-c", str(self.config)], stdout=log, stderr=log)
        return self

    def log(self):
        return self.log_path.read_text(errors="replace")

    def await_log(self, text, seconds=60, count=1):
        await_true(lambda: self.log().count(text) >= count or self.process.poll() is not None, seconds, lambda: self.log()[-3000:])
        assert self.log().count(text) >= count, self.log()[-3000:]

    def stop(self, number=signal.SIGTERM, seconds=60):
        """Sends the signal, returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait(seconds)

    def wait(self, seconds=60):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"eddy did not end\n{self.log()[-3000:]}") from None

    def kill(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def eddies(tmp_path):
    """Makes processes; whatever still runs at the end of the test is killed."""
    made = []

    def make(text):
        eddy = Eddy(tmp_path, text)
        made.append(eddy)
        return eddy

    yield make
    for eddy in made:
        if eddy.process is not None and eddy.process.poll() is None:
            eddy.kill()


@pytest.fixture
def app(request):
    """A name for the application that no other test uses."""
    return f"t{next(_numbers)}-{request.node.name.split('[')[0].replace('test_', '').replace('_', '-')}"[:50]


def effect_gaps(kafka, app):
    """What is wrong with the effect numbers: over all outputs of a partition they must be 0, 1, 2 ... Each record's last field."""
    numbers = {}
    for topic in ("segment-changes", "triggers", "suppressed", "model-delta", "receipts"):
        for message in kafka.read(f"{app}.{topic}"):
            numbers.setdefault(message.partition(), []).append(last_long(message.value()))
    return [(partition, number, found) for partition, all in sorted(numbers.items())
            for number, found in enumerate(sorted(all)) if number != found][:10]


class RedisServer:
    """A private redis-server without persistence, on one port across restarts."""

    def __init__(self, folder):
        self.folder, self.port, self.process = folder, free_port(), None

    def start(self):
        with open(self.folder / "redis.log", "ab") as log:
            self.process = subprocess.Popen(["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
                                             "--appendonly", "no", "--dir", str(self.folder)], stdout=log, stderr=log)
        await_true(self._answers, 20)
        return self

    def _answers(self):
        try:
            return self.client().ping()
        except redis.ConnectionError:
            return False

    def client(self):
        return redis.Redis(port=self.port, decode_responses=True)

    def _end(self, number):
        if self.process is not None:
            self.process.send_signal(number)
            self.process.send_signal(signal.SIGCONT)
            self.process.wait(20)
            self.process = None

    def stop(self):
        self._end(signal.SIGTERM)

    def kill(self):
        self._end(signal.SIGKILL)

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)


@pytest.fixture
def redis_server(tmp_path):
    """Not yet running."""
    server = RedisServer(tmp_path)
    yield server
    server.stop()
