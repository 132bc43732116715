"""Conditions such as ``status>=400``: which events are wanted, and which bytes they must hold."""

from __future__ import annotations

import json
import re
import warnings
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from sevenfold.channels import level_no
from sevenfold.lines.grammar import timestamp, value_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sevenfold.lines.parsing import Event

ABSENT: Final = object()
PARTS: Final = ("time", "level", "channel", "message")  # of a line, besides its fields
HOST: Final = "host"  # the field that a mirror's events have, though it isn't in their bytes
LINE: Final = "line."  # before a part: the line's own, whatever fields there are

_CONDITION: Final = re.compile(
    r"\s*(?P<key>[^=!<>~]*[^=!<>~\s])\s*(?P<operator>!=|>=|<=|=|>|<|~)\s*(?P<value>.*?)\s*", re.DOTALL
)
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WHOLE: Final = re.compile(r"-?([0-9]+)(?:\.0+)?")
_SAFE: Final = re.compile(r"[A-Za-z0-9_.:@+ -]+")  # what no writer escapes
_EXACT_DIGITS: Final = 15  # of a whole number that a float holds and prints as it is
_ORDER: Final[dict[str, Callable[[Any, Any], bool]]] = {
    ">": lambda a, b: bool(a > b),
    "<": lambda a, b: bool(a < b),
    ">=": lambda a, b: bool(a >= b),
    "<=": lambda a, b: bool(a <= b),
}


class Condition:
    """A condition on an event.

    Parameters
    ----------
    text : str
        A key, one of ``= != > >= < <= ~``, and a value: a number, a time, a text (in quotes as JSON, if need be), or
        behind ``~`` a regular expression. The key is a field's, or one within a field (``features.income``), or
        ``time``, ``level``, ``channel`` or ``message``; a field of that name comes first, and ``line.time`` is always
        the line's own.
    ignore_case : bool
        Whether texts are compared without regard to case.

    Attributes
    ----------
    key, operator : str
        What is compared, and how.
    is_known : bool
        Whether an event had the key so far.
    was_compared : bool
        Whether a value could be compared so far.

    Raises
    ------
    ValueError
        If the text is no condition.

    Examples
    --------
    >>> from sevenfold import parse
    >>> event = parse('2026-11-23T08:36:11.096123Z | ERROR    | api | request | status=503 f={"x":0.5}')
    >>> [Condition(text)(event) for text in ("status>=500", "f.x<0.5", "level>=WARNING", "message~^req")]
    [True, False, True, True]
    """

    def __init__(self, text: str, *, ignore_case: bool = False) -> None:
        found = _CONDITION.fullmatch(text)
        if found is None:
            raise ValueError(f"expected KEY and one of = != > >= < <= ~ and VALUE, such as 'status>=400', got {text!r}")
        self.text = text
        self.key, self.operator, value = found.groups()
        if value[:1] in ("=", "<", ">", "~"):
            raise ValueError(f"expected one of = != > >= < <= ~, got {text!r}; a value that begins so is put in quotes")
        self._ignores_case = ignore_case
        self._is_text = len(value) > 1 and value[0] == value[-1] == '"'
        self._value = _unquoted(value) if self._is_text else value
        number = None if self._is_text else _number(value)
        self._number = number
        self._time = None if self._is_text or number is not None else moment_of(value)
        self._folded = self._value.casefold()
        if not value and self.operator not in ("=", "!="):
            raise ValueError(f"expected a value behind {self.operator}, got {text!r}")
        self._pattern = _pattern(self._value, text, ignore_case=ignore_case) if self.operator == "~" else None
        self._level = level_no_of(self._value) if self.operator in _ORDER else None
        self.is_known = self.was_compared = False

    def __call__(self, event: Event) -> bool:
        """Return whether an event meets the condition; one without the key doesn't."""
        value = value_of(event, self.key)
        if value is ABSENT:
            return False
        self.is_known = True
        if self._pattern is not None:
            self.was_compared = True
            return self._pattern.search(_text(value)) is not None
        if self.operator in _ORDER:
            return self._in_order(event, value)
        self.was_compared = True
        return self._equals(value) is (self.operator == "=")

    @property
    def key_needles(self) -> tuple[str, ...]:
        """What the bytes of an event that has the key hold."""
        if self.key.removeprefix(LINE) in PARTS or self.key == HOST:
            return ()
        return tuple(filter(None, (longest_run(self.key.rpartition(".")[2]),)))

    @property
    def needles(self) -> tuple[str, ...]:
        """What the bytes of an event that meets the condition hold."""
        if self.key == HOST:
            return ()
        return (*self.key_needles, *filter(None, (self._value_needle(),)))

    def _value_needle(self) -> str:
        if self.operator != "=" or self._ignores_case or self._time is not None or self._value[:1] in ("[", "{"):
            return ""
        if self._number is None:
            return longest_run(self._value)
        whole = _WHOLE.fullmatch(self._value)
        return (whole[1].lstrip("0") or "0") if whole else ""

    def _equals(self, value: Any) -> bool:
        if isinstance(value, str):
            if value == self._value or (self._ignores_case and value.casefold() == self._folded):
                return True
            return self._time is not None and moment_of(value) == self._time
        if isinstance(value, datetime):
            return value == self._time
        if self._is_text:
            return False
        if self._number is not None and type(value) in (int, float):
            return bool(value == self._number) and (type(value) is int or len(self._value) <= _EXACT_DIGITS)
        return value_text(value) == self._value

    def _in_order(self, event: Event, value: Any) -> bool:
        pair = self._levels(event, value) or self._pair(value)
        if pair is None:
            return False
        self.was_compared = True
        return _ORDER[self.operator](*pair)

    def _levels(self, event: Event, value: Any) -> tuple[int, int] | None:
        """Return the numbers of a line's own level and of that which is wanted."""
        if value is not event.level or self.key.removeprefix(LINE) != "level" or self._level is None:
            return None
        no = level_no_of(event.level)
        return None if no is None else (no, self._level)

    def _pair(self, value: Any) -> tuple[Any, Any] | None:
        """Return two values that can be put in order; None for a number and a text, say."""
        if isinstance(value, datetime):
            return None if self._time is None else (value, self._time)
        if isinstance(value, str):
            if self._number is not None:
                number = _number(value)
                return None if number is None else (number, self._number)
            if self._time is not None:
                time = moment_of(value)
                return None if time is None else (time, self._time)
            return (value.casefold(), self._folded) if self._ignores_case else (value, self._value)
        return (value, self._number) if self._number is not None and type(value) in (int, float) else None


def conditions_of(texts: str | Iterable[str], *, ignore_case: bool = False) -> tuple[Condition, ...]:
    """Read one condition, or several that all must hold."""
    several = (texts,) if isinstance(texts, str) else tuple(texts)
    return tuple(Condition(text, ignore_case=ignore_case) for text in several)


def longest_run(text: str) -> str:
    """Return the longest part of a text that stands in every file as it is; empty where there is none."""
    return max(_SAFE.findall(text), key=len, default="")


def value_of(event: Event, key: str) -> Any:
    """Return a field of an event, or one inside a field, or else a part of its line; ABSENT if it has neither."""
    value = _lookup(event.fields, key)
    if value is ABSENT:
        part = key.removeprefix(LINE)
        if part in PARTS:
            value = getattr(event, part)
    return value


def moment_of(text: str) -> datetime | None:
    """Read a time, in UTC unless it says otherwise; None for what is none."""
    if len(text) < len("2026-11-25") or not text[:4].isdigit() or text[4] != "-":
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _lookup(fields: Any, key: str) -> Any:
    if not isinstance(fields, dict):
        return ABSENT
    if key in fields:
        return fields[key]
    places = (at for at, character in enumerate(key) if character == ".")
    found = (_lookup(fields[key[:at]], key[at + 1 :]) for at in places if key[:at] in fields)
    return next((value for value in found if value is not ABSENT), ABSENT)


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return timestamp(value)
    return value if isinstance(value, str) else value_text(value)


def _number(text: str) -> int | float | None:
    if _NUMBER.fullmatch(text) is None:
        return None
    number: int | float = json.loads(text)
    return number


def _unquoted(text: str) -> str:
    try:
        return str(json.loads(text))
    except ValueError:
        raise ValueError(f"expected a text in quotes as JSON has it, got {text}") from None


def _pattern(pattern: str, text: str, *, ignore_case: bool) -> re.Pattern[str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # "[[" may mean something else in a later Python
            return re.compile(pattern, re.IGNORECASE if ignore_case else 0)
    except re.error as error:
        raise ValueError(f"expected a regular expression behind ~, got {text!r}: {error}") from None


def level_no_of(name: str) -> int | None:
    """Return a level's number; None for a custom one, which isn't known here."""
    number = name.upper().removeprefix("LEVEL ")
    try:
        return int(number) if number.isdecimal() else level_no(name.upper())
    except ValueError:
        return None
