"""The formats that are handed to ``logger.add``: they put a record's line on the record, for the sinks to write.

What loguru formats itself isn't the line, since ``opt(raw=True)`` bypasses formats. All of this pickles, so that a
logger can be an argument of a process.
"""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final

from sevenfold.lines.record import Record, has_exception
from sevenfold.rendering.batches import BATCH, Rows, rows_of
from sevenfold.rendering.renderer import Renderer

# The rendered line travels on the record under this key: in `extra` it would leak into other sinks.
RENDERED: Final = "sevenfold"
_LINE: Final = "{sevenfold.line}"
_LINE_AND_TRACEBACK: Final = "{sevenfold.line}\n{exception}"


@dataclass(slots=True)
class Rendered:
    """A record's line, and its rows, once the first handler has rendered it.

    Attributes
    ----------
    data : bytes
        Its line in UTF-8, without the line's end; of a batch, one for all rows.
    rows : Rows or None
        The rows of a batch.
    original : dict or None
        Members of the record that a `JsonFormat` has replaced by plain ones, until its sink has written these.
    """

    data: bytes
    rows: Rows | None = None
    original: dict[str, Any] | None = None

    @property
    def line(self) -> str:
        """The line, for what isn't a file."""
        return self.data.decode()


@dataclass(frozen=True, slots=True)
class LineFormat:
    """Render the line once, for the handler that comes first.

    Attributes
    ----------
    renderer : Renderer
        Writes it.
    template : str
        What loguru itself is left to format: nothing, or ``{exception}`` for the traceback, which it renders with its
        backtrace and diagnose.
    """

    renderer: Renderer
    template: str = ""

    def __call__(self, record: Record) -> str:
        """Put the line on the record, and its rows where it is a batch."""
        if RENDERED not in record:
            rows = rows_of(self.renderer, record) if BATCH in record["extra"] else None
            record[RENDERED] = Rendered(self.renderer.data(record if rows is None else rows.summary), rows)
        return self.template


@dataclass(frozen=True, slots=True)
class JsonFormat:
    """Give the record plain values, which loguru's ``serialize=True`` then dumps as strict JSON.

    The record is every handler's, so its members are rebound, never changed, and the sink puts them back.

    Attributes
    ----------
    line : LineFormat
        Renders the line, which the JSON has as its ``text``.
    tracebacks : bool
        Whether the traceback follows the line there.
    """

    line: LineFormat
    tracebacks: bool = False

    def __call__(self, record: Record) -> str:
        """Rebind extra, message and exception, unless they are plain already."""
        if self._is_plain(record):
            return _LINE
        self.line(record)
        channel, message, fields = self.line.renderer.redactor.contents_of(record)
        record[RENDERED].original = {key: record[key] for key in ("extra", "message", "exception")}
        exception = _PlainException(fields, record["exception"], self.tracebacks) if has_exception(record) else None
        record.update(extra={"channel": channel, **fields}, message=message, exception=exception)
        return _LINE_AND_TRACEBACK if exception else _LINE

    def _is_plain(self, record: Record) -> bool:
        """Return whether loguru may dump the record as it is; if so, put its line on it."""
        if BATCH in record["extra"]:
            return False
        line = self.line.renderer.quick_line(record, as_json=True)
        if line is not None:
            record[RENDERED] = Rendered(line)
        return line is not None


class _PlainException:
    """An exception as loguru reads it: its serializer reads the attributes, its formatter the items if it is true."""

    def __init__(self, fields: dict[str, Any], exception: Any, tracebacks: bool) -> None:
        self.type = SimpleNamespace(__name__=fields["exception_type"])
        self.value = fields["exception_message"]
        self.traceback = exception[2] is not None
        self._items = tuple(exception) if tracebacks else ()

    def __iter__(self) -> Any:
        return iter(self._items)

    def __bool__(self) -> bool:
        return bool(self._items)
