"""Bulk records: one call with columns, one line a row, byte for byte what a call for each row would write.

``info("prediction", batch={"features": X, "decision": decisions})`` is a batch if every column is an array, a list, or
a dict of arrays and lists, and all are of one length, at least 1. A row's fields stand where ``batch`` does: an item of
a 1-D column, a list from a 2-D one, an object from a dict of columns.

A line is written by the renderer once, with a mark in place of each column. What stands between the marks is the same
for all rows; between it go the texts of the columns, each dumped by orjson in one piece. Where a column holds what
can't be written so (objects, a secret's name, integers beyond 64 bits), its rows go through the renderer one by one,
which takes some forty times as long.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, count, repeat
from typing import Any, Final, TypeAlias

import numpy as np

from sevenfold.lines.grammar import value_text
from sevenfold.lines.record import Record
from sevenfold.lines.values import to_json
from sevenfold.redaction.texts import REDACTED
from sevenfold.redaction.walk import PLACEHOLDER
from sevenfold.rendering.columns import is_nested, item_texts, repeats_secrets, texts_of
from sevenfold.rendering.renderer import Renderer

BATCH: Final = "batch"
CHUNK_ROWS = 1024  # rendered at a time: what is in memory, and in one write
_MARK = f"{PLACEHOLDER}{secrets.token_hex(8)}_"  # that no record holds by chance, and no name takes for a secret

Column: TypeAlias = "np.ndarray[Any, Any] | list[Any] | dict[str, Any]"


class Rows:
    """The rows of a batch.

    Parameters
    ----------
    render : Renderer
        Writes a record as a line.
    record : dict
        The record of the call.
    n_rows : int
        Length of its columns.
    """

    def __init__(self, render: Renderer, record: Record, n_rows: int) -> None:
        self._render = render
        self._record = record
        self._columns: dict[str, Column] = record["extra"][BATCH]
        self._n_rows = n_rows
        self._has_telling_names = any(render.redactor.is_secret(name) for name, _, _ in _leaves(self._columns))

    @property
    def summary(self) -> Record:
        """The record that stands for all rows where lines would be too many: how many, and of which columns."""
        return self._with({BATCH: {"n_rows": self._n_rows, "columns": list(self._columns)}})

    def records(self) -> Iterator[Record]:
        """Give the record that a call for each row would make."""
        return (self._with(_row(self._columns, i)) for i in range(self._n_rows))

    def texts(self) -> Iterator[tuple[str, int]]:
        """Write the lines, with their ends, some at a time: a text, and how many lines it has."""
        between = self._between()
        for start in range(0, self._n_rows, CHUNK_ROWS):
            chunk = slice(start, min(start + CHUNK_ROWS, self._n_rows))
            yield self._quick_text(chunk, between) or self._exact_text(chunk), chunk.stop - chunk.start

    def _with(self, fields: dict[str, Any]) -> Record:
        extra: dict[str, Any] = {}
        for key, value in self._record["extra"].items():
            if key == BATCH:
                extra.update(fields)
            else:
                extra.setdefault(key, value)  # a column wins over one value of its name
        return {**self._record, "extra": extra}

    def _exact_text(self, chunk: slice) -> str:
        rows = (self._with(_row(self._columns, i)) for i in range(chunk.start, chunk.stop))
        return "".join(f"{self._render(row)}\n" for row in rows)

    def _quick_text(self, chunk: slice, between: list[str] | None) -> str | None:
        """Write lines column by column; None if they can't be."""
        if between is None or (self._has_telling_names and self._repeats_secrets(chunk, between)):
            return None
        texts = []
        for name, column, write in _leaves(self._columns):
            items = item_texts(name, column[chunk], write, self._render.redactor, nested=is_nested(column))
            if items is None:
                return None
            texts.append(items)
        return _interleaved(between, texts)

    def _repeats_secrets(self, chunk: slice, between: list[str]) -> bool:
        """Return whether what one column holds as a secret stands elsewhere in its row."""
        columns = [(name, texts_of(column[chunk])) for name, column, _ in _leaves(self._columns)]
        same = "".join(between)
        for i, (name, items) in enumerate(columns):
            if items is not None and self._render.redactor.is_secret(name):
                others = [other for j, (_, other) in enumerate(columns) if j != i and other is not None]
                if repeats_secrets(items, others, same):
                    return True
        return False

    def _has_telling_objects(self, columns: dict[str, Column]) -> bool:
        """Return whether an object stands under a telling name, which has a say in its columns."""
        return any(
            isinstance(column, dict) and (self._render.redactor.is_secret(name) or self._has_telling_objects(column))
            for name, column in columns.items()
        )

    def _between(self) -> list[str] | None:
        """Give what stands around the columns in each line; None if that differs from row to row."""
        if self._record["exception"] is not None or self._has_telling_objects(self._columns):
            return None
        marks = count()
        line = self._render(self._with(_marked(self._columns, marks))) + "\n"
        # What one field holds as a secret is hidden in all others, too.
        return None if REDACTED in line else _split(line, next(marks))


def rows_of(render: Renderer, record: Record) -> Rows | None:
    """Give the rows of a record whose ``batch`` is one; None where it is a field as any other."""
    batch = record["extra"][BATCH]
    n_rows = _length(batch) if isinstance(batch, dict) and "channel" not in batch else None
    return Rows(render, record, n_rows) if n_rows else None


def _length(column: Any, depth: int = 2) -> int | None:
    """Give the length of a column, which may be a dict of so many levels; None for what is none."""
    if isinstance(column, np.ndarray):
        return len(column) if column.ndim else None
    if isinstance(column, list):
        return len(column)
    if not isinstance(column, dict) or depth == 0 or not all(type(key) is str for key in column):
        return None
    lengths = {_length(inner, depth - 1) for inner in column.values()}
    return lengths.pop() if len(lengths) == 1 else None


def _row(columns: dict[str, Column], i: int) -> dict[str, Any]:
    return {name: _row(column, i) if isinstance(column, dict) else column[i] for name, column in columns.items()}


def _leaves(columns: dict[str, Column], write: Callable[[Any], str] = value_text) -> Iterator[tuple[str, Any, Any]]:
    """Give the columns of values with their names, and what writes a value of each: within an object that is JSON."""
    for name, column in columns.items():
        if isinstance(column, dict):
            yield from _leaves(column, to_json)
        else:
            yield name, column, write


def _marked(column: Column, marks: Iterator[int]) -> Any:
    if isinstance(column, dict):
        return {key: _marked(inner, marks) for key, inner in column.items()}
    mark = f"{_MARK}{next(marks)}_>"
    return [mark] if is_nested(column) else mark


def _split(line: str, n_marks: int) -> list[str] | None:
    """Split a line at the marks; None unless each stands there once, and in order."""
    between = []
    for number in range(n_marks):
        mark = f"{_MARK}{number}_>"
        before, found, line = line.partition(f'"{mark}"' if f'"{mark}"' in line else mark)
        if not found:
            return None
        between.append(before)
    return None if _MARK in "".join(between) + line else [*between, line]


def _interleaved(between: list[str], columns: list[list[str]]) -> str:
    """Join what is the same in all rows with the items of the columns."""
    parts: list[Iterable[str]] = [repeat(between[0])]
    for same, items in zip(between[1:], columns, strict=True):
        parts += [items, repeat(same)]
    return "".join(chain.from_iterable(zip(*parts, strict=False)))  # a third of the time of filling a list by slices
