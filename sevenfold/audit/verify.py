"""Prove an audit trail: that no line was edited, cut, removed, added or moved since it was sealed."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from sevenfold.audit.copies import NOT_COPIED, LiveFile, as_copied, last_before_gap
from sevenfold.audit.examine import Trail
from sevenfold.audit.findings import TORN, Finding, joined
from sevenfold.audit.seals import Head, parse_head
from sevenfold.audit.snapshot import File, snapshot
from sevenfold.files.names import Names

WRITERS_WAIT_S = 60.0  # for writers that are at work


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a verification.

    Attributes
    ----------
    findings : tuple of Finding
        In the order of the files.
    n_events, n_files : int
        Sealed lines and files read.
    head : Head or None
        The last sealed line, in a copy the last one before a gap; to be kept elsewhere as a checkpoint.
    said : int or None
        For a copy, the number of the last event according to the original's head at the time of copying; None if that
        head can't be read, and for an original.

    Examples
    --------
    >>> import sinks, tempfile
    >>> from loguru import logger
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with sinks.configure(folder, console=None):
    ...         logger.bind(channel="audit").info("model_promoted", actor="mlops")
    ...     verdict = verify(f"{folder}/app_json.log")
    >>> (verdict.proved, verdict.n_events, verdict.findings)
    (True, 1, ())
    """

    findings: tuple[Finding, ...]
    n_events: int
    n_files: int
    head: Head | None
    said: int | None = None

    @property
    def proved(self) -> bool:
        """Whether all findings are traces of crashes or, in a copy, events that weren't copied yet."""
        return all(finding.what in {TORN, NOT_COPIED} for finding in self.findings)

    @property
    def extent(self) -> str:
        """The number of events and files in words: ``7 events in 1 file``."""
        return f"{_counted(self.n_events, 'event')} in {_counted(self.n_files, 'file')}"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def verify(
    path: str | Path,
    *,
    key: bytes | None = None,
    against: Head | None = None,
    start: int = 1,
    progress: Callable[[int], object] | None = None,
    copy: bool = False,
    wait_s: float = WRITERS_WAIT_S,
) -> Verdict:
    """Verify an audit file with its rotated and compressed ones, as they are at one moment.

    Parameters
    ----------
    path : str or Path
        The audit file; a writer may be at work on it.
    key : bytes, optional
        The key that it was sealed with.
    against : Head, optional
        A checkpoint of an earlier verification: proves that nothing up to it has changed since.
    start : int
        The first event that must be there; earlier ones were removed on purpose.
    progress : callable, optional
        Called now and then with the number of lines read since the last call.
    copy : bool
        Whether the files are a copy that was made while the original was being written, each at another moment: then
        missing events are reported as not copied yet, and the copy may still be proved.
    wait_s : float
        Seconds to wait at most for writers that are at work.

    Returns
    -------
    Verdict

    Raises
    ------
    FileNotFoundError
        If there is no audit file.
    OSError
        If the files can't be read, or a writer is at work all the time.
    ValueError
        If the chain is sealed with a key and none is given.

    Examples
    --------
    >>> import sinks, tempfile
    >>> from loguru import logger
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with sinks.configure(folder, console=None):
    ...         logger.bind(channel="audit").info("model_promoted", actor="mlops")
    ...     before = verify(f"{folder}/app_json.log").head
    ...     verify(f"{folder}/app_json.log", against=before).proved
    True
    """
    path = Path(path)
    with ExitStack() as stack:
        files, head_text = snapshot(Names(path), stack, wait_s)
        if not files and head_text is None:
            raise FileNotFoundError(f"{path}: no audit file")
        head = parse_head(head_text or b"", key)
        live = LiveFile(files, key) if copy else None
        trail = Trail(key, [witness.seq for witness in (head, against, live) if witness])
        findings = list(_read(files, trail, key, progress or (lambda _: None), live))
        findings += _findings(path, trail, head, against, start, copy=copy)
        if copy:
            line = last_before_gap(files, key, trail, findings)
            last = Head(trail.id, line.seq, line.mac) if line is not None else None
        else:
            last = Head(trail.id, trail.last.seq, trail.last.mac) if trail.id else head
    order = {file.path: number for number, file in enumerate(files)}
    findings.sort(key=lambda finding: (order.get(finding.path, len(files)), finding.line or float("inf")))
    original_seq = head.seq if copy and head is not None else None
    return Verdict(joined(findings), trail.n_events, len(files), last, original_seq)


def _read(
    files: list[File], trail: Trail, key: bytes | None, progress: Callable[[int], object], live: LiveFile | None
) -> Iterator[Finding]:
    for file in files:
        if file.stream is not None and live is not None and live.is_leftover(trail):
            yield from live.findings(trail)
            continue
        n_lines = trail.read(file.path, file.lines(), progress)
        if key is None and trail.claimed_id.startswith("k") and not trail.fits_key:
            raise ValueError(f"{file.path}: the chain is sealed with a key; give --key PATH")
        if not n_lines and file.stream is None:
            empty = Finding(file.path, 0, 0, "cut", note="the file is empty")
            yield from as_copied([empty]) if live is not None else [empty]


def _findings(
    path: Path, trail: Trail, head: Head | None, against: Head | None, start: int, *, copy: bool
) -> Iterator[Finding]:
    if not trail.fits_key:
        note = f"all {_counted(trail.n_events, 'event')}, or they were sealed with another key or without one"
        yield Finding(path, 0, 0, "edited", note=note)
        return
    note = _about_head(head, trail, copy=copy)
    if note:
        yield Finding(path, 0, 0, "head", note=note)
    witness = None if note else head
    findings = _about_lines(path, trail, 0 if witness is None or copy else witness.seq, start)
    yield from as_copied(findings) if copy else findings
    for expected, source in ((witness, "head"), (against, "checkpoint")):
        if expected is not None and expected.seq:
            yield from _about_witness(path, trail, expected, source)


def _about_lines(path: Path, trail: Trail, acknowledged: int, start: int) -> Iterator[Finding]:
    yield from trail.findings(path, acknowledged, start)
    last = max(trail.last.seq, acknowledged)
    if start > max(last, 1):
        yield Finding(path, 0, 0, "missing", start, start, f", the first that must be there: the last is {last}")


def _about_head(head: Head | None, trail: Trail, *, copy: bool) -> str:
    if head is None:
        return "" if copy else "it is missing, damaged or forged: a cut tail can't be excluded"
    if trail.id and head.id != trail.id:
        return "it is of another chain"
    if (head.seq, head.mac) == (trail.last.seq + 1, trail.last.mac):
        return "it was lost, and begun anew: a cut tail can't be excluded"
    if head.seq < trail.last.seq - 1 and not copy:  # one line more is what a crash leaves
        return f"it is an older one, of event {head.seq}"
    return ""


def _about_witness(path: Path, trail: Trail, witness: Head, source: str) -> Iterator[Finding]:
    """Compare a line with its seq and mac in the head or the checkpoint."""
    line = trail.watched[witness.seq]
    if trail.id not in {"", witness.id}:
        yield Finding(path, 0, 0, "edited", note=f"the chain isn't the one of the {source}, {witness.id}")
    elif line is None and source == "checkpoint":
        yield Finding(path, 0, 0, "missing", witness.seq, witness.seq, f", the one of the {source}")
    elif line is not None and line.mac != witness.mac:
        yield line.finding("edited", f" isn't the one of the {source}: it or one before was sealed anew")
