"""Keep secrets out of log lines."""

from sevenfold.redaction.own_sinks import redacted
from sevenfold.redaction.redactor import SECRETS, Redactor

__all__ = ["SECRETS", "Redactor", "redacted"]
