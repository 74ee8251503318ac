"""What the commands for people refuse before they ask any broker. With one: tests/integration/test_ops.py."""
import os
import subprocess

import pytest


def eddy(*arguments, **options):
    return subprocess.run([os.environ["EDDY_BIN"], *arguments], capture_output=True, text=True, timeout=60, **options)


def refused(result, code, *parts):
    assert result.returncode == code and result.stdout == "", (result.returncode, result.stdout, result.stderr)
    for part in parts:
        assert part in result.stderr, result.stderr


@pytest.fixture
def broken(tmp_path):
    path = tmp_path / "broken.yaml"
    path.write_text("kafka: {brokrs: here}\n")
    return str(path)


def test_topics_does_one_thing(broken):
    refused(eddy("topics"), 64, "`eddy topics create`")
    refused(eddy("topics", "creat"), 64, "there is no `creat`, only `create`")
    refused(eddy("topics", "create", "eddy.yaml"), 64, "what is eddy.yaml? A file needs -c")
    for wrong in ("0", "10001", "four"):
        refused(eddy("topics", "create", "--partitions", wrong), 64, f"not `{wrong}`")
    refused(eddy("topics", "create", "-c", broken), 78, "did you mean `brokers`?")


def test_check_without_anything(broken, tmp_path):
    refused(eddy("check", "eddy.yaml"), 64, "what is eddy.yaml? A file needs -c")
    result = eddy("check", "-c", broken)
    assert result.returncode == 78 and "did you mean `brokers`?" in result.stderr
    assert result.stdout == "fail configuration: 1 error; standard error has the places\n"


def test_check_names_a_property_that_librdkafka_refuses(tmp_path):
    path = tmp_path / "eddy.yaml"
    path.write_text("kafka:\n  properties: {linger.mss: 5}\n")
    result = eddy("check", "--json", "-c", str(path))
    assert result.returncode == 78
    assert '"status":"fail","item":"configuration"' in result.stdout and "linger.mss" in result.stdout + result.stderr


def test_tail_knows_its_topics(broken):
    refused(eddy("tail"), 64, "which topic?")
    refused(eddy("tail", "triggers", "dlq"), 64, "one topic, please")
    refused(eddy("tail", "trigers"), 64, "did you mean `triggers`?")
    for wrong in ("-0", "middle", "1x", "-"):
        refused(eddy("tail", "-o", wrong, "triggers"), 64, f"not `{wrong}`")
    for wrong in ("s@", "e@soon", "s@-5", "s@2024-13-01"):
        refused(eddy("tail", "-o", wrong, "triggers"), 64, "or e@TIME", f"not `{wrong}`")
    refused(eddy("tail", "-n", "0", "triggers"), 64, "not `0`")
    refused(eddy("tail", "-p", "-1", "triggers"), 64, "the number of a partition")
    refused(eddy("tail", "-t", "triggers", "dlq"), 64, "one topic, please")
    refused(eddy("tail", "-c", broken, "triggers"), 78, "did you mean `brokers`?")


def test_tail_has_the_letters_of_kcat(broken, tmp_path):
    """-c is the configuration as everywhere; a number was never meant as one."""
    refused(eddy("tail", "-c", "0", "triggers"), 64, "expected a whole number from 1, not `0`")
    refused(eddy("tail", "-c", "10", "-c", broken, "-t", "shop.triggers"), 78, "did you mean `brokers`?")
    (tmp_path / "10").write_text("kafka: {brokrs: here}\n")
    for option in ["--config", "10"], ["-c", "./10"]:
        refused(eddy("tail", *option, "shop.triggers", cwd=tmp_path), 78, "did you mean `brokers`?")
    for wrong, shown in [("%s %x", "%x"), ("%", "%"), ("a\\q", "\\q"), ("\\x4", "\\x"), ("\\", "\\")]:
        refused(eddy("tail", "-f", wrong, "triggers"), 64, f"a format has no `{shown}`, only %s %S %k ")
    refused(eddy("tail", "-J", "-f", "%s", "triggers"), 64, "-J or -f, not both")


def test_an_option_with_a_typo(broken):
    refused(eddy("tail", "--ofset=3", "triggers"), 64, "unknown option --ofset=3; did you mean --offset?")
    for command in "produce", "tail", "check", "forget":
        refused(eddy(command, "--halp"), 64, "unknown option --halp; did you mean --help?")
    refused(eddy("produce", "--framng", "json"), 64, "did you mean --framing?")
    refused(eddy("topics", "create", "--zzz"), 64, "unknown option --zzz\n")
    refused(eddy("check", "-x"), 64, "unknown option -x\n")


def test_produce_reads_standard_input_only(broken):
    refused(eddy("produce", "events.jsonl"), 64, "Events come from standard input")
    refused(eddy("produce", "-t"), 64, "-t needs a value")
    refused(eddy("produce", "--framing", "avro"), 64, "expected single-object, confluent or json, not `avro`")
    refused(eddy("produce", "-H", "=x"), 64, "a header needs a name")
    refused(eddy("produce", "-c", broken, input=""), 78, "did you mean `brokers`?")


def test_forget_wants_users(broken):
    refused(eddy("forget"), 64, "whom?")
    refused(eddy("forget", "ann", ""), 64, "`` is no user")
    refused(eddy("forget", "a\nb"), 64, "is no user: user_id must be 1-255 bytes")
    refused(eddy("forget", "x" * 256), 64, "is no user")
    refused(eddy("forget", "--wiat", "ann"), 64, "unknown option --wiat")
    refused(eddy("forget", "-c", broken, "ann"), 78, "did you mean `brokers`?")


def test_redis_does_one_thing(broken, tmp_path):
    refused(eddy("redis"), 64, "`eddy redis rebuild`")
    refused(eddy("redis", "rebiuld"), 64, "there is no `rebiuld`, only `rebuild`")
    refused(eddy("redis", "rebuild", "eddy.yaml"), 64, "what is eddy.yaml? A file needs -c")
    refused(eddy("redis", "rebuild", "-c", broken), 78, "did you mean `brokers`?")
    refused(eddy("redis", "rebuild"), 78, "no redis.url is configured")
    path = tmp_path / "eddy.yaml"
    path.write_text("redis: {url: 'redis://:secret@127.0.0.1:1'}\n")
    result = eddy("redis", "rebuild", "-c", str(path))
    refused(result, 69, "Connection refused")
    assert "secret" not in result.stderr
