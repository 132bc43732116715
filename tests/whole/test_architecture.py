"""The arrows between the parts run one way."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = {"main", "sinks", "pipeline", "sevenfold"}
ALLOWED = {
    "main.py": {"sinks", "pipeline", "sevenfold"},
    "sinks.py": {"sevenfold"},
    "pipeline": {"pipeline"},
    "pipeline/run.py": {"pipeline", "sevenfold"},
    "pipeline/model/inference.py": {"pipeline", "sevenfold"},
    "pipeline/service/live_drift.py": {"pipeline", "sevenfold"},
    "pipeline/service/lifecycle.py": {"pipeline", "sevenfold"},
    "sevenfold": {"sevenfold"},
    "sevenfold/capture.py": {"sevenfold", "sinks"},
}
SOURCES = [ROOT / "main.py", ROOT / "sinks.py", *sorted((ROOT / "pipeline").rglob("*.py"))]
SOURCES += sorted((ROOT / "sevenfold").rglob("*.py"))


def imported(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "." for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {name.split(".")[0] for name in names}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_part_imports_only_what_lies_below_it(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    allowed = ALLOWED.get(name) or ALLOWED[name.split("/")[0]]
    assert imported(path) & OURS <= allowed


@pytest.mark.parametrize("path", sorted((ROOT / "pipeline").rglob("*.py")), ids=lambda path: path.name)
def test_the_pipeline_needs_only_loguru_numpy_and_tqdm(path: Path) -> None:
    third_party = imported(path) - set(sys.stdlib_module_names) - OURS
    assert third_party <= {"loguru", "numpy", "tqdm"}
