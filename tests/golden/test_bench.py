"""The benchmarks run and print figures. What the figures are is not judged here: other things run on this machine."""
import os
import pathlib
import re
import subprocess
import sys

SOURCE = pathlib.Path(os.environ["EDDY_SOURCE_DIR"])
BUILD = pathlib.Path(os.environ["EDDY_BUILD_DIR"])


def output(*command):
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300)
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stdout


def figures(pattern, text):
    found = [float(figure) for figure in re.findall(pattern, text)]
    assert found and all(figure > 0 for figure in found), text
    return found


def test_micro():
    text = output(BUILD / "bench" / "bench_micro", "--smoke")
    for name in ("decode", "engine", "assign", "timers"):
        figures(rf"(?m)^{name}.* ([\d.]+) ns ", text)


def test_end_to_end():
    text = output(sys.executable, SOURCE / "bench" / "e2e" / "run.py", "--smoke")
    assert "Apache Kafka" in text and "librdkafka" in text
    assert len(figures(r"median: (\d+) k events per CPU-second", text)) == 5  # many, many-redis, few; durable state; watched
    assert figures(r"watched +\S+ k/s +\S+ k per CPU-s, (\d+) answers", text)[0] >= 4
    assert len(figures(r"bare consumer +(\d+) k/s", text)) == 3
    figures(r"resident size grew by (\d+) MB", text)
    assert len(figures(r"(?:kill -9 in a drain|clean stop): ([\d.]+) s", text)) == 2
    figures(r"p99 (\d+) ms", text)
    figures(r"over ([\d,]+) changes", text.replace(",", ""))
