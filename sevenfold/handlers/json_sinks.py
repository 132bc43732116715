"""The sinks that write loguru's JSON, sealed or not."""

import json
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sevenfold.audit.chain import WAIT_S, Chain
from sevenfold.channels import WARNING
from sevenfold.files.rotating import RotatingFile
from sevenfold.handlers.formats import RENDERED, Rendered
from sevenfold.handlers.sinks import LOST, LineSink, Unrendered, lost_text, traceback_of
from sevenfold.lines.record import Record, has_exception
from sevenfold.lines.values import escape_json
from sevenfold.loguru_internals import serialized
from sevenfold.redaction.redactor import Redactor


class JsonSink(LineSink):
    """Write loguru's JSON.

    Parameters
    ----------
    file, channel
        As for `LineSink`.
    redactor : Redactor, optional
        Takes secrets out of tracebacks, where the file collects errors.
    """

    def __init__(self, file: RotatingFile, channel: str, redactor: Redactor | None = None) -> None:
        super().__init__(file, channel)
        self._redactor = redactor

    def write(self, message: Any) -> None:
        """Append the JSON line, and give the record its own members back."""
        record = message.record
        rendered: Rendered = record[RENDERED]
        if rendered.original is not None:
            record.update(rendered.original)
            rendered.original = None
        text = str(message)
        if self._redactor is not None and has_exception(record):
            text = _with_traceback(message, rendered.line, record, self._redactor)
        self._append(_encoded(text, str(record["level"].icon)))
        self.warnings += record["level"].no >= WARNING

    def rescue(self, record: Record) -> bool:
        """Write the JSON of a record whose exception loguru could not render, with Python's own traceback."""
        if record is None or RENDERED not in record:
            return False
        self.write(Unrendered(record, serialized(record[RENDERED].line, record)))
        return True

    def _lost_line(self, lost: int) -> bytes:
        text = lost_text(self.channel, lost).rstrip("\n")
        moment = datetime.now(UTC)
        record = {
            "extra": {"channel": self.channel, "n_lost": lost},
            "level": {"icon": "", "name": "WARNING", "no": 30},
            "message": LOST,
            "time": {"repr": moment.isoformat(" "), "timestamp": moment.timestamp()},
        }
        return json.dumps({"text": text, "record": record}).encode() + b"\n"


class SealedSink(JsonSink):
    """Write loguru's JSON, sealed; an event that can't be written raises in the caller, which mustn't go on without it.

    Parameters
    ----------
    file, channel, redactor
        As for `JsonSink`.
    key : bytes, optional
        Seals the chain.
    wait_s : float
        As `Chain` takes it.
    """

    def __init__(
        self,
        file: RotatingFile,
        channel: str,
        redactor: Redactor | None = None,
        key: bytes | None = None,
        wait_s: float = WAIT_S,
    ) -> None:
        super().__init__(file, channel, redactor)
        self._chain = Chain(file, key, wait_s)

    def stop(self) -> None:
        """Close the file and the head."""
        self._chain.close()
        super().stop()

    def _append(self, data: bytes) -> None:
        self._chain.append(data)
        self.events += 1


def _with_traceback(message: str, line: str, record: Record, redactor: Redactor) -> str:
    """Return loguru's JSON with the traceback in its text freed of secrets."""
    data = json.loads(message)
    below = message if isinstance(message, Unrendered) else data["text"].removeprefix(f"{line}\n")
    data["text"] = f"{line}\n{traceback_of(below, record, redactor)}"
    return json.dumps(data, ensure_ascii=False) + "\n"


def _encoded(text: str, icon: str) -> bytes:
    """Encode loguru's JSON with everything escaped that a terminal or a reader might obey; ``icon`` is its level's."""
    try:
        data = text.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return escape_json(text).encode()
    # The icon alone makes nearly all of loguru's JSON non-ASCII: lengths tell that in a tenth of the time of a search.
    if len(data) - len(text) == _surplus_bytes(icon) and b"\x7f" not in data:
        return data
    return escape_json(text).encode()


@lru_cache
def _surplus_bytes(icon: str) -> int:
    """Return how many bytes more than characters an icon has; -1 if it must be escaped itself."""
    return len(icon.encode()) - len(icon) if escape_json(icon) == icon else -1
