"""The report: the overview of a log folder, the verdict on its audit trail, and the page with both."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from sevenfold.audit.verify import verify
from sevenfold.files.channel_list import listed_channels
from sevenfold.notices import describe
from sevenfold.overview.figures import Chain, Overview
from sevenfold.overview.gathering import gather
from sevenfold.overview.page.document import page
from sevenfold.overview.panels import PANELS, Panel
from sevenfold.reading.mirrors import hosts_of

_WAIT_S = 10.0  # for writers of the audit trail
_SHOWN_FINDINGS = 3


def report(
    folder: str | Path,
    out: str | Path | None = None,
    *,
    panels: Iterable[Panel] = PANELS,
    since: datetime | None = None,
    until: datetime | None = None,
    key: bytes | None = None,
) -> Path:
    """Write one HTML file that shows what happened.

    Parameters
    ----------
    folder : str or Path
        The log folder.
    out : str or Path, optional
        The file, by default ``report.html`` in the folder. An older file is replaced once the new one is whole.
    panels : iterable of Panel
        The charts and tables: ``(*PANELS, Panel(...))`` adds a chart of your own.
    since, until : datetime, optional
        Only the events from `since` on and before `until`; both must have a time zone.
    key : bytes, optional
        The key that the audit trail is sealed with.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    OSError
        If a file can't be read, or the page can't be written.
    ValueError
        If one of the panels is no `Panel`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report(folder).name
    'report.html'
    """
    folder = Path(folder)
    overview = summarize(folder, panels=panels, since=since, until=until, key=key)
    path = folder / "report.html" if out is None else Path(out)
    _write(path, page(overview, str(folder), datetime.now(UTC)))
    return path


def summarize(
    folder: Path,
    *,
    panels: Iterable[Panel] = PANELS,
    since: datetime | None = None,
    until: datetime | None = None,
    key: bytes | None = None,
) -> Overview:
    """Return the overview of a log folder, with the verdict on its sealed channels; parameters as in `report`."""
    overview = gather(folder, panels=panels, since=since, until=until)
    return replace(overview, chains=tuple(_chains(folder, key)))


def _chains(folder: Path, key: bytes | None) -> Iterator[Chain]:
    """Verify the sealed channels of a log folder; those of a mirror as copies."""
    hosts = hosts_of(folder)
    for host in hosts or [""]:
        for channel in listed_channels(folder / host):
            if channel.sealed:
                name = f"{host} {channel.name}" if hosts else channel.name
                yield _chain(name, folder / host / channel.file, key, copy=bool(hosts))


def _chain(name: str, path: Path, key: bytes | None, *, copy: bool) -> Chain:
    try:
        verdict = verify(path, key=key, wait_s=_WAIT_S, copy=copy)
    except FileNotFoundError:
        return Chain(name, None, "nothing was audited")
    except (OSError, ValueError) as error:
        return Chain(name, None, f"not verified: {describe(error)}")
    findings = "; ".join(map(str, verdict.findings[:_SHOWN_FINDINGS]))
    n_more = len(verdict.findings) - _SHOWN_FINDINGS
    more = f"; {n_more} more" if n_more > 0 else ""
    is_proved = verdict.proved if verdict.n_events or not verdict.proved else None
    result = {True: "proved", False: "NOT proved", None: "nothing to prove"}[is_proved]
    return Chain(name, is_proved, f"{verdict.extent}: {result}{': ' if findings else ''}{findings}{more}")


def _write(path: Path, html: str) -> None:
    """Write a file so that nobody ever reads half of it."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        unfinished.write_text(html, encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error
