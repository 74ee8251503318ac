"""Compose file, Dockerfile, unit, alerts and the page about operations, as far as they can be checked without an engine or systemd."""
import json
import os
import re
import shutil
import socket
import subprocess
import threading
from pathlib import Path

import pytest
import yaml

SOURCE = Path(os.environ["EDDY_SOURCE_DIR"])
EDDY = os.environ["EDDY_BIN"]
DEPLOY = SOURCE / "src" / "deploy"
PAGE = (DEPLOY / "README.md").read_text()
COMPOSE = yaml.safe_load((SOURCE / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
RULES = {rule["alert"]: rule for rule in yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"][0]["rules"]}


def run(*command, timeout=60, **options):
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, **options)


# Compose ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_contained(name):
    service = SERVICES[name]
    assert service["security_opt"] == ["no-new-privileges:true"] and service["cap_drop"] == ["ALL"]
    assert "privileged" not in service and service.get("user", "1") not in ("root", "0") and "pid" not in service
    assert service.get("read_only") or name in ("kafka", "registry"), "its image writes into itself"
    assert "test" in service["healthcheck"] or name == "topics"
    for port in service.get("ports", []):
        assert port.startswith("127.0.0.1:"), port
    for volume in service.get("volumes", []):
        kind, _, *flags = volume.split(":")
        assert kind in COMPOSE["volumes"] or (flags == ["ro"] and (SOURCE / kind).is_file()), volume


def test_compose_reads_it():
    """Debian's docker-compose is older than the key `name` and knows it as an option."""
    text = re.sub(r"^name: (\w+)\n", "", (SOURCE / "docker-compose.yml").read_text(), flags=re.M)
    result = run("docker-compose", "-p", "eddy", "--project-directory", SOURCE, "-f", "-", "--profile", "monitoring", "--profile", "registry",
                 "config", input=text)
    assert result.returncode == 0 and not result.stderr, result.stderr
    resolved = yaml.safe_load(result.stdout)
    assert set(resolved["services"]) == set(SERVICES) and set(resolved["volumes"]) == set(COMPOSE["volumes"])


def test_volumes_and_ports_are_used_once():
    mounted = [volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])]
    assert sorted(name for name in mounted if not name.startswith("./")) == sorted(COMPOSE["volumes"])
    published = [port.split(":")[1] for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(published) == len(set(published))
    described = set(re.findall(r"\b(\d{4})\b", (SOURCE / "docker-compose.yml").read_text().split("\nname:")[0]))
    assert described == set(published), "the head of the file names every port"


def test_what_is_optional_has_a_profile_and_nobody_waits_for_it():
    assert {name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service} == {
        "registry": ["registry"], "prometheus": ["monitoring"]}
    for name, service in SERVICES.items():
        assert not {"registry", "prometheus"} & set(service.get("depends_on", {})), name


@pytest.mark.parametrize("name", SERVICES)
def test_who_a_service_runs_as(name):
    """By itself or by its image: those of Kafka and the registry name a user of their own (`appuser`)."""
    service = SERVICES[name]
    ours = "build" in service and re.search(rf"AS {service['build']['target']}\n(?:(?!^FROM ).*\n)*?USER [1-9]", (DEPLOY / "Dockerfile").read_text(), re.M)
    assert ours or service.get("user", "") not in ("", "root", "0") or name in ("kafka", "registry"), name


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_has_a_version(name):
    assert re.search(r":[v\d][\w.-]*$", SERVICES[name]["image"]), SERVICES[name]["image"]


def test_own_images_carry_the_version():
    version = run(EDDY, "version").stdout.split()[1]
    assert {service["image"].split(":")[1] for service in SERVICES.values() if "build" in service} == {version}
    assert f"eddy:{version}" in (DEPLOY / "Dockerfile").read_text() and f"/eddy_{version}_" in PAGE


def test_what_a_service_waits_for_is_there():
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            assert other in SERVICES
            if how["condition"] == "service_healthy":
                assert "test" in SERVICES[other]["healthcheck"]
        mode = service.get("network_mode", "")
        assert mode == "" or mode.removeprefix("service:") in SERVICES, name


def test_commands_of_eddy_are_commands():
    for name in ("eddy", "topics"):
        command = SERVICES[name]["command"]
        assert command[-1] == SERVICES[name]["volumes"][0].split(":")[1]
        assert run(EDDY, *command, "--help").returncode == 0


def test_its_configuration_is_valid():
    environment = {**os.environ, **SERVICES["eddy"]["environment"]}
    assert run(EDDY, "validate", "-c", DEPLOY / "eddy.yaml", env=environment).returncode == 0
    shown = yaml.safe_load(run(EDDY, "config", "show", "--effective", "-c", DEPLOY / "eddy.yaml", env=environment).stdout)
    assert shown["kafka"]["brokers"] == "kafka:19092" and shown["redis"]["url"] == "redis://redis:6379"
    port = shown["http"]["listen"].split(":")[1]
    assert f"127.0.0.1:{port}" in (DEPLOY / "healthcheck.sh").read_text()
    assert f'"127.0.0.1:{port}"' in (DEPLOY / "prometheus.yml").read_text()
    assert f'"TCP:127.0.0.1:{port}"' in (DEPLOY / "Dockerfile").read_text()


# Image --------------------------------------------------------------------------------------------------------------------------


def test_the_image_is_built_with_what_a_build_needs_and_runs_without_rights():
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    stages = re.split(r"^FROM ", text, flags=re.M)[1:]
    needed = re.search(r"packages_build=\((.*?)\)", (SOURCE / "eddy").read_text(), re.S).group(1).split()
    installed = re.search(r"apt-get install (.*?)&&", stages[0]).group(1).split()
    assert set(needed) <= set(installed)
    for stage in stages:
        assert stage.startswith("debian:12-slim AS "), stage
    for stage in stages[1:]:
        assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", stage, re.M)
    for line in re.findall(r"^RUN .*", text, re.M):
        if "apt-get install" in line:
            assert "--no-install-recommends" in line and "rm -rf /var/lib/apt/lists/*" in line, line
    assert not re.search(r"^ADD |:latest|curl |wget ", text, re.M)
    for source in re.findall(r"^COPY (?:--chmod=\d+ )?(src/\S+)", text, re.M):
        assert (SOURCE / source).is_file(), source
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().split()
    for name in ("CMakeLists.txt", "src", "include", "schemas", "README.md", "LICENSE"):
        assert "!" + name in ignored and (SOURCE / name).exists()


def answer_once(status):
    """An HTTP server for one request; returns its address."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        connection, _ = server.accept()
        request = b""
        while b"\r\n\r\n" not in request:
            request += connection.recv(4096)
        connection.sendall(b"HTTP/1.1 %d x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}" % (status if b"GET /readyz " in request else 404))
        connection.close()
        server.close()

    threading.Thread(target=serve, daemon=True).start()
    return "127.0.0.1:%d" % server.getsockname()[1]


def test_the_health_check_asks_readyz():
    script = DEPLOY / "healthcheck.sh"
    assert run(script, answer_once(200)).returncode == 0
    assert run(script, answer_once(503)).returncode == 1
    address = answer_once(200)
    run(script, address)  # takes the only answer
    assert run(script, address).returncode == 1


# Unit ---------------------------------------------------------------------------------------------------------------------------


def test_the_unit_says_what_it_needs():
    text = (DEPLOY / "eddy.service").read_text()
    for line in ("Type=notify", "WatchdogSec=30", "User=eddy", "NoNewPrivileges=yes", "ProtectSystem=strict", "TimeoutStartSec=infinity"):
        assert f"\n{line}\n" in text
    stuck = int(re.search(r"EDDY_STUCK_MS = (\d+)", (SOURCE / "src/daemon/status.h").read_text()).group(1))
    assert int(re.search(r"WatchdogSec=(\d+)", text).group(1)) * 1000 > stuck


def test_the_unit_is_hardened():
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd-analyze")
    result = run("systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=20", DEPLOY / "eddy.service")
    assert result.returncode == 0, result.stdout[-300:]  # exposure of at most 2.0 of 10


# Alerts -------------------------------------------------------------------------------------------------------------------------

# For each alert: series that make it fire, in the notation of promtool, one sample a minute for two and a half hours.
FIRES = {
    "EddyDown": {'up{job="eddy"}': "0x150"},
    "EddyWithoutBroker": {"eddy_workers_without_broker": "1x150"},
    "EddyNotInGroup": {"eddy_workers_joined": "1x150", "eddy_workers": "2x150"},
    "EddyPartitionPaused": {'eddy_partition_paused{partition="3"}': "1x150"},
    "EddyRestoringLong": {"eddy_partitions_restoring": "1x150"},
    "EddyLagGrows": {"eddy_lag_records": "0+1000x150"},
    "EddyTimeStands": {'eddy_partition_time_seconds{partition="0"}': "0x150"},
    "EddySlow": {'eddy_end_to_end_latency_seconds_bucket{le="2.5"}': "0x150", 'eddy_end_to_end_latency_seconds_bucket{le="5"}': "0+60x150",
                 'eddy_end_to_end_latency_seconds_bucket{le="+Inf"}': "0+60x150"},
    "EddyAborts": {"eddy_aborts_total": "0+6x150"},
    "EddyInvalidEvents": {'eddy_invalid_total{reason="json"}': "0+2x150", "eddy_events_total": "0+100x150"},
    "EddyLateEvents": {"eddy_late_events_total": "0+10x150", "eddy_events_total": "0+100x150"},
    "EddyStampsAhead": {"eddy_clamped_total": "0+1x150"},
    "EddyNoEvents": {"eddy_events_total": "7x150"},
    "EddyRedisAway": {"eddy_redis_pending_bytes": "1000x150", "eddy_redis_connections": "0x150"},
    "EddyRedisDropped": {"eddy_redis_dropped_total": "0+1x150"},
    "EddyNoModel": {"eddy_users": "20000x150", "eddy_model_version": "0x150"},
    "EddyModelOld": {"eddy_model_trained_time_seconds": "-200000x150", "eddy_events_total": "0+100x150"},
    "EddyRegistryAway": {"eddy_registry_up": "0x150"},
    "EddyConfigRefused": {"eddy_config_reload_ok": "0x150"},
}
# A shop on a good day: nothing fires.
CALM = {'up{job="eddy"}': "1x150", "eddy_workers_without_broker": "0x150", "eddy_workers_joined": "1x150", "eddy_workers": "1x150",
        'eddy_partition_paused{partition="3"}': "0x150", "eddy_partitions_restoring": "0x150", "eddy_lag_records": "900x150",
        'eddy_partition_time_seconds{partition="0"}': "-10+60x150", 'eddy_end_to_end_latency_seconds_bucket{le="2.5"}': "0+60x150",
        'eddy_end_to_end_latency_seconds_bucket{le="+Inf"}': "0+60x150", "eddy_aborts_total": "1x150",
        'eddy_invalid_total{reason="json"}': "0+1x150", "eddy_events_total": "0+6000x150", "eddy_late_events_total": "0+1x150",
        "eddy_clamped_total": "3x150", "eddy_redis_pending_bytes": "1000x150", "eddy_redis_connections": "1x150",
        "eddy_redis_dropped_total": "0x150", "eddy_users": "20000x150", "eddy_model_version": "9x150",
        "eddy_model_trained_time_seconds": "-90+60x150", "eddy_registry_up": "1x150", "eddy_config_reload_ok": "1x150"}


def test_promtool_accepts_rules_and_configuration():
    for arguments in (["check", "rules", "alerts.yml"], ["check", "config", "prometheus.yml"]):
        result = run("promtool", *arguments, cwd=DEPLOY)
        assert result.returncode == 0, result.stdout + result.stderr


def test_each_alert_fires_and_none_on_a_good_day(tmp_path):
    assert set(FIRES) == set(RULES)
    series = lambda values: [{"series": name, "values": text} for name, text in values.items()]
    seen = lambda name, count: {"expr": f'count(ALERTS{{alertname="{name}",alertstate="firing"}}) or vector(0)', "eval_time": "149m",
                                "exp_samples": [{"labels": "{}", "value": count}]}
    tests = [{"interval": "1m", "input_series": series(values), "promql_expr_test": [seen(name, 1)]} for name, values in FIRES.items()]
    tests.append({"interval": "1m", "input_series": series(CALM), "promql_expr_test": [seen(name, 0) for name in RULES]})
    (tmp_path / "test.yml").write_text(json.dumps({"rule_files": [str(DEPLOY / "alerts.yml")], "tests": tests}))
    result = run("promtool", "test", "rules", tmp_path / "test.yml")
    assert result.returncode == 0, result.stdout + result.stderr


def test_alerts_speak_of_metrics_that_there_are():
    sources = "".join((SOURCE / "src/daemon" / name).read_text() for name in ("stats.h", "metrics.c"))
    for rule in RULES.values():
        for metric in re.findall(r"\beddy_\w+", rule["expr"]):
            assert f'"{metric.removesuffix("_bucket")}"' in sources, metric


def test_the_page_explains_each_alert_once():
    assert re.findall(r"^\| `(Eddy\w+)` \|", PAGE, re.M) == list(RULES)


# Page ---------------------------------------------------------------------------------------------------------------------------


def quoted(column):
    """What stands in backticks in the first column of the table of refusals, and behind it."""
    return re.findall(r"`([^`]+)`", column)


def sentences(path):
    """What recovery refuses, as texts without formats."""
    text = re.sub(r'"\s*(?:PRI\w+|OTHER_APP|BRING_BACK)?\s*"', "", (SOURCE / path).read_text())
    return [found for found in re.findall(r'refuse(?:_error)?\(\s*&?\w+,\s*(?:[\w]+,\s*)?"((?:[^"\\]|\\.)*)', text)]


def test_every_refusal_is_explained():
    table = PAGE[PAGE.index("| the reason says |"):PAGE.index("Other ends:")]
    explained = [text for row in table.splitlines()[2:] for text in quoted(row.split(" | ")[0])]
    refusals = sentences("src/store/recovery.c")
    assert len(refusals) >= 15, refusals
    for refusal in refusals:
        assert any(text in refusal for text in explained) or refusal == "%s; ", refusal
    everything = re.sub(r'"\s*(?:PRI\w+|OTHER_APP|BRING_BACK)?\s*"', "",
                        "".join((SOURCE / path).read_text() for path in ("src/store/recovery.c", "src/daemon/restore.c")))
    for text in explained:
        assert text in everything, text


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.M | re.S)


def test_every_command_of_the_page_is_one(tmp_path):
    """Without a broker it says so (69); a wrong option or verb would be 64."""
    config = tmp_path / "eddy.yaml"
    config.write_text("kafka: {brokers: '127.0.0.1:1'}\nredis: {url: 'redis://127.0.0.1:1'}\n")
    here = [line for block in blocks("sh") if not block.startswith("# on your host") for line in block.splitlines()]
    elsewhere = [line for block in blocks("sh") if block.startswith("# on your host") for line in block.splitlines()[1:]]
    commands = [line.split() for line in here + elsewhere if line.startswith("eddy ")]
    assert all(line.startswith("eddy ") for line in here) and len(commands) == 5
    ours = [[EDDY if word == "eddy" else str(config) if word.endswith(".yaml") else word for word in command] for command in commands]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for command in ours]
    for process in processes:  # at the same time: each waits 10 s for the broker
        said = process.communicate(timeout=60)[0]
        assert process.returncode == 69, (process.args, said)


def test_links_lead_somewhere():
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", PAGE):
        assert (DEPLOY / link).exists(), link
    headings = {re.sub(r"[^a-z -]", "", title.lower()).replace(" ", "-") for title in re.findall(r"^#+ (.+)$", PAGE, re.M)}
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= headings


def test_keys_and_options_of_the_page_exist():
    reference = run(EDDY, "config", "reference").stdout
    for key in re.findall(r"`((?:kafka|redis|time|profile|http)\.[a-z_]+)(?::[^`]*)?`", PAGE):
        assert f"| `{key}` |" in reference, key
    for name, arguments in re.findall(r"`eddy (\w+)([^`]*)`", PAGE):
        explained = run(EDDY, name, "--help")
        assert explained.returncode == 0, name
        assert all(re.search(rf"(?<!\S){option}(?![\w-])", explained.stdout) for option in re.findall(r"(?<= )--?[a-z][\w-]*", arguments)), arguments
