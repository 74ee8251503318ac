"""eddy config: init never writes over anything, show tells what a file comes to and no secret."""
import os
import subprocess

import pytest

EDDY = os.environ["EDDY_BIN"]


def eddy(*arguments, folder=None, env=None):
    return subprocess.run([EDDY, *arguments], cwd=folder, env=env, capture_output=True, text=True, timeout=60)


def test_init_writes_a_configuration_that_is_valid(tmp_path):
    made = eddy("config", "init", folder=tmp_path)
    assert made.returncode == 0 and made.stdout == ""
    assert made.stderr.startswith("eddy.yaml: written.") and "eddy validate -c eddy.yaml" in made.stderr
    checked = eddy("validate", "-c", "eddy.yaml", folder=tmp_path)
    assert checked.returncode == 0 and checked.stderr == ""
    assert checked.stdout == "eddy.yaml: ok (app shop, 32 features, 1 trigger, 16 segments, 1 worker)\n"


def test_what_init_leaves_as_comments_is_right_too(tmp_path):
    eddy("config", "init", "a.yaml", folder=tmp_path)
    lines = (tmp_path / "a.yaml").read_text().splitlines()
    prose = lines[:3] + [line for line in lines if line.startswith("# Numbers kept")]
    bare = [line if line in prose else line.replace("# ", "", 1) if line.lstrip().startswith("# ") else line for line in lines]
    (tmp_path / "kafka.password").write_text("hunter2\n")
    (tmp_path / "b.yaml").write_text("\n".join(bare) + "\n")
    checked = eddy("validate", "-c", "b.yaml", folder=tmp_path)
    assert checked.returncode == 0, checked.stderr
    assert "2 features" in checked.stdout and "2 workers" in checked.stdout


def test_init_never_writes_over_a_file(tmp_path):
    (tmp_path / "eddy.yaml").write_text("app: mine\n")
    (tmp_path / "link").symlink_to("nowhere")
    for path in ("eddy.yaml", "link", str(tmp_path)):
        refused = eddy("config", "init", path, folder=tmp_path)
        assert refused.returncode == 73 and refused.stdout == "", path
        assert refused.stderr == f"eddy config: {path}: is there already; nothing was changed\n"
    assert (tmp_path / "eddy.yaml").read_text() == "app: mine\n" and not (tmp_path / "nowhere").exists()
    refused = eddy("config", "init", "no/folder.yaml", folder=tmp_path)
    assert refused.returncode == 73 and "No such file" in refused.stderr


def test_show_is_a_configuration_again_without_secrets(tmp_path):
    (tmp_path / "key").write_text("hunter2hunter2hunter2\n")
    (tmp_path / "eddy.yaml").write_text("app: ${APP}\nredis: {url: 'redis://u:hunter2@localhost'}\nprofile: {erasure_key: '${file:key}'}\n"
                                        "http: {token: '${file:key}'}\nkafka: {properties: {sasl.password: hunter2}}\nmodel: {half_life: 48h}\n")
    shown = eddy("config", "show", "--effective", "-c", "eddy.yaml", folder=tmp_path, env={**os.environ, "APP": "shop"})
    assert shown.returncode == 0 and shown.stderr == ""
    assert "hunter2" not in shown.stdout and shown.stdout.count("(secret)") == 4
    assert "\napp: shop\n" in shown.stdout and "\n  half_life: 2d\n" in shown.stdout and "\n  input: shop.events\n" in shown.stdout
    (tmp_path / "again.yaml").write_text(shown.stdout.replace("(secret)", "0123456789abcdef"))
    again = eddy("config", "show", "-c", "again.yaml", folder=tmp_path)
    assert again.returncode == 0, again.stderr
    assert again.stdout.splitlines()[1:] == shown.stdout.splitlines()[1:]


def test_show_of_nothing_is_the_defaults_and_of_a_bad_file_its_errors(tmp_path):
    shown = eddy("config", "show", "--effective")
    assert shown.returncode == 0 and "\n  brokers: localhost:9092\n" in shown.stdout
    (tmp_path / "bad.yaml").write_text("wrokers: 2\n")
    bad = eddy("config", "show", "-c", "bad.yaml", folder=tmp_path)
    assert bad.returncode == 78 and bad.stdout == "" and "did you mean `workers`?" in bad.stderr


@pytest.mark.parametrize("arguments, said", [(["config"], "what about it?"), (["config", "shwo"], "did you mean `show`?"),
                                             (["config", "xyzzy"], "only `init`, `show` and `reference`"),
                                             (["config", "show", "a.yaml"], "A file needs -c"),
                                             (["config", "init", "a", "b"], "one file, please"),
                                             (["config", "init", "-c", "a"], "takes no option"),
                                             (["config", "reference", "x"], "what is x?")])
def test_misuse_is_64(tmp_path, arguments, said):
    result = eddy(*arguments, folder=tmp_path)
    assert result.returncode == 64 and result.stdout == "" and said in result.stderr and "eddy config --help" in result.stderr
