"""The arrows between the rooms run one way."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

TOPS = ("sevenfold", "pipeline", "benchmarks")
ROOT = Path(__file__).parents[2]
FLOORS = (
    *("lines", "redaction", "notices", "rendering", "files", "audit", "handlers reading", "handle shipping"),
    "cli channel_log",
)
ANYBODYS = {"channels", "loguru_internals"}  # they need loguru alone
WINGS = {"asgi", "drift", "performance"}
BELOW = {
    room: ANYBODYS | {below for lower in FLOORS[:number] for below in lower.split()}
    for number, floor in enumerate(FLOORS)
    for room in floor.split()
}
# What each room may import besides itself; a module that lies flat in the package is a room of its own.
ALLOWED = {
    **BELOW,
    **{room: set[str]() for room in ANYBODYS | WINGS},
    "lines": set(),
    "reading": BELOW["reading"] - {"rendering"},
    "overview": BELOW["handle"] - {"handlers", "rendering"},
    "notebooks": set(),
    "intercept": {"channels", "lines", "notebooks", "notices"},
    "handle": BELOW["handle"] | {"intercept"},
    "shipping": BELOW["shipping"] - {"handlers", "reading", "rendering"},
    "capture": {"channels", "channel_log"},  # pytest alone at its top
    "workers": {"handle", "handlers", "channel_log"},
    "cli": BELOW["cli"] | WINGS | {"overview"},
    "__main__": {"cli"},
}
THIRD_PARTY = {
    "sevenfold": {"loguru", "numpy", "orjson", "tqdm"},
    "sevenfold/asgi": {"loguru", "numpy"},
    "sevenfold/drift": {"loguru", "numpy"},
    "sevenfold/performance": {"loguru", "numpy"},
    "sevenfold/overview/metrics/serving.py": {"prometheus_client"},
    "sevenfold/shipping": set(),
    "sevenfold/shipping/nats_broker.py": {"nats"},
    "sevenfold/capture.py": {"pytest"},
    "sevenfold/handlers/console.py": {"colorama"},
    "sevenfold/files/gzipped.py": {"isal"},
    "pipeline": {"loguru", "numpy", "tqdm"},
    "pipeline/data": {"loguru", "numpy", "orjson", "tqdm"},
    "pipeline/data/reader/arrow.py": {"numpy", "pyarrow"},
    "pipeline/service": {"loguru", "numpy", "starlette", "uvicorn"},
    "pipeline/service/traffic.py": {"orjson"},
    "sinks.py": {"loguru"},
    "main.py": {"numpy"},
}
SOURCES = [ROOT / "main.py", ROOT / "sinks.py", *sorted((ROOT / "pipeline").rglob("*.py"))]
LIBRARY = sorted(path for path in (ROOT / "sevenfold").rglob("*.py") if path != ROOT / "sevenfold/__init__.py")
FILES = [path for path in LIBRARY if path.parent.name in {"files", "audit", "reading"} and path.name != "opening.py"]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def imported(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0
            module = node.module or ""
            names += [f"{module}.{alias.name}" for alias in node.names]
    return frozenset(names)


def rooms(path: Path) -> set[str]:
    found = {name.split(".")[1] for name in imported(path) if name.startswith("sevenfold.")}
    return found - {path.relative_to(ROOT / "sevenfold").parts[0].removesuffix(".py")}


def test_each_room_of_the_library_imports_only_what_lies_below_it() -> None:
    for path in LIBRARY:
        room = path.relative_to(ROOT / "sevenfold").parts[0].removesuffix(".py")
        assert rooms(path) <= ALLOWED[room], path
        assert not any(name.split(".")[0] in {"main", "sinks", "pipeline"} for name in imported(path)), path


def test_the_pipeline_uses_only_the_wings_and_sinks_only_the_library() -> None:
    for path in SOURCES:
        ours = {found for found in imported(path) if found.split(".")[0] in {"main", "sinks", "pipeline", "sevenfold"}}
        if name_of(path) == "main.py":
            assert not any(found.split(".")[0] == "main" for found in ours)
        elif name_of(path) == "sinks.py":
            assert all(found.startswith("sevenfold") for found in ours)
        else:
            others = {found for found in ours if not found.startswith("pipeline")}
            assert {found.split(".")[1] for found in others} <= WINGS, path


def test_nobody_needs_a_package_that_is_not_theirs() -> None:
    for path in (*SOURCES, *LIBRARY):
        name = name_of(path)
        used = {found.split(".")[0] for found in imported(path)} - set(sys.stdlib_module_names)
        allowed = max((place for place in THIRD_PARTY if name.startswith(place)), key=len)
        wider = THIRD_PARTY["sevenfold"] if name == "sevenfold/handlers/console.py" else set()
        assert used - {"main", "sinks", "pipeline", "sevenfold"} <= THIRD_PARTY[allowed] | wider, path


def test_the_private_parts_of_loguru_are_named_in_one_file() -> None:
    for path in (*SOURCES, *LIBRARY):
        text = path.read_text(encoding="utf-8")
        if path.name != "loguru_internals.py":
            assert not [part for part in ("logger._", "_core.", "_error_interceptor", "loguru._") if part in text], path


def test_logs_heads_and_locks_are_opened_in_one_file() -> None:
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        calls = [node.func for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
        assert "open" not in {getattr(call, "attr", getattr(call, "id", "")) for call in calls}, path
        assert "os.open" not in text, path


def test_no_annotation_is_quoted() -> None:
    """A file that names a type before it is there, or only for the type checker, imports annotations instead."""
    for path in (*SOURCES, *LIBRARY):
        tree = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        annotations = [getattr(node, "annotation", None) or getattr(node, "returns", None) for node in tree]
        said = [one for one in annotations if one is not None and "Literal" not in ast.dump(one)]
        inner = [part for one in said for part in ast.walk(one)]
        assert not [part for part in inner if isinstance(part, ast.Constant) and isinstance(part.value, str)], path


def test_a_long_file_says_why_in_its_head() -> None:
    files = [ROOT / "sinks.py", ROOT / "main.py", *(p for top in TOPS for p in (ROOT / top).rglob("*.py"))]
    texts = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in files}
    long = {name: text for name, text in texts.items() if text.count("\n") > 300}
    assert long
    assert [name for name, text in long.items() if "\nIt has more than 300 lines since " not in text[:4000]] == []


def test_no_room_has_more_than_twelve_files() -> None:
    folders = [folder for top in ("sevenfold", "pipeline") for folder in (ROOT / top).rglob("**/")]
    assert {folder.name: n for folder in folders if (n := len(list(folder.glob("*.py")))) > 12} == {}


LOADED = """
import sys
import {module}
print(*sorted(name for name in sys.modules if name.startswith("sevenfold") or name == "pytest"))
"""


@pytest.mark.whole
@pytest.mark.parametrize(
    ("module", "wing"),
    [
        ("sevenfold", "sevenfold"),
        ("sevenfold.asgi", "sevenfold.asgi"),
        ("sevenfold.drift", "sevenfold.drift"),
        ("sevenfold.performance", "sevenfold.performance"),
    ],
)
def test_a_wing_and_the_door_load_nothing_else_of_the_library(module: str, wing: str) -> None:
    program = LOADED.format(module=module)
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, encoding="utf-8", timeout=60)
    assert [name for name in done.stdout.split() if name != "sevenfold" and not name.startswith(wing)] == []


def test_the_plugin_loads_nothing_but_pytest_before_a_test_needs_it() -> None:
    command = [sys.executable, "-c", LOADED.format(module="sevenfold.capture")]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, encoding="utf-8", timeout=60)
    assert done.stdout.split() == ["pytest", "sevenfold", "sevenfold.capture"]
