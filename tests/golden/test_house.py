"""The house keeps its shape: who may include whom, a pure core, no circles, files and functions of a readable size."""
import os
import re
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

SOURCE = Path(os.environ["EDDY_SOURCE_DIR"])
BUILD = Path(os.environ["EDDY_BUILD_DIR"])

# A layer may include itself and these; include/eddy is open to all.
MAY_INCLUDE = {
    "base": set(),
    "core": {"base"},
    "codec": {"base"},
    "source": {"base", "core", "codec"},
    "sink": {"base", "core", "codec"},
    "store": {"base", "core", "codec"},
    "trainer": {"base", "core"},
    "daemon": {"base", "core", "codec", "source", "sink", "store", "trainer"},
    "cmd": {"base", "core", "codec", "source", "sink", "store", "trainer", "daemon"},
}

# What the pure core may ask of the C library: bytes, memory, formatting, and a last word before abort().
PURE = {
    "memcpy", "memmove", "memset", "memcmp", "memchr", "strchr", "strlen", "strcmp", "strncmp", "strnlen", "realloc", "free", "malloc", "calloc",
    "snprintf", "vsnprintf", "fprintf", "stderr", "abort", "__stack_chk_fail", "_GLOBAL_OFFSET_TABLE_", "__cpu_model",
    "__cpu_indicator_init",
}
# Fortified spellings of the same functions.
PURE |= {f"__{name}_chk" for name in ("memcpy", "memmove", "memset", "snprintf", "vsnprintf", "fprintf")}

FOREIGN_HEADER = re.compile(r'#include <(?:librdkafka|hiredis|uv|avro|yaml|curl|jansson|zlib|pthread|unistd|time|sys/|openssl)')


def sources(*folders):
    for folder in folders:
        for path in sorted((SOURCE / folder).rglob("*.[ch]")):
            yield path


def includes(path):
    return re.findall(r'^#include "([^"]+)"', path.read_text(), re.M)


def test_layers_include_downwards_only():
    wrong = []
    for path in sources("src"):
        layer = path.relative_to(SOURCE / "src").parts[0]
        for name in includes(path):
            target = name.split("/")[0]
            if target == "eddy" or target == layer or target in MAY_INCLUDE[layer]:
                continue
            wrong.append(f"{path.relative_to(SOURCE)} includes {name}")
    assert not wrong, "\n".join(wrong)


def test_public_headers_and_core_know_no_library():
    wrong = [f"{path.relative_to(SOURCE)}: {line}" for path in sources("include", "src/base", "src/core")
             for line in path.read_text().splitlines() if FOREIGN_HEADER.match(line)]
    assert not wrong, "\n".join(wrong)
    for path in sources("include"):
        assert all(name.startswith("eddy/") for name in includes(path)), path


def test_no_circular_includes():
    graph = {}
    for path in sources("include", "src"):
        if path.suffix == ".h":
            root = SOURCE / "include" if "include" in path.relative_to(SOURCE).parts[0] else SOURCE / "src"
            graph[str(path.relative_to(root))] = includes(path)
    assert_acyclic(graph, "includes")


def assert_acyclic(graph, what):
    state = {}

    def visit(node, trail):
        if state.get(node) == "done" or node not in graph:
            return
        assert state.get(node) != "open", f"circle of {what}: " + " -> ".join(trail + [node])
        state[node] = "open"
        for other in graph[node]:
            visit(other, trail + [node])
        state[node] = "done"

    for node in sorted(graph):
        visit(node, [])


def symbols(archive):
    """{object: (defined, undefined)} of an archive."""
    found, current = defaultdict(lambda: (set(), set())), None
    for line in subprocess.run(["nm", archive], check=True, capture_output=True, text=True).stdout.splitlines():
        if line.endswith(":"):
            current = line[:-1]
            continue
        parts = line.split()
        if len(parts) < 2 or current is None:
            continue
        kind, name = parts[-2], parts[-1]
        if kind == "U":
            found[current][1].add(name)
        elif kind in "TDRBVWC":
            found[current][0].add(name)
    return found


def test_the_core_is_pure():
    objects = symbols(BUILD / "libeddy.a")
    defined = set().union(*(d for d, _ in objects.values()))
    wrong = {f"{name} in {obj}" for obj, (_, undefined) in objects.items() for name in undefined - defined - PURE}
    assert not wrong, "the pure core needs: " + ", ".join(sorted(wrong))


def test_only_assert_prints():
    printing = {obj for obj, (_, undefined) in symbols(BUILD / "libeddy.a").items()
                if undefined & {"fprintf", "__fprintf_chk", "stderr", "abort"}}
    assert printing <= {"assert.c.o"}, printing


@pytest.mark.parametrize("layer", ["base", "core", "codec"])
def test_no_call_circles_between_files(layer):
    objects = symbols(BUILD / f"libeddy_{layer}.a")
    owner = {name: obj for obj, (defined, _) in objects.items() for name in defined}
    graph = {obj: sorted({owner[name] for name in undefined if name in owner and owner[name] != obj})
             for obj, (_, undefined) in objects.items()}
    assert_acyclic(graph, f"calls in {layer}")


def test_no_mutable_globals_in_the_core():
    """Constants that hold addresses are in .data.rel.ro: written by the loader once, then read-only."""
    wrong = []
    for line in subprocess.run(["nm", "-f", "sysv", BUILD / "libeddy.a"], check=True, capture_output=True, text=True).stdout.splitlines():
        columns = [column.strip() for column in line.split("|")]
        if len(columns) == 7 and columns[2] in "dDbBcC" and not columns[6].startswith(".data.rel.ro"):
            wrong.append(columns[0])
    assert not wrong, wrong


def test_files_and_functions_stay_readable():
    wrong = []
    for path in sources("src", "include"):
        lines = path.read_text().splitlines()
        if len(lines) > 700:
            wrong.append(f"{path.relative_to(SOURCE)} has {len(lines)} lines")
        start = None
        for number, line in enumerate(lines, 1):
            if path.suffix == ".c" and re.match(r"^[a-z_].*\(", line) and not line.rstrip().endswith(";"):
                start = number
            if line.startswith("}") and start:
                if number - start > 70:
                    wrong.append(f"{path.relative_to(SOURCE)}:{start} a function of {number - start} lines")
                start = None
    assert not wrong, "\n".join(wrong)


def test_every_header_says_what_it_is_for():
    wrong = [str(path.relative_to(SOURCE)) for path in sources("src", "include")
             if path.suffix == ".h" and not path.read_text().startswith("/*")]
    assert not wrong, wrong


def test_nothing_of_one_machine_is_committed():
    tracked = subprocess.run(["git", "-C", SOURCE, "ls-files"], capture_output=True, text=True)
    if tracked.returncode != 0:
        pytest.skip("not a git checkout")
    pattern = re.compile(r"(/" + r"work/|/ro" + r"ot/|/home/[a-z]+/)")
    wrong = []
    for name in tracked.stdout.split():
        path = SOURCE / name
        if path.suffix in {".c", ".h", ".py", ".md", ".txt", ".yaml", ".yml", ".cmake", ""} and path.is_file():
            for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
                if pattern.search(line):
                    wrong.append(f"{name}:{number}")
    assert not wrong, wrong
