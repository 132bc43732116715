"""What loguru offers no public way for; nothing else here touches its private parts.

Loguru is pinned below 0.8. Each function has a test that fails first when loguru changes what is used here.
"""

import contextlib
import copy
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from loguru import logger

_core: Any = logger._core  # type: ignore[attr-defined]  # noqa: SLF001
# What a logger holds besides its handlers; loguru's handlers share the dict of the levels' colours.
_STATE = ("min_level", "extra", "patcher", "activation_list", "activation_none", "enabled")
_LEVELS = ("levels", "levels_lookup", "levels_ansi_codes")


class FailureHook:
    """What loguru calls when a handler fails, instead of its own hook, which prints the whole raw record to stderr.

    A handler fails where the file can't be written, and where it is called while it is at work: loguru's handlers
    aren't re-entrant, so a call from a signal handler, a ``__del__`` or a sink loses its own record.

    Parameters
    ----------
    lose : callable
        Is given the exception.
    """

    def __init__(self, lose: Callable[[BaseException], None]) -> None:
        self._lose = lose

    def should_catch(self) -> bool:
        """Return whether a failure is kept from the caller: yes."""
        return True

    def print(self, record: Any = None, *, exception: BaseException | None = None) -> None:  # noqa: ARG002
        """Report the failure that is being handled."""
        error = exception or sys.exception()
        if error is not None:
            self._lose(error)


def report_failures_to(lose: Callable[[BaseException], None], handler_id: int) -> None:
    """Have the failures of a handler that catches them reported to a function instead of stderr."""
    _core.handlers[handler_id]._error_interceptor = FailureHook(lose)  # noqa: SLF001


def handler_ids() -> tuple[int, ...]:
    """List the handlers of the logger."""
    return tuple(_core.handlers)


@contextlib.contextmanager
def borrowed_logger(set_aside: Iterable[int] = ()) -> Iterator[Callable[[int], None]]:
    """Give the logger back as it was found, whatever is done to it meanwhile.

    Handlers that were found are unhooked when somebody removes them, not stopped, so that they can be hooked in again.

    Parameters
    ----------
    set_aside : iterable of int
        Handlers that nothing may reach meanwhile: those that write real log files.

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
