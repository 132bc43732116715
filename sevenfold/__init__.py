"""One loguru logger, seven files, nothing lost: logging for machine-learning pipelines.

``sinks.configure`` sets the logger up; what else a user needs is here. A name is imported when it is first used, so
that ``import sevenfold.drift`` loads nothing but that.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    __version__: str
    from sevenfold.audit.findings import Finding
    from sevenfold.audit.keys import AuditError, make_key
    from sevenfold.audit.seals import parse_checkpoint
    from sevenfold.audit.verify import Verdict, verify
    from sevenfold.channel_log import CapturedRecord, ChannelLog
    from sevenfold.channels import CHANNELS, INHERIT, Channel
    from sevenfold.handle import Sinks
    from sevenfold.lines.grammar import LineError
    from sevenfold.lines.parsing import Event, parse
    from sevenfold.lines.values import plain
    from sevenfold.overview.panels import PANELS, Panel
    from sevenfold.overview.reporting import report
    from sevenfold.reading.folder import read
    from sevenfold.reading.tables import read_table
    from sevenfold.redaction.own_sinks import redacted
    from sevenfold.redaction.redactor import SECRETS, Redactor

_HOMES = {
    "AuditError": "audit.keys",
    "CHANNELS": "channels",
    "CapturedRecord": "channel_log",
    "Channel": "channels",
    "ChannelLog": "channel_log",
    "Event": "lines.parsing",
    "Finding": "audit.findings",
    "INHERIT": "channels",
    "LineError": "lines.grammar",
    "PANELS": "overview.panels",
    "Panel": "overview.panels",
    "Redactor": "redaction.redactor",
    "SECRETS": "redaction.redactor",
    "Sinks": "handle",
    "Verdict": "audit.verify",
    "make_key": "audit.keys",
    "parse": "lines.parsing",
    "parse_checkpoint": "audit.seals",
    "plain": "lines.values",
    "read": "reading.folder",
    "read_table": "reading.tables",
    "redacted": "redaction.own_sinks",
    "report": "overview.reporting",
    "verify": "audit.verify",
}

__all__ = [
    "CHANNELS",
    "INHERIT",
    "PANELS",
    "SECRETS",
    "AuditError",
    "CapturedRecord",
    "Channel",
    "ChannelLog",
    "Event",
    "Finding",
    "LineError",
    "Panel",
    "Redactor",
    "Sinks",
    "Verdict",
    "__version__",
    "make_key",
    "parse",
    "parse_checkpoint",
    "plain",
    "read",
    "read_table",
    "redacted",
    "report",
    "verify",
]


def __getattr__(name: str) -> object:
    """Import a public name when it is first used (PEP 562)."""
    if name == "__version__":
        value: object = _version()
    elif name in _HOMES:
        value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def _version() -> str:
    metadata = import_module("importlib.metadata")  # with it comes `email`: a tenth of the time of `import sinks`
    try:
        return str(metadata.version(__name__))
    except metadata.PackageNotFoundError:  # a checkout that isn't installed
        return "0+unknown"


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
