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

OWN_HOST: Final = "event.host"  # the name that an event's own field `host` gets

ReadEvents: TypeAlias = Callable[[Path, Selection], Iterator[Event | None]]


def hosts_of(folder: Path) -> list[str]:
    """Return the names of the hosts of a mirror; none for a folder that is a log folder itself.

    Parameters
    ----------
    folder : Path
        A log folder, or a mirror.
    """
    if not folder.is_dir() or (folder / LIST_FILE).exists() or log_files(folder):
        return []
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))
    return [name for name in names if (folder / name / LIST_FILE).exists() or log_files(folder / name)]


def chosen_hosts(folder: Path, names: Collection[str] | None) -> list[str]:
    """Return the named hosts of a mirror; all hosts if `names` is None.

    Raises
    ------
    ValueError
        If the mirror lacks one of them.
    """
    hosts = hosts_of(folder)
    unknown = next((name for name in names or () if name not in hosts), None)
    if unknown is not None:
        known = ", ".join(hosts) or f"{folder} is no mirror"
        raise ValueError(f"unknown host {unknown!r}; known: {known}")
    return [name for name in hosts if names is None or name in names]


def known_channels(folder: Path) -> tuple[Channel, ...]:
    """Return the channels of a log folder, or of all hosts of a mirror."""
    folders = [folder / name for name in hosts_of(folder)] or [folder]
    return tuple({channel.name: channel for channels in map(listed_channels, folders) for channel in channels}.values())


def of_hosts(
    mirror: Path, hosts: list[str], selection: Selection, read: ReadEvents, *, last: int | None = None
) -> Iterator[Event | None]:
    """Merge the events of hosts by time, each with its host in the field ``host``.

    Parameters
    ----------
    mirror : Path
        The mirror's folder.
    hosts : list of str
        The names of the hosts.
    selection : Selection
        Which events are selected.
    read : callable
        Yields the events of a folder, and None where there are no more for the moment.
    last : int, optional
        How many of the events that are there already, at most.

    Yields
    ------
    Event or None
        None where there are no more for the moment.
    """
    keep = selection.keep
    selection_of_hosts = replace(selection, tests=())  # a test may ask for the host, which is added below
    streams = [_named(read(mirror / host, selection_of_hosts), host) for host in hosts]
    open_, n_rounds = list(streams), 0
    while open_:
        ended: list[Iterator[Event | None]] = []
        events = merge(*(_until_none(stream, ended) for stream in open_), key=attrgetter("time"))
        selected = events if keep is None else filter(keep, events)
        yield from selected if last is None or n_rounds else iter(deque(selected, last))
        open_ = [stream for stream in open_ if all(stream is not finished for finished in ended)]
        n_rounds += 1
        if open_:
            yield None


def _until_none(stream: Iterator[Event | None], ended: list[Iterator[Event | None]]) -> Iterator[Event]:
    for event in stream:
        if event is None:
            return
        yield event
    ended.append(stream)


def _named(events: Iterator[Event | None], host: str) -> Iterator[Event | None]:
    host_field = f" {HOST}={value_text(host)}"
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
            event = replace(event, text=f"{line}{host_field}{end}{below}")  # noqa: PLW2901
        yield event
