"""The configuration in force: its handle, what it replaced, and what stands in for it under pytest.

Loguru has one logger for the whole process, so one piece of global state is kept here: the configuration in force, and
those whose ``with`` blocks are being run. A configuration that is replaced is suspended: its handlers are out of the
logger and its files closed, until the ``with`` block of the one that replaced it is left.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from sevenfold.channels import Channel, LevelArgument
from sevenfold.handlers.formats import LineFormat
from sevenfold.handlers.workers import tell_unconfigured_worker
from sevenfold.loguru_internals import DEFAULT_ID, swap_handlers
from sevenfold.notices import describe, notice, redact_with

if TYPE_CHECKING:
    from types import TracebackType

    from sevenfold.handlers.sinks import LineSink
    from sevenfold.intercept import Interception
    from sevenfold.redaction.redactor import Redactor

# Takes the table, the level over all channels, the channel of records without one, the format and the folder that
# `configure` was called with.
StandIn: TypeAlias = Callable[[tuple[Channel, ...], LevelArgument | None, str | None, LineFormat, Path | None], "Sinks"]


@dataclass(frozen=True, slots=True)
class Written:
    """What this process wrote through one file's handler.

    Attributes
    ----------
    n_events : int
        Events; of a batch, each row is one.
    n_warnings : int
        Those of level WARNING or above.
    n_bytes : int
        Bytes, whether they stand in the file or in rotated ones.
    """

    n_events: int
    n_warnings: int
    n_bytes: int


class Sinks:
    """The handlers that one call of ``sinks.configure`` put in force.

    As a context manager, it brings back the configuration that was in force before, or loguru's default handler.

    Attributes
    ----------
    log_dir : Path or None
        The folder of the files; None where there are none.

    Examples
    --------
    >>> import sinks, tempfile
    >>> from loguru import logger
    >>> with tempfile.TemporaryDirectory() as folder, sinks.configure(folder, console=None) as handle:
    ...     logger.bind(channel="api").warning("slow")
    ...     (handle.events["api_requests.log"], handle.written["api_requests.log"].n_warnings)
    (1, 1)
    """

    def __init__(
        self,
        log_dir: Path | None,
        sinks: Mapping[str, LineSink],
        handlers: Mapping[int, Any],
        intercept: Callable[[], Interception] | None = None,
        redactor: Redactor | None = None,
    ) -> None:
        self.log_dir = log_dir
        self._redactor = redactor  # of notices
        self._sinks = sinks
        self._handlers = dict(handlers)
        self._intercept = intercept
        self._interception: Interception | None = None
        self._replaced: Sinks | None = None
        self._default: dict[int, Any] = {}  # loguru's default handler, if this replaced it
        self._closed = False
        self._held = False  # while a test captures: then `close` leaves this in force

    @property
    def events(self) -> dict[str, int]:
        """Events that this process wrote through these handlers, by file name."""
        return {file: written.n_events for file, written in self.written.items()}

    @property
    def written(self) -> dict[str, Written]:
        """Events, warnings and bytes that this process wrote through these handlers, by file name."""
        return {
            sink.file.path.name: Written(sink.events, sink.warnings, sink.file.n_bytes) for sink in self._sinks.values()
        }

    def __repr__(self) -> str:
        """Return the folder, the state and the events of each file, for an interactive prompt."""
        state = "closed" if self._closed else "in force" if self is _active else "replaced"
        wrote = ", ".join(f"{file} {count:,}" for file, count in self.events.items())
        return f"<Sinks {'on the console' if self.log_dir is None else self.log_dir}, {state}: {wrote or 'no files'}>"

    def close(self) -> None:
        """Take these handlers out of the logger and close their files, for good; nothing takes their place.

        Handlers that were removed already are no error.
        """
        global _active  # noqa: PLW0603 - see the module's docstring
        if self._held:
            return
        with _lock:
            self._closed = True
            was_in_force = _active is self
            if was_in_force:
                _active = None
            swap_handlers(self._handlers, {})
            self._suspend()
            if was_in_force:
                redact_with(None)

    def __enter__(self) -> Self:
        _entered.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._interception is not None:
            self._interception.__exit__(kind, error, trace)  # logs an error that leaves the block
        with _lock:
            self._leave()

    def _leave(self) -> None:
        self._closed = True
        inner = _entered[_entered.index(self) + 1 :] if self in _entered else []
        with contextlib.suppress(ValueError):
            _entered.remove(self)
        if inner:  # blocks of other threads: they stay in force, and bring back later what this one would
            inner[0]._replaced, inner[0]._default = self._replaced, self._default  # noqa: SLF001 - of this class
            self.close()
        else:
            _put_in_force(self._replaced, self._default, instead_of=self)

    def _suspend(self) -> None:
        """Close all that this has open, even if a part fails; a call on its way through a handler still writes."""
        calls = [sink.suspend for sink in self._sinks.values()]
        if self._interception is not None:
            calls.insert(0, self._interception.close)
            self._interception = None
        _call_all(calls)

    def _resume_sinks(self) -> None:
        for sink in self._sinks.values():
            sink.resume()

    def _resume_interception(self) -> None:
        if self._intercept is not None:
            self._interception = self._intercept()


_lock = threading.RLock()
_active: Sinks | None = None
_entered: list[Sinks] = []  # whose blocks are being run, in the order of entering
_stand_in: StandIn | None = None


def activate(sinks: Sinks) -> Sinks:
    """Put a configuration in force instead of the one that is, and of loguru's default handler."""
    with _lock:
        before = _active
        if before is not None and before not in _entered:
            before._replaced = None  # noqa: SLF001 - it was replaced for good
        sinks._replaced = before  # noqa: SLF001
        sinks._default = _put_in_force(sinks, {})  # noqa: SLF001
    return sinks


def _put_in_force(
    sinks: Sinks | None, handlers: Mapping[int, Any], *, instead_of: Sinks | None = None
) -> dict[int, Any]:
    """Replace the configuration in force, in one step.

    Parameters
    ----------
    sinks : Sinks or None
        The new configuration; ignored if it was closed.
    handlers : mapping
        Handlers of loguru's own to put back with it, by id.
    instead_of : Sinks, optional
        A configuration that ends together with the one in force.

    Returns
    -------
    dict
        Loguru's default handler by its id, if it was removed.
    """
    global _active  # noqa: PLW0603 - see the module's docstring
    ended = [one for one in (_active, instead_of) if one is not None and one is not sinks]
    chosen = None if sinks is None or sinks._closed else sinks  # noqa: SLF001
    if chosen is not None:
        chosen._resume_sinks()  # noqa: SLF001
    out = {id_ for one in ended for id_ in one._handlers} | {DEFAULT_ID}  # noqa: SLF001
    taken = swap_handlers(out, {**handlers, **(chosen._handlers if chosen is not None else {})})  # noqa: SLF001
    _active = chosen
    if chosen is not None:
        redact_with(chosen._redactor)  # noqa: SLF001
    for one in dict.fromkeys(ended):
        one._suspend()  # noqa: SLF001
    if chosen is None:
        redact_with(None)
    if chosen is not None:
        chosen._resume_interception()  # noqa: SLF001
    return {id_: handler for id_, handler in taken.items() if id_ == DEFAULT_ID}


def stand_in() -> StandIn | None:
    """Return the stand-in that takes the calls of ``configure``; None without one."""
    return _stand_in


@contextlib.contextmanager
def captured(by: StandIn) -> Iterator[Iterable[int]]:
    """Let a stand-in take the calls of ``configure``, and keep the configuration in force from being closed.

    Yields
    ------
    iterable of int
        The ids of the handlers of the configuration in force.
    """
    global _active, _stand_in, _entered
    before = _stand_in, _active, _entered
    held = _active
    if held is not None:
        held._held = True  # noqa: SLF001 - of this module
    _stand_in, _active, _entered = by, None, []
    try:
        yield () if held is None else tuple(held._handlers)  # noqa: SLF001
    finally:
        _stand_in, _active, _entered = before
        if held is not None:
            held._held = False  # noqa: SLF001


def _call_all(calls: Iterable[Callable[[], object]]) -> None:
    """Call each, even if others fail; raise Ctrl-C at the end."""
    interrupt: BaseException | None = None
    for call in calls:
        for _ in range(2):  # once more where Ctrl-C came in between
            try:
                call()
            except Exception as error:
                notice(f"not closed: {describe(error)}")
            except BaseException as error:
                interrupt = error
                continue
            break
    if interrupt is not None:
        raise interrupt


def _after_fork() -> None:
    """Give a child a lock that no thread of its parent holds, and have it say so if it was forked too early."""
    global _lock  # noqa: PLW0603
    _lock = threading.RLock()
    if _active is None and _stand_in is None:
        tell_unconfigured_worker()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
