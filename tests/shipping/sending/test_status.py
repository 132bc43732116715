"""The files of a folder and the shipper's note say how far its mirror is behind."""

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sevenfold.files.names import Names
from sevenfold.files.shipped.notes import Progress, Shipping
from sevenfold.shipping.sending.status import Behind, as_metrics, behind

STAMPS = [f"2026-11-23_08-0{n}-00_000000" for n in range(4)]


def line(seconds_ago: float, size: int = 100) -> bytes:
    time = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    return f"{time:%Y-%m-%dT%H:%M:%S.%f}Z | INFO     | api | request |".ljust(size - 1).encode() + b"\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Make a log with four rotated files of 1,000 bytes, the odd ones gzipped, and a live one of 300."""
    path = tmp_path / "api.log"
    for n, stamp in enumerate(STAMPS):
        rotated = Names(path).at(stamp)
        data = b"".join(line(100 - n) for _ in range(10))
        if n % 2:
            rotated.with_name(f"{rotated.name}.gz").write_bytes(gzip.compress(data))
        else:
            rotated.write_bytes(data)
    path.write_bytes(line(30) + line(20) + line(10))
    return path


def status(path: Path, **progress: object) -> Behind:
    Shipping("5a4b", "web-1", {path.name: Progress(**progress)}).save(path.parent)  # type: ignore[arg-type]
    (one,) = behind(path.parent)
    return one


@pytest.mark.parametrize(
    ("progress", "n_bytes", "seconds", "n_unmirrored"),
    [
        ({}, 4300, 100, 4300),
        ({"mirrored": STAMPS[:1], "sent": STAMPS[1:2], "offset": 200}, 2100, 98, 3300),
        ({"sent": STAMPS, "offset": 100}, 200, 20, 4300),
        ({"mirrored": STAMPS, "offset": 300, "mirrored_offset": 300}, 0, 0, 0),
        ({"mirrored": STAMPS, "offset": 300, "mirrored_offset": 100}, 0, 0, 200),
    ],
)
def test_what_isnt_shipped_and_what_isnt_mirrored_is_counted(
    path: Path, progress: dict[str, object], n_bytes: int, seconds: float, n_unmirrored: int
) -> None:
    found = status(path, **progress)
    assert (found.host, found.file, found.n_bytes, found.n_unmirrored_bytes) == (
        "web-1",
        "api.log",
        n_bytes,
        n_unmirrored,
    )
    assert found.seconds == pytest.approx(seconds, abs=5)


def test_a_file_that_nobody_has_begun_with_is_behind_whole(path: Path) -> None:
    (path.parent / "errors.log").write_bytes(line(5, 80))
    Shipping("5a4b", "web-1", {"api.log": Progress(mirrored=STAMPS, offset=300)}).save(path.parent)
    assert [(one.file, one.n_bytes) for one in behind(path.parent)] == [("api.log", 0), ("errors.log", 80)]


def test_a_folder_that_nobody_ships_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="isn't shipped: nobody has run sevenfold ship on it"):
        behind(tmp_path)


def test_metrics_escape_names() -> None:
    text = as_metrics([Behind('a"b\\', "api.log", 1, 0.5, 2)])
    assert 'sevenfold_ship_behind_seconds{host="a\\"b\\\\",file="api.log"} 0.5\n' in text
    assert text.count("# TYPE ") == text.count("# HELP ") == 3
