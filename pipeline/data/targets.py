"""From the column to predict to ones and zeros."""

from __future__ import annotations

import operator
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.data.messages import DataError, hint, listed, shown
from pipeline.data.numerals import is_missing, read_number, spelled
from pipeline.data.reader.cells import Distinct

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from pipeline.data.columns import Options
    from pipeline.data.reader.text import Text

MOST_CLASSES = 20  # with more distinct numbers, a target is a quantity

_POSITIVE = frozenset({"yes", "y", "true", "t", "approve", "approved", "accept", "accepted", "positive", "good"})
_BOUND = re.compile(r"(>=|<=|>|<)\s*(.+)")
_ORDER = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """The target to predict.

    Attributes
    ----------
    rows : np.ndarray
        (n,), the rows of the file that have a label.
    labels : np.ndarray
        (n,) int8, 1 for the positive class.
    positive : str
        The value, or the bound such as ">250000", that counts as 1.
    against : dict[str, int]
        The classes that count as 0, with their number of rows, the largest first.
    merged : dict[str, str]
        Labels that differ from another in case alone, with the label that they count as.
    """

    rows: NDArray[np.intp]
    labels: NDArray[np.int8]
    positive: str
    against: dict[str, int]
    merged: dict[str, str]


def read_target(text: Text, name: str, positive: str | None, options: Options, least: int) -> Target:
    """Read the column to predict. All cells are labels, except empty ones and the user's words for missing values.

    Raises
    ------
    DataError
        If fewer than `least` rows have a label, or the two classes aren't clear.
    """
    cells = Distinct.of(text.columns[name])
    labelled = np.array([value not in {"", *options.na} for value in cells.values], dtype=np.bool_)[cells.codes]
    rows = np.flatnonzero(labelled)
    if len(rows) < least:
        what = f"expected at least {least} rows with a value in {name!r}, got {len(rows)}"
        raise DataError(f"{text.path}: {what}; add rows")
    counts = {cells.values[i]: n for i, n in enumerate(np.bincount(cells.codes[rows]).tolist()) if n}
    chosen = _positive_class(f"{text.path}, column {name!r}", counts, positive)
    is_positive = np.array([value in chosen.members for value in cells.values], dtype=np.int8)
    return Target(rows, is_positive[cells.codes[rows]], chosen.name, chosen.against, chosen.merged)


@dataclass(frozen=True, slots=True)
class _PositiveClass:
    name: str
    members: frozenset[str]
    against: dict[str, int]
    merged: dict[str, str]


def _positive_class(where: str, counts: dict[str, int], positive: str | None) -> _PositiveClass:
    """Choose the spellings of the positive class."""
    numbers = _numbers(counts)
    if positive and numbers and (bound := _bound(positive)):
        return _by_bound(where, counts, numbers, positive, bound)
    label_of = {value: spelled(number) for value, number in numbers.items()} if numbers else _same_but_for_case(counts)
    classes: Counter[str] = Counter()
    for value, count in counts.items():
        classes[label_of[value]] += count
    if positive is None:
        positive = _default(where, classes, is_numeric=bool(numbers))
    else:
        number = read_number(positive) if numbers else None
        label = spelled(number) if number is not None else label_of.get(positive, positive)
        positive = _required(where, label, classes)
    if len(classes) == 1:
        raise DataError(f"{where}: expected two classes, got only {listed(classes)}; add rows of the other class")
    members = frozenset(value for value in counts if label_of[value] == positive)
    merged = {} if numbers else {value: label for value, label in label_of.items() if value != label}
    against = {name: count for name, count in classes.most_common() if name != positive}
    return _PositiveClass(positive, members, against, merged)


def _numbers(counts: dict[str, int]) -> dict[str, float]:
    """Return the labels as numbers; {} if one of them is no number."""
    numbers = {value: read_number(value) for value in counts}
    labels_as_numbers = {value: number for value, number in numbers.items() if number is not None}
    return labels_as_numbers if len(labels_as_numbers) == len(counts) else {}


def _same_but_for_case(counts: dict[str, int]) -> dict[str, str]:
    """Return for each label its most frequent spelling, without regard to case."""
    most_frequent: dict[str, str] = {}
    for value in sorted(counts, key=lambda value: -counts[value]):
        most_frequent.setdefault(value.casefold(), value)
    return {value: most_frequent[value.casefold()] for value in counts}


def _default(where: str, classes: dict[str, int], *, is_numeric: bool) -> str:
    names = sorted(classes, key=float if is_numeric else str)
    if is_numeric and len(names) > MOST_CLASSES:
        middle = names[len(names) // 2]
        what = f"this is a regression target: {len(names):,} different numbers from {names[0]} to {names[-1]}"
        raise DataError(f"{where}: {what}; make two classes of it, as in --positive '>{middle}'")
    if names[2:]:
        what = f"expected two classes, got {len(names)} ({listed(names)})"
        gap = next((f"; if {shown(name)} means missing: --na {name}" for name in names if is_missing(name)), "")
        raise DataError(f"{where}: {what}; name the positive one with --positive{gap}")
    usual = [name for name in names if name.lower() in _POSITIVE]
    return usual[0] if len(usual) == 1 else names[-1]


def _required(where: str, positive: str, classes: dict[str, int]) -> str:
    if positive not in classes:
        names = sorted(classes)
        what = f"the positive value {positive!r} doesn't occur{hint(positive, names)}"
        raise DataError(f"{where}: {what}; there are {listed(names)}")
    return positive


def _bound(positive: str) -> tuple[Callable[[float, float], bool], float] | None:
    match = _BOUND.fullmatch(positive.strip())
    number = read_number(match[2].strip()) if match else None
    return None if match is None or number is None else (_ORDER[match[1]], number)


def _by_bound(
    where: str,
    counts: dict[str, int],
    numbers: dict[str, float],
    positive: str,
    bound: tuple[Callable[[float, float], bool], float],
) -> _PositiveClass:
    compare, number = bound
    members = frozenset(value for value in counts if compare(numbers[value], number))
    n_rest = sum(count for value, count in counts.items() if value not in members)
    if not members or not n_rest:
        values = numbers.values()
        what = f"all rows are {'on one side of'} {positive!r}: the numbers go from {min(values):g} to {max(values):g}"
        raise DataError(f"{where}: {what}; choose a bound between them")
    return _PositiveClass(positive, members, {"all others": n_rest}, {})
