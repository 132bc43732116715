"""The meaning of a column's cells: numbers, dates, booleans or text, decided on their distinct values.

It has more than 300 lines since the options, the decision and its description are read side by side.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.data.dates import are_times, day_comes_first, has_order, read_dates
from pipeline.data.messages import DataError, shown
from pipeline.data.numerals import is_code, is_grouped, is_missing, read_number
from pipeline.data.reader.cells import Distinct, quick_numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from pipeline.data.reader.cells import Cells
    from pipeline.data.reader.text import Text

LARGEST = 1e150  # the square of anything larger overflows, and with it a variance
SAMPLE = 1000  # cells that show whether a column has decimal commas, or is of numbers except for a few cells
BOOLEANS = ({"true", "false"}, {"yes", "no"}, {"y", "n"}, {"t", "f"}, {"on", "off"})


@dataclass(frozen=True, slots=True)
class Options:
    """Options of the user for reading a file; what they leave open is found out.

    Attributes
    ----------
    separator : str, optional
        The character between the columns.
    decimal : {".", ","}, optional
        The decimal separator.
    na : tuple of str
        Spellings of a missing value, in any column.
    categories, dates : tuple of str
        Columns to read as text, or as dates, whatever they look like.
    ignore_index : bool
        Whether to leave out a first column without a name, whatever its cells.
    """

    separator: str | None = None
    decimal: str | None = None
    na: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    ignore_index: bool = False


@dataclass(frozen=True, slots=True)
class Meaning:
    """How the cells of a column are read, in a second file, too.

    Attributes
    ----------
    kind : {"number", "date", "boolean", "text"}
        The kind of the cells. Dates become numbers: days since 1970-01-01. Booleans become text in one spelling.
    decimal : {".", ","}
        The decimal separator.
    day_first : bool
        Whether 3/4/2024 is the third of April.
    spelling : dict[str, str]
        The spelling of a boolean in the table, by its lower-case spelling.
    """

    kind: str
    decimal: str = "."
    day_first: bool = False
    spelling: dict[str, str] | None = None


NUMBER, TEXT = Meaning("number"), Meaning("text")


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """A column as read.

    Attributes
    ----------
    values : np.ndarray
        (n,), float64 with NaN for a missing value, or object with None.
    meaning : Meaning
        How the cells were read.
    said : str
        A description of that for the user; empty for plain numbers and text.
    mixed : str
        If most cells are numbers or dates, the first one that isn't, and its line; else empty.
    """

    values: NDArray[Any]
    meaning: Meaning
    said: str = ""
    mixed: str = ""


def read_columns(text: Text, names: Sequence[str], options: Options) -> dict[str, Column]:
    """Read columns, each by the meaning of its cells.

    Raises
    ------
    DataError
        If a number is beyond 1e150, or a column of the option `dates` has other cells.
    """
    columns = {name: _read(text, name, options) for name in names}
    german = any(column is not None and column.meaning.decimal == "," for column in columns.values())
    if options.decimal is None:
        for name, column in columns.items():
            if column is None or (german and column.meaning == NUMBER and _may_be_grouped(text.columns[name])):
                columns[name] = _read(text, name, options, "," if german or text.separator == ";" else ".")
    return {name: column for name, column in columns.items() if column is not None}


def read_as(text: Text, name: str, meaning: Meaning, options: Options) -> NDArray[Any]:
    """Read a column with the meaning of another.

    Raises
    ------
    DataError
        If a cell doesn't have that meaning.
    """
    if meaning.kind == "number" and meaning.decimal == ".":
        numbers = quick_numbers(text.columns[name])
        if numbers is not None:
            return _bounded(text, name, numbers[0])
    cells = Distinct.of(text.columns[name])
    if meaning.kind in {"text", "boolean"}:
        return cells.words(options.na, meaning.spelling)
    read = _reader(meaning, options)
    values = np.array([read(value) for value in cells.values], dtype=np.float64)  # None becomes NaN
    wrong = {value for value, number in zip(cells.values, values, strict=True) if np.isnan(number)}
    wrong = {value for value in wrong if not _is_gap(value, options)}
    if wrong:
        raise DataError(bad_cell(text, name, cells.first(wrong.__contains__), f"a {meaning.kind}"))
    return _bounded(text, name, values[cells.codes])


def bad_cell(text: Text, name: str, row: int, expected: str) -> str:
    """Return a message about a bad cell: its place, the expected and the actual text, and the way out."""
    where = f"{text.path}, line {text.lines[row]}, column {name!r}"
    got = shown(text.columns[name].cell(row).strip())
    return f"{where}: expected {expected}, got {got}; correct it or leave it empty"


def _read(text: Text, name: str, options: Options, prefer: str | None = None) -> Column | None:
    """Read a column; None if "," could be its decimal or its thousands separator, and `prefer` is None."""
    cells = text.columns[name]
    if name in options.categories:
        return Column(Distinct.of(cells).words(options.na), TEXT, "a category, as told")
    if name in options.dates:
        return _dates_by_option(text, name, options)
    if options.decimal != "," and prefer != "," and not options.na:
        numbers = quick_numbers(cells)
        if numbers is not None:
            return Column(_bounded(text, name, numbers[0]), NUMBER, _describe_missing(numbers[1]))
    if options.decimal != "." and not options.na and _has_decimal_commas(cells):
        numbers = quick_numbers(cells, ",")
        if numbers is not None:
            description = "; ".join(filter(None, ["decimal commas", _describe_missing(numbers[1])]))
            return Column(_bounded(text, name, numbers[0]), Meaning("number", ","), description)
    return _Decision(text, name, Distinct.of(cells), options).column(prefer)


class _Decision:
    """Decides the meaning of a column on its distinct cells."""

    def __init__(self, text: Text, name: str, cells: Distinct, options: Options) -> None:
        self.text, self.name, self.cells, self.options = text, name, cells, options
        self.present = [value for value in cells.values if value and value not in options.na]
        self.counts = dict(zip(cells.values, cells.counts(), strict=True))
        self.filled = [value for value in self.present if not is_missing(value)]

    def column(self, prefer: str | None) -> Column | None:
        """Return the column; None if its numbers are ambiguous and there is no preference."""
        prefer = prefer or self.options.decimal
        fits = {decimal: _numbers(self.filled, decimal) for decimal in ".,"} if self.filled else {}
        fitting = {decimal: values for decimal, values in fits.items() if values is not None}
        if not fitting:
            return self._dates() or self._words()
        if all(map(is_code, self.filled)) or (any(map(is_code, self.filled)) and all(map(str.isdecimal, self.filled))):
            return Column(self._as_words(), TEXT, "a category, since codes begin with 0")
        if len(fitting) > 1 and fitting["."] != fitting[","] and prefer is None:
            return None
        decimal = prefer if prefer in fitting else next(iter(fitting))
        notes = [*self._describe_numbers(decimal, fitting), self._describe_missing()]
        values = self._spread(fitting[decimal])
        values = _bounded(self.text, self.name, values)
        return Column(values, Meaning("number", decimal), "; ".join(filter(None, notes)))

    def _describe_numbers(self, decimal: str, fitting: dict[str, list[float]]) -> list[str]:
        marks = [("%", "percentages, as fractions"), (decimal, "decimal commas" if decimal == "," else "")]
        notes = [words for mark, words in marks if any(mark in value for value in self.filled)]
        notes += ["thousands separators"] if any(is_grouped(value, decimal) for value in self.filled) else []
        if len(fitting) > 1 and fitting["."] != fitting[","]:
            other = "." if decimal == "," else ","
            notes.append(f"--decimal {other} reads {shown(self.filled[0])} the other way")
        return notes

    def _dates(self) -> Column | None:
        if not self.filled:
            return None
        day_first = day_comes_first(self.filled)
        is_day_first = self.text.separator == ";" if day_first is None else day_first
        days = read_dates(self.filled, day_first=is_day_first)
        if days is None:
            return None
        order = "the day first" if is_day_first else "the month first"
        doubt = f", {order}" if has_order(self.filled) else ""
        kind = "times, as days since midnight" if are_times(self.filled) else f"dates, as days{doubt}"
        notes = [kind, self._describe_missing()]
        values = self._spread(days.tolist())
        return Column(values, Meaning("date", day_first=is_day_first), "; ".join(filter(None, notes)))

    def _words(self) -> Column:
        folded = {value.lower() for value in self.present}
        if folded and any(folded <= pair for pair in BOOLEANS):
            return self._booleans()
        description = self._describe_case() if len(folded) < len(self.present) else ""
        return Column(self._as_words(), TEXT, description, self._mixed())

    def _describe_case(self) -> str:
        """Name the first two levels that differ in case alone."""
        first: dict[str, str] = {}
        pairs = ((first.setdefault(value.lower(), value), value) for value in self.present)
        level, other = next(pair for pair in pairs if pair[0] != pair[1])
        return f"a category in which {shown(level)} and {shown(other)} are two levels"

    def _booleans(self) -> Column:
        spelling: dict[str, str] = {}
        for value in sorted(self.present, key=lambda value: -self.counts[value]):
            spelling.setdefault(value.lower(), value)
        description = "booleans" + (", in one spelling" if len(spelling) < len(self.present) else "")
        return Column(self.cells.words(self.options.na, spelling), Meaning("boolean", spelling=spelling), description)

    def _mixed(self) -> str:
        """Return the first cell that is neither number nor date, and its line, if most cells are numbers or dates."""
        readers = [_reader(Meaning("number", decimal), self.options) for decimal in ".,"]
        readers.append(_reader(Meaning("date"), self.options))
        total = sum(self.counts[value] for value in self.filled)
        sample = self.filled[:SAMPLE]
        for read in [read for read in readers if 2 * sum(read(value) is None for value in sample) <= len(sample)]:
            bad = {value for value in self.filled if read(value) is None}
            if 2 * sum(self.counts[value] for value in bad) < total:
                row = self.cells.first(bad.__contains__)
                return f"line {self.text.lines[row]}: {shown(self.cells.values[self.cells.codes[row]])}"
        return ""

    def _as_words(self) -> NDArray[np.object_]:
        return self.cells.words(self.options.na)

    def _spread(self, values: Sequence[float]) -> NDArray[np.float64]:
        """Return the numbers of all cells, from those of the distinct filled cells; NaN for the missing ones."""
        number = dict(zip(self.filled, values, strict=True))
        return np.array([number.get(value, np.nan) for value in self.cells.values])[self.cells.codes]

    def _describe_missing(self) -> str:
        return _describe_missing(Counter({value: self.counts[value] for value in self.present if is_missing(value)}))


def _dates_by_option(text: Text, name: str, options: Options) -> Column:
    cells = Distinct.of(text.columns[name])
    order = day_comes_first(cells.values)
    meaning = Meaning("date", day_first=text.separator == ";" if order is None else order)
    return Column(read_as(text, name, meaning, options), meaning, "dates, as told, as days")


def _reader(meaning: Meaning, options: Options) -> Callable[[str], float | None]:
    def number(value: str) -> float | None:
        return None if _is_gap(value, options) else read_number(value, meaning.decimal)

    def date(value: str) -> float | None:
        days = read_dates([value], day_first=meaning.day_first, compact=True)
        return None if days is None or _is_gap(value, options) else float(days[0])

    return number if meaning.kind == "number" else date


def _is_gap(value: str, options: Options) -> bool:
    return not value or value in options.na or is_missing(value)


def _numbers(texts: list[str], decimal: str) -> list[float] | None:
    """Return texts as numbers; None if one of them isn't a number."""
    values = []
    for text in texts:
        value = read_number(text, decimal)
        if value is None:
            return None
        values.append(value)
    return values


def _has_decimal_commas(cells: Cells) -> bool:
    """Whether one of the first cells is a number only if the comma is its decimal separator."""
    return any(
        "," in cell and read_number(cell, ",") is not None and read_number(cell) is None
        for cell in islice(cells, SAMPLE)
    )


def _may_be_grouped(cells: Cells) -> bool:
    return any("." in cell for cell in cells)


def _bounded(text: Text, name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
    for row in np.flatnonzero((values > LARGEST) | (values < -LARGEST))[:1]:
        raise DataError(bad_cell(text, name, int(row), f"a number between -{LARGEST:g} and {LARGEST:g}"))
    return values


def _describe_missing(words: Counter[str]) -> str:
    examples = ", ".join(
        f"{shown(word)} ({count:,})" for word, count in sorted(words.items(), key=lambda item: (-item[1], item[0]))[:3]
    )
    return f"missing where it says {examples}" if examples else ""
