"""A folder of the log folders of many hosts is read as one."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest
from loguru import logger

import sinks
from sevenfold.channels import CHANNELS
from sevenfold.reading.folder import read
from sevenfold.reading.mirrors import hosts_of
from sevenfold.reading.tables import read_table
from tests.support.made_mirror import OWN, make_mirror

pytestmark = pytest.mark.whole  # each makes folders of several hosts


@pytest.fixture
def mirror(tmp_path: Path, own_logger: None) -> Path:  # noqa: ARG001 - in force while it is made
    return make_mirror(tmp_path / "mirror")


def test_a_mirror_is_a_folder_of_log_folders_and_nothing_else(mirror: Path) -> None:
    assert hosts_of(mirror) == ["db.example.org", "web-1", "web-2"]
    assert hosts_of(mirror / "web-1") == []
    assert hosts_of(mirror / "nowhere") == []
    (mirror / "notes").mkdir()
    (mirror / ".hidden").mkdir()
    assert hosts_of(mirror) == ["db.example.org", "web-1", "web-2"]
    (mirror / "predictions.log").touch()  # a log folder that has folders in it
    assert hosts_of(mirror) == []


def test_all_hosts_come_merged_by_time_with_their_names(mirror: Path) -> None:
    events = list(read(mirror, channel="api"))
    assert [event.time for event in events] == sorted(event.time for event in events)
    assert [(event.fields["host"], event.fields["n"]) for event in events][3:] == [
        ("web-2", 1), ("web-1", 1), ("web-2", 2), ("web-1", 2), ("web-2", 3), ("web-1", 3)
    ]  # fmt: skip


def test_an_events_own_host_has_another_name_there(mirror: Path) -> None:
    (event,) = (one for one in read(mirror, host="web-1") if one.fields.get("event.host") == "client-2")
    assert event.fields == {"event.host": "client-2", "n": 2, "host": "web-1"}


@pytest.mark.parametrize("host", ["web-1", ["web-1"], ("web-1", "db.example.org")])
def test_hosts_are_chosen(mirror: Path, host: str | list[str]) -> None:
    wanted = {host} if isinstance(host, str) else set(host)
    assert {event.fields["host"] for event in read(mirror, host=host)} == wanted


def test_a_host_that_isnt_there_is_told(mirror: Path) -> None:
    with pytest.raises(ValueError, match=r"unknown host 'web-3'; known: db\.example\.org, web-1, web-2"):
        read(mirror, host="web-3")
    with pytest.raises(ValueError, match=r"unknown host 'web-3'; known: .* is no mirror"):
        read(mirror / "web-1", host="web-3")


def test_a_table_has_a_column_host(mirror: Path) -> None:
    table = read_table(mirror, channel="audit", fields=["host", "n"])
    assert sorted(zip(table["host"], table["n"], strict=True)) == [
        (host, n) for host in ("web-1", "web-2") for n in (1, 2, 3)
    ]
    chosen = read_table(mirror, channel="audit", host="web-2", where="n>1", fields=["n"])
    assert np.array_equal(chosen["n"], [2, 3])
    assert np.array_equal(read_table(mirror, channel="audit", where=["host=web-1", "n=3"], fields=["n"])["n"], [3])


def test_a_follower_sees_what_comes_of_each_host(mirror: Path) -> None:
    seen: list[tuple[str, int]] = []

    def follow() -> None:
        for event in read(mirror, channel="api", follow=True):
            seen.append((event.fields["host"], event.fields["n"]))
            if event.fields["n"] == 99:
                return

    thread = threading.Thread(target=follow)
    thread.start()
    while len(seen) < 9:
        time.sleep(0.01)
    with sinks.configure(mirror / "web-2", console=None, channels=(*CHANNELS, OWN)):
        logger.bind(channel="api").info("request", n=50)
    with sinks.configure(mirror / "db.example.org", console=None):
        logger.bind(channel="api").info("request", n=99)
    thread.join(20)
    assert not thread.is_alive()
    assert sorted(seen[9:]) == [("db.example.org", 99), ("web-2", 50)]
