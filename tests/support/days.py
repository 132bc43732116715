"""Log folders of a service's day, with an incident: written as lines, so that a test has them at once."""

import math
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

DAY = datetime(2026, 11, 25, tzinfo=UTC)
INCIDENT = (14.0, 15.5)  # hours
N_BATCHES, N_FEATURES = 72, 24


def line(second: float, channel: str, message: str, fields: str, level: str = "INFO") -> str:
    at = (DAY + timedelta(seconds=second)).isoformat(timespec="microseconds")[:-6]
    return f"{at}Z | {level:8} | {channel} | {message} | {fields}\n"


def write_day(folder: Path, *, n_requests: int = 4000, seed: int = 1) -> Path:
    """Write a day on which the service broke down for an hour and a half, after its input had drifted."""
    folder.mkdir(parents=True, exist_ok=True)
    draw = random.Random(seed)
    seconds = sorted(draw.uniform(0, 86_399) for _ in range(n_requests))
    requests, predictions, errors = [], [], []
    for n, second in enumerate(seconds):
        broken = INCIDENT[0] < second / 3600 < INCIDENT[1]
        status = draw.choices((200, 400, 500, 503), (60, 2, 20, 18) if broken else (97, 2.6, 0.4, 0))[0]
        duration = draw.lognormvariate(1.2 + 2.0 * broken, 0.5)
        requests.append(_request(second, n, status, duration))
        if status == 500:
            errors.append(requests[-1] + _traceback(n))
        if status == 200:
            predictions.append(_prediction(second, n, draw.betavariate(2, 2 + broken)))
    (folder / "api_requests.log").write_text("".join(requests), encoding="utf-8")
    (folder / "predictions.log").write_text("".join(predictions), encoding="utf-8")
    (folder / "errors.log").write_text("".join(errors), encoding="utf-8")
    (folder / "data_drift.log").write_text("".join(_drift(draw)), encoding="utf-8")
    (folder / "ml_pipeline.log").write_text("".join(_epochs()), encoding="utf-8")
    return folder


def _request(second: float, n: int, status: int, duration_ms: float) -> str:
    fields = (
        f'request_id=req-{n} http_request_method=POST http_route="/predict" url_path="/predict"'
        f" http_response_status_code={status} duration_ms={duration_ms:.3f}"
    )
    if status != 500:
        return line(second, "api", "request", fields)
    return line(second, "api", "request", f'{fields} exception_type={_kind(n)} exception_message="{n} left"', "ERROR")


def _kind(n: int) -> str:
    return "ConnectionResetError" if n % 3 else "FloatingPointError"


def _traceback(n: int) -> str:
    place = ("store.py", 41, "lookup") if n % 3 else ("model.py", 88, "score")
    return (
        "    Traceback (most recent call last):\n"
        f'      File "/srv/app/service/{place[0]}", line {place[1]}, in {place[2]}\n'
        f"    {_kind(n)}: {n} left\n"
    )


def _prediction(second: float, n: int, probability: float) -> str:
    decision = "approve" if probability >= 0.5 else "deny"
    version = "5ca3607a1cc2" if second < 50_000 else "b79c02fb7098"
    fields = f'prediction_id=p-{n} model_version="{version}" probability={probability:.6f} decision={decision}'
    return line(second, "predictions", "prediction", fields)


def _drift(draw: random.Random) -> list[str]:
    lines = []
    for batch in range(N_BATCHES):
        second = batch * 86_400 / N_BATCHES
        late = max(0.0, batch - 36) / 36
        for feature in range(N_FEATURES):
            psi = max(0.0, draw.gauss(0.01, 0.01) + (late * 0.6 if feature in {3, 7, 11} else 0.0))
            fields = f"feature=feature_{feature:02} role=feature method=chi_squared psi={psi:.5f}"
            told = f"{fields} p_value_adjusted={math.exp(-90 * psi):.6f} {_verdict(psi > 0.1)}"
            lines.append(line(second, "drift", "feature", _of(batch, told)))
        drifted = late > 0.2
        lines.append(line(second, "drift", "batch", _of(batch, f"drift_detected={str(drifted).lower()}")))
        alarm = batch in {50, 60}
        fields = f'alarm={str(alarm).lower()} features=["feature_03","feature_07"]'
        lines.append(line(second, "drift", "monitor", _of(batch, fields), "WARNING" if alarm else "INFO"))
    return lines


def _of(batch: int, fields: str) -> str:
    return f"batch_id=day-{batch:03} {fields}"


def _verdict(drifted: bool) -> str:
    return f"drift_detected={str(drifted).lower()} severity={'major' if drifted else 'none'}"


def _epochs() -> list[str]:
    return [line(epoch, "training", "epoch", f"run_id=run-1 epoch={epoch} {_scores(epoch)}") for epoch in range(1, 41)]


def _scores(epoch: int) -> str:
    return f"train_loss={0.4 + 1 / epoch:.4f} val_loss={0.42 + 1 / epoch:.4f} val_auc={0.9 - 0.4 / epoch:.4f}"
