"""The examples in docstrings are true, and each public function and class has one."""

import doctest
import importlib
import inspect
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
MODULES = [ROOT / "sinks.py", *(path for top in ("sevenfold", "pipeline") for path in (ROOT / top).rglob("*.py"))]
SHOWN = sorted(path for path in MODULES if ">>> " in path.read_text(encoding="utf-8"))
PUBLIC = ("sevenfold", "sevenfold.asgi", "sevenfold.channel_log", "sevenfold.drift", "sevenfold.performance", "sinks")
NAMES: dict[str, Any] = {
    name: getattr(module, name) for module in map(importlib.import_module, PUBLIC) for name in module.__all__
}
DOCUMENTED = sorted(name for name, value in NAMES.items() if callable(value))  # constants have no docstring


@pytest.mark.parametrize("path", SHOWN, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_examples_run(path: Path) -> None:
    module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    result = doctest.testmod(module, optionflags=doctest.IGNORE_EXCEPTION_DETAIL | doctest.ELLIPSIS)
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize("name", DOCUMENTED)
def test_each_public_name_has_an_example_that_runs(name: str) -> None:
    public = NAMES[name]
    module = importlib.import_module(public.__module__)
    found = {test.name: test.examples for test in doctest.DocTestFinder().find(module)}
    examples = found[f"{module.__name__}.{name}"]
    assert any(not example.options.get(doctest.SKIP) for example in examples)
    assert "\nExamples\n--------\n" in (inspect.getdoc(public) or "")
