import os
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sevenfold.files.names import Names, Rotated, log_of
from tests.support.strategies import FEW

STAMP = "2026-11-23_08-36-11_096123"
MOMENT = datetime(2026, 11, 23, 8, 36, 11, 96123, tzinfo=UTC)
MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2026, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - see timezones


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "predictions.log"


def test_a_rotated_file_is_named_by_the_time_in_utc(path: Path) -> None:
    names = Names(path)
    assert names.next(MOMENT) == path.with_name(f"predictions.{STAMP}.log")
    assert names.lock == path.with_name(".predictions.lock")


def test_rotated_files_are_listed_oldest_first_and_neighbours_are_not(path: Path) -> None:
    later = "2026-11-23_08-36-11_096124"
    mine = [f"predictions.{STAMP}.log", f"predictions.{STAMP}.log.gz", f"predictions.{later}.log.gz"]
    others = ["predictions.log", "predictions.errors.log", "predictions.2026.log", f"predictions.errors.{STAMP}.log"]
    others += [f"predictions.{STAMP}.txt", f"predictions.{STAMP}.log.zip", f"predictions.{STAMP}.log.gz.tmp"]
    others += [f".predictions.{STAMP}.log.gz.tmp", f"my-predictions.{STAMP}.log", f"predictions-{STAMP}.log"]
    others += [f"predictions.{STAMP}1.log", "predictions.1.log", f"predictions.{STAMP}_log"]
    path.parent.mkdir()
    for name in [*others, *mine[::-1]]:
        path.with_name(name).touch()
    path.with_name(f"predictions.{later}.log").symlink_to(path)
    path.with_name("predictions.2026-11-23_08-36-11_096125.log").mkdir()
    first, packed, last = (path.with_name(name) for name in mine)
    found = Names(path).rotated()
    assert found == [Rotated(STAMP, False, first), Rotated(STAMP, True, packed), Rotated(later, True, last)]
    assert found[0].time == MOMENT


def test_a_name_whose_numbers_are_no_time_is_nobodys(path: Path) -> None:
    path.parent.mkdir()
    for stamp in ("2026-99-23_08-36-11_096123", "0000-11-23_08-36-11_096123", "2026-11-23_08-61-11_096123"):
        path.with_name(f"predictions.{stamp}.log").touch()
        assert log_of(f"predictions.{stamp}.log") is None
    assert (Names(path).rotated(), Names(path).snapshot(), Names(path).last_stamp()) == ([], [], "")


@pytest.mark.parametrize("stamp", ["9999-12-31_23-59-59_999999", "2936-01-01_00-00-00_000000"])
def test_a_name_far_ahead_of_the_clock_is_ordered_by_its_last_change_and_no_last_one(path: Path, stamp: str) -> None:
    path.parent.mkdir()
    odd, first, later = (path.with_name(f"predictions.{one}.log") for one in (stamp, STAMP, f"{STAMP[:-1]}4"))
    for file in (odd, first, later):
        file.touch()
    for seconds, order in ((-1, [odd, first, later]), (1, [first, later, odd])):
        os.utime(odd, (0, MOMENT.timestamp() + seconds))
        names = Names(path)
        assert [one.path for one in names.rotated()] == order
        assert names.last_stamp() == f"{STAMP[:-1]}4"
        assert names.next(MOMENT) == path.with_name(f"predictions.{STAMP[:-1]}5.log")
    os.utime(odd, (2**33, 2**33))
    assert [one.path for one in names.rotated()] == [odd, first, later]
    assert names.rotated()[0].time <= datetime.now(UTC)


def test_a_folder_that_is_not_there_has_no_rotated_files(path: Path) -> None:
    assert Names(path).rotated() == []


@FEW
@given(st.lists(MOMENTS, min_size=2, max_size=8), st.booleans())
def test_names_never_collide_whatever_the_clock_does(
    tmp_path_factory: pytest.TempPathFactory, moments: list[datetime], compressed: bool
) -> None:
    assert len(set(named(tmp_path_factory.mktemp("names"), moments, compressed))) == len(moments)


@FEW
@given(MOMENTS, st.lists(st.timedeltas(timedelta(0), timedelta(hours=23)), min_size=2, max_size=8), st.booleans())
def test_names_sort_in_the_order_of_rotation_where_the_clock_is_set_back_by_less_than_a_day(
    tmp_path_factory: pytest.TempPathFactory, begin: datetime, later: list[timedelta], compressed: bool
) -> None:
    made = named(tmp_path_factory.mktemp("names"), [begin + one for one in later], compressed)
    assert made == sorted(set(made))


def named(folder: Path, moments: list[datetime], compressed: bool) -> list[Path]:
    """Name a file at each of these moments, and make it."""
    names = Names(folder / "predictions.log")
    made = []
    for moment in moments:
        made.append(names.next(moment))
        made[-1].with_name(made[-1].name + ".gz" * compressed).touch()
    return made


def test_one_thread_at_a_time_lists_a_folder_gently(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_work: list[int] = []
    highest = 0

    def rest(_seconds: float) -> None:
        nonlocal highest
        at_work.append(1)
        highest = max(highest, len(at_work))
        threading.Event().wait(0.01)
        at_work.pop()

    (tmp_path / f"app.{STAMP}.log").touch()
    monkeypatch.setattr("sevenfold.files.names.time", SimpleNamespace(sleep=rest))
    with ThreadPoolExecutor(4) as pool:
        listed = list(pool.map(lambda _: Names(tmp_path / "app.log").rotated(gently=True), range(4)))
    assert ([len(one) for one in listed], highest) == ([1] * 4, 1)
