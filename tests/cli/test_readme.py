"""What the README shows is run here: its commands, its configuration, its JSON."""
import json
import os
import re
import socket
import subprocess
from pathlib import Path

SOURCE = Path(os.environ["EDDY_SOURCE_DIR"])
BIN = os.environ["EDDY_BIN"]
README = (SOURCE / "README.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.M | re.S)


def commands():
    return [line.split("#")[0].strip() for block in blocks("sh") for line in block.splitlines() if line.startswith("./eddy")]


def run(command, folder, timeout=120):
    return subprocess.run(["bash", "-c", command.replace("./eddy", BIN)], cwd=folder, capture_output=True, text=True, timeout=timeout)


def test_every_command_is_known_here():
    assert commands() == ["./eddy demo", "./eddy test", "./eddy generate --users 500 --events 20000 -o events.jsonl",
                          "./eddy replay events.jsonl > effects.jsonl", "./eddy validate -c eddy.yaml", "./eddy topics create -c eddy.yaml",
                          "./eddy check -c eddy.yaml", "./eddy run -c eddy.yaml", "./eddy top -c eddy.yaml", "./eddy explain -c eddy.yaml ann",
                          "./eddy dlq list -c eddy.yaml",
                          "./eddy dlq retry -c eddy.yaml --code unknown_schema", "./eddy config show --effective -c eddy.yaml"]
    # `./eddy test` runs this file; what needs a broker is in tests/integration.


def test_pictures_and_pages_are_there():
    linked = re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", README)
    assert linked and all((SOURCE / path).exists() for path in linked), linked


def test_demo_shows_first_results_soon(tmp_path):
    result = run("./eddy demo --duration 12s", tmp_path)
    assert result.returncode == 0, result.stderr
    last = result.stdout[result.stdout.rindex("eddy demo "):]
    assert re.search(r"events +[1-9]\d+", last), last
    assert "cart_abandonment" in last and "segments  (model" in last, last


def test_generate_and_replay(tmp_path):
    for command in commands()[2:4]:
        result = run(command, tmp_path)
        assert result.returncode == 0, result.stderr
    effects = [json.loads(line) for line in (tmp_path / "effects.jsonl").read_text().splitlines()]
    kinds = {effect["type"] for effect in effects}
    assert {"segment_change", "trigger"} <= kinds
    shown = json.loads(blocks("json")[0])
    trigger = next(effect for effect in effects if effect["type"] == "trigger")
    assert set(shown) <= set(trigger) and set(shown["payload"]) == set(trigger["payload"])
    assert set(shown["payload"]["items"][0]) <= set(trigger["payload"]["items"][0])
    assert set(shown["reasons"][0]) <= set(trigger["reasons"][0])


def test_the_configuration_is_valid(tmp_path):
    (tmp_path / "eddy.yaml").write_text(blocks("yaml")[0])
    result = run("./eddy validate -c eddy.yaml", tmp_path)
    assert result.returncode == 0, result.stderr


def test_what_watches_and_explains(tmp_path):
    """Without a broker or an instance: a port that nobody has says so, with the code for it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        closed = f"127.0.0.1:{probe.getsockname()[1]}"
        (tmp_path / "eddy.yaml").write_text(blocks("yaml")[0] + f"http: {{listen: '{closed}'}}\n")
        top, explain, dlq, retry, show = (f"KAFKA={closed} {command}" for command in commands()[-5:])
        assert run(show, tmp_path).returncode == 0 and f"brokers: {closed}\n" in run(show, tmp_path).stdout
        assert run(top, tmp_path).returncode == 69
        assert run(explain, tmp_path).returncode == 69
        for command in (dlq, retry):
            result = run(command, tmp_path)
            assert result.returncode == 69 and "no broker at" in result.stderr, result.stderr
    assert run("./eddy config init started.yaml && ./eddy validate -c started.yaml", tmp_path).returncode == 0


def test_the_event_is_an_event(tmp_path):
    event = re.search(r"echo 'ann:(.*)' \|", README).group(1).replace("'$(date -u +%FT%TZ)'", "2026-01-05T10:00:00Z")
    (tmp_path / "events.jsonl").write_text(event + "\n")
    result = run("./eddy replay --until 2026-01-05T12:00:00Z events.jsonl", tmp_path)
    assert result.returncode == 0, result.stderr
    trigger = json.loads(result.stdout.splitlines()[0])
    assert trigger["user_id"] == "ann" and trigger["payload"]["value"] == 4900
