"""All uses of loguru's private parts, where it has no public way; no other module touches them.

Loguru is pinned below 0.8. Each function has a test that fails first when loguru changes what is used here.
"""

from __future__ import annotations

import contextlib
import copy
import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from loguru import logger
from loguru._better_exceptions import ExceptionFormatter
from loguru._handler import Handler
from loguru._logger import context as _context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from loguru import Logger

DEFAULT_ID = 0  # of the handler that loguru itself adds
_core: Any = logger._core  # type: ignore[attr-defined]  # noqa: SLF001
_formatter: Any = ExceptionFormatter
_list_libraries = _formatter._get_lib_dirs  # noqa: SLF001
# What a logger holds besides its handlers; loguru's handlers share the dict of the levels' colours.
_STATE = ("min_level", "extra", "patcher", "activation_list", "activation_none", "enabled")
_LEVELS = ("levels", "levels_lookup", "levels_ansi_codes")


class FailureHook:
    """What loguru calls when a handler fails, instead of its own hook, which prints the whole raw record to stderr.

    A handler fails where the file can't be written, where an exception can't be rendered, and where it is called while
    it is at work: loguru's handlers aren't re-entrant, so a call from a signal handler, a ``__del__`` or a sink loses
    its own record.

    Parameters
    ----------
    handler : Handler
        The handler.
    sink : Sink
        The sink, which is told of the failure.
    """

    def __init__(self, handler: Any, sink: Sink) -> None:
        self._handler = handler
        self._sink = sink

    def should_catch(self) -> bool:
        """Return whether a failure is kept from the caller: yes."""
        return True

    def print(self, record: Any = None, *, exception: BaseException | None = None) -> None:
        """Report the failure that is being handled, unless the record can be written all the same."""
        error = exception or sys.exception()
        if error is not None and not self._rescued(record, error):
            self._sink.lose(error)

    def _rescued(self, record: Any, error: BaseException) -> bool:
        if isinstance(error, OSError) or type(error) is RuntimeError:  # no room, or called while at work
            return False
        try:
            with self._handler._protected_lock():  # noqa: SLF001
                return self._sink.rescue(record)
        except Exception:
            return False


class Sink(Protocol):
    """What a handler needs of its sink."""

    handler: Any

    def lose(self, error: BaseException) -> None:
        """Take note that a record is lost."""

    def rescue(self, record: Any) -> bool:
        """Write what can be written of a record that loguru could not render; return whether there was anything."""


def new_handlers(add: Callable[[Logger], object]) -> dict[int, Any]:
    """Make handlers that aren't in force yet.

    Parameters
    ----------
    add : callable
        Adds them to the logger that it is given.

    Returns
    -------
    dict
        The handlers, by ids that no others have.
    """
    aside = copy.copy(_core)
    aside.handlers = {}
    with _libraries_listed_once():
        add(type(logger)(aside, *logger._options))  # type: ignore[attr-defined,call-arg]  # noqa: SLF001
    with _core.lock:
        first = _core.handlers_count
        _core.handlers_count += len(aside.handlers)
    return dict(enumerate(aside.handlers.values(), first))


@contextlib.contextmanager
def _libraries_listed_once() -> Iterator[None]:
    """List the folders of libraries once for all handlers: loguru does so for each, which takes 2 to 20 ms."""
    _formatter._get_lib_dirs = staticmethod(lambda: _libraries_on(tuple(sys.path)))  # noqa: SLF001
    try:
        yield
    finally:
        _formatter._get_lib_dirs = staticmethod(_list_libraries)  # noqa: SLF001


@lru_cache(maxsize=1)
def _libraries_on(_path: tuple[str, ...]) -> Any:
    return _list_libraries()


def swap_handlers(out: Iterable[int], into: Mapping[int, Any]) -> dict[int, Any]:
    """Take handlers out of the logger and put others in, in one step: each call meets either the old or the new ones.

    Handlers that are taken out aren't stopped: a call in another thread may still be on its way through them.

    Parameters
    ----------
    out : iterable of int
        Ids of handlers; those that are gone already don't matter.
    into : mapping
        Handlers by their ids.

    Returns
    -------
    dict
        The handlers that were taken out, by their ids.
    """
    with _core.lock:
        taken = {id_: _core.handlers[id_] for id_ in out if id_ in _core.handlers}
        left = {id_: handler for id_, handler in _core.handlers.items() if id_ not in taken}
        handlers = dict(sorted({**left, **into}.items()))
        _core.min_level = min((handler.levelno for handler in handlers.values()), default=float("inf"))
        _core.handlers = handlers
    return taken


def once_idle(handler: Any, call: Callable[[], None]) -> None:
    """Call a function while a handler writes nothing; RuntimeError if this thread is writing through it."""
    with handler._protected_lock():  # noqa: SLF001
        call()


def serialized(text: str, record: Any) -> str:
    """Return the JSON that a handler with ``serialize=True`` makes of a record and its text."""
    return str(Handler._serialize_record(text, record))  # type: ignore[no-untyped-call]  # noqa: SLF001


def serialize_with(handler_id: int, logger: Logger, serializer: Callable[[str, Any], str]) -> None:
    """Have a handler with ``serialize=True`` dump its records with a serializer of ours."""
    logger._core.handlers[handler_id]._serialize_record = serializer  # type: ignore[attr-defined]  # noqa: SLF001


def attach(sink: Sink, handler_id: int, logger: Logger, *, report_failures: bool) -> None:
    """Tell a sink its handler, and, with `report_failures`, each failure that loguru keeps from the caller."""
    handler = logger._core.handlers[handler_id]  # type: ignore[attr-defined]  # noqa: SLF001
    sink.handler = handler
    if report_failures:
        handler._error_interceptor = FailureHook(handler, sink)  # noqa: SLF001


def handler_ids() -> tuple[int, ...]:
    """List the handlers of the logger."""
    return tuple(_core.handlers)


def contextualized() -> Mapping[str, Any]:
    """Return what `logger.contextualize` adds to the records of this context, by name."""
    found: Mapping[str, Any] = _context.get()
    return found


@contextlib.contextmanager
def borrowed_logger(set_aside: Iterable[int] = ()) -> Iterator[Callable[[int], None]]:
    """Lend the logger, and put it back as it was found, however it was changed meanwhile.

    Handlers that were found are unhooked when they are removed, not stopped, so that they can be hooked in again.

    Parameters
    ----------
    set_aside : iterable of int
        Handlers that no record may reach meanwhile: those of real log files.

    Yields
    ------
    callable
        Takes the id of a handler that ``logger.remove()`` must leave alone.
    """
    found = dict(_core.handlers)
    state = {name: copy.copy(getattr(_core, name)) for name in _STATE}
    levels = {name: dict(getattr(_core, name)) for name in _LEVELS}
    kept: set[int] = set()
    aside = set(set_aside)
    _core.handlers = {id_: handler for id_, handler in found.items() if id_ not in aside}
    really_remove = type(logger).remove

    def remove(self: Any, handler_id: int | None = None) -> None:
        for id_ in list(_core.handlers) if handler_id is None else [handler_id]:
            if id_ in kept:
                continue
            if id_ in found and id_ in _core.handlers:
                _core.handlers = {other: handler for other, handler in _core.handlers.items() if other != id_}
            else:
                really_remove(self, id_)

    type(logger).remove = remove  # type: ignore[method-assign]
    try:
        yield kept.add
    finally:
        type(logger).remove = really_remove  # type: ignore[method-assign]
        for id_ in set(_core.handlers) - set(found):
            with contextlib.suppress(Exception):  # a handler whose sink can't be stopped
                logger.remove(id_)
        for name, mapping in levels.items():
            getattr(_core, name).clear()
            getattr(_core, name).update(mapping)
        for handler in found.values():
            for level in _core.levels:
                handler.update_format(level)  # its colour, which may have been changed
        for name, value in state.items():
            setattr(_core, name, value)
        _core.handlers = found
