"""Files that the mirror doesn't have yet are kept."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sevenfold.files.archives import Archives
from sevenfold.files.names import Names
from sevenfold.files.policies import Retention
from sevenfold.files.shipped.notes import STATE_FILE, Progress, Shipping, read_shipping
from sevenfold.files.totals import Total

BEGIN = datetime(2026, 11, 23, 8, tzinfo=UTC)
STAMPS = [f"{BEGIN + timedelta(minutes=n):%Y-%m-%d_%H-%M-%S_%f}" for n in range(6)]
ONE = Retention(max_count=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "api.log"
    for stamp in STAMPS:
        Names(path).at(stamp).write_bytes(b"x" * 999 + b"\n")
    return path


def note(path: Path, **progress: object) -> None:
    Shipping("5a4b", "web-1", {path.name: Progress(**progress)}).save(path.parent)  # type: ignore[arg-type]


def left(path: Path) -> list[int]:
    return [STAMPS.index(one.stamp) for one in Names(path).rotated()]


def tidy(path: Path, retention: Retention = ONE, total: Total | None = None) -> None:
    Archives(Names(path), retention, compress=False, total=total).tidy()


def test_where_nobody_ships_the_oldest_go(path: Path) -> None:
    tidy(path)
    assert left(path) == [5]


def test_what_the_mirror_hasnt_is_kept_and_told_once(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    note(path, mirrored=STAMPS[:2], sent=STAMPS[2:4])
    archives = Archives(Names(path), ONE, compress=False)
    archives.tidy()
    archives.tidy()
    assert left(path) == [2, 3, 4, 5]
    assert capsys.readouterr().err == (
        f"sevenfold: {path}: 3 rotated files are kept beyond their time, until they are shipped\n"
    )
    note(path, mirrored=STAMPS)
    archives.tidy()
    assert left(path) == [5]


def test_what_a_writer_still_has_open_is_kept(path: Path) -> None:
    note(path, mirrored=STAMPS, late={STAMPS[3]: 10})
    tidy(path)
    assert left(path) == [3, 5]


def test_a_file_of_which_nothing_is_noted_is_kept(path: Path) -> None:
    Shipping("5a4b", "web-1").save(path.parent)
    tidy(path)
    assert left(path) == [0, 1, 2, 3, 4, 5]


def test_a_bound_for_all_takes_what_is_mirrored_first_and_then_gives_way(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    note(path, mirrored=STAMPS[3:5])
    total = Total(3_000, {path: 500})  # room for two of the files
    tidy(path, Retention(), total)
    assert left(path) == [2, 5]
    told = capsys.readouterr().err.splitlines()
    assert told == [
        f"sevenfold: {Names(path).at(stamp)}: deleted before it was shipped: max_total leaves no room for it"
        for stamp in STAMPS[:2]
    ]


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"id": "5a"}', '{"id": "5a", "host": "a", "files": {"api.log": {"x": 1}}}']
)
def test_a_note_that_cant_be_understood_deletes_nothing(
    path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (path.parent / STATE_FILE).write_text(text, encoding="utf-8")
    tidy(path)
    assert left(path) == [0, 1, 2, 3, 4, 5]
    assert "put it back from a copy, or delete it" in capsys.readouterr().err
    with pytest.raises(ValueError, match="can't be understood"):
        read_shipping(path.parent)
