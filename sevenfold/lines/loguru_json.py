"""From a line that loguru's ``serialize=True`` wrote to an `Event`."""

from datetime import UTC, datetime

from sevenfold.lines.grammar import STRICT_JSON, LineError
from sevenfold.lines.parsing import Event
from sevenfold.lines.values import to_json


def parse_json(line: str) -> Event:
    """Read a line that loguru's ``serialize=True`` wrote, from its "record"; its "text" is for people.

    If an exception was logged, the text behind its first line is the traceback.
    """
    try:
        data = STRICT_JSON.decode(line)
        record = data["record"]
        fields = dict(record["extra"])
        channel = fields.pop("channel", None)
        exception, traceback = record.get("exception") or {}, None
        if exception.get("type") is not None:
            value = exception.get("value")
            fields |= {"exception_type": exception["type"], "exception_message": "" if value is None else value}
            traceback = data["text"].partition("\n")[2].rstrip("\n") or None
        moment = datetime.fromisoformat(record["time"]["repr"]).astimezone(UTC)
        name = channel if channel is None or isinstance(channel, str) else to_json(channel)
        return Event(moment, record["level"]["name"], name, record["message"], fields, traceback)
    except LineError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise LineError(f"expected a line of loguru's JSON, got {line[:40]!r} ({type(error).__name__})") from None
