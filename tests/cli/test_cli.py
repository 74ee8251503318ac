"""The frame of the command line: what every command has in common."""
import os
import subprocess

import pytest

EDDY = os.environ["EDDY_BIN"]
COMMANDS = ["demo", "run", "validate", "replay", "generate", "check", "produce", "tail", "dlq", "top", "topics", "config", "version"]


def eddy(*arguments, **options):
    return subprocess.run([EDDY, *arguments], capture_output=True, text=True, timeout=60, **options)


def test_alone_it_shows_three_examples():
    result = eddy()
    assert result.returncode == 0 and result.stderr == ""
    assert sum(line.startswith("  eddy ") for line in result.stdout.splitlines()) == 3


@pytest.mark.parametrize("arguments", [["help"], ["--help"], ["-h"]])
def test_help_lists_every_command(arguments):
    result = eddy(*arguments)
    assert result.returncode == 0 and result.stderr == ""
    for name in COMMANDS:
        assert f"\n  {name} " in result.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name):
    first, second, third = eddy(name, "--help"), eddy("help", name), eddy(name, "-h")
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith(f"usage: eddy {name}")
    assert first.stderr == ""
    assert first.stdout == second.stdout == third.stdout


def test_a_typo_gets_the_nearest_name():
    result = eddy("valdate")
    assert result.returncode == 64 and result.stdout == ""
    assert "did you mean `validate`?" in result.stderr
    assert eddy("help", "rnu").returncode == 64
    far = eddy("xyzzyplugh")
    assert far.returncode == 64 and "did you mean" not in far.stderr


@pytest.mark.parametrize("name", ["demo", "run", "validate", "replay", "generate", "check", "produce", "tail", "dlq", "top", "topics", "config"])
def test_every_command_takes_misuse_alike(name):
    for wrong, told in [("--bogus", "--bogus"), ("-zx", "-z"), ("-z", "-z")]:
        result = eddy(name, wrong)
        assert result.returncode == 64 and result.stdout == ""
        assert result.stderr == f"eddy {name}: unknown option {told}\nTry `eddy {name} --help`.\n"


@pytest.mark.parametrize("arguments", [["--users", "0"], ["--users", "1.5"], ["--speed", "nan"], ["--duration", "30"], ["--seed", "-1"],
                                       ["--seed"], ["extra"]])
def test_a_demo_that_cannot_be_is_64(arguments):
    result = eddy("demo", *arguments)
    assert result.returncode == 64 and result.stdout == "" and "eddy demo --help" in result.stderr


def test_version_names_the_libraries():
    result = eddy("version")
    lines = result.stdout.splitlines()
    assert result.returncode == 0 and result.stderr == ""
    assert lines[0] == "eddy 0.1.0"
    assert [line.split()[0] for line in lines[1:]] == ["librdkafka", "libuv", "hiredis", "libavro", "libyaml", "jansson", "libcurl"]
    assert all(line.split()[1][0].isdigit() for line in lines)
    assert eddy("--version").stdout == result.stdout
    assert eddy("version", "x").returncode == 64


def test_the_reference_is_markdown_with_every_section():
    result = eddy("config", "reference")
    assert result.returncode == 0 and result.stderr == ""
    for section in ["kafka", "registry", "redis", "time", "profile", "features", "model", "triggers", "log"]:
        assert f"\n## {section}\n" in result.stdout
    assert "| `kafka.commit_interval` | duration, 20ms to 10s | `100ms` |" in result.stdout
    columns = {line.count(" | ") for line in result.stdout.splitlines() if line.startswith("| `")}
    assert columns == {3}
    assert eddy("config").returncode == 64
    assert eddy("config", "referense").returncode == 64


def test_output_that_does_not_arrive_is_no_success():
    with open("/dev/full", "w") as full:
        result = subprocess.run([EDDY, "version"], stdout=full, stderr=subprocess.PIPE, timeout=60)
    assert result.returncode == 74


def test_no_colours_unless_on_a_terminal():
    assert "\x1b" not in eddy("help").stdout + eddy("nonsense").stderr


def test_what_gives_something_up_is_spelled_out():
    for short, whole in ("--acc", "--accept-loss"), ("--off", "--offsets-from-profiles"):
        result = eddy("run", short)
        assert result.returncode == 64 and f"write {whole} in full" in result.stderr, result.stderr
