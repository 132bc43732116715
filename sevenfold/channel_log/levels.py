"""The records of a level or above, and what captures from a level on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from sevenfold.channel_log.records import CapturedRecord

if TYPE_CHECKING:
    from types import TracebackType

    from sevenfold.channel_log.log import ChannelLog


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
