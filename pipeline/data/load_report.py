"""The report on a user's file that was read, for the log and for the user."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from loguru import logger

from pipeline.data.messages import listed, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.data.columns import Meaning

log = logger.bind(channel="training")

RARE = 0.05  # if a class has a smaller share, accuracy says little


@dataclass(frozen=True, slots=True)
class LoadReport:
    """How a file was read.

    Attributes
    ----------
    target, positive : str
        The column to predict, and its value that counts as 1, or a bound such as ">250000".
    n_rows, n_positive : int
        Rows with a target, and rows with the positive value.
    n_unlabelled : int
        Rows without a target, which were left out.
    left_out : dict
        Columns that nothing can be learned from, with the reason: constant, all_missing, id_like or index.
    mixed : dict
        Columns read as text although most cells are numbers or dates, with the place of the first other cell.
    against : dict
        The values that count as 0, with their number of rows.
    merged : dict
        Labels that differ from another in case alone, with the label that they count as.
    said : dict
        Columns that aren't plain numbers or text, with a description of how they were read.
    file : str
        The separator and the encoding, where they aren't the usual ones.
    meanings : dict
        The meaning of each column that is learned from, so that a second table is read in the same way.
    """

    target: str
    positive: str
    n_rows: int
    n_positive: int
    n_unlabelled: int
    left_out: dict[str, str]
    mixed: dict[str, str]
    against: dict[str, int] = field(default_factory=dict)
    merged: dict[str, str] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    file: str = ""
    meanings: dict[str, Meaning] = field(default_factory=dict, compare=False)

    @property
    def is_imbalanced(self) -> bool:
        """Whether one class has so few rows that accuracy says little."""
        return min(self.n_positive, self.n_rows - self.n_positive) < RARE * self.n_rows

    def __str__(self) -> str:
        """Return the summary for the user, a line for each remark."""
        return "\n".join(_summary(self))


def log_load(report: LoadReport) -> None:
    """Log the target and how the columns were read; at WARNING what was left out or may surprise."""
    log.info(
        "target",
        column=report.target,
        positive=report.positive,
        n_positive=report.n_positive,
        n_rows=report.n_rows,
    )
    if report.file:
        log.info("file", read_as=report.file)
    for column, meaning in report.said.items():
        log.info("column", column=column, read_as=meaning)
    if len(report.against) > 1:
        log.warning("positive class against all others", column=report.target, others=report.against)
    if report.merged:
        log.warning("labels that differ in case count as one", column=report.target, labels=report.merged)
    if report.is_imbalanced:
        log.warning("few rows of one class", column=report.target, n_positive=report.n_positive, n_rows=report.n_rows)
    if report.n_unlabelled:
        log.warning("rows without target left out", column=report.target, n_rows=report.n_unlabelled)
    for column, reason in report.left_out.items():
        log.warning("column left out", column=column, reason=reason)
    for column, cell in report.mixed.items():
        log.warning("column of numbers read as text", column=column, first_text=cell)


def _summary(report: LoadReport) -> Iterator[str]:
    negative = listed(report.against) if len(report.against) > 1 else shown(next(iter(report.against), ""))
    counts = f"{report.n_positive:,} of {report.n_rows:,} rows"
    yield f"{shown(report.target)} is {shown(report.positive)} ({counts}) against {negative}"
    if report.file:
        yield f"read with {report.file}"
    if report.merged:
        yield f"labels that differ in case count as one: {listed(report.merged)}"
    if report.is_imbalanced:
        yield "so few rows of one class that accuracy says little: see AUC and average precision"
    if report.n_unlabelled:
        yield f"{report.n_unlabelled:,} rows without {shown(report.target)} left out"
    for title, columns in (
        ("left out as", report.left_out),
        ("text, because of", report.mixed),
        ("read as", report.said),
    ):
        for value, names in _by_value(columns).items():
            yield f"{title} {value}: {listed(names)}"


def _by_value(columns: dict[str, str]) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for name, value in columns.items():
        names.setdefault(value, []).append(name)
    return names
