"""The contents of a loguru record as plain values, and its line."""

from typing import Any, NamedTuple, TypeAlias

from sevenfold.lines.grammar import channel_text, escape, key_text, timestamp, value_text
from sevenfold.lines.values import plain, to_json

# Loguru types its records as a closed TypedDict, but the handlers put one key more on them.
Record: TypeAlias = Any


class Contents(NamedTuple):
    """The contents of a record as plain values: its channel, its message, and its other extras by key.

    A channel that isn't a string becomes its JSON text. A logged exception is among the fields, as ``exception_type``
    and ``exception_message``.
    """

    channel: str | None
    message: str
    fields: dict[str, Any]


def contents_of(record: Record) -> Contents:
    """Return the contents of a loguru record as plain values."""
    fields = {key: value for key, value in record["extra"].items() if key != "channel"}
    if has_exception(record):
        fields |= exception_fields(record["exception"])
    channel = plain(record["extra"].get("channel"))
    if channel is not None and not isinstance(channel, str):
        channel = to_json(channel)
    # The fields at once: keys that are alike only when plain stay apart.
    return Contents(channel, plain(str(record["message"])), plain(fields))


def has_exception(record: Record) -> bool:
    """Whether an exception was logged; ``logger.exception()`` with none active leaves three Nones, which isn't one."""
    exception = record["exception"]
    return exception is not None and not (exception[0] is None and exception[1] is None)


def exception_fields(exception: Any) -> dict[str, str]:
    """Name an exception's type, with its module unless built in, and its message."""
    kind, value = exception[0], exception[1]
    name = getattr(kind, "__qualname__", "") or type(value).__qualname__
    module = getattr(kind, "__module__", "builtins")
    try:
        message = "" if value is None else str(value)
    except Exception:
        message = f"<unprintable {name} object>"
    return {"exception_type": name if module == "builtins" else f"{module}.{name}", "exception_message": message}


def render(record: Record, contents: Contents | None = None) -> str:
    """Write a record as one line, without the line's end.

    Parameters
    ----------
    record : dict
        A loguru record.
    contents : Contents, optional
        The contents of the line besides time and level; by default those of the record.

    Returns
    -------
    str
        One line, by the grammar in `sevenfold.lines.grammar`.
    """
    channel, message, fields = contents or contents_of(record)
    head = (
        f"{timestamp(record['time'])} | {escape(record['level'].name):8} | {channel_text(channel)} | {escape(message)}"
    )
    written = [f"{key_text(key)}={value_text(value)}" for key, value in fields.items()]
    return f"{head} | {' '.join(written)}" if written else head
