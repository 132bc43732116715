"""The table of channels: the name, the file and the properties of each."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Final, Literal, TypeAlias

from loguru import logger

Rotate: TypeAlias = float | Decimal | str | time | timedelta
RotationArgument: TypeAlias = Rotate | tuple[Rotate, ...] | list[Rotate] | None
Retain: TypeAlias = int | str | timedelta
RetentionArgument: TypeAlias = Retain | tuple[Retain, ...] | list[Retain] | None
CompressionArgument: TypeAlias = str | None
LevelArgument: TypeAlias = str | int
FormatArgument: TypeAlias = Literal["text", "json"]

ERROR: Final = logger.level("ERROR").no
WARNING: Final = logger.level("WARNING").no
INFO: Final = logger.level("INFO").no
FORMATS: Final = ("text", "json")
LIST_FILE: Final = "channels.json"  # says which channels a folder has; no channel may have it


class Inherit(Enum):
    """The type of `INHERIT`."""

    INHERIT = "inherit"

    def __repr__(self) -> str:
        return "INHERIT"


INHERIT: Final = Inherit.INHERIT


def require_format(format_: object, of: str) -> None:
    """Raise ValueError unless a format is "text" or "json"."""
    if format_ not in FORMATS:
        raise ValueError(f"{of} must be 'text' or 'json', got {format_!r}")


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel: its name, its file, and its properties.

    Attributes
    ----------
    name : str
        What a logger is bound to: ``logger.bind(channel=name)``.
    file : str
        Name of its file in the log folder.
    level : str or int
        The least level that the file keeps.
    console_level : str or int
        The least level that the console shows.
    serialize : bool
        Whether the file holds loguru's JSON, one object a line, instead of lines of text.
    format : "text" or "json"
        Lines of text, or flat JSON: one object a line with the time, level, channel, message and fields at its top, as
        Loki, Elasticsearch and Datadog take it.
    sealed : bool
        Whether each line is sealed over the one before, so that ``sevenfold verify`` can prove that none was changed.
        A call whose event can't be written then raises. Only JSON can be sealed.
    collects_errors : bool
        Whether the file also gets the errors and exceptions of all other channels, with their tracebacks. Exactly one
        channel of a table does.
    backtrace, diagnose : bool
        Whether those tracebacks go on above the place that caught the exception, and show the values of variables, as
        loguru's ``add`` means them.
    rotation, retention, compression
        As ``sinks.configure`` takes them, instead of what it was given; None switches one off.
    console_omits : tuple of str
        Messages that the console doesn't show below WARNING, where a file has them.

    Raises
    ------
    ValueError
        If the name is empty or ``-``, the file is no bare file name, or options contradict each other.

    Examples
    --------
    >>> Channel("embeddings", "embeddings.log", level="DEBUG").sealed
    False
    >>> Channel("access", "access.json", sealed=True)
    Traceback (most recent call last):
    ValueError: channel 'access' is sealed, which needs serialize=True
    """

    name: str
    file: str
    level: LevelArgument = "INFO"
    console_level: LevelArgument = "INFO"
    serialize: bool = False
    format: FormatArgument = "text"
    sealed: bool = False
    collects_errors: bool = False
    backtrace: bool = False
    diagnose: bool = False
    rotation: RotationArgument | Inherit = INHERIT
    retention: RetentionArgument | Inherit = INHERIT
    compression: CompressionArgument | Inherit = INHERIT
    console_omits: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or self.name in {"", "-"}:  # a line says "-" where there is no channel
            raise ValueError(f"a channel's name must be a string, not empty and not '-', got {self.name!r}")
        if not isinstance(self.file, str) or not self.file.strip(".") or set(self.file) & set('/\\:*?"<>|{}\0'):
            raise ValueError(f"the file of channel {self.name!r} must be a bare file name, got {self.file!r}")
        if self.file.casefold() == LIST_FILE:
            raise ValueError(f"the file of channel {self.name!r} can't be {LIST_FILE}, which lists the channels")
        if isinstance(self.console_omits, str):
            raise ValueError(f"channel {self.name!r}: console_omits must be a tuple, such as ({self.console_omits!r},)")  # noqa: TRY004 - as for all arguments
        require_format(self.format, f"format of channel {self.name!r}")
        if self.serialize and self.format != "text":
            raise ValueError(f"channel {self.name!r}: serialize=True is loguru's JSON and format='json' flat: take one")
        if self.sealed and not self.serialize:
            raise ValueError(f"channel {self.name!r} is sealed, which needs serialize=True")
        if (self.backtrace or self.diagnose) and not self.collects_errors:
            raise ValueError(
                f"channel {self.name!r} holds no tracebacks: backtrace and diagnose go with collects_errors=True"
            )


CHANNELS: Final = (
    Channel("training", "ml_pipeline.log"),
    Channel("predictions", "predictions.log", console_level="WARNING"),
    # The console shows the verdict on a batch, and what alarms.
    Channel("drift", "data_drift.log", console_omits=("feature", "joint", "monitor")),
    Channel("monitoring", "monitoring.log", console_omits=("performance", "performance_alarm")),
    Channel("api", "api_requests.log", console_level="WARNING"),
    # Evidence isn't deleted by default.
    Channel("audit", "app_json.log", serialize=True, sealed=True, retention=None),
    Channel("errors", "errors.log", collects_errors=True, backtrace=True, diagnose=True),
)


def checked(channels: Iterable[Channel]) -> tuple[Channel, ...]:
    """Return a table of channels, if its channels go together.

    Raises
    ------
    ValueError
        If something in it is no `Channel`, two have a name or a file in common, or not exactly one collects errors.
    """
    table = tuple(channels)
    odd = next((item for item in table if not isinstance(item, Channel)), None)
    if odd is not None:
        raise ValueError(f"channels must be of class Channel, got {odd!r}")
    _require_unique("name", [channel.name for channel in table])
    _require_unique("file", [channel.file.casefold() for channel in table])
    # The head of a chain is named by its file without the suffix.
    sealed = [PurePath(channel.file.casefold()).stem for channel in table if channel.sealed]
    _require_unique("sealed file that differs before its suffix", sealed)
    collectors = [channel.name for channel in table if channel.collects_errors]
    if len(collectors) != 1:
        found = ", ".join(map(repr, collectors)) or "none"
        raise ValueError(f"exactly one channel must have collects_errors=True, got {found}")
    return table


def _require_unique(what: str, values: list[str]) -> None:
    twice = next((value for value, count in Counter(values).items() if count > 1), None)
    if twice is not None:
        raise ValueError(f"each channel needs a {what} of its own, got {twice!r} twice")


def level_no(level: LevelArgument) -> int:
    """Return the number of a level.

    Raises
    ------
    ValueError
        If it is neither a level's name nor a number from 0.

    Examples
    --------
    >>> level_no("WARNING")
    30
    """
    if isinstance(level, int) and not isinstance(level, bool) and level >= 0:
        return int(level)
    try:
        return logger.level(str(level)).no
    except ValueError:
        raise ValueError(f"a level must be a name such as 'INFO' or a number from 0, got {level!r}") from None
