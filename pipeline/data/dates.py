"""Dates and times as people and programs spell them, as days."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: number for number, name in enumerate(_NAMES, start=1)}
_CLOCK = (
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?"
    r"(?: ?(?P<half>[AaPp])\.?[Mm]\.?)?(?: ?(?P<zone>Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?))?"
)
_DAYS = (
    r"(?P<year>\d{4})(?P<mark>[-/.])(?P<month>\d{1,2})(?P=mark)(?P<day>\d{1,2})",
    r"(?P<first>\d{1,2})(?P<mark>[-/.])(?P<second_>\d{1,2})(?P=mark)(?P<year>\d{4})",
    r"(?P<first>\d{2})(?P<mark>[-/.])(?P<second_>\d{2})(?P=mark)(?P<year>\d{2})",
    r"(?P<day>\d{1,2})\.?[ -](?P<name>[A-Za-z]{3,9})\.?,?[ -](?P<year>\d{4}|\d{2})",
    r"(?P<name>[A-Za-z]{3,9})\.? (?P<day>\d{1,2}),? (?P<year>\d{4})",
)
_FORMATS = tuple(re.compile(f"{days}(?:(?:T|,? +){_CLOCK})?") for days in _DAYS)
_COMPACT = re.compile(r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})")
_TIME = re.compile(_CLOCK)
_ISO = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?)?")
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - every time here is in UTC, or in the table's own zone
_PIVOT = 69  # POSIX: two digits from 69 on are of the last century


def read_dates(texts: Sequence[str], *, day_first: bool, compact: bool = False) -> NDArray[np.float64] | None:
    """Return days since 1970-01-01, or, of times without a date, days since midnight; None if one is neither.

    Parameters
    ----------
    texts : sequence of str
        Cells, trimmed. With a zone they become UTC; all must be dates, or all times.
    day_first : bool
        Whether 3/4/2024 is the third of April.
    compact : bool
        Whether 20240403 is a date, too.

    Examples
    --------
    >>> read_dates(["1970-01-02", "1970-01-03 12:00"], day_first=False)
    array([1. , 2.5])
    """
    if all(map(_ISO.fullmatch, texts)):
        try:
            return np.array(texts, dtype="datetime64[us]").astype(np.int64) / 86_400e6
        except ValueError:  # the 30th of February
            return None
    formats = (*_FORMATS, _COMPACT) if compact else _FORMATS
    for kinds in (formats, (_TIME,)):
        days = _read_all(texts, kinds, day_first=day_first)
        if days is not None:
            return days
    return None


def day_comes_first(texts: Iterable[str]) -> bool | None:
    """Whether 13/4/2024 shows that the day comes first, or 4/13/2024 that the month does; None if nothing shows it.

    Examples
    --------
    >>> day_comes_first(["3/4/2024", "13/4/2024"]), day_comes_first(["3/4/2024"])
    (True, None)
    """
    found = [match for text in texts for form in _FORMATS[1:3] if (match := form.fullmatch(text))]
    if any(int(match["first"]) > 12 for match in found):  # noqa: PLR2004 - months
        return True
    if any(match["mark"] == "." for match in found):
        return True
    return False if any(int(match["second_"]) > 12 for match in found) else None  # noqa: PLR2004


def has_order(texts: Iterable[str]) -> bool:
    """Whether a text is a date that means another with day and month exchanged."""
    return any(form.fullmatch(text) for text in texts for form in _FORMATS[1:3])


def are_times(texts: Iterable[str]) -> bool:
    """Whether all are times without a date."""
    return all(map(_TIME.fullmatch, texts))


def _read_all(
    texts: Sequence[str], formats: tuple[re.Pattern[str], ...], *, day_first: bool
) -> NDArray[np.float64] | None:
    days = np.empty(len(texts))
    for i, text in enumerate(texts):
        found = next((match for form in formats if (match := form.fullmatch(text))), None)
        value = None if found is None else _days(found.groupdict(), day_first)
        if value is None:
            return None
        days[i] = value
    return days


def _days(parts: dict[str, str | None], day_first: bool) -> float | None:
    try:
        date = _date(parts, day_first) if parts.get("year") else _EPOCH
        return (date + _since_midnight(parts) - _EPOCH) / timedelta(days=1)
    except (ValueError, KeyError, OverflowError):  # the 30th of February, the 13th month, "xyz 3, 2024"
        return None


def _date(parts: dict[str, str | None], day_first: bool) -> datetime:
    year = int(parts["year"] or 0)
    if len(parts["year"] or "") == 2:  # noqa: PLR2004 - digits
        year += 1900 if year >= _PIVOT else 2000
    if name := parts.get("name"):
        return datetime(year, _MONTHS[name[:3].lower()], int(parts["day"] or 0))  # noqa: DTZ001
    if parts.get("first"):
        first, second = int(parts["first"] or 0), int(parts["second_"] or 0)
        month, day = (second, first) if day_first else (first, second)
        return datetime(year, month, day)  # noqa: DTZ001
    return datetime(year, int(parts["month"] or 0), int(parts["day"] or 0))  # noqa: DTZ001


def _since_midnight(parts: dict[str, str | None]) -> timedelta:
    if not parts.get("hour"):
        return timedelta()
    hour, minute, second = (int(parts[name] or 0) for name in ("hour", "minute", "second"))
    if half := parts["half"]:
        if not 1 <= hour <= 12:  # noqa: PLR2004
            raise ValueError(hour)
        hour = hour % 12 + 12 * (half in "Pp")
    if hour > 24 or minute > 59 or second > 60:  # noqa: PLR2004
        raise ValueError(hour, minute, second)
    micros = int(f"{parts['fraction'] or '':0<6}"[:6])
    return timedelta(hours=hour, minutes=minute, seconds=second, microseconds=micros) - _offset(parts["zone"])


def _offset(zone: str | None) -> timedelta:
    if zone is None or zone[0] not in "+-":
        return timedelta()
    digits = f"{zone[1:].replace(':', ''):0<4}"
    return int(zone[0] + "1") * timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
