"""The script `eddy` itself: what it says while it builds, and how the arguments of `./eddy test` reach ctest. A ninja and a ctest of
nothing stand in for the real ones: neither is worth a second build of everything here."""
import os
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(os.environ["EDDY_SOURCE_DIR"])
STEPS = {
    "nothing": ["[0/2] Re-checking globbed directories...", "ninja: no work to do."],
    "a file": ["[0/2] Re-checking globbed directories...", "[1/2] Building C object x.o", "[2/2] Linking C executable eddy"],
    "a mistake": ["[1/2] Building C object x.o", "FAILED: x.o", "x.c:1: error: no semicolon"],
}


def stand_in(path, script):
    path.write_text("#!/bin/bash\n" + script)
    path.chmod(0o755)


@pytest.fixture
def wrapper(tmp_path):
    """Runs it with a build folder that looks configured, in which an `eddy` echoes its arguments."""
    for tree in ("release", "tests-thread", "tests-plain", "tests-sanitized"):
        (tmp_path / "build" / tree).mkdir(parents=True)
        (tmp_path / "build" / tree / "build.ninja").touch()
    (tmp_path / "bin").mkdir()
    stand_in(tmp_path / "build" / "release" / "eddy", 'echo "eddy $*"\n')
    stand_in(tmp_path / "bin" / "ctest", f'echo "ctest $*" >>{tmp_path}/asked\n')
    stand_in(tmp_path / "bin" / "dpkg-query", "printf installed\n")  # nothing is to be installed

    def call(*arguments, step="nothing", code=0):
        stand_in(tmp_path / "bin" / "ninja", "".join(f"echo '{line}'\n" for line in STEPS[step]) + f"exit {code}\n")
        environment = {**os.environ, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "EDDY_BUILD": str(tmp_path / "build")}
        return subprocess.run([SOURCE / "eddy", *arguments], env=environment, capture_output=True, text=True, timeout=60)

    return call


@pytest.mark.parametrize("step, said", [("nothing", ""), ("a file", "eddy: building {}/release\n")])
def test_a_build_is_said_once_and_only_when_there_is_one(wrapper, tmp_path, step, said):
    result = wrapper("version", "--json", step=step)
    assert (result.returncode, result.stdout) == (0, "eddy version --json\n")
    assert result.stderr == said.format(tmp_path / "build")
    assert (tmp_path / "build/release/build.log").read_text().splitlines() == STEPS[step]


def test_a_build_that_fails_shows_its_log(wrapper):
    result = wrapper("version", step="a mistake", code=1)
    assert result.returncode == 69 and result.stdout == ""
    assert "no semicolon" in result.stderr and result.stderr.splitlines()[-1].startswith("eddy: the build failed; whole log: ")


def test_what_is_asked_of_ctest_narrows_each_run(wrapper, tmp_path):
    assert wrapper("test", "-R", "unit/daemon").returncode == 0
    asked = [line.split() for line in (tmp_path / "asked").read_text().splitlines()]
    assert [Path(words[2]).name for words in asked] == ["tests-thread", "tests-plain", "tests-sanitized"]
    assert all(words[-2:] == ["-R", "unit/daemon"] and words.count("-R") == 1 for words in asked)
    assert [words[-4:-2] for words in asked] == [["-L", "thread"], ["-L", "plain"], ["-LE", "plain"]]
