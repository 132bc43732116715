"""The results of an overview: frozen plain values, which page, terminal and tests read."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from sevenfold.overview.panels import Panel

Axis: TypeAlias = Literal["time", "order", "number", "label"]
Shape: TypeAlias = Literal["lines", "stacked"]


@dataclass(frozen=True, slots=True)
class Series:
    """One line, or one layer of bars: a number, or None, for each place of its figure."""

    name: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart.

    Attributes
    ----------
    panel : Panel
        The panel that it shows.
    shape : str
        ``lines``, or ``stacked`` bars.
    axis : str
        The x axis: ``time``, in seconds since 1970 UTC; ``order``, the events counted from 0; a ``number``; or a
        ``label``.
    places : tuple of float
        Positions on the x axis; with bars, and lines over buckets, where each bucket begins.
    width : float
        The width of a bucket, in the axis's unit; 0 if places are points.
    series : tuple of Series
        The lines or layers.
    labels : tuple of str
        Names of the places, on an axis of labels.
    note : str
        What is left out, and what is approximate.
    """

    panel: Panel
    shape: Shape
    axis: Axis
    places: tuple[float, ...]
    width: float
    series: tuple[Series, ...]
    labels: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of counts: the values of the panel's fields, the most frequent first, and how many events have them."""

    panel: Panel
    rows: tuple[tuple[tuple[str, ...], int], ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class DriftCell:
    """The result of a batch's check for a column, or for all together (then `psi` is None)."""

    psi: float | None
    p_value_adjusted: float | None
    drifted: bool
    method: str
    severity: str


@dataclass(frozen=True, slots=True)
class DriftRow:
    """A feature, an output, or the features together, with a cell for each batch, None where it wasn't checked."""

    name: str
    role: str
    cells: tuple[DriftCell | None, ...]


@dataclass(frozen=True, slots=True)
class DriftMap:
    """The newest batches that were checked for drift.

    Attributes
    ----------
    batches : tuple of str
        The ids of the batches, oldest first.
    drifted, alarms : tuple of bool
        Whether each batch has drifted, and whether the monitor alarmed with it.
    rows : tuple of DriftRow
        Outputs first, then the features together, then the worst features.
    n_batches, n_drifted : int
        Number of all batches, including those that aren't shown.
    n_features : int
        Number of features in the batches that are shown.
    """

    batches: tuple[str, ...]
    drifted: tuple[bool, ...]
    alarms: tuple[bool, ...]
    rows: tuple[DriftRow, ...]
    n_batches: int
    n_drifted: int
    n_features: int


@dataclass(frozen=True, slots=True)
class ErrorGroup:
    """Errors of one type in one place.

    Attributes
    ----------
    type : str
        The exception's type, or the level's name if there is no exception.
    place : str
        Where it was raised, such as ``pipeline/faults.py:31 in provoke``; the message if there is no traceback.
    channel : str or None
        The channel of the last error.
    count : int
        The number of errors.
    first, last : datetime
        The times of the first and the last error.
    message : str
        The message of the last error.
    traceback : str or None
        The traceback of the last error.
    """

    type: str
    place: str
    channel: str | None
    count: int
    first: datetime
    last: datetime
    message: str
    traceback: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """An event of a sealed channel, or an alarm: its fields as one text."""

    time: datetime
    channel: str
    message: str
    outcome: str
    text: str


@dataclass(frozen=True, slots=True)
class Chain:
    """Whether a sealed channel's file is proved: True, False, or None if nothing can be said; with a sentence."""

    channel: str
    proved: bool | None
    said: str


@dataclass(frozen=True, slots=True)
class ChannelCount:
    """How many events a channel has, and when; its activity is a count for each of at most 60 buckets of time."""

    name: str | None
    count: int
    first: datetime
    last: datetime
    activity: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Overview:
    """The results of one pass over events.

    Attributes
    ----------
    channels : tuple of ChannelCount
        In the order of their first event.
    charts : tuple of Figure or Table
        The charts of the panels that had events, in the order of the panels.
    drift : DriftMap or None
        None if no batch was checked.
    alarms : tuple of Entry
        The newest 50, oldest first.
    n_alarms : int
        All of them.
    errors : tuple of ErrorGroup
        The most frequent first.
    n_errors : int
        All of them.
    audit : tuple of Entry
        The newest 50 events of sealed channels, oldest first.
    n_audit : int
        All of them.
    chains : tuple of Chain
        The verified files; empty if none was verified.
    unreadable : tuple of (str, int)
        Files, and how many of their lines are no events.
    """

    channels: tuple[ChannelCount, ...]
    charts: tuple[Figure | Table, ...]
    drift: DriftMap | None
    alarms: tuple[Entry, ...]
    n_alarms: int
    errors: tuple[ErrorGroup, ...]
    n_errors: int
    audit: tuple[Entry, ...]
    n_audit: int
    chains: tuple[Chain, ...] = ()
    unreadable: tuple[tuple[str, int], ...] = ()

    @property
    def n_events(self) -> int:
        """How many events there were."""
        return sum(channel.count for channel in self.channels)

    @property
    def first(self) -> datetime | None:
        """The time of the earliest event; None where there is none."""
        return min((channel.first for channel in self.channels), default=None)

    @property
    def last(self) -> datetime | None:
        """The time of the latest event; None where there is none."""
        return max((channel.last for channel in self.channels), default=None)
