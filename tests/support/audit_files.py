"""Audit trails for the tests, with rotations and gzip, and an attacker's changes of their lines."""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

from sevenfold.audit.chain import Chain
from sevenfold.audit.seals import HEAD_BYTES, Head, parse_head, read_seal, seal_line
from sevenfold.audit.verify import Verdict, verify
from sevenfold.files.names import Names
from sevenfold.files.rotating import RotatingFile

KEY = bytes(range(32))
OTHER_KEY = bytes(range(1, 33))
PER_FILE = 5
ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}

Process: TypeAlias = "subprocess.Popen[str]"
Start: TypeAlias = Callable[..., Process]


def event(number: int, note: str = "") -> str:
    """Write an event as loguru serializes it, in short."""
    record = {"extra": {"channel": "audit", "n": number, "note": note}, "level": {"name": "INFO", "no": 20}}
    return json.dumps({"text": f"2026-11-23T08:36:11.{number:06}Z | INFO | event", "record": record}) + "\n"


@dataclass(frozen=True, slots=True)
class Trail:
    """The files of an audit trail, the key that it was sealed with, and how to change its lines."""

    path: Path
    key: bytes | None = None

    @property
    def head_path(self) -> Path:
        return self.path.with_suffix(".head")

    @property
    def files(self) -> list[Path]:
        """The rotated files, the oldest first, and the live one."""
        # A compression that was killed at its end leaves both files: the one that isn't compressed counts.
        rotated = {one.stamp: one.path for one in reversed(Names(self.path).rotated())}
        return [*(rotated[stamp] for stamp in sorted(rotated)), *([self.path] if self.path.exists() else [])]

    def log(self, numbers: Sequence[int], *, per_file: int | None = None, note: str = "") -> None:
        """Append events, so many to a file."""
        for number in numbers:
            file = RotatingFile(self.path)
            chain = Chain(file, self.key)
            try:
                chain.append(event(number, note).encode())
            finally:
                chain.close()
                file.stop()
            if per_file and number % per_file == 0:
                self.path.rename(self.path.with_name(f"app_json.2026-11-23_08-36-11_{number:06}.log"))

    def lines(self, path: Path) -> list[bytes]:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        return content.splitlines(keepends=True)

    def put(self, path: Path, lines: Sequence[bytes]) -> None:
        """Write a file in place."""
        content = b"".join(lines)
        path.write_bytes(gzip.compress(content, 1) if path.suffix == ".gz" else content)

    def all_lines(self) -> list[bytes]:
        return [line for path in self.files for line in self.lines(path)]

    def head(self) -> Head:
        head = parse_head(self.head_path.read_bytes()[:HEAD_BYTES], self.key)
        assert head is not None
        return head

    def verify(self, against: Head | None = None, start: int = 1) -> Verdict:
        return verify(self.path, key=self.key, against=against, start=start)

    def findings(self, against: Head | None = None, start: int = 1) -> list[str]:
        """What is found, with the files by their place in the trail, as `files` gives it, or as live."""
        names = {str(path): f"file{number}" for number, path in enumerate(self.files, start=1)} | {
            str(self.path): "live"
        }
        found = map(str, self.verify(against, start).findings)
        return [
            next((text.replace(path, name) for path, name in names.items() if path in text), text) for text in found
        ]


def make_trail(folder: Path, key: bytes | None = None, n_events: int = 18) -> Trail:
    """Make a trail: five events a file, the odd ones gzipped, and the rest in the live file."""
    trail = Trail(folder / "logs" / "app_json.log", key)
    trail.log(range(1, n_events + 1), per_file=PER_FILE)
    for path in trail.files[:-1:2]:
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    return trail


def copy_trail(folder: Path, key: bytes | None = None) -> Trail:
    """Return a copy of one trail that is made once; all copies are the same chain."""
    logs = folder / "logs"
    logs.mkdir()
    for name, content in _contents(key).items():
        (logs / name).write_bytes(content)
    return Trail(logs / "app_json.log", key)


@lru_cache
def _contents(key: bytes | None) -> dict[str, bytes]:
    with TemporaryDirectory() as folder:
        return {path.name: path.read_bytes() for path in make_trail(Path(folder), key).path.parent.iterdir()}


def seal_anew(lines: Sequence[bytes], key: bytes | None) -> list[bytes]:
    """Seal lines one over the other, the first one over its own ``prev``."""
    seal = read_seal(lines[0].rstrip())
    assert seal is not None
    head = Head(seal.id, seal.seq - 1, seal.prev)
    sealed = []
    for line in lines:
        bare = line[: line.rindex(b', "chain"')] + b"}\n"
        line_, mac = seal_line(bare, head, key)
        head = Head(seal.id, head.seq + 1, mac)
        sealed.append(line_)
    return sealed


@contextmanager
def processes() -> Iterator[Start]:
    """Start programs with the arguments given, and kill those that are left over."""
    started: list[Process] = []

    def start(program: str, *arguments: object) -> Process:
        command = [sys.executable, "-W", "error", "-c", program, *map(str, arguments)]
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        started.append(subprocess.Popen(command, encoding="utf-8", env=ENVIRONMENT, **pipes))  # type: ignore[call-overload]
        return started[-1]

    try:
        yield start
    finally:
        for process in started:
            process.kill()
            process.communicate(timeout=60)


def run(program: str, *arguments: object, timeout_s: float = 60) -> str:
    """Run a program to its end, and give what it printed, on stderr too."""
    with processes() as start:
        out, err = start(program, *arguments).communicate(timeout=timeout_s)
    return str(out + err)
