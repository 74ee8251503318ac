"""Manual pages and completion are made of the same texts as --help and `config reference`; here they are shown to groff and bash."""
import os
import re
import shutil
import subprocess

import pytest

EDDY = os.environ["EDDY_BIN"]


def output(*arguments, **options):
    result = subprocess.run(arguments, capture_output=True, text=True, timeout=60, **options)
    assert result.returncode == 0 and result.stderr == "", result.stderr
    return result.stdout


def commands():
    return re.findall(r"^  (\S+) ", output(EDDY, "help"), re.M)


def words(text):
    return re.findall(r"\S+", text)


def page(*name):
    if not shutil.which("groff"):
        pytest.skip("no groff")
    return output("groff", "-ww", "-Kutf8", "-Tutf8", "-P-c", "-P-b", "-P-o", "-P-u", "-man", "-rLL=1000n", input=output(EDDY, "man", *name))


def test_the_page_says_what_help_says():
    shown = words(page())
    text = " ".join(shown).replace("‐", "-").replace("−", "-").replace("’", "'")
    for command in commands():
        help_text = output(EDDY, command, "--help").replace("`", "").removeprefix("usage: ")
        for paragraph in help_text.split("\n\n"):
            assert " ".join(words(paragraph)) in text, (command, paragraph)


def test_every_key_has_its_place_in_the_page():
    text = page("eddy.yaml")
    for row in re.findall(r"^\| (`.+) \|$", output(EDDY, "config", "reference"), re.M):
        key, _, _, meaning = re.fullmatch(r"(.*?) \| (.*?) \| (.*) \| (.*)", row).groups()
        assert re.search(rf"^ +{re.escape(key.strip('`'))}( |$)", text, re.M), key
        plain = " ".join(words(meaning.replace("`", "")))
        assert plain in " ".join(words(text)).replace("‐", "-").replace("−", "-").replace("’", "'"), plain


def test_groff_finds_nothing_wrong():
    for name in [], ["eddy.yaml"]:
        page(*name)  # asserts silence


def complete(line):
    """What bash offers at the end of the line."""
    script = f"""source <("$EDDY_BIN" completion bash)
COMP_WORDS=({line}); [[ "{line}" == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _eddy; printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    return output("bash", "-c", script).split()


def test_commands_are_completed():
    assert complete("eddy va") == ["validate"]
    assert set(complete("eddy ")) == {*commands(), "help"}
    assert complete("eddy help ru") == ["run"]


@pytest.mark.parametrize("command", [command for command in commands() if command != "version"])
def test_exit_codes_are_stated(command):
    assert re.search(r"Exit codes?:? 0", output(EDDY, command, "--help"))


@pytest.mark.parametrize("command", commands())
def test_every_option_is_completed(command):
    text = output(EDDY, command, "--help")
    listed = {option for line in re.findall(r"^ {1,6}(-.*?)(?:  |$)", text, re.M) for option in re.findall(r"(?<!\S)--?[\w-]+", line)}
    assert set(complete(f"eddy {command} -")) == listed | {"--help"}


def test_verbs_files_and_values(tmp_path):
    assert complete("eddy topics ") == ["create"] and complete("eddy redis re") == ["rebuild"]
    (tmp_path / "some.yaml").touch()
    assert complete(f"eddy run -c {tmp_path}/so") == [f"{tmp_path}/some.yaml"]
    assert complete(f"eddy run --config {tmp_path}/so") == [f"{tmp_path}/some.yaml"]
    assert complete("eddy generate --users ") == []


@pytest.mark.parametrize("arguments", [["man", "bash"], ["man", "eddy.yaml", "more"], ["completion"], ["completion", "tcsh"], ["completion", "bash", "x"]])
def test_misuse_is_64(arguments):
    result = subprocess.run([EDDY, *arguments], capture_output=True, text=True, timeout=60)
    assert result.returncode == 64 and result.stdout == "" and f"eddy {arguments[0]} --help" in result.stderr
