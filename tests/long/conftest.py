"""The integration tests' fixtures, for tests that take minutes: `./eddy test --long`."""
import importlib.util
import pathlib

import pytest

_path = pathlib.Path(__file__).resolve().parents[1] / "integration" / "conftest.py"
_spec = importlib.util.spec_from_file_location("integration_conftest", _path)
_base = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_base)
kafka, own_kafka, redis_server, app = _base.kafka, _base.own_kafka, _base.redis_server, _base.app

from kafka_fixture import KafkaCluster  # noqa: E402


@pytest.fixture
def cluster(tmp_path):
    """Three brokers, all running."""
    made = KafkaCluster(tmp_path / "cluster").start_all()
    yield made
    made.kill_all()
