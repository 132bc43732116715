"""Audit events of the pipeline and the service, each with its outcome and its actor."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Any

from loguru import logger

if TYPE_CHECKING:
    from sevenfold.drift import MonitorVerdict

log = logger.bind(channel="audit")


def audit(event: str, outcome: str, error: BaseException | None = None, /, **fields: Any) -> None:
    """Log an event; if `error` is given, as an error with its traceback.

    Raises
    ------
    Exception
        If the event can't be written: an action that can't be audited mustn't go on unseen.
    """
    extra = {"event": event, "outcome": outcome, **fields}
    if error is None:
        log.info(event, **extra)
    else:
        log.opt(exception=error).error(event, **extra)


def audit_drift(verdict: MonitorVerdict) -> None:
    """Log an alarm of the drift monitor."""
    fields = {"window_batches": verdict.window_batches, "drifted_features": verdict.features, "pair": verdict.pair}
    audit("drift_detected", "detected", resource=verdict.batch_id, **fields)


def actor() -> str:
    """Return the name of the user that runs the process."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container's user may have no name
        return "unknown"
