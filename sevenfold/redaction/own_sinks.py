"""Sinks of one's own, such as alerts to Slack or Sentry: `redacted` hands them records without secrets."""

import json
import logging
import re
from dataclasses import dataclass
from inspect import iscoroutinefunction
from os import PathLike
from threading import get_ident
from typing import Any, Final

from sevenfold.lines.record import Record, has_exception
from sevenfold.lines.values import plain, to_json
from sevenfold.redaction.redactor import EXPOSED, Redactor
from sevenfold.redaction.texts import REDACTED

_LOGURU: Final = (
    *("elapsed", "exception", "extra", "file", "function", "level", "line", "message", "module", "name", "process"),
    *("thread", "time"),
)
_OURS: Final = "sevenfold"  # what Sevenfold puts on a record begins so
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")
_SERIALIZED: Final = '{"text": '
_TRACEBACK: Final = "Traceback (most recent call last):"
_UNKNOWN: Final = f"{REDACTED}: enqueue=True leaves out an exception's frames; add the sink after sinks.configure()"


def redacted(sink: Any, redactor: Redactor | None = None) -> Any:
    """Wrap a sink of one's own, so that it gets no secrets.

    What it is handed is loguru's message with a record of its own: text, message, extra and exception are without the
    secrets that `Redactor` knows, nested values are plain, and no live exception is in it, whose frames hold them all.

    Parameters
    ----------
    sink
        What ``logger.add`` takes: a function, a coroutine function, an object with ``write``, or a `logging.Handler`.
    redactor : Redactor, optional
        Takes secrets out; by default those of `SECRETS`.

    Returns
    -------
    object
        A sink for ``logger.add`` with whatever options: ``serialize``, ``enqueue``, ``backtrace``, ``diagnose``. Behind
        a queue, an exception is told only if a handler of `sinks.configure` has looked at its frames before.

    Raises
    ------
    TypeError
        If that is no such sink.

    Examples
    --------
    >>> from loguru import logger
    >>> sent = []
    >>> handler_id = logger.add(redacted(sent.append), format="{message} {extra}")
    >>> logger.bind(password="hunter2").error("login failed")
    >>> print(sent[0], end="")
    login failed {'password': '[redacted]'}
    >>> logger.remove(handler_id)
    """
    redactor = Redactor() if redactor is None else redactor
    if callable(getattr(sink, "write", None)):
        return _Stream(sink, redactor)
    if isinstance(sink, logging.Handler):
        return _LoggingHandler(sink, redactor)
    if iscoroutinefunction(sink) or iscoroutinefunction(getattr(sink, "__call__", None)):  # noqa: B004 - as loguru asks
        return _Coroutine(sink, redactor)
    if callable(sink):
        return _Function(sink, redactor)
    hint = f"open it: redacted(open({str(sink)!r}, 'a'))" if isinstance(sink, str | PathLike) else "see logger.add"
    raise TypeError(f"redacted takes a function, a coroutine, a stream or a logging.Handler, got {sink!r}; {hint}")


@dataclass(frozen=True, slots=True)
class RedactedException:
    """What a record without secrets says of an exception.

    Attributes
    ----------
    type : type or None
        The exception's class.
    value : str
        Its message, without secrets.
    traceback : str or None
        Its traceback as the sink's handler rendered it, without secrets; None if it rendered none.
    """

    type: type[BaseException] | None
    value: str
    traceback: str | None


class _Wrapped:
    """A sink, and what takes secrets out of what it is handed."""

    def __init__(self, sink: Any, redactor: Redactor) -> None:
        self._sink = sink
        self._redactor = redactor

    def __repr__(self) -> str:
        return f"redacted({self._sink!r})"

    def _clean(self, message: Any) -> Any:
        """Return loguru's message anew, with a record of its own."""
        raw = _without_unknown(message.record)
        record = self._record(raw)
        text, below = self._texts(str(message), raw, record)
        if has_exception(raw):
            said = record["extra"].pop("exception_message")
            record["extra"].pop("exception_type")
            record["exception"] = RedactedException(raw["exception"][0], said, below)
        clean = type(message)(text)
        clean.record = record
        return clean

    def _record(self, raw: Record) -> dict[str, Any]:
        channel, message, fields = self._redactor.contents_of(raw)
        record = {key: raw[key] for key in _LOGURU if key in raw}
        for key in raw.keys() - record.keys():  # a patcher's
            if not key.startswith(_OURS):
                record[key] = self._redactor.under(key, plain(raw[key]))
        extra = fields if channel is None else {"channel": channel, **fields}
        return {**record, "message": message, "extra": extra, "exception": None}

    def _texts(self, text: str, raw: Record, record: dict[str, Any]) -> tuple[str, str | None]:
        """Return the text that was formatted, and the traceback in it."""
        if text.startswith(_SERIALIZED):
            try:
                data = json.loads(text)
                inner = self._text(data["text"], raw, record)
                data = {**data, "text": inner, "record": {**data["record"], **_serializable(record, data["record"])}}
            except (ValueError, KeyError, TypeError):  # a format that only begins so
                pass
            else:
                return json.dumps(data, ensure_ascii=False) + "\n", _traceback(inner)
        inner = self._text(text, raw, record)
        return inner, _traceback(inner)

    def _text(self, text: str, raw: Record, record: dict[str, Any]) -> str:
        if has_exception(raw):
            text = _COLOURS.sub("", text)  # they would stand between a value and its name
            if isinstance(raw["exception"][1], _UnknownError) and _TRACEBACK in text:
                text = f"{text.partition(_TRACEBACK)[0]}{raw['exception'][1]}\n"
        text = self._redactor.traceback(text, raw)
        _, untelling = self._redactor.known(raw)
        # A secret that reads as ordinary text goes, unless the rest of the record says the same: "training", "200".
        rest = " ".join([to_json(plain(record["extra"])), record["message"], *(str(record[key]) for key in _NAMED)])
        for secret, instead in untelling.items():
            if secret.strip() and secret not in rest:
                text = text.replace(secret, instead)
        return text


_NAMED: Final = ("name", "function", "module", "line", "time", "level", "file", "process", "thread")


def _serializable(record: dict[str, Any], raw: Any) -> dict[str, Any]:
    extra = dict(record["extra"])
    exception = raw.get("exception")
    if exception is not None:
        exception = {**exception, "value": extra.pop("exception_message", "")}
        extra.pop("exception_type", None)
    return {"message": record["message"], "extra": extra, "exception": exception}


def _without_unknown(record: Record) -> Record:
    """Return a record without an exception whose frames are gone, unless a handler before the queue looked at them."""
    exception = record["exception"]
    is_behind_a_queue = record["thread"].id != get_ident()
    if not (has_exception(record) and exception[2] is None and is_behind_a_queue) or EXPOSED in record:
        return record
    return {**record, "exception": (exception[0], _UnknownError(_UNKNOWN), None)}


class _UnknownError(Exception):
    """Stands for an exception, what of which is secret isn't known."""


def _traceback(text: str) -> str | None:
    start = text.find(_TRACEBACK)
    return text[start:] if start >= 0 else None


class _Function(_Wrapped):
    def __call__(self, message: Any) -> None:
        self._sink(self._clean(message))


class _Coroutine(_Wrapped):
    async def __call__(self, message: Any) -> None:
        await self._sink(self._clean(message))


class _Stream(_Wrapped):
    """A stream: what else loguru asks of it (flush, stop, isatty, encoding) is the stream's own."""

    def write(self, message: Any) -> None:
        self._sink.write(self._clean(message))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # while it is being unpickled, it has no stream
            raise AttributeError(name)
        return getattr(self._sink, name)


class _LoggingHandler(_Wrapped):
    """A handler of the standard library, given what loguru gives one, but for the exception: the text has it."""

    def write(self, message: Any) -> None:
        clean = self._clean(message)
        record = clean.record
        said = logging.getLogger().makeRecord(
            record["name"],
            record["level"].no,
            record["file"].path,
            record["line"],
            str(clean).removesuffix("\n"),
            (),
            None,
            record["function"],
            {"extra": record["extra"]},
        )
        said.levelname = record["level"].name
        self._sink.handle(said)

    def stop(self) -> None:
        self._sink.close()
