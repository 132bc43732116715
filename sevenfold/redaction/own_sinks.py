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
_OWN_PREFIX: Final = "sevenfold"  # of the keys that Sevenfold adds to a record
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")
_SERIALIZED: Final = '{"text": '
_TRACEBACK: Final = "Traceback (most recent call last):"
_NO_FRAMES: Final = f"{REDACTED}: enqueue=True leaves out an exception's frames; add the sink after sinks.configure()"


def redacted(sink: Any, redactor: Redactor | None = None) -> Any:
    """Wrap a sink of one's own, so that it gets no secrets.

    The sink gets loguru's message with a new record: text, message, extra and exception are without the secrets that
    `Redactor` knows, nested values are plain, and the live exception, whose frames hold all secrets, is left out.

    Parameters
    ----------
    sink
        A sink for ``logger.add``: a function, a coroutine function, an object with ``write``, or a `logging.Handler`.
    redactor : Redactor, optional
        Removes secrets; by default those of `SECRETS`.

    Returns
    -------
    object
        A sink for ``logger.add`` with any options: ``serialize``, ``enqueue``, ``backtrace``, ``diagnose``. Behind a
        queue, an exception is included only if a handler of `sinks.configure` has read its frames before.

    Raises
    ------
    TypeError
        If `sink` is none of these.

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
    """The exception of a record, without secrets.

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
    """A sink, and the redactor for its messages."""

    def __init__(self, sink: Any, redactor: Redactor) -> None:
        self._sink = sink
        self._redactor = redactor

    def __repr__(self) -> str:
        return f"redacted({self._sink!r})"

    def _clean(self, message: Any) -> Any:
        """Return a copy of loguru's message without secrets, with a new record."""
        raw = _without_frameless(message.record)
        record = self._record(raw)
        text, traceback = self._texts(str(message), raw, record)
        if has_exception(raw):
            exception_message = record["extra"].pop("exception_message")
            record["extra"].pop("exception_type")
            record["exception"] = RedactedException(raw["exception"][0], exception_message, traceback)
        cleaned = type(message)(text)
        cleaned.record = record
        return cleaned

    def _record(self, raw: Record) -> dict[str, Any]:
        channel, message, fields = self._redactor.contents_of(raw)
        record = {key: raw[key] for key in _LOGURU if key in raw}
        for key in raw.keys() - record.keys():  # a patcher's
            if not key.startswith(_OWN_PREFIX):
                record[key] = self._redactor.under(key, plain(raw[key]))
        extra = fields if channel is None else {"channel": channel, **fields}
        return {**record, "message": message, "extra": extra, "exception": None}

    def _texts(self, text: str, raw: Record, record: dict[str, Any]) -> tuple[str, str | None]:
        """Return the formatted text without secrets, and the traceback in it."""
        if text.startswith(_SERIALIZED):
            try:
                data = json.loads(text)
                inner = self._text(data["text"], raw, record)
                data = {**data, "text": inner, "record": {**data["record"], **_serializable(record, data["record"])}}
            except (ValueError, KeyError, TypeError):  # no JSON: a format that begins in the same way
                pass
            else:
                return json.dumps(data, ensure_ascii=False) + "\n", _traceback(inner)
        inner = self._text(text, raw, record)
        return inner, _traceback(inner)

    def _text(self, text: str, raw: Record, record: dict[str, Any]) -> str:
        if has_exception(raw):
            text = _COLOURS.sub("", text)  # a colour may stand between a name and its value
            if isinstance(raw["exception"][1], _NoFramesError) and _TRACEBACK in text:
                text = f"{text.partition(_TRACEBACK)[0]}{raw['exception'][1]}\n"
        text = self._redactor.traceback(text, raw)
        _, plain_secrets = self._redactor.known(raw)
        # A secret that reads as ordinary text goes, unless the rest of the record says the same: "training", "200".
        rest = " ".join([to_json(plain(record["extra"])), record["message"], *(str(record[key]) for key in _NAMED)])
        for secret, replacement in plain_secrets.items():
            if secret.strip() and secret not in rest:
                text = text.replace(secret, replacement)
        return text


_NAMED: Final = ("name", "function", "module", "line", "time", "level", "file", "process", "thread")


def _serializable(record: dict[str, Any], raw: Any) -> dict[str, Any]:
    extra = dict(record["extra"])
    exception = raw.get("exception")
    if exception is not None:
        exception = {**exception, "value": extra.pop("exception_message", "")}
        extra.pop("exception_type", None)
    return {"message": record["message"], "extra": extra, "exception": exception}


def _without_frameless(record: Record) -> Record:
    """Replace an exception whose frames are gone, unless a handler before the queue has read them."""
    exception = record["exception"]
    is_behind_a_queue = record["thread"].id != get_ident()
    if not (has_exception(record) and exception[2] is None and is_behind_a_queue) or EXPOSED in record:
        return record
    return {**record, "exception": (exception[0], _NoFramesError(_NO_FRAMES), None)}


class _NoFramesError(Exception):
    """Stands for an exception whose secrets can't be known without its frames."""


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
    """A stream: all other attributes that loguru uses (flush, stop, isatty, encoding) are the stream's own."""

    def write(self, message: Any) -> None:
        self._sink.write(self._clean(message))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # while it is being unpickled, it has no stream
            raise AttributeError(name)
        return getattr(self._sink, name)


class _LoggingHandler(_Wrapped):
    """A handler of the standard library; gets the record that loguru makes, except the exception: the text has it."""

    def write(self, message: Any) -> None:
        clean = self._clean(message)
        record = clean.record
        log_record = logging.getLogger().makeRecord(
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
        log_record.levelname = record["level"].name
        self._sink.handle(log_record)

    def stop(self) -> None:
        self._sink.close()
