"""When to rotate and what to keep, as people write it: "10 MB", "00:00", "30 days".

The words are loguru's, with its meanings. Words that can't be taken, or could mean two things, are refused with the way
out, since deleted files don't come back.
"""

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from numbers import Integral, Real
from typing import Any, Final, Protocol

from sevenfold.channels import CompressionArgument, RetentionArgument, RotationArgument

_NUMBER = r"\+?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?"
_SIZE = re.compile(rf"({_NUMBER})\s*([kmgtpezy]?)(i?)(b)", re.IGNORECASE)
_SPAN = re.compile(rf"({_NUMBER})\s*([a-z]+)[\s,]*", re.IGNORECASE)
_SPANS = re.compile(rf"(?:{_SPAN.pattern})+", re.IGNORECASE)
_SECONDS: Final = {
    **dict.fromkeys(("us", "microsecond", "microseconds"), 1e-6),
    **dict.fromkeys(("ms", "millisecond", "milliseconds"), 1e-3),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hour", "hours"), 3600),
    **dict.fromkeys(("d", "day", "days"), 86_400),
    **dict.fromkeys(("w", "week", "weeks"), 7 * 86_400),
    **dict.fromkeys(("month", "months"), 365 * 86_400 // 12),
    **dict.fromkeys(("y", "year", "years"), 365 * 86_400),
}
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_CLOCK = re.compile(
    r"(\d{1,2})(?::(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,6}))?)?)?\s*([ap]m)?\s*(z|[+-]\d\d:\d\d)?", re.IGNORECASE
)
# What people write, and what to write instead.
_HINTS = (
    (r"([01]?\d|2[0-3])([0-5]\d)", r"for the time of day write '\1:\2', for a size '\g<0> B'"),
    (r"\d+", r"for a size write '\g<0> B'"),
    (r"w\d+(?: at .*)?", "the days of the week are 'w0' (Monday) to 'w6' (Sunday)"),
    (rf"({_NUMBER})\s*m", r"for minutes write '\1 min', for months '\1 months', for a size '\1 MB'"),
    (rf"({_NUMBER})\s*([kgt]i?)", r"for a size write '\1 \2B'"),
    (rf"({_NUMBER}\s*[kmgtpezy]?i?)(?-i:b)", r"loguru reads a small b as bits: write '\1B'"),
    (r"hourly|daily|weekly|monthly|yearly", "that says when to rotate; how long to keep is such as '1 month'"),
)


class Schedule(Protocol):
    """Moments at which a file is to be rotated."""

    def after(self, moment: float, origin: float | None = None) -> float:
        """Return the first such moment after another.

        Parameters
        ----------
        moment : float
            Seconds since the epoch, like the result.
        origin : float, optional
            When the first file was begun, seconds since the epoch; by default the moment.
        """


@dataclass(frozen=True, slots=True)
class Every:
    """A fixed interval, on a grid that begins with the first file: a late rotation makes none after it late."""

    seconds: float

    def after(self, moment: float, origin: float | None = None) -> float:
        """Return the next place of the grid."""
        origin = moment if origin is None else origin
        found = origin + (math.floor((moment - origin) / self.seconds) + 1) * self.seconds
        return found if found > moment else found + self.seconds  # division may have rounded


@dataclass(frozen=True, slots=True)
class At:
    """A time of day, on every day or on one day of the week (0 is Monday); local unless the time has a time zone."""

    time: time
    weekday: int | None = None

    def after(self, moment: float, origin: float | None = None) -> float:  # noqa: ARG002 - a time has no other origin
        """Return the next such time."""
        date = datetime.fromtimestamp(moment, tz=self.time.tzinfo).date()
        while True:
            found = datetime.combine(date, self.time)  # made anew each day, for the days when clocks change
            # In seconds, not by the clock: in the hour that a clock shows twice, its later time may be over.
            if found.timestamp() > moment and self.weekday in (None, found.weekday()):
                return found.timestamp()
            date += timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Begin:
    """The beginning of each "hour", "month" or "year", by the local clock."""

    of: str

    def after(self, moment: float, origin: float | None = None) -> float:  # noqa: ARG002 - the calendar is the grid
        """Return the next one."""
        now = datetime.fromtimestamp(moment, UTC).astimezone()
        if self.of == "hour":  # an hour later, not by the clock, which shows one hour of the year twice
            return (now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)).timestamp()
        next_year = self.of == "year" or now.month == 12  # noqa: PLR2004 - December
        first = now.replace(year=now.year + next_year, month=1 if next_year else now.month + 1, day=1)
        return datetime.combine(first.date(), time()).timestamp()


_WORDS: Final[dict[str, Schedule]] = {
    "hourly": Begin("hour"),
    "daily": At(time()),
    "weekly": At(time(), 0),
    "monthly": Begin("month"),
    "yearly": Begin("year"),
}


@dataclass(frozen=True, slots=True)
class Rotation:
    """When a file is full: by size, by time, or by whichever comes first."""

    max_bytes: int | None = None
    schedule: Schedule | None = None


@dataclass(frozen=True, slots=True)
class Retention:
    """How many rotated files are kept, for how many seconds, and up to how many bytes in all."""

    max_count: int | None = None
    max_age_s: float | None = None
    max_bytes: int | None = None


def parse_rotation(value: RotationArgument) -> Rotation:
    """Understand a rotation.

    Parameters
    ----------
    value : int, float, str, datetime.time, datetime.timedelta, a tuple or list of these, or None
        Bytes, or a size such as "10 MB" or "1 GiB", in which a small b is a bit, as loguru has it; an interval such as
        "1 day" or "1 h 30 min"; a time of day such as "00:00" or "1:30 PM"; a day such as "monday" or "w0", also
        "w0 at 12:00"; "hourly", "daily", "weekly", "monthly" or "yearly". Of several, whichever comes first.

    Raises
    ------
    ValueError
        If it isn't one of these.

    Examples
    --------
    >>> parse_rotation(("10 MB", "w0 at 12:00"))
    Rotation(max_bytes=10000000, schedule=At(time=datetime.time(12, 0), weekday=0))
    """
    _refuse_function("rotation", value, "a file is rotated by whichever process comes to it")
    sizes, schedules = [], []
    for one in _several(value):
        size, schedule = size_of(one, bits=True), _schedule(one)
        if size is None and schedule is None:
            expected = "a size such as '10 MB', a time such as '00:00', an interval such as '1 day'"
            raise ValueError(f"rotation must be {expected}, or None; got {one!r}{hint_for(one)}")
        sizes += [size] if size is not None else []
        schedules += [schedule] if schedule is not None and size is None else []
    if len(sizes) > 1 or len(schedules) > 1:
        raise ValueError(f"rotation takes one size and one time, got {value!r}")
    return Rotation(sizes[0] if sizes else None, schedules[0] if schedules else None)


def parse_retention(value: RetentionArgument) -> Retention:
    """Understand a retention, which holds for each log file by itself.

    Parameters
    ----------
    value : int, str, datetime.timedelta, a tuple or list of these, or None
        How many rotated files are kept; for how long, such as "30 days"; or their total size, such as "1 GB". Of
        several, all hold.

    Raises
    ------
    ValueError
        If it isn't one of these, or two of them are of a kind.
    """
    _refuse_function("retention", value, "files are deleted by whichever process comes to it")
    limits: dict[str, Any] = {}
    limit: float
    for one in _several(value):
        if isinstance(one, Integral) and not isinstance(one, bool) and int(one) >= 0:
            kind, limit = "max_count", int(one)
        elif (age := _span(one)) is not None:
            kind, limit = "max_age_s", age
        elif isinstance(one, str) and (size := size_of(one)) is not None:  # a number would be too easily a few bytes
            kind, limit = "max_bytes", size
        else:
            expected = "a count, an age such as '30 days', a total size such as '1 GB'"
            raise ValueError(f"retention must be {expected}, or None; got {one!r}{hint_for(one)}")
        if kind in limits:
            raise ValueError(f"retention takes one count, one age and one total size; got two of a kind: {value!r}")
        limits[kind] = limit
    return Retention(**limits)


def parse_compression(value: CompressionArgument) -> bool:
    """Understand a compression: "gz" or None.

    Raises
    ------
    ValueError
        If it is anything else.
    """
    if value is None or (isinstance(value, str) and value.strip().lstrip(".") == "gz"):
        return value is not None
    why = "rotated files are read again, and gzip is what read, logs and verify know"
    raise ValueError(f"compression must be 'gz' or None, got {value!r}: {why}")


def _refuse_function(what: str, value: Any, why: str) -> None:
    if any(map(callable, _several(value))):
        raise ValueError(f"{what} can't be a function: {why}, so all of them must see the same; write it in words")


def hint_for(value: Any) -> str:
    """Return what to write instead of a known mistake; "" for anything else."""
    text = value.strip() if isinstance(value, str) else ""
    found = ((re.fullmatch(met, text, re.IGNORECASE), hint) for met, hint in _HINTS)
    return next((f": {match.expand(hint)}" for match, hint in found if match), "")


def _several(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, tuple | list) else [value]


def size_of(value: Any, *, bits: bool = False) -> int | None:
    """Return a size in bytes, None if it isn't one; a size in bits is one only with `bits`."""
    if isinstance(value, Real | Decimal) and not isinstance(value, bool):
        return _bytes(float(value))
    found = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None or (found[4] == "b" and not bits):
        return None
    number, unit, binary, bit_or_byte = found.groups()
    factor = (1024 if binary else 1000) ** " kmgtpezy".index(unit.lower() or " ")
    return _bytes(float(number) * factor / (8 if bit_or_byte == "b" else 1))


def _bytes(size: float) -> int | None:
    return int(size) if 1 <= size < 2**63 else None


def _span(value: Any) -> float | None:
    if isinstance(value, timedelta):
        return value.total_seconds() if value > timedelta(0) else None
    if not isinstance(value, str) or not _SPANS.fullmatch(value.strip()):
        return None
    parts = [(float(number), _SECONDS.get(unit.lower())) for number, unit in _SPAN.findall(value)]
    if any(seconds is None for _, seconds in parts):
        return None
    total = sum(number * (seconds or 0) for number, seconds in parts)
    return total if 0 < total < math.inf else None


def _schedule(value: Any) -> Schedule | None:
    if isinstance(value, time):
        return At(value)
    if (seconds := _span(value)) is not None:
        return Every(seconds)
    if not isinstance(value, str):
        return None
    text = value.strip().lower()
    day, at, clock = map(str.strip, text.partition(" at "))
    moment = _clock(clock) if at else time()
    if at or _weekday(day) is not None:
        return None if moment is None or _weekday(day) is None else At(moment, _weekday(day))
    alone = _clock(text)
    return _WORDS.get(text) if alone is None else At(alone)


def _weekday(text: str) -> int | None:
    numbered = [f"w{number}" for number in range(len(_DAYS))]
    return next((days.index(text) for days in (_DAYS, numbered) if text in days), None)


def _clock(text: str) -> time | None:
    """Read a time of day; None if it isn't one. Minutes need a colon: "0830" reads as a number."""
    found = _CLOCK.fullmatch(text)
    if found is None:
        return None
    hour, minute, second, fraction, half, zone = found.groups()
    if half:
        if not 1 <= int(hour) <= 12:  # noqa: PLR2004 - hours of half a day
            return None
        hour = int(hour) % 12 + (12 if half == "pm" else 0)
    clock = f"{int(hour):02}:{int(minute or 0):02}:{int(second or 0):02}.{fraction or '':0<6}{zone or ''}"
    try:
        return time.fromisoformat(clock.upper())
    except ValueError:
        return None
