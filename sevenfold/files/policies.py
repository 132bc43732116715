"""When to rotate and what to keep, as people write it: "10 MB", "00:00", "30 days".

The words are those that loguru's ``add`` takes, but a size is always in bytes, also as "kb".
"""

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Protocol

from sevenfold.channels import CompressionArgument, RetentionArgument, RotationArgument

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b", re.IGNORECASE)
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)[\s,]*", re.IGNORECASE)
_SECONDS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hour", "hours"), 3600),
    **dict.fromkeys(("d", "day", "days"), 86_400),
    **dict.fromkeys(("w", "week", "weeks"), 7 * 86_400),
    **dict.fromkeys(("month", "months"), 365 * 86_400 // 12),
    **dict.fromkeys(("y", "year", "years"), 365 * 86_400),
}
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_CALENDAR = {"daily": (None, "00:00"), "weekly": ("monday", "00:00")}


class Schedule(Protocol):
    """Moments at which a file is to be rotated."""

    def after(self, moment: float) -> float:
        """Give the first such moment after another; both in seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Every:
    """A fixed time after the file was begun."""

    seconds: float

    def after(self, moment: float) -> float:
        """Give the moment that much later."""
        return moment + self.seconds


@dataclass(frozen=True, slots=True)
class At:
    """A time of day, on every day or on one day of the week (0 is Monday); local unless the time has a time zone."""

    time: time
    weekday: int | None = None

    def after(self, moment: float) -> float:
        """Give the next such time."""
        date = datetime.fromtimestamp(moment, tz=self.time.tzinfo).date()
        while True:
            found = datetime.combine(date, self.time)  # made anew each day, for the days when clocks change
            # Not by the clock: in the hour that a clock shows twice, what is later on it may be over.
            if found.timestamp() > moment and self.weekday in (None, found.weekday()):
                return found.timestamp()
            date += timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Rotation:
    """When a file is full: by size, by time, or by whichever comes first."""

    max_bytes: int | None = None
    schedule: Schedule | None = None


@dataclass(frozen=True, slots=True)
class Retention:
    """What is kept of the rotated files: so many of them, for so long, up to so many bytes in all."""

    max_count: int | None = None
    max_age_s: float | None = None
    max_bytes: int | None = None


def parse_rotation(value: RotationArgument) -> Rotation:
    """Understand a rotation.

    Parameters
    ----------
    value : int, str, datetime.time, datetime.timedelta, a tuple or list of these, or None
        Bytes, or a size such as "10 MB" or "1 GiB"; an interval such as "1 day" or "1 h 30 min"; a time of day such as
        "00:00", "monday", "monday at 12:00", "daily" or "weekly". Of several, whichever comes first.

    Raises
    ------
    ValueError
        If it isn't one of these.
    """
    sizes, schedules = [], []
    for one in _several(value):
        size, schedule = _size(one), _schedule(one)
        if size is None and schedule is None:
            expected = "a size such as '10 MB', a time such as '00:00', an interval such as '1 day'"
            raise ValueError(f"rotation must be {expected}, or None; got {one!r}")
        sizes += [size] if size is not None else []
        schedules += [schedule] if schedule is not None and size is None else []
    if len(sizes) > 1 or len(schedules) > 1:
        raise ValueError(f"rotation takes one size and one time, got {value!r}")
    return Rotation(sizes[0] if sizes else None, schedules[0] if schedules else None)


def parse_retention(value: RetentionArgument) -> Retention:
    """Understand a retention.

    Parameters
    ----------
    value : int, str, datetime.timedelta, a tuple or list of these, or None
        How many rotated files are kept; for how long, such as "30 days"; or their total size, such as "1 GB". Of
        several, all hold.

    Raises
    ------
    ValueError
        If it isn't one of these.
    """
    found: dict[str, Any] = {}
    for one in _several(value):
        if isinstance(one, int) and not isinstance(one, bool) and one >= 0:
            found["max_count"] = one
        elif (age := _span(one)) is not None:
            found["max_age_s"] = age
        elif isinstance(one, str) and (size := _size(one)) is not None:  # a number would be too easily a few bytes
            found["max_bytes"] = size
        else:
            expected = "a count, an age such as '30 days', a total size such as '1 GB'"
            raise ValueError(f"retention must be {expected}, or None; got {one!r}")
    return Retention(**found)


def parse_compression(value: CompressionArgument) -> bool:
    """Understand a compression: "gz" or None.

    Raises
    ------
    ValueError
        If it is anything else.
    """
    if value is None or (isinstance(value, str) and value.strip().lstrip(".") == "gz"):
        return value is not None
    raise ValueError(f"compression must be 'gz' or None, got {value!r}")


def _several(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, tuple | list) else [value]


def _size(value: Any) -> int | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return int(value) if 1 <= value < 2**63 else None
    found = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        return None
    number, unit, binary = found.groups()
    return int(float(number) * (1024 if binary else 1000) ** " kmgt".index(unit.lower() or " ")) or None


def _span(value: Any) -> float | None:
    if isinstance(value, timedelta):
        return value.total_seconds() if value > timedelta(0) else None
    if not isinstance(value, str) or not re.fullmatch(rf"(?:{_SPAN.pattern})+", value.strip(), re.IGNORECASE):
        return None
    parts = [(float(number), _SECONDS.get(unit.lower())) for number, unit in _SPAN.findall(value)]
    if any(seconds is None for _, seconds in parts):
        return None
    return sum(number * (seconds or 0) for number, seconds in parts) or None


def _schedule(value: Any) -> Schedule | None:
    if isinstance(value, time):
        return At(value)
    if (seconds := _span(value)) is not None:
        return Every(seconds)
    if not isinstance(value, str):
        return None
    day, clock = _CALENDAR.get(value.strip().lower()) or _day_and_clock(value)
    if day is not None and day not in _DAYS:
        return None
    try:
        return At(time.fromisoformat(clock), _DAYS.index(day) if day else None)
    except ValueError:
        return None


def _day_and_clock(value: str) -> tuple[str | None, str]:
    first, at, second = value.strip().lower().partition(" at ")
    if at:
        return first.strip(), second.strip()
    return (first, "00:00") if first in _DAYS else (None, first)
