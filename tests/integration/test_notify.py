"""`eddy run` as systemd would start it (Type=notify, WatchdogSec): what arrives at the socket, from the start to the end."""
import json
import os
import socket
import subprocess

import pytest
from conftest import Eddy, await_true
from kafka_fixture import free_port


class Listener:
    def __init__(self, folder):
        self.path = str(folder / "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.setblocking(False)
        self.heard = []

    def lines(self):
        """All lines so far, in order."""
        try:
            while True:
                self.heard += self.socket.recv(4096).decode().splitlines()
        except BlockingIOError:
            return self.heard


@pytest.fixture
def listener(tmp_path):
    made = Listener(tmp_path)
    yield made
    made.socket.close()


@pytest.fixture
def service(tmp_path, listener):
    """Starts eddy with the environment of a service, its watchdog at 1 s."""
    made = []

    def start(text):
        eddy = Eddy(tmp_path, text)
        made.append(eddy)
        with open(eddy.log_path, "ab") as log:
            environment = {**os.environ, "NOTIFY_SOCKET": listener.path, "WATCHDOG_USEC": "1000000"}
            environment.pop("WATCHDOG_PID", None)
            eddy.process = subprocess.Popen([os.environ["EDDY_BIN"], "run", "-c", str(eddy.config)], stdout=log, stderr=log, env=environment)
        return eddy

    yield start
    for eddy in made:
        if eddy.process.poll() is None:
            eddy.kill()


def status(line):
    return json.loads(line.removeprefix("STATUS="))


def test_from_the_start_to_the_end(kafka, app, service, listener):
    kafka.create(f"{app}.events", 2)
    eddy = service(f"app: {app}\nkafka: {{brokers: '{kafka.brokers}'}}\nhttp: {{listen: none}}\n")
    await_true(lambda: "READY=1" in listener.lines(), 60, eddy.log)
    at = listener.heard.index("READY=1")
    assert status(listener.heard[at + 1])["ready"] and status(listener.heard[at + 1])["partitions"] > 0
    assert 'msg="partition assigned"' in eddy.log()
    pings = listener.heard.count("WATCHDOG=1")
    await_true(lambda: listener.lines().count("WATCHDOG=1") > pings + 2, 30, eddy.log)
    assert eddy.stop() == 0
    assert listener.lines().count("READY=1") == 1 and listener.heard.count("STOPPING=1") == 1
    assert listener.heard.index("STOPPING=1") > at


def test_without_a_broker_it_is_alive_and_says_what_it_waits_for(service, listener):
    eddy = service(f"kafka: {{brokers: '127.0.0.1:{free_port()}'}}\nhttp: {{listen: none}}\n")
    missing = lambda: [text for line in listener.lines() if line.startswith("STATUS=") for text in status(line)["missing"]]
    await_true(lambda: any("broker" in text for text in missing()) and "WATCHDOG=1" in listener.heard, 60, eddy.log)
    assert "READY=1" not in listener.heard
    assert eddy.stop() == 0 and "STOPPING=1" in listener.lines()
