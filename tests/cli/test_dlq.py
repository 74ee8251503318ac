"""eddy dlq: what it refuses before it connects to anything. What it does is in tests/integration/test_dlq.py."""
import os
import subprocess

import pytest

EDDY = os.environ["EDDY_BIN"]


@pytest.mark.parametrize("arguments, said", [
    ([], "`eddy dlq list` or `eddy dlq retry`"), (["lst"], "only `list` and `retry`"), (["list", "x.yaml"], "A file needs -c"),
    (["list", "--code", "bad_jsn"], "did you mean `bad_json`?"), (["list", "--code", "xyzzyplugh"], "there is no code `xyzzyplugh`; "),
    (["list", "-p", "-1"], "the number of a partition"), (["list", "-p", "99999999999"], "the number of a partition"),
    (["list", "-o", "x"], "expected beginning, end, an offset, -N, s@TIME or e@TIME"), (["list", "-n", "0"], "whole number from 1"),
    (["list", "--dry-run"], "--dry-run is for retry"), (["retry", "-f"], "-f is for list"),
    (["retry", "-o"], "-o needs a value")])
def test_misuse_is_64(arguments, said):
    result = subprocess.run([EDDY, "dlq", *arguments], capture_output=True, text=True, timeout=60)
    assert result.returncode == 64 and result.stdout == "" and said in result.stderr and "Try `eddy dlq --help`." in result.stderr


@pytest.mark.parametrize("verb", ["list", "retry"])
def test_a_bad_configuration_is_78(tmp_path, verb):
    (tmp_path / "bad.yaml").write_text("wrokers: 2\n")
    result = subprocess.run([EDDY, "dlq", verb, "-c", tmp_path / "bad.yaml"], capture_output=True, text=True, timeout=60)
    assert result.returncode == 78 and result.stdout == "" and "did you mean `workers`?" in result.stderr
