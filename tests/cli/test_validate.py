"""eddy validate on files: exit codes, where the words go, and that nothing happens besides."""
import json
import os
import subprocess

import pytest

EDDY = os.environ["EDDY_BIN"]

EXAMPLE = """
app: eddy
kafka:
  brokers: localhost:9092
  input: events
  properties: {security.protocol: SASL_SSL, sasl.password: "${file:kafka.pass}"}   # librdkafka's own names
redis: {url: redis://localhost:6379}
time: {allowed_lateness: 10s, at_end: wall}
profile: {idle_ttl: 400d, memory_max: 4GiB}
model: {segments: 16, half_life: 7d}
triggers:
  - {name: cart_abandonment, kind: absence, after: [product_added, cart_updated], without: order_completed, for: 1h, subject: user}
"""

# What a person who sets eddy up for the first time gets wrong: one file, every mistake in a line of its own.
MISTAKES = """\
app: My Shop
wrokers: 2
kafka:
  broker: localhost:9092
  commit_interval: 100
  start: yesterday
  properties:
    group.id: shop
    linger.ms: fast
    compresion.type: lz4
    sasl.password: ${EDDY_TEST_NO_SUCH_VARIABLE}
redis: localhost:6379
time: {at_end: never}
profile:
  memory_max: 4
  currency: dollar
features:
  - {name: opens_7d, on: email_open, half_life: 7d, cluster: true}
  - {name: spend, on: order_completed, value: value, half_life: 30}
  - {name: rate, fold: ratio, of: opens, to: spend}
  - {name: spend, on: order_completed, fold: age}
model: {segments: 1}
triggers:
  - {name: cart, kind: absent, after: product_added, for: 1h}
  - {name: slow, after: product_added, for: [1d, 1h]}
  - {name: none, after: product_added}
log: {level: loud}
"""

EXPECTED = [
    (1, 6, "a-z"),
    (2, 1, "did you mean `workers`?"),
    (4, 3, "did you mean `brokers`?"),
    (5, 20, "write 100ms"),
    (6, 10, "expected earliest, latest or a time"),
    (8, 5, "use `kafka.group`"),
    (9, 16, "linger.ms"),
    (10, 5, "did you mean compression.codec?"),
    (11, 20, "set it, or write ${NAME:-default}"),
    (12, 8, "must be a mapping"),
    (13, 16, "wall, newest, hold or scaled(FACTOR)"),
    (15, 15, "write 4MiB"),
    (16, 13, "such as EUR"),
    (18, 26, "did you mean `email_opened`?"),
    (19, 65, "write 30d"),
    (20, 35, "there is no feature `opens`"),
    (21, 12, "in line 19"),
    (22, 19, "not within 2 to 256"),
    (24, 24, "expected absence"),
    (25, 50, "longer than the one before it"),
    (26, 5, "`for` in triggers[2]: is missing"),
    (27, 14, "one of error, warn, info, debug"),
]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "kafka.pass").write_text("hunter2\n")
    return tmp_path


def validate(folder, text, *arguments):
    (folder / "eddy.yaml").write_text(text)
    return subprocess.run([EDDY, "validate", "-c", "eddy.yaml", *arguments], cwd=folder, capture_output=True, text=True, timeout=60)


def test_a_right_file_is_one_line_on_stdout(folder):
    before = sorted(folder.iterdir()) + [folder / "eddy.yaml"]
    result = validate(folder, EXAMPLE)
    assert result.returncode == 0 and result.stderr == ""
    assert result.stdout == "eddy.yaml: ok (app eddy, 32 features, 1 trigger, 16 segments, 1 worker)\n"
    assert sorted(folder.iterdir()) == sorted(before)


def test_every_mistake_at_once_with_its_place_and_a_hint(folder):
    result = validate(folder, MISTAKES)
    assert result.returncode == 78 and result.stdout == ""
    blocks = result.stderr.split("eddy.yaml:")[1:]
    places = [tuple(int(part) for part in block.split(":")[:2]) for block in blocks]
    assert places == [(line, column) for line, column, _ in EXPECTED], result.stderr
    for block, (line, column, words) in zip(blocks, EXPECTED):
        assert words in block, block
        source, caret = block.splitlines()[1:3]
        assert source == f"{line:5} | {MISTAKES.splitlines()[line - 1]}"
        assert caret.index("^") == 8 + column - 1
    assert result.stderr.endswith(f"\n{len(EXPECTED)} errors\n")


def test_every_mistake_for_programs(folder):
    """Line for line what people are told, as JSON on standard output."""
    told, result = validate(folder, MISTAKES).stderr, validate(folder, MISTAKES, "--json")
    assert result.returncode == 78 and result.stderr == ""
    errors = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(error["line"], error["column"]) for error in errors] == [(line, column) for line, column, _ in EXPECTED]
    for error in errors:
        assert f"eddy.yaml:{error['line']}:{error['column']}: error: {error['message']}\n" in told and error["file"] == "eddy.yaml"
        assert error["hint"] is None or f"^ {error['hint']}\n" in told
    assert any(error["hint"] for error in errors)
    fine = validate(folder, EXAMPLE, "-J")
    assert (fine.returncode, fine.stdout, fine.stderr) == (0, "", "")
    absent = subprocess.run([EDDY, "validate", "-J", "none.yaml"], cwd=folder, capture_output=True, text=True, timeout=60)
    assert absent.returncode == 78 and json.loads(absent.stdout)["line"] == 0


def test_secrets_are_not_shown(folder):
    result = validate(folder, "workers: ${file:kafka.pass}\nkafka: {properties: {linger.ms: '${file:kafka.pass}'}}\n")
    assert result.returncode == 78
    assert "hunter2" not in result.stderr and "${file:kafka.pass}" in result.stderr


def test_a_file_from_a_pipe(folder):
    result = subprocess.run([EDDY, "validate", "-c", "/dev/stdin"], input="app: piped\n", capture_output=True, text=True, timeout=60)
    assert result.returncode == 0 and "app piped" in result.stdout


def test_what_cannot_be_read(folder):
    result = subprocess.run([EDDY, "validate", "-c", folder / "none.yaml"], capture_output=True, text=True, timeout=60)
    assert result.returncode == 78 and "none.yaml: error: the file cannot be read" in result.stderr


@pytest.mark.parametrize("arguments", [[], ["-c"], ["-x"], ["a", "b"], ["-c", "a", "b"]])
def test_misuse_is_64(folder, arguments):
    result = subprocess.run([EDDY, "validate", *arguments], capture_output=True, text=True, timeout=60)
    assert result.returncode == 64 and "eddy validate --help" in result.stderr and result.stdout == ""
