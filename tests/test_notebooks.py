"""A real notebook, run by Jupyter's own kernel."""

from pathlib import Path
from typing import Any

import pytest

from sevenfold.reading.folder import read

pytestmark = [pytest.mark.whole("nbclient"), pytest.mark.whole("ipykernel")]

ROOT = Path(__file__).parents[1]


def run(folder: Path, *cells: str) -> list[list[Any]]:
    """Run cells in a kernel of their own, and return the outputs of each."""
    nbformat: Any = pytest.importorskip("nbformat")
    nbclient: Any = pytest.importorskip("nbclient")

    start = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import sinks; from loguru import logger"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in (start, *cells)])
    nbclient.NotebookClient(
        notebook, timeout=60, kernel_name="python3", allow_errors=True, resources={"metadata": {"path": str(folder)}}
    ).execute()
    return [cell.outputs for cell in notebook.cells[1:]]


def text_of(outputs: list[Any]) -> str:
    return "".join(one.get("text", "") for one in outputs)


def test_cells_that_are_run_again_log_once_and_show_colours(tmp_path: Path) -> None:
    configure = "handle = sinks.configure('logs', intercept=True); handle"
    log = "logger.bind(channel='training').info('epoch', loss=0.5)"
    again = run(tmp_path, configure, log, configure, log)
    assert [event.message for event in read(tmp_path / "logs" / "ml_pipeline.log")] == ["epoch", "epoch"]
    assert "<Sinks logs, in force: ml_pipeline.log 0" in again[0][0]["data"]["text/plain"]
    shown = text_of(again[3])
    assert (shown.count("epoch"), "\x1b[1mepoch\x1b[0m" in shown) == (1, True)


def test_what_a_cell_raises_is_in_errors_log_once_and_shown_as_ever(tmp_path: Path) -> None:
    outputs = run(
        tmp_path,
        "sinks.configure('logs', intercept=True)",
        "income = 0\n1 / income",
        "import logging; logging.getLogger('IPKernelApp').error('of itself')",
        "sinks.configure('logs')",
        "1 / income",
    )
    (event,) = read(tmp_path / "logs" / "errors.log")
    assert (event.message, event.fields["exception_type"]) == ("uncaught exception in a cell", "ZeroDivisionError")
    assert "1 / income" in (event.exception or "")
    errors = [one for cell in (outputs[1], outputs[4]) for one in cell if one["output_type"] == "error"]
    assert [error["ename"] for error in errors] == ["ZeroDivisionError"] * 2
    assert "logger=IPKernelApp" not in (tmp_path / "logs" / "errors.log").read_text(encoding="utf-8")


def test_a_block_in_a_cell_brings_back_what_was_before(tmp_path: Path) -> None:
    run(
        tmp_path,
        "sinks.configure('logs')",
        "with sinks.configure('other'):\n    logger.bind(channel='training').info('inside')",
        "logger.bind(channel='training').info('after')",
    )
    assert [event.message for event in read(tmp_path / "logs" / "ml_pipeline.log")] == ["after"]
    assert [event.message for event in read(tmp_path / "other" / "ml_pipeline.log")] == ["inside"]


def test_a_logged_exception_is_shown_with_its_traceback(tmp_path: Path) -> None:
    cell = "try:\n    1 / 0\nexcept ZeroDivisionError:\n    logger.bind(channel='training').exception('failed')"
    _, outputs = run(tmp_path, "sinks.configure('logs')", cell)
    assert "ZeroDivisionError: division by zero" in text_of(outputs)


def test_the_example_runs(tmp_path: Path) -> None:
    nbformat: Any = pytest.importorskip("nbformat")
    cells = nbformat.read(ROOT / "examples" / "notebook.ipynb", as_version=4).cells
    outputs = run(tmp_path, *(cell.source for cell in cells if cell.cell_type == "code"))
    errors = [one["ename"] for cell in outputs for one in cell if one["output_type"] == "error"]
    assert errors == ["ZeroDivisionError"]
    said = [one["data"]["text/plain"] for cell in outputs for one in cell if one["output_type"] == "execute_result"]
    assert said[0].startswith("<Sinks logs, in force: ml_pipeline.log 1, predictions.log 1,000,")
    assert said[1] == "[('ERROR', 'uncaught exception in a cell')]"
    assert 0 < int(said[2]) < 1000
