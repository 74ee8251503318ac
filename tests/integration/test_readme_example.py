"""The example of the README as it stands there, beside its configuration: only addresses and the hour are other ones."""
import json
import os
import re
import subprocess
import sys
import time

import pytest
from conftest import await_true
from kafka_fixture import SOURCE

README = (SOURCE / "README.md").read_text()


def block(language):
    return re.search(rf"^```{language}\n(.*?)^```", README, re.M | re.S).group(1)


def replace(text, *pairs):
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


@pytest.fixture
def sender(kafka, redis_server, tmp_path):
    """Starts the program; returns what it has written so far as a function."""
    processes = []

    def start(group="cart-mail"):
        text = replace(block("python"), ("localhost:9092", kafka.brokers), ("port=6379", f"port={redis_server.port}"), ("cart-mail\"", f"{group}\""))
        out = tmp_path / f"out-{len(processes)}"
        with open(out, "wb") as file:
            processes.append(subprocess.Popen([sys.executable, "-c", text], cwd=SOURCE, stdout=file, stderr=file))
        return out.read_text

    yield start
    for process in processes:
        process.kill()
        process.wait()


def add_to_cart(config, user):
    """The README's event, of now."""
    event = json.loads(re.search(r"echo 'ann:(.*)' \|", README).group(1).replace("'$(date -u +%FT%TZ)'", time.strftime("%FT%TZ", time.gmtime())))
    subprocess.run([os.environ["EDDY_BIN"], "produce", "-c", config], input=json.dumps({**event, "user_id": user}), text=True, check=True)


def test_a_cart_that_is_left_becomes_a_mail(kafka, redis_server, eddies, sender, monkeypatch):
    redis_server.start()
    monkeypatch.setenv("KAFKA", kafka.brokers)
    text = replace(block("yaml"), ("redis://localhost:6379", f"redis://127.0.0.1:{redis_server.port}"), ("for: 1h", "for: 1s"))
    eddy = eddies(text + "http: {listen: none}\ntime: {allowed_lateness: 0s}\n")
    subprocess.run([os.environ["EDDY_BIN"], "topics", "create", "-c", eddy.config], check=True, capture_output=True)
    eddy.start()
    eddy.await_log('msg="partition assigned"', count=4)
    said = sender()
    add_to_cart(eddy.config, "ann")
    await_true(lambda: " sent\n" in said(), 30, lambda: said() + eddy.log())
    assert re.fullmatch(r"Dear ann of segment None you left 49.0 USD\n[0-9a-f]{32} sent\n", said()), said()
    again = sender("another")  # as after a crash: from the beginning
    await_true(lambda: " sent already\n" in again(), 30, again)

    redis_server.client().delete("shop:user:ann", *redis_server.client().keys("cart-mail:*"))  # as `eddy forget ann` does
    late = sender("third")
    await_true(lambda: " erased meanwhile\n" in late(), 30, late)
    assert eddy.stop() == 0
