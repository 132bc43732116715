"""The configuration in force: its handle, and what stands in for it under pytest.

Loguru has one logger for the whole process, so one piece of global state is kept here: the handlers that the last
call of ``sinks.configure`` added, and what takes its calls while a test captures them.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeAlias

from loguru import logger

from sevenfold.channels import Channel, LevelArgument
from sevenfold.handlers.formats import LineFormat
from sevenfold.intercept import Interception

if TYPE_CHECKING:
    from sevenfold.handlers.sinks import LineSink

# Takes the table, the level over all channels, the format and the folder that `configure` was called with.
StandIn: TypeAlias = Callable[[tuple[Channel, ...], LevelArgument | None, LineFormat, Path], "Sinks"]


class Sinks:
    """The handlers that one call of ``sinks.configure`` added; as a context manager, it closes itself.

    Attributes
    ----------
    log_dir : Path
        The folder of the files.
    """

    def __init__(
        self,
        log_dir: Path,
        sinks: "Mapping[str, LineSink]",
        handler_ids: tuple[int, ...],
        interception: Interception | None = None,
    ) -> None:
        self.log_dir = log_dir
        self._interception = interception
        self._sinks = sinks
        self._handler_ids = handler_ids

    @property
    def events(self) -> dict[str, int]:
        """Events that this process wrote through these handlers, by file name."""
        return {sink.file.path.name: sink.events for sink in self._sinks.values()}

    def close(self) -> None:
        """Remove these handlers and close their files; what was removed already doesn't matter."""
        if self._interception is not None:
            self._interception.close()
        for handler_id in self._handler_ids:
            with contextlib.suppress(ValueError):
                logger.remove(handler_id)
        self._handler_ids = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._interception is not None:
            self._interception.__exit__(kind, error, trace)  # logs an error that leaves the block
        self.close()


_active: Sinks | None = None
_stand_in: StandIn | None = None


def activate(sinks: Sinks) -> Sinks:
    """Put a configuration in force whose handlers are there."""
    global _active  # noqa: PLW0603 - see the module's docstring
    _active = sinks
    return sinks


def remove_replaced() -> None:
    """Remove the handlers of the configuration in force, and loguru's default one."""
    if _active is not None:
        _active.close()
    with contextlib.suppress(ValueError):
        logger.remove(0)  # loguru's default handler


def stand_in() -> StandIn | None:
    """Return what takes the calls of ``configure``, if something does."""
    return _stand_in


@contextlib.contextmanager
def captured(by: StandIn) -> Iterator[tuple[int, ...]]:
    """Have calls of ``configure`` taken by a stand-in, and the configuration in force survive what closes it.

    Yields
    ------
    tuple of int
        The handlers of the configuration in force.
    """
    global _active, _stand_in  # noqa: PLW0603 - see the module's docstring
    before, active = _stand_in, _active
    ids = () if active is None else active._handler_ids  # noqa: SLF001 - of this module
    _stand_in = by
    if active is not None:
        active._handler_ids = ()  # noqa: SLF001
    try:
        yield ids
    finally:
        _stand_in, _active = before, active
        if active is not None:
            active._handler_ids = ids  # noqa: SLF001
