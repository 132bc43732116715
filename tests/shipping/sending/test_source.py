"""A host's files, read and applied to a mirror: whatever happens in between, the mirror equals them."""

import gzip
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sevenfold.files.locks import lock
from sevenfold.files.names import Names
from sevenfold.files.opening import open_to_append
from sevenfold.files.shipped.notes import Progress
from sevenfold.shipping.messages import Piece, Report, Sender
from sevenfold.shipping.receiving.copies import Outcome
from sevenfold.shipping.receiving.mirror import Mirror
from sevenfold.shipping.sending import open_files
from sevenfold.shipping.sending import source as sources
from sevenfold.shipping.sending.source import Source
from tests.support.fleet import contents

SENDER = Sender("web-1", "5a4b", "01")
BEGIN = datetime(2026, 11, 23, 8, tzinfo=UTC)


class Pair:
    """A log file of a host, what ships it, and a mirror."""

    def __init__(self, folder: Path, name: str = "api.log") -> None:
        self.home, self.root = folder / "logs", folder / "mirror"
        self.home.mkdir()
        self.path = self.home / name
        self.progress = Progress()
        self.source = Source(self.path, self.progress)
        self.mirror = Mirror(self.root)
        self.n_rotated = self.n_lines = 0
        self.gaps: list[str] = []
        self.does: dict[str, Callable[[], object]] = {
            "write": partial(self.write, 3),
            "torn": partial(self.write, 3, torn=True),
            "rotate": self.rotate,
            "compress": self.compress,
            "step": self.step,
            "lost": partial(self.step, lost=True),
            "ship": self.ship,
            "restart": self.restart_shipper,
        }

    def write(self, n_lines: int = 1, *, torn: bool = False) -> None:
        with self.path.open("ab") as file:
            for _ in range(n_lines):
                self.n_lines += 1
                file.write(b"line %d %s\n" % (self.n_lines, b"x" * (self.n_lines % 50)))
            file.write(b"torn" if torn else b"")

    def rotate(self) -> Path:
        self.n_rotated += 1
        target = Names(self.path).at(f"{BEGIN + timedelta(minutes=self.n_rotated):%Y-%m-%d_%H-%M-%S_%f}")
        self.path.rename(target)
        return target

    def compress(self) -> None:
        for one in Names(self.path).rotated(plain=True):
            one.path.with_name(f"{one.path.name}.gz").write_bytes(gzip.compress(one.path.read_bytes()))
            one.path.unlink()

    def restart_shipper(self) -> None:
        self.source.close()
        self.source = Source(self.path, self.progress)

    def step(self, *, lost: bool = False) -> Piece | None:
        """Ship a piece, which may be lost."""
        piece = self.source.next()
        if piece is None:
            return None
        self.source.moved(piece)
        if piece.kind == "gap":
            self.gaps.append(piece.why)
        if not lost and self.mirror.apply(SENDER, piece) is Outcome.AHEAD:
            self.source.rewind(self.mirror.report("web-1", piece.file).position)
        return piece

    def ship(self) -> None:
        """Ship all there is, and go back as long as the mirror lacks something."""
        for _ in range(1000):
            if self.step() is None:
                report = self.mirror.report("web-1", self.path.name)
                if not self.source.confirm(report):
                    return
                self.source.rewind(report.position)
        pytest.fail("it never ends")

    def assert_equal(self) -> None:
        home = contents(self.home)
        live = home.get(self.path.name, b"")
        home[self.path.name] = live[: live.rfind(b"\n") + 1]  # what has no end yet isn't shipped
        mirror = contents(self.root / "web-1")
        mirror.setdefault(self.path.name, b"")
        assert mirror == home


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    pair = Pair(tmp_path)
    yield pair
    pair.source.close()


STEPS = st.lists(
    st.sampled_from([
        "write", "write", "torn", "rotate", "compress", "step", "step", "lost", "ship", "restart", "new mirror", "again"
    ]),
    max_size=40,
)  # fmt: skip


@given(STEPS, st.sampled_from([20, 100, 1 << 19]))
def test_whatever_happens_the_mirror_is_what_the_host_has(steps: list[str], chunk: int) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "CHUNK_BYTES", chunk)
        patch.setattr(sources, "PRINT_BYTES", 50)
        patch.setattr("sevenfold.shipping.messages.PRINT_BYTES", 50)
        patch.setattr("sevenfold.shipping.sending.history.PRINT_BYTES", 50)
        patch.setattr("sevenfold.shipping.receiving.copies.PRINT_BYTES", 50)
        pair = Pair(Path(folder))
        for step in steps:
            do(pair, step)
        pair.write()
        pair.ship()
        pair.assert_equal()
        assert pair.gaps == []
        pair.source.close()


def do(pair: Pair, step: str) -> None:
    if step == "again":  # a piece that comes twice
        piece = pair.source.next()
        if piece is not None:
            pair.mirror.apply(SENDER, piece)
    elif step == "new mirror":
        pair.mirror = Mirror(pair.root)
    elif step != "rotate" or pair.path.exists():
        pair.does[step]()


def test_a_file_that_was_deleted_before_it_was_shipped_is_told(pair: Pair) -> None:
    pair.write(5)
    pair.ship()
    first = pair.rotate()
    pair.write(5)
    second = pair.rotate()
    pair.write(1)
    assert pair.source.next() is not None  # it has seen both
    pair.restart_shipper()
    second.unlink()
    pair.ship()
    assert pair.gaps == [f"{second.name[4:-4]}: deleted before it was shipped"]
    pair.assert_equal()
    assert first.exists()


def test_the_beginning_of_a_file_whose_rest_was_deleted_stays(pair: Pair) -> None:
    pair.write(5)
    pair.ship()
    begin = pair.path.read_bytes()
    pair.write(5)
    pair.path.unlink()
    pair.restart_shipper()
    pair.write(2)
    pair.ship()
    assert pair.gaps == ["the rest of a file that was deleted, or cut, before it was shipped"]
    files = contents(pair.root / "web-1")
    assert files.pop("api.log") == pair.path.read_bytes()
    assert list(files.values()) == [begin]


def test_a_file_that_was_cut_begins_anew(pair: Pair) -> None:
    pair.write(5)
    pair.ship()
    begin = pair.path.read_bytes()
    os.truncate(pair.path, 0)
    pair.write(1)
    pair.ship()
    assert len(pair.gaps) == 1
    files = contents(pair.root / "web-1")
    assert files.pop("api.log") == pair.path.read_bytes()
    assert list(files.values()) == [begin]


def test_a_file_that_an_outsider_moved_away_is_read_to_its_end(pair: Pair) -> None:
    pair.write(5)
    pair.ship()
    moved = pair.path.rename(pair.home / "api.log.1")
    with moved.open("ab") as file:
        file.write(b"a line of a writer that hasn't seen it\n")
    pair.write(2)
    pair.ship()
    files = contents(pair.root / "web-1")
    assert files.pop("api.log") == pair.path.read_bytes()
    assert list(files.values()) == [moved.read_bytes()]
    assert pair.gaps == []


def test_what_a_writer_adds_to_a_finished_file_comes_late(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "SETTLED_S", -1.0)
    fd = open_to_append(pair.path)  # a writer that was stopped in mid-call has it open, and goes on later
    os.write(fd, b"first\n")
    pair.ship()
    rotated = pair.rotate()
    pair.write()
    pair.ship()
    assert pair.progress.late == {rotated.name[4:-4]: 6}
    os.write(fd, b"late\n")
    monkeypatch.setattr("sevenfold.shipping.sending.late.LOOK_S", 0.0)
    pair.source._late._next_look_at.clear()
    lost = pair.step(lost=True)
    assert lost is not None
    assert (lost.kind, lost.data) == ("late", b"late\n")
    pair.source._late._next_look_at.clear()
    pair.ship()
    pair.assert_equal()
    fd.close()
    pair.source._late._next_look_at.clear()
    pair.ship()
    assert pair.progress.late == {}


def test_what_a_writer_has_open_isnt_finished_before_it_is_quiet(pair: Pair) -> None:
    fd = open_to_append(pair.path)
    os.write(fd, b"first\n")
    pair.rotate()
    assert [piece.kind for piece in iter(pair.step, None)] == ["data"]
    assert pair.source.is_between
    fd.close()
    assert [piece.kind for piece in iter(pair.step, None)] == ["end"]
    assert not pair.source.is_between


def test_looking_whether_a_file_is_open_leaves_no_lock(pair: Pair) -> None:
    pair.write()
    rotated = pair.rotate()
    assert pair.step() is not None
    with rotated.open("rb") as file:
        assert lock(file.fileno(), exclusive=True)


def test_a_damaged_archive_is_a_gap(pair: Pair) -> None:
    pair.write(3)
    rotated = pair.rotate()
    rotated.with_name(f"{rotated.name}.gz").write_bytes(gzip.compress(rotated.read_bytes())[:-20])
    rotated.unlink()
    pair.write(1)
    pair.ship()
    assert [gap[:9] for gap in pair.gaps] == ["damaged: "]
    assert contents(pair.root / "web-1")["api.log"] == pair.path.read_bytes()


def test_files_named_by_a_wrong_clock_are_shipped_once_it_is_right(pair: Pair) -> None:
    """A clock that was years ahead names a file so; then it is set back, and names go on from there."""
    pair.write(2)
    pair.path.rename(Names(pair.path).at("2077-01-01_00-00-00_000000"))
    pair.write(2)
    pair.ship()
    for _ in range(3):
        pair.rotate()
        pair.write(2)
        pair.ship()
    pair.assert_equal()
    assert pair.gaps == []


def test_a_source_without_its_notes_goes_on_where_the_mirror_is(pair: Pair) -> None:
    for _ in range(3):
        pair.write(5)
        pair.rotate()
    pair.write(5)
    pair.ship()
    pair.progress = Progress()
    pair.restart_shipper()
    pair.source.rewind(pair.mirror.report("web-1", "api.log").position)
    pair.write(1)
    assert [piece.kind for piece in iter(pair.step, None)] == ["data"]
    pair.assert_equal()


def test_a_report_of_an_older_state_moves_nothing(pair: Pair) -> None:
    pair.write(5)
    pair.ship()
    old = pair.mirror.report("web-1", "api.log")
    pair.write(5)
    pair.ship()
    assert pair.source.confirm(old)  # the shipper asks whether anything is on its way before it believes that
    assert not pair.source.confirm(Report("api.log", pair.source.history.position))


def test_a_file_that_is_compressed_while_it_is_looked_for_is_the_same(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair.write(5)
    pair.ship()
    rotated = pair.rotate()
    pair.write(5)

    def opened(path: Path) -> IO[bytes] | None:
        if path == rotated:
            pair.compress()
        return open_files.opened(path)

    monkeypatch.setattr(sources, "opened", opened)
    pair.ship()
    pair.assert_equal()
    assert pair.gaps == []
