"""What is captured of a logging call, and how it goes from a child process to the test."""

from __future__ import annotations

import contextlib
import pickle
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sevenfold.notices import describe

if TYPE_CHECKING:
    from datetime import datetime


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

    Examples
    --------
    >>> from loguru import logger
    >>> from sevenfold.channel_log import capturing
    >>> from sevenfold import CHANNELS
    >>> with capturing(CHANNELS) as log:
    ...     logger.bind(channel="predictions").error("prediction", decision="deny")
    >>> (log.records[0].message, log.records[0].fields, log.records[0].channels)
    ('prediction', {'decision': 'deny'}, ('predictions', 'errors'))
    """

    time: datetime
    level: str
    level_no: int
    channel: str | None
    message: str
    fields: dict[str, Any]
    exception: BaseException | None
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CapturedCall:
    """One logging call as captured: its records with their lines, or its unknown channel.

    Attributes
    ----------
    records : list of CapturedRecord
        One, or the rows of a batch.
    lines : list of str
        The line of each record.
    is_batch : bool
        Whether the call was one with ``batch=``.
    unknown : str
        A sentence about the unknown channel that the call named; "" if the channel is known.
    """

    records: list[CapturedRecord] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    is_batch: bool = False
    unknown: str = ""

    def packed(self) -> tuple[CapturedCall, bytes, str]:
        """Return the call without its exception, the pickled exception (b"" if it can't be), and its description."""
        error = next((record.exception for record in self.records), None)
        pickled, description = b"", describe(error) if error is not None else ""
        with contextlib.suppress(Exception):
            pickled = pickle.dumps(error)
        return replace(self, records=[replace(record, exception=None) for record in self.records]), pickled, description


def unpacked(packed: tuple[CapturedCall, bytes, str]) -> CapturedCall:
    """Return the call that a child has packed, with its exception, or one that describes it."""
    call, pickled, description = packed
    error: BaseException | None = None
    if description:
        error = RuntimeError(f"{description} (in a child process; it doesn't pickle)")
    with contextlib.suppress(Exception):
        error = pickle.loads(pickled)  # noqa: S301 - of a child of this process
    return replace(call, records=[replace(record, exception=error) for record in call.records])
