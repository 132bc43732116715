"""A batch writes the same lines as a call for each row."""

import sys
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from loguru import logger

import sinks
from sevenfold.channel_log import ChannelLog
from sevenfold.files.names import Names
from sevenfold.lines.parsing import parse
from sevenfold.lines.values import plain
from sevenfold.reading.folder import read
from sevenfold.rendering.batches import CHUNK_ROWS, rows_of
from tests.support.batches import RENDERER, one_by_one, with_, written
from tests.support.log_files import read_events, read_json
from tests.support.writers import log_batches

NAMES = st.sampled_from(["a", "decision", "two words", "é", "true", "password", "|", "x" * 90, "mark_", "[redacted]"])
ITEMS = st.sampled_from([st.floats(), st.integers(), st.booleans(), st.text(max_size=6), st.none() | st.floats()])
SIZES = st.integers(1, 5)


def columns(n_rows: int) -> st.SearchStrategy[Any]:
    lists = ITEMS.flatmap(lambda items: st.lists(items, min_size=n_rows, max_size=n_rows))
    nested = st.lists(st.lists(st.floats(), max_size=2), min_size=n_rows, max_size=n_rows)
    dtypes = hnp.floating_dtypes(sizes=(16, 32, 64)) | hnp.integer_dtypes() | hnp.boolean_dtypes()
    arrays = hnp.arrays(dtypes, st.sampled_from([(n_rows,), (n_rows, 2)]))
    flat = lists | nested | arrays
    return st.dictionaries(NAMES, flat | st.dictionaries(NAMES, flat, min_size=1, max_size=3), min_size=1, max_size=4)


BOUND = st.dictionaries(NAMES, st.text(max_size=3) | st.floats(allow_nan=False), max_size=2)


@given(SIZES.flatmap(lambda n: st.tuples(columns(n), st.just(n))), BOUND)
def test_any_batch_is_written_as_row_by_row(drawn: tuple[dict[str, Any], int], bound: dict[str, Any]) -> None:
    batch, n_rows = drawn
    record = with_(**bound, batch=batch)
    assert written(record) == one_by_one(bound, batch, n_rows)


def test_a_batch_of_many_chunks_is_written_as_row_by_row() -> None:
    rng = np.random.default_rng(7)
    n_rows = 2 * CHUNK_ROWS + 3
    ids = [f"batch-001-{i:07}" for i in range(n_rows)]
    batch = {"prediction_id": ids, "features": rng.normal(size=(n_rows, 4)), "confidence": rng.random(n_rows)}
    assert written(with_(batch=batch)) == one_by_one({}, batch, n_rows)
    batch["prediction_id"] = [*ids[:-1], "sk-1234567890abcdefghijkl"]  # one secret at the end
    assert written(with_(batch=batch)) == one_by_one({}, batch, n_rows)


def test_a_batch_in_itself_is_a_field() -> None:
    for batch in ({"a": [1]}, {}):
        batch["itself"] = batch  # type: ignore[assignment]
        assert rows_of(RENDERER, with_(batch=batch)) is None
        assert parse(RENDERER(with_(batch=batch))).fields == {"batch": plain(batch)}


def test_columns_stand_where_the_batch_does() -> None:
    record = with_(a=1, batch={"b": [2, 3], "a": [4, 5]}, c=6)
    assert [text.partition(" | prediction | ")[2] for text in written(record).splitlines()] == [
        "a=4 b=2 c=6",
        "a=5 b=3 c=6",
    ]


def test_a_secret_of_one_field_is_hidden_in_the_rows() -> None:
    batch = {"said": ["my hunter22", "nothing"], "n": [1, 2]}
    record = with_(password="hunter22", batch=batch)  # noqa: S106
    assert written(record) == one_by_one({"password": "hunter22"}, batch, 2)
    assert "hunter22" not in written(record)


def test_a_row_that_looks_like_a_mark_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sevenfold.rendering.batches._MARK", "mark_")
    for bound in ({}, {"x": "mark_0_>"}, {"x": "mark_1_>"}, {"x": "mark_"}):
        batch = {"y": ["mark_0_>", "mark_1_>"], "mark_1_": [1, 2]}
        assert written(with_(**bound, batch=batch)) == one_by_one(bound, batch, 2)


@pytest.mark.parametrize(
    "batch",
    [
        *(5, "text", [1, 2], np.zeros(3), {}, {"a": "text"}, {"a": []}, {"a": np.zeros((0, 2))}, {"a": np.array(1)}),
        *({"a": [1], "b": [1, 2]}, {"a": [1], "b": "x"}, {"a": {}}, {"a": {"b": [1], "c": [1, 2]}}),
        *(
            {1: [1]},
            {"a": {1: [1]}},
            {"channel": ["audit"]},
            {"a": {"b": 1}},
            {"a": None},
            {"a": 1.5},
            {"a": {"b": {"c": [1]}}},
        ),
    ],
    ids=ascii,
)
def test_what_is_no_batch_is_a_field(batch: Any) -> None:
    assert rows_of(RENDERER, with_(batch=batch)) is None
    line = RENDERER(with_(batch=batch))
    assert parse(line).fields == {"batch": plain(batch)}


@pytest.fixture
def logs(tmp_path: Path, own_logger: None) -> Path:  # noqa: ARG001 - it is in force
    return tmp_path / "logs"


def without_times(path: Path) -> list[str]:
    return [line.partition(" | ")[2] for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.whole
def test_files_are_rotated_between_the_same_lines_as_row_by_row(logs: Path) -> None:
    n_rows = 3000
    batch = {"n": np.arange(n_rows), "x": np.random.default_rng(7).random(n_rows)}
    with sinks.configure(logs / "bulk", console=None, rotation=20_000, compression=None) as handle:
        logger.bind(channel="predictions").info("prediction", batch=batch)
        assert handle.events["predictions.log"] == n_rows
    with sinks.configure(logs / "single", console=None, rotation=20_000, compression=None):
        for i in range(n_rows):
            logger.bind(channel="predictions").info("prediction", n=batch["n"][i], x=batch["x"][i])
    bulk, single = (
        [*(rotated.path for rotated in Names(folder / "predictions.log").rotated()), folder / "predictions.log"]
        for folder in (logs / "bulk", logs / "single")
    )
    assert len(bulk) > 10
    assert [without_times(path) for path in bulk] == [without_times(path) for path in single]


def test_a_line_longer_than_a_file_has_a_file_of_its_own(logs: Path) -> None:
    with sinks.configure(logs, console=None, rotation=500, compression=None):
        logger.bind(channel="predictions").info("prediction", batch={"x": ["a", "b" * 1000, "c"]})
    files = [*(rotated.path for rotated in Names(logs / "predictions.log").rotated()), logs / "predictions.log"]
    assert [[event.fields["x"][0] for event in read_events(path)] for path in files] == [["a"], ["b"], ["c"]]


def test_console_and_errors_have_one_line_and_the_audit_trail_the_field(
    logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    batch = {"decision": ["approve", "deny"], "p": np.array([0.25, 0.75])}
    with sinks.configure(logs):
        for channel in ("predictions", "audit"):
            logger.bind(channel=channel).error("prediction", batch=batch)
        logger.info("prediction", batch=batch)
    summary = {"batch": {"n_rows": 2, "columns": ["decision", "p"]}}
    shown = [parse(line) for line in capsys.readouterr().err.splitlines()]
    assert [(event.channel, event.fields) for event in shown] == [
        ("predictions", summary),
        ("audit", summary),
        (None, summary),
    ]
    assert [event.fields for event in read_events(logs / "errors.log")] == [summary, summary]
    rows = [{"decision": "approve", "p": 0.25}, {"decision": "deny", "p": 0.75}]
    assert [event.fields for event in read_events(logs / "predictions.log")] == rows
    (event,) = read_json(logs / "app_json.log")
    assert event["record"]["extra"] == {
        "channel": "audit",
        "batch": {"decision": ["approve", "deny"], "p": [0.25, 0.75]},
    }


@pytest.mark.parametrize("console", ["INFO", None])
@pytest.mark.parametrize("channel", ["predictons", "errors"])
def test_rows_that_no_other_file_has_are_in_errors_log(
    logs: Path, channel: str, console: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    with sinks.configure(logs, console=console):
        log = logger.bind(channel=channel)
        log.info("prediction", batch={"n": np.arange(3)})
        log.opt(exception=ValueError("bad")).info("failed", batch={"n": [3, 4]})
    found = [(event.fields.get("n"), event.exception is None) for event in read_events(logs / "errors.log")]
    assert found == [(0, True), (1, True), (2, True), (3, True), (4, True), (None, False)]
    assert ("unknown channel" in capsys.readouterr().err) == (channel != "errors")


def test_rows_that_their_channel_does_not_keep_are_in_errors_log(logs: Path) -> None:
    table = tuple(replace(row, level="ERROR") if row.name == "predictions" else row for row in sinks.CHANNELS)
    with sinks.configure(logs, channels=table, console=None):
        log = logger.bind(channel="predictions").opt(exception=ValueError("bad"))
        log.warning("failed", batch={"n": [1, 2]})
        log.error("failed", batch={"n": [3]})
    assert [event.fields.get("n") for event in read_events(logs / "errors.log")] == [1, 2, None, None]
    assert [event.fields["n"] for event in read_events(logs / "predictions.log")] == [3]


def test_a_column_wins_over_one_value_of_its_name(logs: Path) -> None:
    with sinks.configure(logs, console=None):
        logger.bind(channel="predictions", b=0).info("prediction", batch={"a": [1, 2], "b": [3, 4]}, a=5, c=6)
    found = [event.fields for event in read_events(logs / "predictions.log")]
    assert found == [{"b": 3, "a": 1, "c": 6}, {"b": 4, "a": 2, "c": 6}]


def test_an_exception_is_named_in_each_row(logs: Path) -> None:
    with sinks.configure(logs, console=None):
        logger.bind(channel="predictions").opt(exception=ValueError("bad")).error("failed", batch={"row": [1, 2]})
    told = {"exception_type": "ValueError", "exception_message": "bad"}
    assert [event.fields for event in read_events(logs / "predictions.log")] == [{"row": i, **told} for i in (1, 2)]
    assert len(read_events(logs / "errors.log")) == 1


def test_a_captured_batch_is_its_rows(channel_log: ChannelLog) -> None:
    log = logger.bind(channel="predictions", run_id="run-1")
    log.info("prediction", batch={"decision": ["approve", "deny"]})
    logger.bind(channel="audit").info("scored", batch={"n": [1, 2]})
    logger.info("scored", batch={"n": [1, 2]})
    assert [record.fields for record in channel_log.channel("predictions")] == [
        {"run_id": "run-1", "decision": "approve"},
        {"run_id": "run-1", "decision": "deny"},
    ]
    assert [record.fields for record in channel_log.records[2:]] == [
        {"batch": {"n": [1, 2]}},
        {"batch": {"n_rows": 2, "columns": ["n"]}},
    ]
    assert len(channel_log.text.splitlines()) == 4
    logger.bind(channel="errors").info("failed", batch={"n": [1, 2]})
    assert [record.fields for record in channel_log.channel("errors")] == [{"n": 1}, {"n": 2}]


@pytest.mark.skipif(sys.platform == "win32", reason="files can't be limited there")
def test_rows_that_do_not_fit_on_the_disk_are_counted(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import resource  # noqa: PLC0415

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    n_rows = 4 * CHUNK_ROWS
    with sinks.configure(logs, console=None, rotation=None):
        log = logger.bind(channel="predictions")
        log.info("prediction", n=-1)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
        try:
            log.info("prediction", batch={"n": range_list(n_rows)})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        log.info("prediction", n=n_rows)
    first, *found, lost, last = read_events(logs / "predictions.log")
    assert (first.fields["n"], last.fields["n"], lost.message) == (-1, n_rows, "lines could not be written")
    kept = [event.fields["n"] for event in found]
    assert kept == range_list(len(kept))
    assert 0 < len(kept) < n_rows
    assert lost.fields == {"n_lost": n_rows - len(kept)}
    assert "lines are lost" in capsys.readouterr().err


def range_list(n: int) -> list[int]:
    return list(range(n))


@pytest.mark.whole
def test_processes_that_write_batches_to_one_file_lose_nothing(logs: Path) -> None:
    context = get_context("spawn")
    arguments = [(str(logs), writer, 5, 1000, 80_000) for writer in range(2)]
    workers = [context.Process(target=log_batches, args=each) for each in arguments]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    found = [event.fields for event in read(logs, channel="predictions")]
    expected = {(f"{w}-{b}-{i}", i / 7) for w in range(2) for b in range(5) for i in range(1000)}
    assert len(found) == len(expected)
    assert {(fields["id"], fields["features"]["x"]) for fields in found} == expected
    assert len(Names(logs / "predictions.log").rotated()) > 5


@pytest.mark.slow
def test_a_million_rows_come_back_equal_to_the_arrays(logs: Path) -> None:
    n_rows, rng = 1_000_000, np.random.default_rng(7)
    x, confidence, decision = rng.normal(size=(n_rows, 4)), rng.random(n_rows), rng.choice(["approve", "deny"], n_rows)
    with sinks.configure(logs, console=None):
        batch = {"features": x, "confidence": confidence, "decision": decision}
        logger.bind(channel="predictions").info("prediction", batch=batch)
    found = [event.fields for event in read(logs, channel="predictions")]
    assert len(found) == n_rows
    assert np.array_equal([fields["features"] for fields in found], x)
    assert np.array_equal([fields["confidence"] for fields in found], confidence)
    assert [fields["decision"] for fields in found] == decision.tolist()
