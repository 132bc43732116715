"""The figures of a page equal DuckDB's for the same files."""

from pathlib import Path
from typing import Any

import pytest

from sevenfold.overview.figures import Figure, Table
from sevenfold.overview.gathering import gather
from tests.support.days import write_day

pytestmark = pytest.mark.whole("duckdb")

LINES = """
SELECT line[:27]::TIMESTAMP AS time, trim(split_part(line, ' | ', 2)) AS level,
       regexp_extract(line, 'decision=(\\w+)', 1) AS decision,
       regexp_extract(line, 'probability=([\\d.]+)', 1) AS probability,
       regexp_extract(line, 'model_version="?(\\w+)', 1) AS model,
       regexp_extract(line, 'status_code=(\\d+)', 1) AS status,
       regexp_extract(line, 'duration_ms=([\\d.]+)', 1) AS ms,
       regexp_extract(line, 'exception_type=(\\w+)', 1) AS exception,
       regexp_extract(line, 'feature=(\\w+)', 1) AS feature,
       regexp_extract(line, ' psi=([\\d.]+)', 1) AS psi,
       regexp_extract(line, 'batch_id=([\\w-]+)', 1) AS batch
FROM read_csv('{}', columns={{'line': 'VARCHAR'}}, delim='\\x01', quote='', escape='', header=false)
WHERE line[:2] = '20'
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_day(tmp_path_factory.mktemp("day"), n_requests=3000)


def ask(folder: Path, file: str, query: str) -> list[tuple[Any, ...]]:
    duckdb: Any = pytest.importorskip("duckdb")
    lines = LINES.format(folder / file)
    return list(duckdb.sql(f"WITH lines AS ({lines}) {query}").fetchall())


def figure(folder: Path, title: str) -> Figure:
    (found,) = (one for one in gather(folder).charts if one.panel.title == title)
    assert isinstance(found, Figure)
    return found


def by_place(found: Figure) -> set[tuple[float, str, float]]:
    return {
        (place, one.name, value)
        for one in found.series
        for place, value in zip(found.places, one.values, strict=True)
        if value
    }


@pytest.mark.parametrize(
    ("title", "file", "column"),
    [("Decisions", "predictions.log", "decision"), ("Requests by status", "api_requests.log", "status")],
)
def test_counts_over_time(folder: Path, title: str, file: str, column: str) -> None:
    found = figure(folder, title)
    bucket = f"floor(epoch(time) / {found.width}) * {found.width}"
    query = f"SELECT {bucket}, {column}, count(*) FROM lines GROUP BY ALL"  # noqa: S608 - this file's own
    assert by_place(found) == set(ask(folder, file, query))


def test_shares_over_time(folder: Path) -> None:
    query = "SELECT floor(epoch(time) / 900) * 900, avg((decision = 'approve')::INT) FROM lines GROUP BY ALL"
    expected = {(place, "approve", share) for place, share in ask(folder, "predictions.log", query) if share}
    assert by_place(figure(folder, "Share of decisions")) == expected
    query = "SELECT floor(epoch(time) / 900) * 900, avg((status >= '500')::INT) FROM lines GROUP BY ALL"
    expected = {(place, "Server errors", share) for place, share in ask(folder, "api_requests.log", query) if share}
    assert by_place(figure(folder, "Server errors")) == expected


def test_scores(folder: Path) -> None:
    query = "SELECT floor(probability::DOUBLE / 0.05) / 20, decision, count(*) FROM lines GROUP BY ALL"
    expected = {(round(place, 2), decision, n) for place, decision, n in ask(folder, "predictions.log", query)}
    assert {(round(place, 2), name, n) for place, name, n in by_place(figure(folder, "Scores"))} == expected


def test_latency(folder: Path) -> None:
    found = figure(folder, "Latency")
    for i, share in enumerate((0.5, 0.95, 0.99)):
        query = "SELECT floor(epoch(time) / 900) * 900, list(ms::DOUBLE ORDER BY ms::DOUBLE) FROM lines GROUP BY ALL"
        exact = {
            place: values[int(share * (len(values) - 1))] for place, values in ask(folder, "api_requests.log", query)
        }
        for place, value in zip(found.places, found.series[i].values, strict=True):
            assert value == pytest.approx(exact[place], rel=0.0101)


def test_models_errors_and_the_events_of_channels(folder: Path) -> None:
    overview = gather(folder)
    (models,) = (one for one in overview.charts if one.panel.title == "Predictions by model")
    assert isinstance(models, Table)
    query = "SELECT model, count(*) FROM lines GROUP BY ALL"
    assert {(values[0], n) for values, n in models.rows} == set(ask(folder, "predictions.log", query))
    query = "SELECT exception, count(*), min(time), max(time) FROM lines GROUP BY ALL"
    assert {
        (one.type, one.count, one.first.replace(tzinfo=None), one.last.replace(tzinfo=None)) for one in overview.errors
    } == set(ask(folder, "errors.log", query))
    ((n_requests,),) = ask(folder, "api_requests.log", "SELECT count(*) FROM lines")
    assert {one.name: one.count for one in overview.channels}["api"] == n_requests


def test_drift(folder: Path) -> None:
    found = gather(folder).drift
    assert found is not None
    query = "SELECT feature, batch, psi::DOUBLE FROM lines WHERE feature != ''"
    psi = {(feature, batch): value for feature, batch, value in ask(folder, "data_drift.log", query)}
    assert len(found.rows) == 20
    for row in found.rows:
        for batch, cell in zip(found.batches, row.cells, strict=True):
            assert cell is not None
            assert cell.psi == psi[row.name, batch]
    worst = max(psi, key=lambda key: psi[key] if key[1] in found.batches else -1.0)
    assert worst[0] in {row.name for row in found.rows[:3]}
