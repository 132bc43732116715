"""Where a record goes: the filters, all of them on the bound extra ``channel``.

Filters pickle, as handlers must when a logger is an argument of a process. They are methods bound to the names they
look for: each call of the logger asks every one of them, and calling an object takes a fifth longer.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sevenfold.channels import ERROR, INFO, WARNING, Channel, LevelArgument, level_no
from sevenfold.lines.record import has_exception
from sevenfold.lines.values import plain
from sevenfold.notices import notice
from sevenfold.rendering.batches import BATCH

_NEVER = 10**9  # above any level
_MAX_NOTICES = 50  # names; they may come from outside


Filter: TypeAlias = Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True, slots=True)
class OnChannel:
    """Filter: what one channel's file keeps.

    Attributes
    ----------
    names : frozenset of str
        The channel's name.
    """

    names: frozenset[str]

    def accepts(self, record: Mapping[str, Any]) -> bool:
        """Whether the record is bound to the channel."""
        try:
            # A set always answers with a bool: a NumPy array compared with a name is an array.
            return record["extra"].get("channel") in self.names
        except Exception:  # it has no hash, or one of its own that fails
            return False


@dataclass(frozen=True, slots=True)
class OnConsole:
    """Filter: what the console shows.

    Attributes
    ----------
    levels : dict
        The least level shown, by channel.
    other_level : int
        The least level shown of records without a channel, or of one that the table lacks.
    omitted : dict
        Messages not shown below WARNING, by channel.
    """

    levels: Mapping[str, int]
    other_level: int
    omitted: Mapping[str, Collection[str]] = field(default_factory=dict)

    def accepts(self, record: Mapping[str, Any]) -> bool:
        """Whether the console shows the record."""
        channel = record["extra"].get("channel")
        if not isinstance(channel, str):
            return bool(record["level"].no >= self.other_level)
        no = record["level"].no
        if no < WARNING and channel in self.omitted and record["message"] in self.omitted[channel]:
            return False
        return bool(no >= self.levels.get(channel, self.other_level))


@dataclass(frozen=True, slots=True)
class OnErrors:
    """Filter: what the file that collects errors keeps.

    Errors, and exceptions logged at INFO or above, of all channels and of none; its own channel; warnings without a
    channel where the console doesn't show them; and records of a channel that the table lacks where the console doesn't
    show them, or shows one line for the rows of a batch, so that a misspelt name loses nothing. A notice names it once.

    Attributes
    ----------
    names : tuple of str
        The channels of the table.
    own : str
        The file's own channel.
    level, other_level : int
        The least level kept of its own channel, and of unknown ones.
    console_level : int
        The least level of an unknown channel's record that the console shows.
    """

    names: tuple[str, ...]
    own: str
    level: int
    other_level: int
    console_level: int
    _others: frozenset[str] = field(init=False)
    _noticed: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_others", frozenset(self.names) - {self.own})

    def accepts(self, record: Mapping[str, Any]) -> bool:
        """Return whether the file keeps the record."""
        no = record["level"].no
        channel = record["extra"].get("channel")
        if type(channel) is str and channel in self._others and no < ERROR and record["exception"] is None:
            return False  # nearly all
        known = is_known(channel, self.names)
        if not known:
            self._notice(channel)
        if no >= ERROR or (no >= INFO and has_exception(record)):
            return True
        if channel is None:
            return bool(WARNING <= no < self.console_level)
        if known:
            return bool(channel == self.own and no >= self.level)
        return bool(no >= self.other_level and (no < self.console_level or BATCH in record["extra"]))

    def _notice(self, channel: object) -> None:
        text = unknown_channel(channel, self.names)
        if text not in self._noticed and len(self._noticed) < _MAX_NOTICES:
            self._noticed.add(text)
            notice(text)


@dataclass(frozen=True, slots=True)
class GiveChannel:
    """Filter that binds records without a channel to one, and lets nothing through."""

    name: str

    def accepts(self, record: Mapping[str, Any]) -> bool:
        """Bind the record, for all handlers that come after."""
        if record["extra"].get("channel") is None:
            record["extra"]["channel"] = self.name
        return False


@dataclass(frozen=True, slots=True)
class RaiseOnUnknown:
    """Filter of strict mode: raise for a channel that the table lacks, let nothing through."""

    names: tuple[str, ...]

    def accepts(self, record: Mapping[str, Any]) -> bool:
        """Raise ValueError if the record's channel is unknown."""
        channel = record["extra"].get("channel")
        if not is_known(channel, self.names):
            raise ValueError(unknown_channel(channel, self.names))
        return False


def is_known(channel: object, names: tuple[str, ...]) -> bool:
    """Whether a record's channel is none at all or one of the table's."""
    return channel is None or (isinstance(channel, str) and channel in names)


def unknown_channel(channel: object, names: tuple[str, ...]) -> str:
    """Return the message about an unknown channel, which lists the known ones."""
    return f"unknown channel {repr(plain(channel))[:80]}; known: {', '.join(names)}"


@dataclass(frozen=True, slots=True)
class Route:
    """Which records reach the file of one channel.

    Attributes
    ----------
    channel : Channel
        The channel.
    level : int
        The least level that the file's handler is called for.
    filter : callable
        Takes a record; whether the file keeps it.
    """

    channel: Channel
    level: int
    filter: Filter

    def accepts(self, record: Mapping[str, Any]) -> bool:
        """Whether a record reaches the file."""
        return bool(record["level"].no >= self.level and self.filter(record))


def make_routes(
    channels: Sequence[Channel], level: LevelArgument | None, console_level: int | None
) -> tuple[Route, ...]:
    """Return for each file which records reach it, in the order of their handlers.

    A sealed file comes last, since it raises in the caller when an event can't be written, and a raise ends the
    fan-out; any other JSON file before it, since its format rebinds members of the record.
    """
    names = tuple(channel.name for channel in channels)
    kept = {channel.name: level_no(channel.level if level is None else level) for channel in channels}
    least = min(kept.values())  # of an unknown channel, since a misspelt name may be any
    shown = _NEVER if console_level is None else console_level

    def route(channel: Channel) -> Route:
        own = kept[channel.name]
        if channel.collects_errors:
            return Route(channel, min(least, INFO), OnErrors(names, channel.name, own, least, shown).accepts)
        return Route(channel, own, OnChannel(frozenset({channel.name})).accepts)

    return tuple(map(route, sorted(channels, key=lambda one: (one.sealed, one.serialize, one.collects_errors))))
