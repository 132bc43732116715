"""A scoring service on FastAPI: its requests in api_requests.log, windows of them in monitoring.log, and its decisions.

pip install 'sevenfold[serve]' fastapi
uvicorn fastapi_app:create_app --factory --workers 2
"""

from fastapi import FastAPI, HTTPException
from loguru import logger

import sinks
from sevenfold.asgi import ApiLog, Limits, note

log = logger.bind(channel="predictions", model_version="2026-11")
api = FastAPI(title="Scoring")


@api.get("/health")
async def health() -> dict[str, str]:
    """Say that all is well; only counted, since it is asked all the time."""
    return {"status": "ok"}


@api.post("/applicants/{applicant_id}/decision")
def decide(applicant_id: str, features: dict[str, float]) -> dict[str, str | float]:
    """Decide by the sign of an income; log the decision, and refuse what can't be decided on."""
    if "income" not in features:
        note(error_type="wrong_fields")
        raise HTTPException(422, "income: missing")
    confidence = 1 / (1 + 2.718 ** -abs(features["income"]))
    decision = "approve" if features["income"] > 0 else "deny"
    log.info("prediction", prediction_id=applicant_id, features=features, decision=decision, confidence=confidence)
    note(decision=decision, confidence=confidence)  # in the line of the request, and in the window
    return {"decision": decision, "confidence": confidence}


def create_app() -> ApiLog:
    """Make the application of one worker, with sinks of its own in the same folder."""
    handle = sinks.configure("logs", intercept=True)
    return ApiLog(
        Limits(api, max_body_bytes=100_000, exempt=["/health"]),
        quiet=["/health"],
        counted=["decision"],
        averaged=["confidence"],
        on_close=lambda _: handle.close(),
    )
