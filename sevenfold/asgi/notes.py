"""An application's notes on the request that it is answering, taken anywhere in its code."""

import contextlib
from contextvars import ContextVar
from typing import Any, Final, Protocol

#: The attribute that marks an exception whose traceback is logged with its request. ``sinks.configure(intercept=True)``
#: leaves out exceptions that have it, and other code that logs exceptions should, too.
LOGGED: Final = "__sevenfold_logged__"


class NotedRequest(Protocol):
    """A request that takes notes."""

    def note(self, fields: dict[str, Any]) -> None:
        """Add fields to its line."""

    def fail(self, error: BaseException) -> None:
        """Keep the exception behind its answer."""


#: The request that is being answered, in its task, and in all threads and tasks with its context.
CURRENT: Final[ContextVar[NotedRequest | None]] = ContextVar("sevenfold.asgi.request", default=None)


def note(**fields: Any) -> None:
    """Add fields to the line of the request that is being answered; do nothing outside of one.

    A field that the line has anyway is written as ``note_`` and its name, except ``http_route``, which an application
    may know better. ``error_type`` is one constant word for the reason of a refusal.

    Examples
    --------
    >>> from sevenfold.asgi import note
    >>> note(decision="approve", confidence=0.93)
    """
    request = CURRENT.get()
    if request is not None:
        request.note(fields)


def failed(error: BaseException) -> None:
    """Log an exception with the request that is being answered, where the framework keeps it from its server.

    Its line is an error with the traceback. Outside of a request this does nothing.

    Examples
    --------
    Flask answers 500 by itself, and tells only its signal why:

    >>> def tell(_, exception, **__):
    ...     failed(exception)
    >>> tell(None, ZeroDivisionError("division by zero"))  # as Flask does after ``got_request_exception.connect(tell)``
    """
    request = CURRENT.get()
    if request is not None:
        request.fail(error)


def mark(error: BaseException) -> None:
    """Mark an exception as logged."""
    with contextlib.suppress(Exception):  # a class may refuse the attribute: then it is logged twice
        setattr(error, LOGGED, True)
