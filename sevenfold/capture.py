"""A pytest plugin: the fixture `channel_log`, which captures what would stand in the log files.

Load it in ``conftest.py``::

    pytest_plugins = ["sevenfold.capture"]

and use it as you use caplog::

    def test_a_prediction_is_logged(channel_log):
        score({"income": 0.12})
        (record,) = channel_log.channel("predictions")
        assert record.fields["decision"] == "approve"

No file is opened, even where the code under test calls ``sinks.configure()``. Routing is strict: a channel that the
table lacks raises ValueError in the call, and if the code under test swallows that, the test fails at its end.
"""

import contextlib
import copy
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import pytest
from loguru import logger

from sevenfold.handlers.filters import AUDIT, INFO, Gate, make_routes
from sevenfold.handlers.sinks import LineFormat, nowhere
from sevenfold.lines.grammar import Record, has_exception, render
from sevenfold.redaction.redactor import Redactor
from sevenfold.rendering.batches import BATCH, rows_of
from sevenfold.rendering.renderer import Renderer

if TYPE_CHECKING:
    from sinks import Channel, Sinks

_CONTENTS, _LINES = "sevenfold_contents", "sevenfold_lines"  # on the record, of a batch one for each row
_SWALLOWED = pytest.StashKey[list[str]]()
# What a logger holds besides its handlers; loguru's handlers share the dict of the levels' colours.
_CORE_STATE = ("min_level", "extra", "patcher", "activation_list", "activation_none", "enabled")
_CORE_LEVELS = ("levels", "levels_lookup", "levels_ansi_codes")


@dataclass(frozen=True, slots=True)
class CapturedRecord:
    """One logging call.

    Attributes
    ----------
    time : datetime
        When it was made.
    level : str
        Name of the level.
    level_no : int
        Its number; a higher one is more severe.
    channel : str or None
        What it was bound to.
    message : str
        The formatted message.
    fields : dict
        The extras but the channel, as plain values: arrays are lists, NaN is ``"NaN"``.
    exception : BaseException or None
        What was logged with it.
    channels : tuple of str
        The channels whose files would get it; an error is in its own and in ``errors``.
    """

    time: datetime
    level: str
    level_no: int
    channel: str | None
    message: str
    fields: dict[str, Any]
    exception: BaseException | None
    channels: tuple[str, ...]


class ChannelLog:
    """What was logged during one test.

    Attributes
    ----------
    records : list of CapturedRecord
        Every call that a file or, without a channel, the console would get, in order; of a batch every row.
    """

    def __init__(self, table: "tuple[Channel, ...]") -> None:
        self.records: list[CapturedRecord] = []
        self._lines: list[str] = []
        self._unknown: list[str] = []
        self._least: int | None = None  # what `at_level` asks for, over all tables
        self.use(table, None, LineFormat(Renderer(Redactor())))

    def use(self, table: "tuple[Channel, ...]", level: str | int | None, line: LineFormat) -> None:
        """Route from here on by this table; ``level`` overrides its rows', ``line`` renders."""
        self._routes = make_routes(table, level if self._least is None else self._least, None)
        self._table, self._level, self._line = table, level, line

    @property
    def messages(self) -> list[str]:
        """The messages alone."""
        return [record.message for record in self.records]

    @property
    def text(self) -> str:
        """The lines as the text files have them, without tracebacks."""
        return "".join(f"{line}\n" for line in self._lines)

    def channel(self, name: str) -> list[CapturedRecord]:
        """Give the records that the file of a channel would hold, for ``errors`` the errors of all channels.

        Raises
        ------
        ValueError
            If the table has no such channel.
        """
        names = tuple(row.name for row in self._table)
        if name not in names:
            raise ValueError(f"unknown channel {name!r}; known: {', '.join(names)}")
        return [record for record in self.records if name in record.channels]

    def at_level(self, level: str | int) -> "AtLevel":
        """Give the records of a level or above; in a ``with`` statement, capture from that level on instead.

        ``channel_log.at_level("WARNING")`` is a list; ``with channel_log.at_level("DEBUG"):`` captures inside the
        block what the table's own levels would drop.
        """
        least = level if isinstance(level, int) else logger.level(level).no
        return AtLevel(self, least, [record for record in self.records if record.level_no >= least])

    def _capture_from(self, level: int | None) -> None:
        self._least = level
        self.use(self._table, self._level, self._line)

    def clear(self) -> None:
        """Forget what was captured, and that a channel was unknown: for a test that expects just that."""
        self.records.clear()
        self._lines.clear()
        self._unknown.clear()

    def _gate(self, record: Mapping[str, Any]) -> bool:
        try:
            return Gate(tuple(row.name for row in self._table)).accepts(record)
        except ValueError as error:
            place = f"{record['file'].name}:{record['line']}"
            self._unknown.append(f"{error} (raised at {place} and swallowed; expected? call channel_log.clear())")
            raise

    def _channels(self, record: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(route.channel.name for route in self._routes if route.accepts(record))

    def _keeps(self, record: Mapping[str, Any]) -> bool:
        no = record["level"].no
        if record["extra"].get("channel") is None and no >= (INFO if self._least is None else self._least):
            return True  # the console's
        return no >= (self._least or 0) and bool(self._channels(record))

    def _format(self, record: Any) -> str:
        # Here, outside of the handler's lock: somebody's ``repr`` may log, too.
        record[_CONTENTS] = [self._line.renderer.redactor.contents_of(one) for one in self._rows(record)]
        record[_LINES] = [render(record, contents) for contents in record[_CONTENTS]]
        return ""

    def _rows(self, record: Record) -> Iterable[Record]:
        """Give the records that the lines of a channel's file come from: more than one of a batch."""
        rows = rows_of(self._line.renderer, record) if BATCH in record["extra"] else None
        if rows is None or AUDIT in self._channels(record):
            return [record]
        return rows.records() if self._channels(record) else [rows.summary]

    def _write(self, message: Any) -> None:
        record = message.record
        told = ("exception_type", "exception_message") if has_exception(record) else ()
        self._lines += record[_LINES]
        self.records += [
            CapturedRecord(
                time=record["time"],
                level=record["level"].name,
                level_no=record["level"].no,
                channel=record["extra"].get("channel"),
                message=text,
                fields={key: value for key, value in fields.items() if key not in told},
                exception=record["exception"].value if has_exception(record) else None,
                channels=self._channels(record),
            )
            for _, text, fields in record[_CONTENTS]
        ]

    def _configure(
        self, table: "tuple[Channel, ...]", level: str | int | None, line: LineFormat, log_dir: Path
    ) -> "Sinks":
        self.use(table, level, line)
        return _captured_sinks(self, table, log_dir)


class AtLevel(list[CapturedRecord]):
    """The records of a level or above; as a context manager, the level to capture from."""

    def __init__(self, log: ChannelLog, level: int, records: list[CapturedRecord]) -> None:
        super().__init__(records)
        self._log, self._level = log, level

    def __enter__(self) -> Self:
        self._before = self._log._least  # noqa: SLF001 - the two belong together
        self._log._capture_from(self._level)  # noqa: SLF001
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._log._capture_from(self._before)  # noqa: SLF001


def _captured_sinks(log: ChannelLog, table: "tuple[Channel, ...]", log_dir: Path) -> "Sinks":
    import sinks  # noqa: PLC0415

    class CapturedSinks(sinks.Sinks):
        @property
        def events(self) -> dict[str, int]:
            return {row.file: len([r for r in log.records if row.name in r.channels]) for row in table}

    return CapturedSinks(log_dir, {}, ())


@pytest.fixture
def channel_table() -> "tuple[Channel, ...]":
    """Give the channel table to route by; override it to test with a table of your own."""
    import sinks  # noqa: PLC0415

    return sinks.CHANNELS


@pytest.fixture
def channel_log(request: pytest.FixtureRequest, channel_table: "tuple[Channel, ...]") -> Iterator[ChannelLog]:
    """Capture what is logged during a test, by channel; the logger is given back as it was found."""
    import sinks  # noqa: PLC0415

    log = ChannelLog(channel_table)
    request.node.stash[_SWALLOWED] = log._unknown  # noqa: SLF001
    options: Any = {"level": 0, "catch": False, "backtrace": False, "diagnose": False}
    real = sinks._active._handler_ids if sinks._active else ()  # noqa: SLF001
    # Not the fixture `monkeypatch`: a test may undo that halfway.
    with pytest.MonkeyPatch.context() as patch, _borrowed_logger(set_aside=real) as keep:
        patch.setattr(sinks, "_capture", log._configure)  # noqa: SLF001
        if sinks._active:  # noqa: SLF001
            # What the test closes is open again afterwards.
            patch.setattr(sinks._active, "_handler_ids", ())  # noqa: SLF001
        keep(logger.add(nowhere, filter=log._gate, format="", **options))  # noqa: SLF001
        keep(logger.add(log._write, filter=log._keeps, format=log._format, **options))  # noqa: SLF001
        yield log


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test that passed although a call of the code under test named an unknown channel."""
    result = yield
    swallowed = item.stash.get(_SWALLOWED, [])
    if swallowed:
        pytest.fail(swallowed[0], pytrace=False)
    return result


@contextlib.contextmanager
def _borrowed_logger(set_aside: tuple[int, ...]) -> Iterator[Any]:
    """Keep our handlers through ``logger.remove()``, and give the logger back as it was found.

    The one place that touches loguru's internals (loguru is pinned below 0.8): handlers found are unhooked when the
    code under test removes them, not stopped, so that they can be hooked in again.

    Parameters
    ----------
    set_aside : tuple of int
        Handlers that the test must not reach: those that write real log files.

    Yields
    ------
    callable
        Takes the id of a handler that ``logger.remove()`` must leave alone.
    """
    core: Any = logger._core  # type: ignore[attr-defined]  # noqa: SLF001
    found = dict(core.handlers)
    state = {name: copy.copy(getattr(core, name)) for name in _CORE_STATE}
    levels = {name: dict(getattr(core, name)) for name in _CORE_LEVELS}
    kept: set[int] = set()
    core.handlers = {id_: handler for id_, handler in found.items() if id_ not in set_aside}
    really_remove = type(logger).remove

    def remove(self: Any, handler_id: int | None = None) -> None:
        for id_ in list(core.handlers) if handler_id is None else [handler_id]:
            if id_ in kept:
                continue
            if id_ in found and id_ in core.handlers:
                core.handlers = {other: handler for other, handler in core.handlers.items() if other != id_}
            else:
                really_remove(self, id_)

    type(logger).remove = remove  # type: ignore[method-assign]
    try:
        yield kept.add
    finally:
        type(logger).remove = really_remove  # type: ignore[method-assign]
        for id_ in set(core.handlers) - set(found):
            with contextlib.suppress(Exception):  # a handler of the test's whose sink can't be stopped
                logger.remove(id_)
        for name, mapping in levels.items():
            getattr(core, name).clear()
            getattr(core, name).update(mapping)
        for handler in found.values():
            for level in core.levels:
                handler.update_format(level)  # its colour, which a test may have changed
        for name, value in state.items():
            setattr(core, name, value)
        core.handlers = found
