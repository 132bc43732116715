"""Two real faults, so that errors.log has full tracebacks to show."""

from pathlib import Path

from loguru import logger

log = logger.bind(channel="errors")


def error_rate(errors: int, requests: int) -> float:
    """Return the share of requests that failed.

    Parameters
    ----------
    errors, requests : int
        Counts of one window.

    Raises
    ------
    ZeroDivisionError
        If there was no request.
    """
    return errors / requests


def read_thresholds(path: Path) -> dict[str, float]:
    """Read decision thresholds, one ``name=value`` a line.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    """
    pairs = (line.split("=", 1) for line in path.read_text(encoding="utf-8").splitlines() if line)
    return {name.strip(): float(value) for name, value in pairs}


def provoke(folder: Path) -> None:
    """Divide by zero and open a file that isn't there, and log both as an application would.

    Parameters
    ----------
    folder : Path
        Where the missing file is looked for.
    """
    try:
        error_rate(errors=0, requests=0)
    except ZeroDivisionError:
        log.exception("fault provoked on purpose", fault="division_by_zero")
    try:
        read_thresholds(folder / "thresholds.txt")
    except FileNotFoundError:
        log.exception("fault provoked on purpose", fault="missing_file")
