"""Audit events of the pipeline and the service: what happened, how it ended, who did it."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Any

from loguru import logger

if TYPE_CHECKING:
    from sevenfold.drift import MonitorVerdict

log = logger.bind(channel="audit")


def audit(event: str, outcome: str, error: BaseException | None = None, /, **fields: Any) -> None:
    """Log an event; as an error with its traceback where there is one.

    Raises
    ------
    Exception
        Whatever keeps the sink from writing it: an action that can't be audited mustn't go on unseen.
    """
    told = {"event": event, "outcome": outcome, **fields}
    if error is None:
        log.info(event, **told)
    else:
        log.opt(exception=error).error(event, **told)


def audit_drift(verdict: MonitorVerdict) -> None:
    """Log that the monitor of drift alarms."""
    told = {"window_batches": verdict.window_batches, "drifted_features": verdict.features, "pair": verdict.pair}
    audit("drift_detected", "detected", resource=verdict.batch_id, **told)


def actor() -> str:
    """Return the name of the user whom the process belongs to."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container's user may have no name
        return "unknown"
