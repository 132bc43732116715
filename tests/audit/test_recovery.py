import gzip
from pathlib import Path

import pytest

from sevenfold.audit.recovery import last_id, last_line, last_line_of_all, read_tail
from sevenfold.files.names import Names
from tests.support.audit_files import KEY, OTHER_KEY, make_trail


@pytest.mark.parametrize("name", ["app_json.log", "app_json.log.gz"])
@pytest.mark.parametrize("last", [b"last\n", b"last", b"x" * 700_000 + b"\n", b"x" * 70_000, b"\n", b""])
def test_the_end_of_a_file_has_its_last_line_whole(tmp_path: Path, name: str, last: bytes) -> None:
    path = tmp_path / name
    content = b"".join(b"%050d\n" % number for number in range(5000)) + last
    path.write_bytes(gzip.compress(content, 1) if path.suffix == ".gz" else content)
    tail = read_tail(path)
    assert content.endswith(tail)
    assert tail.splitlines()[-1] == content.splitlines()[-1]
    path.write_bytes(gzip.compress(last, 1) if path.suffix == ".gz" else last)
    assert read_tail(path) == last


def test_the_end_of_what_is_gone_or_broken_is_nothing(tmp_path: Path) -> None:
    path = tmp_path / "app_json.log.gz"
    assert read_tail(path) == b""
    packed = gzip.compress(b"x" * 99)
    for broken in (b"no archive", packed[:-9], packed[:-8] + b"\0" * 8, packed[:12] + b"\xff" * 9 + packed[21:]):
        path.write_bytes(broken)
        assert read_tail(path) == b""


@pytest.mark.parametrize("key", [None, KEY])
def test_the_last_line_is_the_last_that_is_rightly_sealed(tmp_path: Path, key: bytes | None) -> None:
    trail = make_trail(tmp_path, key, 8)
    lines = trail.lines(trail.path)
    for end in (b"", b"text\n", b"\n\n", lines[0][:50], lines[2].replace(b'"seq": 8', b'"seq": 9')):
        found = last_line(b"".join(lines) + end, key)
        assert found
        assert str(found) == str(trail.head())
    assert last_line(b"".join(lines), OTHER_KEY) is None
    assert last_line(b"", key) is None


def test_the_files_are_looked_through_from_the_newest(tmp_path: Path) -> None:
    trail = make_trail(tmp_path, KEY, 18)
    names, head = Names(trail.path), trail.head()
    assert str(last_line_of_all(names, KEY)) == str(head)
    trail.path.write_bytes(b"text\n")
    assert (last_line_of_all(names, KEY) or head).seq == 15
    assert last_line_of_all(names, None) is None
    assert last_id(names) == head.id
    for path in trail.files:
        path.unlink()
    assert (last_line_of_all(names, KEY), last_id(names)) == (None, None)
