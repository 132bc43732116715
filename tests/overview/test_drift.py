"""Drift checks of a table of many columns: which of them an overview keeps."""

from datetime import UTC, datetime

from sevenfold.lines.parsing import Event
from sevenfold.overview.chunks import Batch
from sevenfold.overview.drift import _MOST_COLUMNS, Drift


def event(message: str, **fields: object) -> Event:
    return Event(datetime(2026, 11, 25, tzinfo=UTC), "INFO", "drift", message, {"batch_id": "b", **fields}, None)


def test_of_many_columns_those_that_have_drifted_most_are_kept_and_the_outputs_whatever_they_have() -> None:
    n = 3 * _MOST_COLUMNS
    features = [event("feature", feature=f"f{i}", role="feature", psi=(7 * i) % n / n) for i in range(n)]
    output = event("feature", feature="score", role="output", psi=0.0)
    drift = Drift()
    drift.add(Batch([*features[: n // 2], output, *features[n // 2 :], event("joint", p_value_adjusted=0.5)]))
    found = drift.figure()
    assert found is not None
    kept = [(row.role, row.name) for row in found.rows]
    largest = sorted(range(n), key=lambda i: -((7 * i) % n))[:20]
    assert kept == [("output", "score"), ("joint", "all together"), *[("feature", f"f{i}") for i in largest]]
    assert found.n_features == _MOST_COLUMNS - 2
