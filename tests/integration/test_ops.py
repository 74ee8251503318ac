"""The commands for people: topics, check, produce and tail, against a real broker and a real Redis."""
import json
import os
import subprocess

import pytest
from kafka_fixture import free_port

CONFIG = """app: {app}
instance: ops
kafka: {{brokers: "{brokers}", input: {app}.in, commit_interval: 20ms}}
triggers:
  - {{name: cart, kind: absence, after: [product_added], without: [order_completed], for: 1h, payload: cart}}
time: {{allowed_lateness: 1s, at_end: newest, publish_after: none}}
{more}
"""


@pytest.fixture
def config(tmp_path, kafka, app):
    def make(more="", brokers=kafka.brokers):
        path = tmp_path / "ops.yaml"
        path.write_text(CONFIG.format(app=app, brokers=brokers, more=more))
        return str(path)

    return make


def run(*arguments, text=None, seconds=60):
    return subprocess.run([os.environ["EDDY_BIN"], *arguments], input=text, capture_output=True, text=True, timeout=seconds)


def rows(result):
    """Name -> what is said about it."""
    return dict(line.split(": ", 1) for line in result.stdout.splitlines())


# topics create ------------------------------------------------------------------------------------------------------------------


def test_topics_are_created_once_and_compared_afterwards(kafka, app, config):
    path = config()
    planned = run("topics", "create", "-c", path, "--partitions", "3", "--dry-run")
    assert planned.returncode == 0, planned.stderr
    assert not [name for name in kafka.topics() if name.startswith(app)]

    made = run("topics", "create", "-c", path, "--partitions", "3")
    assert made.returncode == 0 and made.stderr == ""
    names = [f"{app}.{suffix}" for suffix in ("in", "segment-changes", "triggers", "suppressed", "model-delta", "model", "segments",
                                              "dlq")]
    assert list(rows(made)) == names == list(rows(planned))
    assert all(text.startswith("created: partitions ") for text in rows(made).values())
    assert all(text.startswith("would create: partitions ") for text in rows(planned).values())
    assert rows(made)[f"{app}.in"] == "created: partitions 3, message.timestamp.type LogAppendTime"
    assert rows(made)[f"{app}.model"] == "created: partitions 1, cleanup.policy compact"
    assert rows(made)[f"{app}.dlq"] == f"created: partitions 3, max.message.bytes {2097152 + 65536}"
    found = {name: len(topic.partitions) for name, topic in kafka.topics().items() if name in names}
    assert found == {name: 1 if name in (f"{app}.model", f"{app}.segments") else 3 for name in names}

    again = run("topics", "create", "-c", path)
    assert again.returncode == 0 and set(rows(again).values()) == {"ok"}
    wished = run("topics", "create", "-c", path, "--partitions", "4")
    assert wished.returncode == 69 and rows(wished)[f"{app}.in"] == "differs: partitions 3, expected 4"


def test_topics_that_differ_are_said(kafka, app, config):
    kafka.create(f"{app}.in", 4)
    kafka.create(f"{app}.triggers", 2)
    kafka.create(f"{app}.segments", 1)
    kafka.create(f"{app}.dlq", 8, max_message_bytes=5000)
    result = run("topics", "create", "-c", config())
    said = rows(result)
    assert result.returncode == 69
    assert said[f"{app}.in"] == "differs: message.timestamp.type CreateTime, expected LogAppendTime"
    assert said[f"{app}.triggers"] == "differs: partitions 2, expected 4"
    assert said[f"{app}.segments"] == "differs: cleanup.policy delete, expected compact"
    assert said[f"{app}.dlq"] == f"differs: max.message.bytes 5000, expected {2097152 + 65536}"
    assert said[f"{app}.suppressed"] == "created: partitions 4"


def test_no_broker_is_69_within_seconds(config):
    result = run("topics", "create", "-c", config(brokers=f"127.0.0.1:{free_port()}"), seconds=30)
    assert result.returncode == 69 and result.stdout == ""
    assert "no broker at 127.0.0.1:" in result.stderr and "Connection refused" in result.stderr and "%3|" not in result.stderr
