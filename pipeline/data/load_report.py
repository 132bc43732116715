"""What was made of a user's file, for the log and for the user."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from loguru import logger

from pipeline.data.messages import listed, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.data.columns import Meaning

log = logger.bind(channel="training")

RARE = 0.05  # with less of one class than that, accuracy says little


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What was made of a file.

    Attributes
    ----------
    target, positive : str
        The column to predict, and its value that counts as 1, or a bound such as ">250000".
    n_rows, n_positive : int
        Rows with a target, and those of the positive value.
    n_unlabelled : int
        Rows that were left out, since they have none.
    left_out : dict
        Columns that nothing can be learned from, and why: constant, all_missing, id_like or index.
    mixed : dict
        Columns read as text although most cells are numbers or dates, and where the first other one stands.
    against : dict
        The values that count as 0, and their rows.
    merged : dict
        Labels that count as another, since they differ in case alone.
    said : dict
        Columns that aren't plain numbers or text, and how they were read.
    file : str
        How the file was read, where it isn't plain: separator, encoding.
    meanings : dict
        How each column that is learned from was read, so that a second table is read alike.
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
        """Return what a user should know of it, a line for each thing."""
        return "\n".join(_summary(self))


def log_load(report: LoadReport) -> None:
    """Log what the target is and how the columns were read, and at WARNING what was left out or may surprise."""
    log.info(
        "target",
        column=report.target,
        positive=report.positive,
        n_positive=report.n_positive,
        n_rows=report.n_rows,
    )
    if report.file:
        log.info("file", read_as=report.file)
    for column, said in report.said.items():
        log.info("column", column=column, read_as=said)
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
    others = listed(report.against) if len(report.against) > 1 else shown(next(iter(report.against), ""))
    counts = f"{report.n_positive:,} of {report.n_rows:,} rows"
    yield f"{shown(report.target)} is {shown(report.positive)} ({counts}) against {others}"
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
