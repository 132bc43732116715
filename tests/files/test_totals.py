"""A bound for all files of a folder together."""

import contextlib
import gzip
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from loguru import logger

import sinks
from sevenfold.audit.verify import verify
from sevenfold.channels import CHANNELS
from sevenfold.files.archives import Archives
from sevenfold.files.locks import lock
from sevenfold.files.names import Names
from sevenfold.files.opening import open_to_lock
from sevenfold.files.policies import Retention, Rotation
from sevenfold.files.rotating import RotatingFile
from sevenfold.files.totals import Total, parse_total, shared
from tests.support.servers import wait_for

STAMP = "2026-11-23_08-36-%02d_096123"
LINE = b"x" * 99 + b"\n"


@pytest.fixture
def opened() -> Iterator[Callable[..., RotatingFile]]:
    found: list[RotatingFile] = []

    def open_file(path: Path, total: Total, **options: Any) -> RotatingFile:
        found.append(RotatingFile(path, total=total, **options))
        return found[-1]

    yield open_file
    for file in found:
        file.stop()


def size(folder: Path) -> int:
    total = 0
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):  # compressed or deleted meanwhile
            total += 0 if path.suffix == ".lock" else path.stat().st_size
    return total


def test_a_bound_is_a_size_from_a_megabyte_on() -> None:
    assert [parse_total(value) for value in (None, "10 GB", "1 MiB", 2_000_000, 1e6)] == [
        None,
        10**10,
        1_048_576,
        2_000_000,
        1_000_000,
    ]
    for value, hint in (
        ("900 kB", ""),
        (20, ""),
        ("20", ": for a size write '20 B'"),
        ("20 mb", ": loguru reads a small b as bits: write '20 mB'"),
        ("30 days", ""),
        (True, ""),
    ):
        with pytest.raises(ValueError, match="max_total") as caught:
            parse_total(value)
        expected = "max_total must be a size from '1 MB' on, such as '10 GB', or None"
        assert str(caught.value) == f"{expected}; got {value!r}{hint}"


def test_each_file_has_a_part_and_no_more_than_its_own_rotation() -> None:
    a, b = Path("a.log"), Path("b.log")
    assert shared(10**6, {a: Rotation(), b: Rotation(10**9)}).limits == {a: 62_500, b: 62_500}
    assert shared(10**9, {a: Rotation(10**7), b: Rotation()}).limits == {a: 10**7, b: 62_500_000}


def test_the_oldest_rotated_files_of_all_channels_go_first(tmp_path: Path, opened: Callable[..., RotatingFile]) -> None:
    paths = [tmp_path / "a.log", tmp_path / "b.log"]
    total = shared(100_000, dict.fromkeys(paths, Rotation()))
    for second in range(20):
        path = paths[second % 2 or second > 14]
        path.with_name(f"{path.stem}.{STAMP % second}.log{'.gz' if second % 3 else ''}").write_bytes(b"x" * 10_000)
    stranger = tmp_path / f"c.{STAMP % 0}.log"
    stranger.write_bytes(b"x" * 10_000)
    file = opened(paths[0], total)
    for _ in range(63):
        file.append(LINE)
    kept = [STAMP % second for second in range(14, 20)]
    # Windows lists a deleted file until the thread that measured it has closed it.
    wait_for(lambda: sorted(one.stamp for path in paths for one in Names(path).rotated())[:-1] == kept)
    assert stranger.exists()


def test_a_file_that_another_is_deleting_counts_as_gone(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    total = shared(100_000, {path: Rotation()})
    for second in range(10):
        path.with_name(f"a.{STAMP % second}.log").write_bytes(b"x" * 10_000)
    oldest, *others = Names(path).rotated()
    theirs = open_to_lock(oldest.path)
    assert lock(theirs, exclusive=True)
    Archives(Names(path), Retention(), compress=False, total=total).make_room()
    assert Names(path).rotated() == [oldest, *others[2:]]
    theirs.close()


def test_a_file_in_use_stays_and_younger_ones_go_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    total = shared(100_000, {path: Rotation()})
    for second in range(10):
        path.with_name(f"a.{STAMP % second}.log").write_bytes(b"x" * 10_000)
    oldest, *others = Names(path).rotated()
    writer = open_to_lock(oldest.path)
    assert lock(writer, exclusive=False)
    assert Archives(Names(path), Retention(), compress=False, total=total).make_room() == 1
    assert Names(path).rotated() == [oldest, *others[3:]]
    writer.close()


def test_a_rotated_file_counts_as_it_grows_and_a_live_one_beyond_its_limit_as_it_is(tmp_path: Path) -> None:
    path, rotated = tmp_path / "a.log", tmp_path / f"a.{STAMP % 1}.log"
    total = Total(100_000, {path: 10_000})
    rotated.write_bytes(b"x" * 30_000)
    assert total.rotated()[0] == 30_000 + 2 * 10_000 - 100_000
    rotated.write_bytes(b"x" * 35_000)  # a writer that still has it open goes on
    assert total.rotated()[0] == 35_000 + 2 * 10_000 - 100_000
    path.write_bytes(b"x" * 50_000)
    assert total.rotated()[0] == 35_000 + 50_000 + 10_000 - 100_000


@pytest.mark.parametrize("compression", [None, "gz"])
def test_the_bound_holds_after_each_line_whatever_the_rotation_says(
    tmp_path: Path, opened: Callable[..., RotatingFile], compression: str | None
) -> None:
    folder = tmp_path / "logs"
    paths = [folder / f"{name}.log" for name in "abc"]
    total = shared(60_000, dict.fromkeys(paths, Rotation()))
    files = [opened(path, total, rotation="00:00", compression=compression) for path in paths]
    for number in range(3_000):
        files[number % 3 if number % 2 else 0].append(LINE)
        assert number % 50 or size(folder) <= 60_000
    assert all(Names(path).rotated() or path.stat().st_size for path in paths)
    if compression is None:
        assert size(folder) > 40_000


def test_a_file_that_a_writer_still_has_open_is_not_deleted(
    tmp_path: Path, opened: Callable[..., RotatingFile]
) -> None:
    path = tmp_path / "a.log"
    total = shared(10_000, {path: Rotation()})
    late, file = opened(path, total), opened(path, total)
    late.append(LINE)
    for _ in range(100):
        file.append(LINE)
    oldest = Names(path).rotated()[0].path
    assert oldest.read_bytes()[:100] == LINE
    late.append(LINE)
    late.follow()
    for _ in range(100):
        file.append(LINE)
    assert not oldest.exists()


@pytest.mark.usefixtures("own_logger")
def test_a_folder_that_has_too_much_is_bounded_at_the_start_and_the_sealed_file_is_not_counted(tmp_path: Path) -> None:
    for number in range(40):
        name = f"predictions.{STAMP % number}.log"
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(b"")[:10] + b"x" * 100_000)
    with sinks.configure(tmp_path, console=None, rotation="10 kB", retention=None):
        for number in range(100):
            logger.bind(channel="audit", number=number, note="x" * 1_000).info("event")
    trail = verify(tmp_path / "app_json.log")
    sinks.configure(tmp_path, console=None, max_total="1 MB", retention=None).close()
    unsealed = sum(path.stat().st_size for path in tmp_path.glob("predictions*"))
    assert 500_000 < unsealed <= 1_000_000
    assert verify(tmp_path / "app_json.log") == trail
    assert trail.n_events == 100


@pytest.mark.usefixtures("own_logger")
def test_a_bound_that_is_none_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="max_total"):
        sinks.configure(tmp_path / "logs", channels=CHANNELS, max_total="some")
    assert list(tmp_path.iterdir()) == []
