"""Flat JSON: an event as one object with its fields at the top, as Loki, Elasticsearch and Datadog take it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from sevenfold.lines.grammar import STRICT_JSON, LineError, timestamp
from sevenfold.lines.parsing import Event, parse
from sevenfold.lines.values import to_json

STACKTRACE: Final = "exception_stacktrace"  # OpenTelemetry's exception.stacktrace
_SHOWN: Final = frozenset({"fields", "exception"})  # what ``logs --json`` has besides
_OWN: Final = frozenset({"time", "level", "channel", "message"})


def flat_json(event: Event) -> str:
    """Return an event as one object of strict JSON.

    Parameters
    ----------
    event : Event
        A field with the name ``time``, ``level``, ``channel``, ``message`` or ``exception_stacktrace`` is written with
        ``extra_`` before its name.

    Returns
    -------
    str
        Without a line's end.

    Examples
    --------
    >>> from sevenfold import parse
    >>> flat_json(parse("2026-11-25T08:36:11.096123Z | INFO     | api | request | status=200 level=3"))
    '{"time":"2026-11-25T08:36:11.096123Z","level":"INFO","channel":"api","message":"request","status":200,"extra_level":3}'
    """
    own = {"time": timestamp(event.time), "level": event.level, "channel": event.channel, "message": event.message}
    below = {} if event.exception is None else {STACKTRACE: event.exception}
    taken = _OWN | below.keys()
    return to_json({**own, **{_free(key, taken, event.fields): value for key, value in event.fields.items()}, **below})


def is_flat_json(line: str) -> bool:
    """Return whether a line begins as `flat_json` writes it."""
    return line.startswith('{"time":')


def parse_flat_json(line: str) -> Event:
    """Read a line of flat JSON; renamed fields keep their new names.

    The output of ``logs --json`` is read, too: it has the fields in an object, and the traceback as ``exception``.

    Raises
    ------
    LineError
        If the line is neither.
    """
    try:
        fields = STRICT_JSON.decode(line)
        own = {key: fields.pop(key) for key in ("time", "level", "channel", "message")}
        moment = datetime.fromisoformat(own["time"]).astimezone(UTC)
        if fields.keys() == _SHOWN and isinstance(fields["fields"], dict):
            return Event(moment, own["level"], own["channel"], own["message"], fields["fields"], fields["exception"])
        return Event(moment, own["level"], own["channel"], own["message"], fields, fields.pop(STACKTRACE, None))
    except LineError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise LineError(f"expected a line of JSON, got {line[:40]!r} ({type(error).__name__})") from None


def to_flat_json(text: str) -> str:
    """Return a line of text, with the traceback below it if there is one, as flat JSON with a line's end."""
    return flat_json(parse(text)) + "\n"


def _free(key: str, taken: frozenset[str], fields: Mapping[str, Any]) -> str:
    """Return a name that is neither one of the event's own parts nor another field's."""
    if key not in taken:
        return key
    key = f"extra_{key}"
    while key in fields:
        key = f"extra_{key}"
    return key
