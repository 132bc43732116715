"""What the commands have in common: errors in one line, a hint where a name is misspelt, and the log folder."""

import argparse
import difflib
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

from sevenfold.files.policies import parse_retention

WRONG_INPUT = 2
_MINUTES = re.compile(r"(?<=\d)\s*m\b")  # which a retention takes for neither minutes nor months


class Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line, and ends its help with an example.

    Parameters
    ----------
    *args, **options
        As argparse has them.
    example : str
        The arguments of the example.
    """

    def __init__(self, *args: Any, example: str = "", **options: Any) -> None:
        super().__init__(*args, **options)
        self.example = example

    def format_help(self) -> str:
        """Return the help, with the example on a line that can be pasted."""
        return super().format_help() + (f"\nexample:\n  {self.prog} {self.example}\n" if self.example else "")

    def error(self, message: str) -> NoReturn:
        """End the program with the message, without the usage in front."""
        self.exit(WRONG_INPUT, f"{self.prog}: {message}; see {self.prog} --help\n")


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """Return the words for an unknown name: which one may be meant, and which are known.

    Examples
    --------
    >>> unknown("channel", "prediction", ["training", "predictions"])
    "unknown channel 'prediction'; did you mean 'predictions'? known: training, predictions"
    """
    names = list(known)
    close = difflib.get_close_matches(name, names, 1)
    hint = f" did you mean {close[0]!r}?" if close else ""
    return f"unknown {what} {name!r};{hint} known: {', '.join(names)}"


def add_log_dir(parser: argparse.ArgumentParser) -> None:
    """Give a parser the log folder to read, as an option or by its place."""
    add, text = parser.add_argument, "folder of the log files"
    add("folder", nargs="?", type=_folder, metavar="FOLDER", action=_LogDir, help=f"{text} (default: logs)")
    add("--log-dir", type=_folder, metavar="PATH", default="logs", help="the same")


class _LogDir(argparse.Action):
    """Takes the argument at its place for the option, if there is one."""

    def __call__(self, _: argparse.ArgumentParser, namespace: argparse.Namespace, found: Any, *__: object) -> None:
        if found is not None:
            namespace.log_dir = found


def moment(text: str) -> datetime:
    """Read a time, UTC where it has no zone, or how long ago.

    Raises
    ------
    argparse.ArgumentTypeError
        If the text is neither.
    """
    try:
        time = datetime.fromisoformat(text.strip())
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time
    except ValueError:
        pass
    try:
        span = parse_retention(_MINUTES.sub(" min", text.strip().removesuffix("ago").strip()))
        if span.max_age_s is not None:
            return datetime.now(UTC) - timedelta(seconds=span.max_age_s)
    except (ValueError, OverflowError):
        pass
    expected = "a time with its day, such as 2026-11-23T08:36, or how long ago, such as '10 min', '2 h' or '1 day'"
    raise argparse.ArgumentTypeError(f"expected {expected}, got {text!r}")


def _folder(text: str) -> Path:
    path = Path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"expected a folder, got {text!r}")
    return path
