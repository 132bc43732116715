"""What an unconfigured worker process shows, in place of loguru's default line, which lacks the fields."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from sevenfold.handlers.console import Console
from sevenfold.handlers.formats import LineFormat
from sevenfold.loguru_internals import DEFAULT_ID, handler_ids, new_handlers, swap_handlers
from sevenfold.notices import notice
from sevenfold.redaction.redactor import Redactor
from sevenfold.rendering.renderer import Renderer

if TYPE_CHECKING:
    from loguru import Logger

CAPTURED_IN = "SEVENFOLD_CAPTURED_IN"  # an environment variable: the process of a test that captures, and a folder
UNCONFIGURED = (
    "this worker process was never configured, so what it logs is in no file; "
    "give the pool initializer=sinks.configure and initargs=(log_dir,), or make it after configure()"
)


def is_worker() -> bool:
    """Return whether another process started this one as its worker, with multiprocessing or a library on top of it."""
    process = sys.modules.get("multiprocessing.process")
    # While a worker imports its main module, it has its name, but no parent yet.
    return process is not None and process.current_process().name != "MainProcess"


def tell_unconfigured_worker() -> None:
    """Put a console in the place of loguru's default handler, if that is there."""
    if DEFAULT_ID not in handler_ids():
        return
    (handler,) = new_handlers(_add).values()
    swap_handlers([DEFAULT_ID], {DEFAULT_ID: handler})  # under its id, so that configure() replaces it as ever


def _add(logger: Logger) -> None:
    redactor = Redactor()
    line = LineFormat(Renderer(redactor), template="{exception}")
    options: Any = {"level": "DEBUG", "format": line, "backtrace": False, "diagnose": False, "colorize": False}
    logger.add(_Unconfigured((), redactor), **options)


class _Unconfigured(Console):
    """A console that first says that the worker was never configured."""

    _is_told = False

    def write(self, message: Any) -> None:
        if not self._is_told:
            self._is_told = True
            notice(UNCONFIGURED)
        super().write(message)
