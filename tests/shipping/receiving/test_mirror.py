"""A mirror goes on where its collector was killed, and refuses messages that can't belong there."""

import gzip
from pathlib import Path

import pytest

from sevenfold.files.names import Names
from sevenfold.shipping.messages import Piece, Position, Sender, print_of
from sevenfold.shipping.receiving.copies import Copy, Outcome, Refused
from sevenfold.shipping.receiving.mirror import Mirror, mirror_at
from tests.support.systems import unix

SENDER = Sender("web-1", "5a4b", "01")
FIRST, SECOND = "2026-11-23_08-00-00_000000", "2026-11-23_09-00-00_000000"
DATA = b"first line\nsecond line\n"
DONE, OLD, AHEAD = Outcome


def data(content: bytes, offset: int = 0, after: str = "", **more: str) -> Piece:
    return Piece("data", "api.log", Position(after, offset, print_of(content[:offset])), content[offset:], **more)  # type: ignore[arg-type]


def end(stamp: str, size: int, after: str = "") -> Piece:
    return Piece("end", "api.log", Position(after, size), stamp=stamp, mtime=1_700_000_000.0)


@pytest.fixture
def mirror(tmp_path: Path) -> Mirror:
    return Mirror(tmp_path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "web-1" / "api.log"


def apply(mirror: Mirror, *pieces: Piece) -> list[Outcome]:
    return [mirror.apply(SENDER, piece) for piece in pieces]


def test_pieces_are_put_where_they_belong(mirror: Mirror, path: Path) -> None:
    found = apply(mirror, data(DATA[:11]), data(DATA, 11), data(DATA[:11]), data(DATA, 5), data(b"x" * 99, 50))
    assert found == [DONE, DONE, OLD, OLD, AHEAD]
    assert apply(mirror, end(FIRST, len(DATA)), data(b"new\n", after=FIRST), end(FIRST, len(DATA))) == [DONE, DONE, OLD]
    assert apply(mirror, data(b"x\n", after=SECOND)) == [AHEAD]
    rotated = Names(path).at(FIRST)
    assert (rotated.read_bytes(), path.read_bytes()) == (DATA, b"new\n")
    assert rotated.stat().st_mtime == 1_700_000_000.0


def test_a_torn_write_is_gone_on_with(mirror: Mirror, path: Path) -> None:
    apply(mirror, data(DATA[:11]))
    path.write_bytes(DATA[:15])  # the collector was killed in the middle
    assert apply(Mirror(path.parents[1]), data(DATA, 11)) == [DONE]
    assert path.read_bytes() == DATA


def test_what_came_late_to_a_rotated_file_is_there_once_however_often_it_comes(mirror: Mirror, path: Path) -> None:
    def late(content: bytes, offset: int) -> Piece:
        return Piece("late", "api.log", Position("", offset), content, stamp=FIRST)

    apply(mirror, data(DATA), end(FIRST, len(DATA)))
    new = b"late line\nlater line\n"
    apply(mirror, late(new[:10], len(DATA)), late(new[:10], len(DATA)), late(new, len(DATA)))
    assert apply(mirror, late(b"x\n", 99)) == [AHEAD]
    assert Names(path).at(FIRST).read_bytes() == DATA + new


def renamed(mirror: Mirror, path: Path) -> Mirror:
    """Rename a second file, and note it not; return the mirror as the next collector finds it."""
    apply(mirror, data(b"x\n"), end(FIRST, 2), data(DATA, after=FIRST))
    path.rename(Names(path).at(SECOND))
    return Mirror(path.parents[1])


@pytest.mark.parametrize("kind", ["end", "gap"])
def test_a_collector_that_was_killed_behind_a_rename_goes_on(mirror: Mirror, path: Path, kind: str) -> None:
    again = renamed(mirror, path)
    piece = Piece(kind, "api.log", Position(FIRST, len(DATA)), stamp=SECOND)  # type: ignore[arg-type]
    assert apply(again, piece, data(b"new\n", after=SECOND)) == [DONE, DONE]
    assert Names(path).at(SECOND).read_bytes() == DATA


def test_what_came_again_of_a_file_that_is_there_whole_is_dropped(mirror: Mirror, path: Path) -> None:
    again = renamed(mirror, path)
    pieces = data(DATA, after=FIRST), end(SECOND, len(DATA), FIRST), data(b"new\n", after=SECOND)
    assert apply(again, *pieces) == [DONE, DONE, DONE]
    assert Names(path).at(SECOND).read_bytes() == DATA
    assert path.read_bytes() == b"new\n"


def test_a_rotated_file_of_another_content_is_not_written_over(mirror: Mirror, path: Path) -> None:
    apply(mirror, data(DATA))
    Names(path).at(FIRST).write_bytes(b"something else\n")
    with pytest.raises(Refused, match="is there already, and isn't what the host has"):
        apply(mirror, end(FIRST, len(DATA)))
    assert Names(path).at(FIRST).read_bytes() == b"something else\n"


@pytest.mark.parametrize(
    ("piece", "why"),
    [
        (data(b"another line\nsecond line\nthird\n", len(DATA)), "begins otherwise than the file of the host"),
        (data(DATA[:11] + b"another line\nand more\n", 11), "isn't what the host has from byte 11 on"),
        (end(FIRST, 11), "has 23 bytes, and the host's had 11"),
    ],
)
def test_what_differs_from_what_is_there_is_refused(mirror: Mirror, path: Path, piece: Piece, why: str) -> None:
    apply(mirror, data(DATA))
    with pytest.raises(Refused, match=why):
        apply(mirror, piece)
    assert path.read_bytes() == DATA


def test_a_name_is_of_the_folder_that_used_it_first(mirror: Mirror, path: Path) -> None:
    apply(mirror, data(DATA))
    with pytest.raises(Refused, match=r"mirrors folder 5a4b, not 77: give the host another name with --host-name"):
        Mirror(path.parents[1]).apply(Sender("web-1", "77", "02"), data(b"x\n"))
    assert Mirror(path.parents[1]).apply(Sender("web-2", "77", "02"), data(b"x\n")) is DONE


def test_notes_that_somebody_broke_are_told(mirror: Mirror, path: Path) -> None:
    apply(mirror, data(DATA))
    (path.parent / ".host.json").write_text("{", encoding="utf-8")
    with pytest.raises(Refused, match=r"\.host\.json: can't be understood"):
        apply(Mirror(path.parents[1]), data(DATA))
    root = path.parents[2] / "other"
    with mirror_at(root) as (_, first), pytest.raises(BlockingIOError), mirror_at(root):
        pass
    with mirror_at(root) as (_, second):
        assert first == second
    (root / ".mirror.json").write_text("[]", encoding="utf-8")
    with pytest.raises(ValueError, match="can't be understood"), mirror_at(root):
        pass


def test_a_mirror_goes_on_when_its_old_files_are_compressed_or_deleted(mirror: Mirror, path: Path) -> None:
    apply(mirror, data(DATA), end(FIRST, len(DATA)), data(b"x\n", after=FIRST), end(SECOND, 2, FIRST))
    first, second = Names(path).at(FIRST), Names(path).at(SECOND)
    first.unlink()
    second.with_name(f"{second.name}.gz").write_bytes(gzip.compress(second.read_bytes()))
    second.unlink()
    again = Mirror(path.parents[1])
    assert apply(again, data(DATA), end(FIRST, len(DATA)), data(b"x\n", after=FIRST)) == [OLD, OLD, OLD]
    assert apply(again, data(b"y\n", after=SECOND)) == [DONE]


def test_a_mirror_that_another_tool_began_goes_on_behind_its_last_file(path: Path) -> None:
    path.parent.mkdir(parents=True)
    Names(path).at(FIRST).write_bytes(DATA)
    assert Copy(path).position == Position(FIRST)


def test_a_head_comes_with_its_lines_and_alone(mirror: Mirror, path: Path) -> None:
    head = path.with_suffix(".head")
    apply(mirror, data(DATA[:11], head="one\n"), data(DATA, 11))
    assert head.read_bytes() == b"one\n"  # an older one, until the one that fits comes
    apply(mirror, data(DATA, len(DATA), head="three\n"), data(DATA[:11], head="one\n"))
    assert head.read_bytes() == b"three\n"
    assert path.read_bytes() == DATA


@unix("permissions of files")
@pytest.mark.parametrize(("mode", "expected"), [(0o640, 0o640), (0o600, 0o600), (0o777, 0o600), (None, 0o600)])
def test_a_file_has_the_permissions_that_it_may_have(
    mirror: Mirror, path: Path, mode: int | None, expected: int
) -> None:
    apply(mirror, Piece("data", "api.log", data=DATA, mode=mode))
    assert path.stat().st_mode & 0o777 == expected
