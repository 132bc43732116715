"""Bulk records: one call with columns writes a line per row, the same bytes as a call for each row.

``info("prediction", batch={"features": X, "decision": decisions})`` is a batch if `tables.table_of` can read it: a
frame, records, or columns of one length. A row's fields stand where ``batch`` does: an item of a 1-D column, a list
from a 2-D one, an object from a dict of columns.

The renderer writes one line, with a mark in place of each column. The text between the marks is the same for all rows;
in place of the marks come the texts of the columns, each dumped by orjson in one piece. If a column can't be written in
this way (objects, lists of anything but numbers of 64 bits, lists under a secret's name), its rows go through the
renderer one by one, which takes some forty times as long.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, count, repeat
from typing import Any, Final

from sevenfold.lines.grammar import value_text
from sevenfold.lines.record import Record
from sevenfold.lines.values import to_json
from sevenfold.notices import notice
from sevenfold.redaction.texts import REDACTED
from sevenfold.redaction.walk import PLACEHOLDER
from sevenfold.rendering.columns import is_nested, item_texts, repeats_secrets, simple, texts_of
from sevenfold.rendering.renderer import Renderer
from sevenfold.rendering.tables import Column, Table, table_of

BATCH: Final = "batch"
CHUNK_ROWS = 1024  # rendered at a time: what is in memory, and in one write
_MARK = f"{PLACEHOLDER}{os.urandom(8).hex()}_"  # that no record holds by chance, and no name takes for a secret
_MAX_REPORTED = 50  # call sites

_reported: set[tuple[str, int]] = set()  # files and lines of calls whose batch= was no table


class Rows:
    """The rows of a batch.

    Parameters
    ----------
    render : Renderer
        Writes a record as a line.
    record : dict
        The record of the call.
    table : Table
        The table under its key ``batch``.
    """

    def __init__(self, render: Renderer, record: Record, table: Table) -> None:
        self._render = render
        self._record = record
        self._table = table
        self._columns = table.columns
        self._n_rows = table.n_rows
        # Asked once, since for some columns the first item must be made to tell whether they are nested.
        self._leaves = [(name, column, write, is_nested(column)) for name, column, write in _leaves(self._columns)]
        self._has_telling_names = any(render.redactor.is_secret(name) for name, *_ in self._leaves)

    @property
    def summary(self) -> Record:
        """The record that stands for all rows where they would be too many: their number and the columns."""
        return self._with({BATCH: {"n_rows": self._n_rows, "columns": self._table.names}})

    def records(self) -> Iterator[Record]:
        """Yield the record that a call for each row would make."""
        return (self._with(self._table.row(i)) for i in range(self._n_rows))

    def texts(self) -> Iterator[tuple[str, int]]:
        """Yield the lines, with their ends, some at a time: a text, and its number of lines."""
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
                extra.setdefault(key, value)  # a column wins over a field of its name
        return {**self._record, "extra": extra}

    def _exact_text(self, chunk: slice) -> str:
        rows = (self._with(self._table.row(i)) for i in range(chunk.start, chunk.stop))
        return "".join(f"{self._render(row)}\n" for row in rows)

    def _quick_text(self, chunk: slice, between: list[str] | None) -> str | None:
        """Write lines column by column; None if that isn't possible."""
        if between is None or (self._has_telling_names and self._repeats_secrets(chunk, between)):
            return None
        texts = []
        for name, column, write, nested in self._leaves:
            items = item_texts(name, simple(column[chunk]), write, self._render.redactor, nested=nested)
            if items is None:
                return None
            texts.append(items)
        return _interleaved(between, texts)

    def _repeats_secrets(self, chunk: slice, between: list[str]) -> bool:
        """Return whether a secret of one column stands elsewhere in its row."""
        columns = [(name, texts_of(simple(column[chunk]))) for name, column, *_ in self._leaves]
        same = "".join(between)
        for i, (name, items) in enumerate(columns):
            if items is not None and self._render.redactor.is_secret(name):
                others = [other for j, (_, other) in enumerate(columns) if j != i and other is not None]
                if repeats_secrets(items, others, same):
                    return True
        return False

    def _has_telling_objects(self, columns: dict[str, Column]) -> bool:
        """Return whether an object stands under a secret's name, which affects its columns."""
        return any(
            isinstance(column, dict) and (self._render.redactor.is_secret(name) or self._has_telling_objects(column))
            for name, column in columns.items()
        )

    def _between(self) -> list[str] | None:
        """Return the text around the columns in each line; None if it differs from row to row."""
        if self._table.records or self._record["exception"] is not None or self._has_telling_objects(self._columns):
            return None
        marks = count()
        line = self._render(self._with(_marked(self._columns, marks))) + "\n"
        # What one field holds as a secret is hidden in all others, too.
        return None if REDACTED in line else _split(line, next(marks))


def rows_of(render: Renderer, record: Record) -> Rows | None:
    """Return the rows of a record whose ``batch`` is a table; None if it is an ordinary field.

    If it looks like a table but can't be read, a notice says so once per call site.
    """
    table = table_of(record["extra"][BATCH])
    if isinstance(table, Table):
        return Rows(render, record, table)
    if table is not None:
        _tell(record, table)
    return None


def _tell(record: Record, why: str) -> None:
    place = record["file"].path, record["line"]
    if place not in _reported and len(_reported) < _MAX_REPORTED:
        _reported.add(place)
        notice(f"{place[0]}:{place[1]}: batch= is written as one field, not as rows: {why}")


def _leaves(columns: dict[str, Column], write: Callable[[Any], str] = value_text) -> Iterator[tuple[str, Any, Any]]:
    """Yield the columns of values with their names, and the function that writes a value: JSON within an object."""
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
    """Join the texts that are the same in all rows with the items of the columns."""
    parts: list[Iterable[str]] = [repeat(between[0])]
    for same, items in zip(between[1:], columns, strict=True):
        parts += [items, repeat(same)]
    return "".join(chain.from_iterable(zip(*parts, strict=False)))  # a third of the time of filling a list by slices
