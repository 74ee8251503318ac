"""The Debian packages: made from this very build, unpacked, looked at and run."""
import gzip
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(os.environ["EDDY_SOURCE_DIR"])
BUILD = Path(os.environ["EDDY_BUILD_DIR"])
DEPLOY = SOURCE / "src" / "deploy"


def output(*command, **options):
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, **options)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """{name: .deb}"""
    if not shutil.which("dpkg-shlibdeps"):
        pytest.skip("no dpkg-shlibdeps: apt-get install dpkg-dev")
    folder = tmp_path_factory.mktemp("packages")
    output("cpack", "-G", "DEB", "--config", BUILD / "CPackConfig.cmake", "-B", folder)
    return {path.name.split("_")[0]: path for path in folder.glob("*.deb")}


@pytest.fixture(scope="module")
def root(packages, tmp_path_factory):
    folder = tmp_path_factory.mktemp("root")
    for path in packages.values():
        output("dpkg-deb", "-x", path, folder)
    return folder


def test_two_packages_with_what_they_need(packages):
    assert set(packages) == {"eddy", "libeddy-dev"}
    depends = output("dpkg-deb", "-f", packages["eddy"], "Depends")
    for library in ("libc6", "librdkafka1", "libhiredis", "libyaml-0-2", "libuv1", "passwd"):
        assert re.search(rf"\b{library}", depends), depends
    assert output("dpkg-deb", "-f", packages["eddy"], "Version").strip() == output(os.environ["EDDY_BIN"], "version").split()[1]
    assert output("dpkg-deb", "-I", packages["eddy"], "conffiles") == "/etc/eddy/eddy.yaml\n"
    for script in ("postinst", "prerm", "postrm"):
        output("sh", "-n", "-c", output("dpkg-deb", "-I", packages["eddy"], script))


def test_everything_is_where_it_belongs(root):
    found = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    for name in ("usr/bin/eddy", "usr/lib/systemd/system/eddy.service", "etc/eddy/eddy.yaml", "usr/share/man/man1/eddy.1.gz",
                 "usr/share/man/man5/eddy.yaml.5.gz", "usr/share/bash-completion/completions/eddy", "usr/share/doc/eddy/LICENSE",
                 "usr/share/doc/eddy/deploy/alerts.yml", "usr/share/eddy/schemas/event.avsc", "usr/include/eddy/engine.h"):
        assert name in found, sorted(found)
    assert all(name.startswith(("usr/", "etc/eddy/")) for name in found)


def test_what_was_unpacked_works(root):
    eddy = root / "usr/bin/eddy"
    assert output(eddy, "version").startswith("eddy ")
    output(eddy, "validate", "-c", root / "etc/eddy/eddy.yaml")
    assert gzip.open(root / "usr/share/man/man1/eddy.1.gz", "rt").read() == output(eddy, "man")
    assert gzip.open(root / "usr/share/man/man5/eddy.yaml.5.gz", "rt").read() == output(eddy, "man", "eddy.yaml")
    assert (root / "usr/share/bash-completion/completions/eddy").read_text() == output(eddy, "completion", "bash")


def test_the_unit_starts_what_was_unpacked(root):
    unit = (root / "usr/lib/systemd/system/eddy.service").read_text()
    command, *arguments = re.search(r"^ExecStart=(.*)$", unit, re.M).group(1).split()
    assert (root / "usr/bin" / command).exists() and (root / arguments[-1].lstrip("/")).exists()
    assert output(root / "usr/bin" / command, *arguments, "--help").startswith("usage: eddy run")


def test_the_library_is_found_where_it_was_unpacked(root, tmp_path):
    pc = next(root.rglob("eddy.pc"))
    flags = output("pkg-config", "--cflags", "--libs", "eddy", env={**os.environ, "PKG_CONFIG_PATH": str(pc.parent), "PKG_CONFIG_ALLOW_SYSTEM_CFLAGS": "1"}).split()
    program = tmp_path / "embed"
    output("cc", "-std=c11", str(SOURCE / "tests/example/embed.c"), *flags, "-lm", "-o", str(program))
    output(program)


def test_no_folder_of_this_build_is_in_the_binary():
    """The same sources give the same bytes wherever they lie; debug information included."""
    binary = Path(os.environ["EDDY_BIN"]).read_bytes()
    for folder in (SOURCE, BUILD):
        assert str(folder).encode() not in binary


def fake(folder, name, body):
    path = folder / name
    path.write_text(f"#!/bin/sh\necho {name} \"$@\" >> {folder}/calls\n{body}\n")
    path.chmod(0o755)


def test_installation_makes_the_user_once(tmp_path):
    """The script between stand-ins for what it calls: this machine keeps its users."""
    for name in ("useradd", "chown", "chmod", "systemctl"):
        fake(tmp_path, name, "")
    for present in (False, True):
        fake(tmp_path, "getent", f"exit {0 if present else 2}")
        (tmp_path / "calls").unlink(missing_ok=True)
        output("sh", DEPLOY / "debian/postinst", "configure", "", env={"PATH": f"{tmp_path}:/usr/bin:/bin"})
        calls = (tmp_path / "calls").read_text()
        assert ("useradd --system" in calls) == (not present) and "chmod 0750 /etc/eddy" in calls
        assert " start" not in calls and "restart" not in calls and "enable" not in calls
