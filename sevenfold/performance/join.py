"""Join labels that come later to the predictions that they belong to."""

from __future__ import annotations

import datetime as dt
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

NEGATIVE, POSITIVE = -2, -1  # labels that are no decision's name
UNKNOWN_DAY = 0


@dataclass(frozen=True, slots=True)
class Joined:
    """Predictions with their labels, where there are any; arrays of shape (n,), in the order of the predictions.

    Attributes
    ----------
    day
        Of the prediction: ``date.toordinal()``, 0 where it has no time.
    segment
        An index of `segments`.
    decision
        An index of `decisions`.
    probability
        Of the positive class, NaN where none was given.
    labelled, positive, right
        Whether there is a label, whether that is the positive class, and whether the decision was right; the last two
        are False where there is no label.
    segments, decisions
        What the indices stand for.
    n_duplicates
        Labels of a prediction that had one: the first counts.
    n_unknown
        Labels of no prediction.
    n_repeated
        Predictions with an id that an earlier one has: the first counts.

    Examples
    --------
    >>> join = OutcomeJoin()
    >>> join.add_predictions([{"prediction_id": "a", "probability": 0.9}, {"prediction_id": "b", "probability": 0.2}])
    >>> join.add_outcomes([{"prediction_id": "a", "actual": 1}])
    >>> found = join.joined()
    >>> (found.labelled.tolist(), found.labelled_fractions)
    ([True, False], {'positive': 1.0, 'negative': 0.0})
    """

    day: NDArray[np.int32]
    segment: NDArray[np.int32]
    decision: NDArray[np.int32]
    probability: NDArray[np.float64]
    labelled: NDArray[np.bool_]
    positive: NDArray[np.bool_]
    right: NDArray[np.bool_]
    segments: tuple[str, ...]
    decisions: tuple[str, ...]
    n_duplicates: int
    n_unknown: int
    n_repeated: int

    @property
    def labelled_fractions(self) -> dict[str, float]:
        """The share of predictions with a label, by decision: if the shares differ, the metrics are biased."""
        return {name: float(self.labelled[self.decision == place].mean()) for place, name in enumerate(self.decisions)}


class OutcomeJoin:
    """Takes predictions and labels in any order, and joins them by ``prediction_id``.

    A prediction is kept as 32 bytes and a label as 16, with ids of any length: 10 million of each take half a gigabyte,
    and three to four times that while they are joined. Ids are compared by a hash of 64 bits: among ten million, the
    chance that any two are taken for one is 3 in a million.

    Parameters
    ----------
    by
        The field whose values are segments, with dots for fields inside of fields, such as ``features.region``.

    Examples
    --------
    >>> join = OutcomeJoin()
    >>> join.add_predictions([{"prediction_id": "a", "probability": 0.9}, {"prediction_id": "b", "probability": 0.2}])
    >>> join.add_outcomes([{"prediction_id": "a", "actual": 1}, {"prediction_id": "z", "actual": 0}])
    >>> found = join.joined()
    >>> (found.labelled.tolist(), found.right.tolist(), found.n_unknown)
    ([True, False], [True, False], 1)
    """

    def __init__(self, *, by: str | None = None) -> None:
        self._path = by.split(".") if by else []
        self._ids, self._probability = array("q"), array("d")
        self._codes = {name: array("i") for name in ("day", "segment", "decision", "taken")}
        self._label_ids, self._labels = array("q"), array("q")
        self._segments: dict[str, int] = {}
        self._decisions: dict[str, int] = {}

    def add_predictions(self, predictions: Iterable[Mapping[str, Any]]) -> None:
        """Take predictions.

        Parameters
        ----------
        predictions
            Each with ``prediction_id``; with ``probability`` of the positive class and its ``threshold`` (.5 if not
            given), or a ``decision``, or both; and with ``time``, a datetime, if days matter.

        Raises
        ------
        ValueError
            If a prediction has neither.
        """
        for fields in predictions:
            probability = fields.get("probability")
            decision = fields.get("decision")
            if probability is None and decision is None:
                name = fields["prediction_id"]
                raise ValueError(f"prediction {name!r}: expected a probability or a decision, got neither")
            taken = POSITIVE if decision in (1, True) else NEGATIVE
            if probability is not None:
                taken = POSITIVE if probability >= fields.get("threshold", 0.5) else NEGATIVE
            name = ("positive" if taken == POSITIVE else "negative") if decision is None else str(decision)
            self._ids.append(hash(str(fields["prediction_id"])))
            self._probability.append(np.nan if probability is None else probability)
            self._codes["day"].append(_day(fields.get("time")))
            self._codes["segment"].append(_code(self._segments, str(self._segment(fields))))
            self._codes["decision"].append(_code(self._decisions, name))
            self._codes["taken"].append(taken)

    def add_outcomes(self, outcomes: Iterable[Mapping[str, Any]]) -> None:
        """Take labels.

        Parameters
        ----------
        outcomes
            Each with ``prediction_id`` and ``actual``: 1 or 0, true or false for the positive class and the other, or
            the decision that would have been right.

        Raises
        ------
        ValueError
            If an ``actual`` is none of these.
        """
        for fields in outcomes:
            actual = fields.get("actual")
            if isinstance(actual, str):
                label = _code(self._decisions, actual)
            elif actual in (0, 1):
                label = POSITIVE if actual else NEGATIVE
            else:
                raise ValueError(f"actual: expected 1, 0, true, false or a decision, got {actual!r}")
            self._label_ids.append(hash(str(fields["prediction_id"])))
            self._labels.append(label)

    def joined(self) -> Joined:
        """Return the predictions so far, with the labels so far."""
        ids, first = np.unique(np.frombuffer(self._ids, dtype=np.int64), return_index=True)
        order = np.sort(first)
        codes = {name: np.frombuffer(values, dtype=np.int32)[order] for name, values in self._codes.items()}
        labels, n_unknown, n_duplicates = self._labels_of(ids, first, order)
        taken, decision = codes["taken"], codes["decision"]
        labelled = labels != np.iinfo(np.int64).min
        meaning = self._meaning(taken, decision)
        named = labelled & (labels >= 0)
        positive = labels == POSITIVE
        positive[named] = meaning[labels[named]]
        right = labelled & (positive == (taken == POSITIVE))
        right[named] = labels[named] == decision[named]
        return Joined(
            day=codes["day"],
            segment=codes["segment"],
            decision=decision,
            probability=np.frombuffer(self._probability, dtype=np.float64)[order],
            labelled=labelled,
            positive=positive,
            right=right,
            segments=tuple(self._segments),
            decisions=tuple(self._decisions)[: int(decision.max(initial=-1)) + 1],
            n_duplicates=n_duplicates,
            n_unknown=n_unknown,
            n_repeated=len(self._ids) - ids.size,
        )

    def _labels_of(
        self, ids: NDArray[np.int64], first: NDArray[np.intp], order: NDArray[np.intp]
    ) -> tuple[NDArray[np.int64], int, int]:
        """Return each prediction's label, and how many labels have no prediction, or one that had a label."""
        label_ids, first_label = np.unique(np.frombuffer(self._label_ids, dtype=np.int64), return_index=True)
        labels = np.full(order.size, np.iinfo(np.int64).min)
        if not ids.size:
            return labels, len(self._label_ids), 0
        places = np.minimum(np.searchsorted(ids, label_ids), ids.size - 1)
        known = ids[places] == label_ids
        rows = np.searchsorted(order, first[places[known]])
        labels[rows] = np.frombuffer(self._labels, dtype=np.int64)[first_label[known]]
        n_unknown = int((~np.isin(np.frombuffer(self._label_ids, dtype=np.int64), ids)).sum())
        return labels, n_unknown, len(self._label_ids) - n_unknown - int(known.sum())

    def _meaning(self, taken: NDArray[np.int32], decision: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Return for each decision whether it means the positive class, as it does for most of its predictions."""
        votes = np.bincount(decision, weights=2.0 * (taken == POSITIVE) - 1.0, minlength=len(self._decisions))
        meaning: NDArray[np.bool_] = votes > 0.0
        return meaning

    def _segment(self, fields: Mapping[str, Any]) -> Any:
        found: Any = fields if self._path else "all"
        for name in self._path:
            found = found.get(name) if hasattr(found, "get") else None
        return found


def _code(codes: dict[str, int], name: str) -> int:
    return codes.setdefault(name, len(codes))


def _day(time: Any) -> int:
    return time.toordinal() if isinstance(time, dt.date) else UNKNOWN_DAY
