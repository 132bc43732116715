import io
import sys
from typing import Any

import numpy as np
import pytest
from tqdm import tqdm

from pipeline.data.table import Table, make_synthetic
from pipeline.model import inference
from pipeline.model.features import FeatureEncoder
from pipeline.model.inference import Prediction, predict, score
from pipeline.model.logistic import LogisticModel
from sevenfold.channel_log import ChannelLog
from tests.support.log_files import told


def table_of(ages: Any, cities: Any) -> Table:
    return Table({"age": np.array(ages, dtype=np.float64), "city": np.array(cities, dtype=object)})


@pytest.fixture
def model() -> LogisticModel:
    """Decide by age: the logit is log 3 for 42 years, and minus that for 38."""
    encoder = FeatureEncoder.fit(table_of([38, 42] * 5, ["Oslo"] * 10))
    return LogisticModel(encoder, np.array([np.log(3), 0.0]), 0.0, version="0123456789ab")


def fields_of(prediction: Prediction) -> dict[str, Any]:
    return {name: getattr(prediction, name) for name in Prediction.__slots__}


def test_each_row_is_decided_and_logged_whole(model: LogisticModel, channel_log: ChannelLog) -> None:
    predictions = predict(model, table_of([42, 38, np.nan], ["Oslo", "Rome", None]), prefix="run-1")
    common = {"model_version": "0123456789ab", "threshold": 0.5}
    near = {name: pytest.approx(name) for name in (0.25, 0.5, 0.75)}
    expected = [
        {
            "prediction_id": "run-1-0000000",
            "features": {"age": 42.0, "city": "Oslo"},
            "probability": near[0.75],
            "decision": "approve",
            "confidence": near[0.75],
            **common,
        },
        {
            "prediction_id": "run-1-0000001",
            "features": {"age": 38.0, "city": "Rome"},
            "probability": near[0.25],
            "decision": "deny",
            "confidence": near[0.75],
            **common,
        },
        {
            "prediction_id": "run-1-0000002",
            "features": {"age": None, "city": None},
            "probability": near[0.5],
            "decision": "approve",
            "confidence": near[0.5],
            **common,
        },
    ]
    assert [fields_of(prediction) for prediction in predictions] == expected
    assert told(channel_log) == [("INFO", "predictions", "prediction", fields) for fields in expected]
    assert list(told(channel_log)[0][3]) == list(Prediction.__slots__)


def test_what_is_logged_is_plain_python(model: LogisticModel, monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[dict[str, Any]] = []
    monkeypatch.setattr(inference, "log", inference.log.patch(lambda record: logged.append(dict(record["extra"]))))
    predict(model, table_of([42], ["Oslo"]))
    fields = {name: value for name, value in logged[0].items() if name != "channel"}
    kinds = {name: type(value) for name, value in fields.items()}
    assert kinds == dict.fromkeys(["prediction_id", "model_version", "decision"], str) | {
        "features": dict,
        "probability": float,
        "threshold": float,
        "confidence": float,
    }
    assert type(fields["features"]["age"]) is float


@pytest.mark.parametrize(("threshold", "decisions"), [(0.2, "AA"), (0.5, "AD"), (0.9, "DD")])
def test_the_threshold_decides_and_confidence_is_of_the_label_chosen(
    model: LogisticModel, threshold: float, decisions: str
) -> None:
    model = LogisticModel(model.encoder, model.weights, model.bias, threshold=threshold)
    for prediction, letter in zip(predict(model, table_of([42, 38], ["Oslo"] * 2)), decisions, strict=True):
        approved = letter == "A"
        assert prediction.decision == ("approve" if approved else "deny")
        assert prediction.confidence == (prediction.probability if approved else 1 - prediction.probability)
        assert prediction.threshold == threshold


def test_a_probability_at_the_threshold_is_approved(model: LogisticModel) -> None:
    model = LogisticModel(model.encoder, np.zeros(2), 0.0)
    (prediction,) = predict(model, table_of([40], ["Oslo"]))
    assert (prediction.probability, prediction.decision, prediction.confidence) == (0.5, "approve", 0.5)


def test_ids_are_unique_without_a_prefix(model: LogisticModel) -> None:
    table = table_of([40, 40], ["Oslo"] * 2)
    ids = [prediction.prediction_id for _ in range(3) for prediction in predict(model, table)]
    assert len(set(ids)) == 6


def test_a_row_that_the_model_fails_on_raises_and_logs_nothing(channel_log: ChannelLog) -> None:
    encoder = FeatureEncoder.fit(make_synthetic(100, 2, np.random.default_rng(0)).table)
    model = LogisticModel(encoder, np.ones(2), 0.0)
    table = Table({name: np.array([0.0, 1e308]) for name in model.schema})
    with pytest.raises(FloatingPointError):
        predict(model, table)
    assert channel_log.records == []


def test_scoring_logs_what_predicting_does(
    model: LogisticModel, channel_log: ChannelLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inference, "CHUNK_ROWS", 50)
    rng = np.random.default_rng(0)
    n = 103
    table = table_of(rng.normal(40, 2, n), rng.choice(["Oslo", "Rome"], n))
    predict(model, table, prefix="x")
    predicted = told(channel_log)
    channel_log.clear()
    score(model, table, prefix="x")
    assert told(channel_log) == predicted
    assert len(predicted) == n


def test_an_infinite_value_is_named_by_its_row_in_the_whole_table(
    model: LogisticModel, channel_log: ChannelLog
) -> None:
    ages = np.full(inference.CHUNK_ROWS + 5, 40.0)
    ages[inference.CHUNK_ROWS + 1] = np.inf
    with pytest.raises(
        ValueError, match=f"row {inference.CHUNK_ROWS + 1}, column 'age': expected a finite number, got inf"
    ):
        score(model, table_of(ages, ["Oslo"] * len(ages)))
    assert told(channel_log) == []


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream", "shown"), [(Terminal, True), (io.StringIO, False)])
def test_a_bar_is_shown_on_a_terminal(
    model: LogisticModel, monkeypatch: pytest.MonkeyPatch, stream: type[io.StringIO], shown: bool
) -> None:
    monkeypatch.setattr(tqdm, "monitor_interval", 0)
    stderr = stream()
    monkeypatch.setattr(sys, "stderr", stderr)
    score(model, table_of([40], ["Oslo"]))
    assert ("scoring:   0%|" in stderr.getvalue()) is shown
