"""What was logged, as columns of NumPy: the way back from ``batch=``."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from itertools import chain, islice
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from sevenfold.reading.conditions import LINE, PARTS, conditions_of
from sevenfold.reading.folder import select
from sevenfold.reading.selection import selection_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from sevenfold.lines.parsing import Event

_CHUNK_EVENTS: Final = 1024
_NOT_FINITE: Final = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
_EXACT: Final = 1 << 53  # up to which each whole number is a float
_TIME: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?)0*(Z|[+-][0-9]{2}:[0-9]{2})?"
)
_UTC: Final = (None, "Z", "+00:00")

_Columns: TypeAlias = dict[str, list[Any]]


def read_table(
    path: str | Path,
    *,
    channel: str | Collection[str] | None = None,
    host: str | Collection[str] | None = None,
    message: str | None = None,
    fields: Collection[str] | None = None,
    where: str | Collection[str] = (),
    since: datetime | None = None,
    until: datetime | None = None,
) -> dict[str, np.ndarray[Any, Any]]:
    """Read the events of a log file or a log folder as a table, the inverse of ``batch=``.

    Parameters
    ----------
    path : str or Path
        As `read` takes it.
    channel : str or collection of str, optional
        Only the events of this channel, or of these.
    host : str or collection of str, optional
        In a mirror, only the events of this host, or of these; the column ``host`` names the host of each event.
    message : str, optional
        Only the events with exactly this message, such as ``"prediction"``.
    fields : collection of str, optional
        The columns to return, in this order; by default the line's own four, and all fields.
    where : str or collection of str, optional
        Conditions that all must hold, as ``sevenfold logs --where`` takes them: ``"features.income>0.5"``.
    since, until : datetime, optional
        Only the events from `since` on and before `until`; both must have a time zone.

    Returns
    -------
    dict of str to ndarray
        A column for each field, all of one length, in the order of the events: ``time`` (UTC), ``level``, ``channel``,
        ``message``, and the fields; the fields of an object one by one, such as ``features.income``. If a field is
        called ``time``, it takes that name, and the line's own time is ``line.time``; so for the other three.
        Whole numbers are int64; other numbers, and whole ones with gaps, float64 with NaN; truth values bool; times
        with a date datetime64[us] in UTC with NaT; lists of numbers of one length the rows of a 2-D array. Everything
        else (texts, mixtures, whole numbers beyond 64 bits, times with nanoseconds, truth values with gaps) is object,
        with None for a missing value.

    Raises
    ------
    FileNotFoundError
        If there is no such file or folder, nor a rotated sibling.
    ValueError
        If a condition can't be read, a mirror has no such host, or no event has one of the `fields`.

    Examples
    --------
    >>> import sinks, tempfile
    >>> from loguru import logger
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with sinks.configure(folder, console=None):
    ...         logger.bind(channel="predictions").info("prediction", batch={"score": [0.9, 0.2]})
    ...     read_table(folder, where="score>0.5", fields=["message", "score"])
    {'message': array(['prediction'], dtype=object), 'score': array([0.9])}
    """
    conditions = conditions_of(where)
    tests = (*(() if message is None else (lambda event: event.message == message,)), *conditions)
    needles = tuple(dict.fromkeys(needle for condition in conditions for needle in condition.needles))
    selection = selection_of(channel, host, since=since, until=until, tests=tests, needles=needles)
    columns = _columns(select(path, selection))
    if fields is None:
        return {name: _array(items) for name, items in columns.items()}
    n_rows = len(columns["time"])
    missing = next((name for name in fields if name not in columns), None)
    if missing is not None and n_rows:
        raise ValueError(f"no event has the field {missing!r}; known: {', '.join(columns)}")
    return {name: _array(columns.get(name, [])) for name in fields}


def _columns(events: Iterator[Event]) -> _Columns:
    """Collect the fields of events by name, with None where an event lacks one."""
    own: list[list[Any]] = [[] for _ in PARTS]
    columns: _Columns = {}
    while chunk := list(islice(events, _CHUNK_EVENTS)):
        _put("", [event.fields for event in chunk], columns, len(own[0]))
        for column, items in zip(own, zip(*map(attrgetter(*PARTS), chunk), strict=True), strict=True):
            column.extend(items)
    for column in columns.values():
        column.extend([None] * (len(own[0]) - len(column)))
    parts = {f"{LINE}{part}" if part in columns else part: column for part, column in zip(PARTS, own, strict=True)}
    return {**parts, **columns}


def _put(path: str, items: Sequence[Any], columns: _Columns, at: int) -> None:
    """Put items under a path from row `at` on; the items of objects under the paths of their keys."""
    if dict not in set(map(type, items)):
        _extend(path, items, columns, at)
        return
    for start, run in _runs(items):
        if not isinstance(run[0], dict):
            if set(run) != {None}:  # None alone is a missing object
                _extend(path, run, columns, at + start)
        elif run[0]:
            for key, inner in zip(run[0], zip(*map(dict.values, run), strict=True), strict=True):
                _put(f"{path}.{key}" if path else key, inner, columns, at + start)


def _extend(path: str, items: Sequence[Any], columns: _Columns, at: int) -> None:
    column = columns.setdefault(path, [])
    del column[at:]  # where a field "a.b" stands beside a field b of a, the later one counts
    column.extend([None] * (at - len(column)))
    column.extend(items)


def _runs(items: Sequence[Any]) -> Iterator[tuple[int, Sequence[Any]]]:
    """Yield runs of neighbours that are objects with the same keys, or no objects, each with its first row."""
    keys = [tuple(item) if isinstance(item, dict) else None for item in items]
    if keys.count(keys[0]) == len(keys):
        yield 0, items
        return
    start = 0
    for i in range(1, len(items) + 1):
        if i == len(items) or keys[i] != keys[start]:
            yield start, items[start:i]
            start = i


def _array(items: list[Any]) -> np.ndarray[Any, Any]:
    kinds = set(map(type, items))
    known = kinds - {type(None)}
    array: np.ndarray[Any, Any] | None = None
    if kinds == {bool}:
        array = np.array(items, bool)
    elif kinds == {datetime}:
        array = _of_moments(items)
    elif kinds == {list}:
        array = _of_lists(items)
    elif known == {str}:
        array = _of_times(items)
    if array is None and known and known <= {int, float, str}:
        array = _of_numbers(items, kinds)
    return _of_objects(items) if array is None else array


def _of_numbers(items: list[Any], kinds: set[type]) -> np.ndarray[Any, Any] | None:
    if str in kinds:
        if not all(item in _NOT_FINITE for item in items if type(item) is str):
            return None
        items = [_NOT_FINITE[item] if type(item) is str else item for item in items]
    try:
        if kinds == {int}:
            return np.array(items, np.int64)
        if float not in kinds and any(type(item) is int and abs(item) > _EXACT for item in items):
            return None
        return np.array(items, np.float64)
    except OverflowError:
        return None


def _of_moments(moments: list[Any]) -> np.ndarray[Any, Any]:
    seconds = np.fromiter(map(datetime.timestamp, moments), np.float64, len(moments))
    if np.abs(seconds).max() * 1e6 < _EXACT:
        return np.rint(seconds * 1e6).astype(np.int64).view("M8[us]")
    return np.array([moment.replace(tzinfo=None) for moment in moments], "M8[us]")


def _of_times(texts: list[Any]) -> np.ndarray[Any, Any] | None:
    """Return texts as times in UTC; None unless all are times to the microsecond."""
    times = []
    for text in texts:
        match = None if text is None else _TIME.fullmatch(text)
        if match is None and text is not None:
            return None
        if match is not None and match[2] not in _UTC:
            times.append(datetime.fromisoformat(match[0]).astimezone(UTC).replace(tzinfo=None).isoformat())
        else:
            times.append("NaT" if match is None else match[1])
    return np.array(times, "M8[us]")


def _of_lists(lists: list[Any]) -> np.ndarray[Any, Any] | None:
    """Return lists of one length whose items are numbers or truth values as rows of an array."""
    if len(set(map(len, lists))) != 1 or not lists[0]:
        return None
    flat = _array(list(chain.from_iterable(lists)))
    return None if flat.dtype.kind in "OM" else flat.reshape(len(lists), len(lists[0]), *flat.shape[1:])


def _of_objects(items: list[Any]) -> np.ndarray[Any, Any]:
    array = np.empty(len(items), object)
    array[:] = items
    return array
