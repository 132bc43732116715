"""Which sink writes a channel's file."""

from collections.abc import Sequence

from sevenfold.channels import Channel
from sevenfold.files.rotating import RotatingFile
from sevenfold.handlers.filters import Route
from sevenfold.handlers.json_sinks import JsonSink, SealedSink
from sevenfold.handlers.sinks import ErrorsSink, LineSink
from sevenfold.redaction.redactor import Redactor


def make_sink(  # noqa: PLR0917
    channel: Channel,
    file: RotatingFile,
    redactor: Redactor,
    routes: Sequence[Route],
    key: bytes | None,
    wait_s: float,
) -> LineSink:
    """Return the sink that writes the file of a channel in the channel's format.

    Parameters
    ----------
    channel : Channel
        Whose file it is.
    file : RotatingFile
        The file.
    redactor : Redactor
        Takes secrets out of tracebacks.
    routes : sequence of Route
        The routes to the other files.
    key : bytes, optional
        Seals a chain.
    wait_s : float
        How long a chain waits for other processes, in seconds.
    """
    tracebacks = redactor if channel.collects_errors else None
    if channel.sealed:
        return SealedSink(file, channel.name, tracebacks, key, wait_s)
    if channel.serialize:
        return JsonSink(file, channel.name, tracebacks)
    is_flat = channel.format == "json"
    if channel.collects_errors:
        return ErrorsSink(file, channel.name, redactor, routes, is_flat=is_flat)
    return LineSink(file, channel.name, is_flat=is_flat)
