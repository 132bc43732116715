"""The log folders of many hosts, side by side in one, as `sevenfold collect` leaves them."""

import os
from collections import deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from heapq import merge
from operator import attrgetter
from pathlib import Path
from typing import Final, TypeAlias

from sevenfold.channels import LIST_FILE, Channel
from sevenfold.files.channel_list import listed_channels, log_files
from sevenfold.lines.grammar import value_text
from sevenfold.lines.parsing import Event
from sevenfold.reading.conditions import HOST
from sevenfold.reading.selection import LinedEvent, Selection

OWN_HOST: Final = "event.host"  # where an event's own field of that name is

Looks: TypeAlias = Callable[[Path, Selection], Iterator[Event | None]]


def hosts_of(folder: Path) -> list[str]:
    """Return the names of the hosts whose log folders are in a folder that is none itself.

    Parameters
    ----------
    folder : Path
        A log folder, which has none, or a mirror.
    """
    if not folder.is_dir() or (folder / LIST_FILE).exists() or log_files(folder):
        return []
    with os.scandir(folder) as entries:
        names = sorted(one.name for one in entries if one.is_dir() and not one.name.startswith("."))
    return [name for name in names if (folder / name / LIST_FILE).exists() or log_files(folder / name)]


def chosen_hosts(folder: Path, wanted: Collection[str] | None) -> list[str]:
    """Return the hosts of a mirror that are asked for; all of them if none is named.

    Raises
    ------
    ValueError
        If one isn't there.
    """
    there = hosts_of(folder)
    odd = next((name for name in wanted or () if name not in there), None)
    if odd is not None:
        known = ", ".join(there) or f"{folder} is no mirror"
        raise ValueError(f"unknown host {odd!r}; known: {known}")
    return [name for name in there if wanted is None or name in wanted]


def known_channels(folder: Path) -> tuple[Channel, ...]:
    """Return the channels that a log folder, or any of a mirror's hosts, has files of."""
    folders = [folder / name for name in hosts_of(folder)] or [folder]
    return tuple({one.name: one for found in map(listed_channels, folders) for one in found}.values())


def of_hosts(
    mirror: Path, hosts: list[str], wanted: Selection, read: Looks, *, last: int | None = None
) -> Iterator[Event | None]:
    """Merge the events of hosts by time, each with a field that says whose it is.

    Parameters
    ----------
    mirror : Path
        The folder of their folders.
    hosts : list of str
        Their names.
    wanted : Selection
        Which events are.
    read : callable
        Gives the events of a folder, and None where there are no more for the moment.
    last : int, optional
        Of those that are there already, only so many.

    Yields
    ------
    Event or None
        None where there are no more for the moment.
    """
    keep = wanted.keep
    alike = replace(wanted, tests=())  # what is asked of an event may be asked of its host
    streams = [_named(read(mirror / host, alike), host) for host in hosts]
    open_, looks = list(streams), 0
    while open_:
        ended: list[Iterator[Event | None]] = []
        found = merge(*(_until_none(stream, ended) for stream in open_), key=attrgetter("time"))
        kept = found if keep is None else filter(keep, found)
        yield from kept if last is None or looks else iter(deque(kept, last))
        open_ = [stream for stream in open_ if all(stream is not one for one in ended)]
        looks += 1
        if open_:
            yield None


def _until_none(stream: Iterator[Event | None], ended: list[Iterator[Event | None]]) -> Iterator[Event]:
    for event in stream:
        if event is None:
            return
        yield event
    ended.append(stream)


def _named(events: Iterator[Event | None], host: str) -> Iterator[Event | None]:
    said = f" {HOST}={value_text(host)}"
    for event in events:
        if event is None:
            yield None
            continue
        fields = event.fields
        if HOST in fields:
            fields = {OWN_HOST if name == HOST else name: value for name, value in fields.items()}
        event = replace(event, fields=fields | {HOST: host})  # noqa: PLW2901
        if isinstance(event, LinedEvent) and event.text and not event.text.startswith("{"):
            line, end, below = event.text.partition("\n")
            event = replace(event, text=f"{line}{said}{end}{below}")  # noqa: PLW2901
        yield event
