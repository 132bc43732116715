"""Batches, and the lines of a call for each of their rows."""

from typing import Any

from loguru import logger

from sevenfold.lines.record import render
from sevenfold.redaction.redactor import Redactor
from sevenfold.rendering.batches import Rows, rows_of
from sevenfold.rendering.renderer import Renderer

RENDERER = Renderer(Redactor())


def record_of(**extra: Any) -> dict[str, Any]:
    found: list[Any] = []
    handler = logger.add(lambda message: found.append(message.record), format="", level=0, catch=False)
    try:
        logger.bind(channel="predictions", **extra).info("prediction")
    finally:
        logger.remove(handler)
    record: dict[str, Any] = found[0]
    return record


RECORD = record_of()


def with_(**extra: Any) -> dict[str, Any]:
    return {**RECORD, "extra": {"channel": "predictions", **extra}}


def rows(record: dict[str, Any], renderer: Renderer = RENDERER) -> Rows:
    found = rows_of(renderer, record)
    assert found is not None
    return found


def written(record: dict[str, Any], renderer: Renderer = RENDERER) -> str:
    texts = list(rows(record, renderer).texts())
    assert all(text.count("\n") == n_lines for text, n_lines in texts)
    return "".join(text for text, _ in texts)


def item(column: Any, i: int) -> Any:
    return {key: item(inner, i) for key, inner in column.items()} if isinstance(column, dict) else column[i]


def one_by_one(bound: dict[str, Any], columns: dict[str, Any], n_rows: int, renderer: Renderer = RENDERER) -> str:
    """Render what a call for each row would log, the exact way."""
    records = [with_(**{**bound, **item(columns, i)}) for i in range(n_rows)]
    return "".join(render(record, renderer.redactor.contents_of(record)) + "\n" for record in records)


def goes_the_quick_way(record: dict[str, Any], renderer: Renderer = RENDERER) -> bool:
    found = rows(record, renderer)
    return found._quick_text(slice(0, found._n_rows), found._between()) is not None
