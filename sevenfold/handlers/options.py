"""How the file of each channel is rotated and kept: what ``configure`` was given, unless the channel says otherwise."""

from pathlib import Path
from typing import Any

from sevenfold.channels import (
    INHERIT,
    Channel,
    CompressionArgument,
    RetentionArgument,
    RotationArgument,
)
from sevenfold.files.names import check_name
from sevenfold.files.opening import check_mode
from sevenfold.files.policies import parse_compression, parse_retention, parse_rotation
from sevenfold.files.totals import parse_total, shared


def file_options(
    table: tuple[Channel, ...],
    folder: Path,
    *,
    rotation: RotationArgument,
    retention: RetentionArgument,
    compression: CompressionArgument,
    mode: int | None,
    max_total: float | str | None,
) -> dict[str, dict[str, Any]]:
    """Return what `sevenfold.files.rotating.RotatingFile` takes for each channel, by its name.

    Parameters
    ----------
    table : tuple of Channel
        The channels.
    folder : Path
        The log folder.
    rotation, retention, compression, mode, max_total
        As ``sinks.configure`` takes them.

    Raises
    ------
    ValueError
        If an option can't be understood, or a file's name can't be a log file's.
    """
    options = {one.name: _options(one, rotation, retention, compression, mode) for one in table}
    max_bytes, free = parse_total(max_total), [one for one in table if not one.sealed]
    if max_bytes is not None and free:
        rotations = {folder / one.file: parse_rotation(options[one.name]["rotation"]) for one in free}
        total = shared(max_bytes, rotations)
        for one in free:
            options[one.name]["total"] = total
    return options


def _options(
    channel: Channel,
    rotation: RotationArgument,
    retention: RetentionArgument,
    compression: CompressionArgument,
    mode: int | None,
) -> dict[str, Any]:
    check_name(channel.file)
    options: dict[str, Any] = {
        "rotation": rotation if channel.rotation is INHERIT else channel.rotation,
        "retention": retention if channel.retention is INHERIT else channel.retention,
        "compression": compression if channel.compression is INHERIT else channel.compression,
    }
    parse_rotation(options["rotation"])
    parse_retention(options["retention"])
    parse_compression(options["compression"])
    return options | {"mode": check_mode(mode)}
