"""The charts and tables of an overview: panels are data, so that a user can add one for any channel."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, get_args

Kind: TypeAlias = Literal["lines", "counts", "shares", "histogram", "percentiles", "table"]
KINDS: Final = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Panel:
    """A chart or a table of the events of a channel.

    Attributes
    ----------
    title : str
        The title above it.
    channel : str
        The channel whose events it shows.
    message : str, optional
        Only the events with exactly this message.
    fields : tuple of str
        The fields that it shows, with dots for nested ones, such as ``features.income``.
    kind : str
        ``lines``: numbers in the order of the events, a line for each field. ``counts``: the number of events over
        time, by the values of one field, or without a field in all. ``shares``: the share of each value of one field
        over time. ``histogram``: the distribution of the numbers of the first field that an event has.
        ``percentiles``: the 50th, 95th and 99th of the numbers of one field over time, within 1 %; numbers below 0
        count as 0. ``table``: the number of events for each combination of values of the fields.
    by : str, optional
        With a histogram, the field whose values get a layer each.
    x : str, optional
        With lines, the field on the x axis, such as ``epoch``, or one with labels for it; by default the time. If it
        is given, only the newest run is shown.
    where : mapping of str to value, optional
        Only the events with these values of these fields.
    match : str, optional
        With shares, a regular expression: only the share of the values that it matches as a whole.
    unit : str
        The unit of the numbers, such as ``ms``.

    Raises
    ------
    ValueError
        If the kind is unknown, fields are missing, or the regular expression can't be read.

    Examples
    --------
    >>> Panel("Size of the index", "embeddings", "index built", ("n_vectors",)).kind
    'lines'
    >>> Panel("Vectors", "embeddings", fields=("n_vectors",), kind="line")
    Traceback (most recent call last):
    ValueError: panel 'Vectors': kind must be lines, counts, shares, histogram, percentiles or table, got 'line'
    """

    title: str
    channel: str
    message: str | None = None
    fields: tuple[str, ...] = ()
    kind: Kind = "lines"
    by: str | None = None
    x: str | None = None
    where: tuple[tuple[str, Any], ...] = ()
    match: str | None = None
    unit: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            known = " or ".join(", ".join(KINDS).rsplit(", ", 1))
            raise ValueError(f"panel {self.title!r}: kind must be {known}, got {self.kind!r}")
        if isinstance(self.fields, str):
            raise ValueError(f"panel {self.title!r}: fields must be a tuple of names, got {self.fields!r}")  # noqa: TRY004
        n_most = {"counts": 1, "shares": 1, "percentiles": 1}.get(self.kind, len(self.fields))
        if len(self.fields) > n_most or (not self.fields and self.kind != "counts"):
            one = "one field" if n_most else "fields"
            raise ValueError(f"panel {self.title!r}: {self.kind} need {one}, got {self.fields!r}")
        if isinstance(self.where, dict):
            object.__setattr__(self, "where", tuple(self.where.items()))
        if self.match is not None:
            _compile(self.title, self.match)


def _compile(title: str, pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"panel {title!r}: match: {error}") from None


PANELS: Final = (
    Panel("Loss", "training", "epoch", ("train_loss", "val_loss"), x="epoch"),
    Panel("Validation", "training", "epoch", ("val_accuracy", "val_auc", "val_average_precision"), x="epoch"),
    Panel("Decisions", "predictions", "prediction", ("decision",), kind="counts"),
    Panel("Share of decisions", "predictions", "prediction", ("decision",), kind="shares"),
    Panel("Scores", "predictions", "prediction", ("probability", "confidence"), kind="histogram", by="decision"),
    Panel("Predictions by model", "predictions", "prediction", ("model_version",), kind="table"),
    *(
        Panel(
            title, "monitoring", "performance", ("realized_value", "estimated_value"), x="segment",
            where=(("metric", metric),),
        )
        for title, metric in (("Accuracy by segment", "accuracy"), ("AUC by segment", "auc"))
    ),
    Panel("Latency", "api", "request", ("duration_ms",), kind="percentiles", unit="ms"),
    Panel("Requests by status", "api", "request", ("http_response_status_code",), kind="counts"),
    Panel("Server errors", "api", "request", ("http_response_status_code",), kind="shares", match="5.."),
    Panel(
        "Requests by route", "api", "request", ("http_request_method", "http_route", "http_response_status_code"),
        kind="table",
    ),
)  # fmt: skip


def checked(panels: Iterable[Panel]) -> tuple[Panel, ...]:
    """Return panels as a tuple.

    Raises
    ------
    ValueError
        If one of them is no `Panel`.
    """
    table = tuple(panels)
    other = next((panel for panel in table if not isinstance(panel, Panel)), None)
    if other is not None:
        raise ValueError(f"panels must be of class Panel, got {other!r}")
    return table
