"""channels.json lists the channels of a log folder."""

import json
import multiprocessing
import os
import stat
import sys
from pathlib import Path

import pytest

from sevenfold.channels import CHANNELS, Channel
from sevenfold.files.channel_list import list_channels, listed_channels, log_files

ERRORS = Channel("errors", "errors.log", collects_errors=True)


def test_a_folder_lists_its_channels_with_what_is_special_about_them(tmp_path: Path) -> None:
    list_channels(tmp_path, CHANNELS)
    items = json.loads((tmp_path / "channels.json").read_text(encoding="utf-8"))
    assert items[0] == {
        "name": "training",
        "file": "ml_pipeline.log",
        "serialized": False,
        "sealed": False,
        "collects_errors": False,
    }
    assert [(item["name"], item["file"]) for item in items] == [(one.name, one.file) for one in CHANNELS]
    assert [item["name"] for item in items if item["sealed"]] == ["audit"]
    assert [item["name"] for item in items if item["collects_errors"]] == ["errors"]
    assert [one.file for one in listed_channels(tmp_path)] == [one.file for one in CHANNELS]


def test_a_folder_without_a_list_has_the_usual_channels(tmp_path: Path) -> None:
    assert listed_channels(tmp_path) == CHANNELS


def test_channels_of_earlier_tables_stay_and_one_of_the_same_file_is_replaced(tmp_path: Path) -> None:
    list_channels(tmp_path, (ERRORS, Channel("a", "a.log"), Channel("b", "b.log")))
    list_channels(tmp_path, (ERRORS, Channel("c", "B.log", serialize=True)))
    assert [(one.name, one.file, one.serialize) for one in listed_channels(tmp_path)] == [
        ("errors", "errors.log", False),
        ("a", "a.log", False),
        ("c", "B.log", True),
    ]


def test_a_list_that_says_all_already_is_not_touched(tmp_path: Path) -> None:
    list_channels(tmp_path, CHANNELS)
    before = (tmp_path / "channels.json").stat()
    list_channels(tmp_path, CHANNELS[:3])
    assert (tmp_path / "channels.json").stat() == before


@pytest.mark.skipif(sys.platform == "win32", reason="modes are those of POSIX")
def test_a_list_is_its_owners_alone(tmp_path: Path) -> None:
    list_channels(tmp_path, CHANNELS)
    assert stat.S_IMODE((tmp_path / "channels.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[{"name": "a"}]', "not json", "[[]]", '{"channels": []}', "\xff"])
def test_a_file_of_somebody_else_is_told_of_and_left_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    path = tmp_path / "channels.json"
    path.write_bytes(text.encode("latin-1"))
    list_channels(tmp_path, CHANNELS)
    assert path.read_bytes() == text.encode("latin-1")
    assert listed_channels(tmp_path) == CHANNELS
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2
    assert told[0].startswith(f"sevenfold: {path}: left as it is: ")
    assert told[1].startswith(f"sevenfold: {path}: passed over: ")


def test_a_file_that_a_list_names_cannot_lie_elsewhere(tmp_path: Path) -> None:
    item = {"name": "x", "file": "../x.log", "serialized": False, "sealed": False, "collects_errors": False}
    (tmp_path / "channels.json").write_text(json.dumps([item]), encoding="utf-8")
    assert listed_channels(tmp_path) == CHANNELS


@pytest.mark.skipif(os.geteuid() == 0 if hasattr(os, "geteuid") else True, reason="root may write anywhere")
def test_a_list_that_cannot_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tmp_path.chmod(0o500)
    list_channels(tmp_path, CHANNELS)
    tmp_path.chmod(0o700)
    assert "channels.json: left as it is: PermissionError" in capsys.readouterr().err


def add(folder: Path, name: str) -> None:
    list_channels(folder, (ERRORS, Channel(name, f"{name}.log")))


@pytest.mark.whole
def test_processes_that_add_at_once_lose_none(tmp_path: Path) -> None:
    names = [f"channel{number}" for number in range(12)]
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        pool.starmap(add, [(tmp_path, name) for name in names], chunksize=1)
    assert {one.name for one in listed_channels(tmp_path)} == {"errors", *names}
    assert sorted(path.name for path in tmp_path.iterdir()) == [".channels.lock", "channels.json"]


def test_log_files_are_found_in_one_listing_however_many_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(300):
        (tmp_path / f"name{number}.2026-11-25_10-00-00_000000.log{'.gz' * (number % 2)}").touch()
    (tmp_path / "live.log").touch()
    listings, scandir = [], os.scandir

    def count(folder: Path) -> object:
        listings.append(folder)
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", count)
    assert log_files(tmp_path) == sorted([*(tmp_path / f"name{n}.log" for n in range(300)), tmp_path / "live.log"])
    assert len(listings) == 1
