"""The whole pipeline, stage by stage: train, check for drift, score, serve, learn outcomes; audited throughout."""

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import uuid4

import numpy as np
from loguru import logger
from numpy.typing import NDArray
from tqdm import tqdm

from pipeline import faults
from pipeline.audit_events import actor, audit, audit_drift
from pipeline.data.load_report import LoadReport, log_load
from pipeline.data.table import Dataset, Table, fingerprint, shift, split
from pipeline.model import training
from pipeline.model.inference import score
from pipeline.model.logistic import LogisticModel, save
from pipeline.model.outcomes import Outcomes, calibrate
from pipeline.model.watching import make_detector, with_scores
from pipeline.stages import Stages
from sevenfold.drift import DriftDetector, DriftMonitor, DriftReport, MonitorVerdict, log_report

LOOPBACK = "127.0.0.1"
log = logger.bind(channel="drift")
MIN_BATCH_ROWS = 30  # with fewer, the drift detector says nothing


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of a run.

    Attributes
    ----------
    epochs : int
        The most steps over all training rows, at least 1.
    seed : int
        Of the generator behind every random choice, at least 0.
    batches : int
        Batches that the scored rows are cut into, each compared with the training rows, at least 1. Where they would
        have fewer than 30 rows, there are fewer batches.
    requests : int
        Requests sent to the model's service over HTTP, at least 0.
    model_path : Path
        Where the model is saved; what watches it for drift keeps its state in a file beside.
    shift_some : bool
        Whether to shift a third of the batches, so that there is drift to be found: for synthetic data.
    faults : bool
        Whether to provoke two faults at the end, so that errors.log has something to show: for synthetic data.
    """

    epochs: int = 30
    seed: int = 7
    batches: int = 6
    requests: int = 200
    model_path: Path = Path("artifacts/model.npz")
    shift_some: bool = False
    faults: bool = False


@dataclass(frozen=True, slots=True)
class RunReport:
    """The results of a run.

    Attributes
    ----------
    run_id : str
        In every record of the run.
    val_accuracy, val_auc, val_average_precision, baseline_accuracy : float
        Of the model on the validation rows, in [0, 1].
    n_predictions : int
        Rows scored, without those of requests.
    n_batches, n_drifted : int
        Batches checked, and those found drifted.
    n_requests : int
        Requests answered.
    model_hash : str
        SHA-256 of the model's file, hexadecimal.
    """

    run_id: str
    val_accuracy: float
    val_auc: float
    val_average_precision: float
    baseline_accuracy: float
    n_predictions: int
    n_batches: int
    n_drifted: int
    n_requests: int
    model_hash: str


def run(
    dataset: Dataset, settings: Settings, *, loaded: LoadReport | None = None, score_table: Table | None = None
) -> RunReport:
    """Run all stages, and audit the start and how it ended.

    Parameters
    ----------
    dataset : Dataset
        Rows to learn from; the held-out part of them is scored.
    settings : Settings
        What to do.
    loaded : LoadReport, optional
        How the dataset was made of a file, to be logged.
    score_table : Table, optional
        Rows to score and to compare with the training rows instead of the held-out ones.

    Returns
    -------
    RunReport

    Raises
    ------
    Exception
        Any error of a stage, after ``ml_pipeline_failed`` was audited.
    """
    run_id = f"run-{uuid4().hex[:12]}"
    started = perf_counter()
    common = {"actor": actor(), "config_hash": _config_hash(settings), "data_hash": fingerprint(dataset)}
    with logger.contextualize(run_id=run_id):
        audit("ml_pipeline_started", "started", **common)
        if loaded is not None:
            log_load(loaded)
        try:
            report = _run_stages(run_id, dataset, settings, score_table)
        except KeyboardInterrupt:
            audit("ml_pipeline_failed", "interrupted", **common, duration_s=perf_counter() - started)
            raise
        except Exception as error:
            audit("ml_pipeline_failed", "failure", error, **common, duration_s=perf_counter() - started)
            raise
        duration_s = perf_counter() - started
        audit("ml_pipeline_completed", "success", **common, duration_s=duration_s, model_hash=report.model_hash)
    return report


def _run_stages(run_id: str, dataset: Dataset, settings: Settings, score_table: Table | None) -> RunReport:
    rng = np.random.default_rng(settings.seed)
    train, val, held_out = split(dataset, rng)
    with Stages(_stages(settings, score_table)) as stages:
        stages.begin("train")
        model, detector, trained, model_hash = _train(train, val, settings, rng)
        table = held_out.table if score_table is None else score_table
        calibration = calibrate(model, val)
        batches = _batches(table, settings, rng)
        stages.begin("score")
        n_drifted = _check_and_score(run_id, model, detector, batches, settings.model_path.with_suffix(".monitor.npz"))
        n_requests = _serve(settings, table) if stages.begin("serve") else 0
        if stages.begin("learn outcomes") and calibration is not None:
            _learn_outcomes(run_id, Outcomes(model, calibration), batches, held_out.target)
        if stages.begin("provoke faults"):
            faults.provoke(settings.model_path.parent)
    return RunReport(
        run_id=run_id,
        val_accuracy=trained.val_accuracy,
        val_auc=trained.val_auc,
        val_average_precision=trained.val_average_precision,
        baseline_accuracy=trained.baseline_accuracy,
        n_predictions=sum(batch.n_rows for batch in batches),
        n_batches=len(batches),
        n_drifted=n_drifted,
        n_requests=n_requests,
        model_hash=model_hash,
    )


def _stages(settings: Settings, score_table: Table | None) -> Iterator[str]:
    yield from ("train", "score")
    if settings.requests:
        yield "serve"
    if score_table is None:  # only the held-out rows have known outcomes
        yield "learn outcomes"
    if settings.faults:
        yield "provoke faults"


def _train(
    train: Dataset, val: Dataset, settings: Settings, rng: np.random.Generator
) -> tuple[LogisticModel, DriftDetector, training.TrainingReport, str]:
    model, report = training.train(train, val, epochs=settings.epochs, rng=rng, seed=settings.seed)
    detector = make_detector(model, train.table, val.table)
    model, model_hash = save(model, settings.model_path, detector)
    audit("model_trained", "success", resource=str(settings.model_path), model_hash=model_hash, val_auc=report.val_auc)
    return model, detector, report, model_hash


def _batches(table: Table, settings: Settings, rng: np.random.Generator) -> list[Table]:
    count = max(1, min(settings.batches, table.n_rows // MIN_BATCH_ROWS))
    batches = [table.take(rows) for rows in np.array_split(np.arange(table.n_rows), count)]
    if settings.shift_some:
        unshifted = count - max(1, count // 3)
        batches[unshifted:] = [shift(batch, rng) for batch in batches[unshifted:]]
    return batches


def _check_and_score(
    run_id: str, model: LogisticModel, detector: DriftDetector, batches: list[Table], state: Path
) -> int:
    """Compare each batch with the training rows and score it; return how many were found drifted."""
    monitor = _monitor(detector, state)
    n_drifted = 0
    for number, batch in enumerate(batches, start=1):
        report = detector.check(with_scores(model, batch), batch_id=f"batch-{number:03d}")
        verdict = _watch(monitor, report, run_id)
        log_report(report, verdict)
        n_drifted += report.drift_detected
        if verdict.alarm:
            audit_drift(verdict)
        score(model, batch, prefix=f"{run_id}-{report.batch_id}")
    monitor.save(state)
    return n_drifted


def _learn_outcomes(run_id: str, outcomes: Outcomes, batches: list[Table], target: NDArray[Any]) -> None:
    for number, (batch, came) in enumerate(zip(batches, np.array_split(target, len(batches)), strict=True), start=1):
        batch_id = f"batch-{number:03d}"
        outcomes.learn(batch, came, batch_id=batch_id, prefix=f"{run_id}-{batch_id}")
    outcomes.sum_up()


def _monitor(detector: DriftDetector, state: Path) -> DriftMonitor:
    """Go on watching where an earlier run of the same model has stopped."""
    if not state.exists():
        return DriftMonitor(detector)
    try:
        return DriftMonitor.load(state, detector)
    except ValueError as error:
        log.info("drift is watched anew", reason=str(error))
        return DriftMonitor(detector)


def _watch(monitor: DriftMonitor, report: DriftReport, run_id: str) -> MonitorVerdict:
    """Update the monitor with a batch named by its run, too, since the first batches of two runs differ."""
    verdict = monitor.update(replace(report, batch_id=f"{run_id}-{report.batch_id}"))
    return replace(verdict, batch_id=report.batch_id)


def _serve(settings: Settings, table: Table) -> int:
    """Serve the model over HTTP on the loopback, and ask it; return how many requests were answered."""
    from pipeline.service import application, server  # noqa: PLC0415 - a run that sends no request needs no server
    from pipeline.service.traffic import make_requests, send  # noqa: PLC0415

    # Live drift is off: these rows were checked before they were scored, and a small table's come several times.
    watched = application.Settings(
        model=str(settings.model_path), window_requests=50, window_seconds=math.inf, drift_rows=0
    )
    app = application.make_app(application.load(watched.model), watched)
    with server.in_thread(app, LOOPBACK) as url:
        requests = make_requests(table, settings.requests)
        bar = tqdm(requests, total=settings.requests, desc="asking", unit="request", leave=False, disable=None)
        return send(bar, url)


def _config_hash(settings: Settings) -> str:
    values = {name: str(getattr(settings, name)) for name in Settings.__slots__}
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
