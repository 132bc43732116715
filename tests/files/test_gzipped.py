"""Gzip by isal and by the standard library: one format, and the same errors for damaged files."""

import gzip
import importlib
import io
import sys
from collections.abc import Iterator
from functools import partial
from types import ModuleType

import pytest

from sevenfold.files import gzipped

pytestmark = pytest.mark.whole

LINES = b"".join(
    b"2026-11-23T08:36:11.%06dZ | INFO | predictions | n=%d\n" % (n * 7919 % 10**6, n) for n in range(50_000)
)


@pytest.fixture(params=["isal", "zlib"])
def made(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    if request.param == "isal":
        pytest.importorskip("isal")
    else:
        monkeypatch.setitem(sys.modules, "isal", None)
    yield importlib.reload(gzipped)
    monkeypatch.undo()
    importlib.reload(gzipped)


def packed(made: ModuleType) -> bytes:
    raw = io.BytesIO()
    with made.GzipFile("name", "wb", made.LEVEL, raw, mtime=1.0) as stream:
        stream.write(LINES)
    return raw.getvalue()


def test_each_reads_what_the_other_wrote(made: ModuleType) -> None:
    assert gzip.decompress(packed(made)) == LINES
    assert made.GzipFile(fileobj=io.BytesIO(gzip.compress(LINES))).read() == LINES
    assert ("isal" in made.GzipFile.__module__) is (sys.modules["isal"] is not None)


@pytest.mark.parametrize("damage", ["cut", "overwritten", "longer", "of another sum"])
def test_what_is_damaged_is_told_after_what_can_be_read(made: ModuleType, damage: str) -> None:
    whole = gzip.compress(LINES)
    half = len(whole) // 2
    data = {
        "cut": whole[:half],
        "overwritten": whole[:half] + b"\xff" * 64 + whole[half + 64 :],
        "longer": whole + b"junk",
        "of another sum": whole[:-8] + bytes(8),
    }[damage]
    blocks: list[bytes] = []
    with pytest.raises(made.DAMAGED):
        blocks.extend(iter(partial(made.GzipFile(fileobj=io.BytesIO(data)).read, 1 << 12), b""))
    assert len(b"".join(blocks)) > len(LINES) * (0.4 if damage in {"cut", "overwritten"} else 0.98)
