import datetime as dt
from typing import Any

import numpy as np
import pytest

from sevenfold.performance import Joined, OutcomeJoin

MONDAY = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)


def predicted(name: str, probability: float | None = None, **fields: Any) -> dict[str, Any]:
    return {"prediction_id": name, "probability": probability, **fields}


def came(name: str, actual: Any) -> dict[str, Any]:
    return {"prediction_id": name, "actual": actual}


def joined(predictions: list[dict[str, Any]], outcomes: list[dict[str, Any]], by: str | None = None) -> Joined:
    join = OutcomeJoin(by=by)
    join.add_outcomes(outcomes)  # in any order
    join.add_predictions(predictions)
    return join.joined()


def test_the_first_label_of_a_prediction_wins_and_others_are_counted() -> None:
    found = joined(
        [predicted("a", 0.9), predicted("b", 0.2), predicted("c", 0.7), predicted("a", 0.1)],
        [came("b", 1), came("z", 1), came("a", 1), came("a", 0), came("z", 0)],
    )
    assert found.probability.tolist() == [0.9, 0.2, 0.7]
    assert found.labelled.tolist() == [True, True, False]
    assert found.positive.tolist() == [True, True, False]
    assert found.right.tolist() == [True, False, False]
    assert (found.n_duplicates, found.n_unknown, found.n_repeated) == (1, 2, 1)


@pytest.mark.parametrize(("yes", "no"), [(1, 0), (True, False), (1.0, 0.0), ("approve", "deny")])
def test_a_label_is_a_class_or_the_decision_that_would_have_been_right(yes: object, no: object) -> None:
    predictions = [
        predicted("a", 0.9, decision="approve"),
        predicted("b", 0.6, decision="approve"),
        predicted("c", 0.4, decision="deny"),
    ]
    found = joined(predictions, [came("a", yes), came("b", no), came("c", no)])
    assert found.right.tolist() == [True, False, True]
    assert found.positive.tolist() == [True, False, False]
    assert found.decisions == ("approve", "deny")


def test_labels_find_the_predictions_behind_one_that_comes_twice() -> None:
    join = OutcomeJoin()
    scores = [("a", 0.9), ("a", 0.9), ("b", 0.2), ("c", 0.9)]
    join.add_predictions([{"prediction_id": name, "probability": score} for name, score in scores])
    join.add_outcomes([{"prediction_id": "c", "actual": 1}, {"prediction_id": "b", "actual": 1}])
    joined = join.joined()
    assert joined.labelled.tolist() == [False, True, True]
    assert joined.right.tolist() == [False, False, True]
    assert joined.n_repeated == 1


def test_a_prediction_has_its_own_threshold_or_a_decision_alone() -> None:
    found = joined([predicted("a", 0.6, threshold=0.7), predicted("b", 0.6)], [came("a", 0), came("b", 0)])
    assert found.right.tolist() == [True, False]
    found = joined(
        [predicted("a", decision="cat"), predicted("b", decision="dog")], [came("a", "cat"), came("b", "cow")]
    )
    assert found.right.tolist() == [True, False]
    assert np.isnan(found.probability).all()


def test_a_label_that_is_no_class_is_refused() -> None:
    for actual in (None, 2, 0.5):
        with pytest.raises(ValueError, match=r"^actual: expected 1, 0, true, false or a decision, got"):
            joined([predicted("a", 0.5)], [came("a", actual)])


def test_a_prediction_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^prediction 'a': expected a probability or a decision, got neither$"):
        OutcomeJoin().add_predictions([{"prediction_id": "a", "threshold": 0.5}])


def test_predictions_have_a_day_and_a_segment() -> None:
    rows = [
        predicted("a", 0.9, features={"region": "north"}, time=MONDAY),
        predicted("b", 0.9, features={"region": "south"}, time=MONDAY + dt.timedelta(days=1)),
        predicted("c", 0.9, features={"region": "north"}),
        predicted("d", 0.9),
    ]
    found = joined(rows, [], by="features.region")
    assert [found.segments[place] for place in found.segment] == ["north", "south", "north", "None"]
    assert found.day.tolist() == [MONDAY.toordinal(), MONDAY.toordinal() + 1, 0, 0]
    assert joined(rows, []).segments == ("all",)


def test_labels_for_one_decision_alone_are_told() -> None:
    rows = [predicted("a", 0.9), predicted("b", 0.8), predicted("c", 0.1)]
    assert joined(rows, [came("a", 1)]).labelled_fractions == {"positive": 0.5, "negative": 0.0}


def test_nothing_joins_to_nothing() -> None:
    for found in (joined([], []), joined([], [came("a", 1)])):
        assert (found.labelled.size, found.labelled_fractions) == (0, {})
    assert joined([], [came("a", 1), came("a", 0)]).n_unknown == 2
