"""Attacks on audit trails, and which of them the trail alone, the head, the key or only a checkpoint reveals."""

import gzip
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from loguru import logger

import sinks
from sevenfold.audit.chain import Chain
from sevenfold.audit.findings import TORN
from sevenfold.audit.keys import AuditError, make_key
from sevenfold.audit.seals import Head, new_id, seal_line
from sevenfold.audit.snapshot import File
from sevenfold.audit.verify import verify
from sevenfold.files.names import Names
from sevenfold.files.rotating import RotatingFile
from tests.support.audit_files import (
    KEY,
    OTHER_KEY,
    PER_FILE,
    Trail,
    copy_trail,
    event,
    make_trail,
    processes,
    seal_anew,
)

# What make_trail makes: events 1 to 5 in file1 (gzip), to 10 in file2, to 15 in file3 (gzip), to 18 in the live file.
LAST = 18
Attack = Callable[[Trail], object]


@pytest.fixture(params=[None, KEY], ids=["without a key", "with a key"])
def trail(request: pytest.FixtureRequest, tmp_path: Path) -> Trail:
    return copy_trail(tmp_path, request.param)


def change(number: int, do: Callable[[list[bytes]], object]) -> Attack:
    """Change the lines of a file, the first being number 1; do may return others."""

    def attack(trail: Trail) -> None:
        path = trail.files[number - 1]
        lines = trail.lines(path)
        trail.put(path, do(lines) or lines)  # type: ignore[arg-type]

    return attack


def other_digit(found: re.Match[bytes]) -> bytes:
    return b"1" if found[0] == b"0" else b"0"


def replace(number: int, line: int, old: bytes, new: bytes) -> Attack:
    def do(lines: list[bytes]) -> None:
        assert lines[line - 1].count(old) == 1
        lines[line - 1] = lines[line - 1].replace(old, new)

    return change(number, do)


def delete_line(number: int, line: int) -> Attack:
    return change(number, lambda lines: lines[: line - 1] + lines[line:])


def delete_file(*numbers: int) -> Attack:
    def attack(trail: Trail) -> None:
        for path in [trail.files[number - 1] for number in numbers]:
            path.unlink()

    return attack


def insert(number: int, line: int, new: bytes) -> Attack:
    return change(number, lambda lines: lines.insert(line - 1, new))


def copy_line(number: int, line: int, to: int) -> Attack:
    return change(number, lambda lines: lines.insert(to - 1, lines[line - 1]))


def copy_line_across(trail: Trail) -> None:
    first, _, third, _ = trail.files
    lines = trail.lines(third)
    trail.put(third, [*lines[:2], trail.lines(first)[3], *lines[2:]])


def swap_lines(number: int, one: int, other: int) -> Attack:
    def do(lines: list[bytes]) -> None:
        lines[one - 1], lines[other - 1] = lines[other - 1], lines[one - 1]

    return change(number, do)


def swap_lines_across(trail: Trail) -> None:
    """Events 4 and 17."""
    first, live = trail.files[0], trail.files[-1]
    one, other = trail.lines(first), trail.lines(live)
    one[3], other[1] = other[1], one[3]
    trail.put(first, one)
    trail.put(live, other)


def swap_files(trail: Trail) -> None:
    _, second, third, _ = trail.files
    one, other = trail.lines(second), trail.lines(third)
    trail.put(second, other)
    trail.put(third, one)


def truncate(number: int, line: int, n_bytes: int = 90) -> Attack:
    """Cut in the middle of a line."""
    return change(number, lambda lines: [*lines[: line - 1], lines[line - 1][:n_bytes]])


def replay_as_newer(trail: Trail) -> None:
    old = trail.files[0]
    shutil.copy(old, old.with_name(old.name.replace("000005", "000016")))


def replay_over(number: int) -> Attack:
    return lambda trail: trail.put(trail.files[number - 1], trail.lines(trail.files[0]))


def insert_foreign(trail: Trail) -> None:
    line, _ = seal_line(event(9).encode(), Head(new_id(trail.key), 7, "1" * 64), trail.key)
    insert(2, 3, line)(trail)


def insert_sealed_without_key(trail: Trail) -> None:
    head = trail.head()
    line, _ = seal_line(event(9).encode(), Head(head.id, 7, "1" * 64), OTHER_KEY if trail.key else None)
    insert(2, 3, line)(trail)


def insert_huge_number(trail: Trail) -> None:
    line, _ = seal_line(event(9).encode(), Head(trail.head().id, 10**17, "1" * 64), trail.key)
    insert(2, 3, line)(trail)


ATTACKS: dict[str, tuple[Attack, list[str]]] = {
    # Edits
    "edit a byte": (replace(2, 3, b"INFO |", b"INFO !"), ["file2:3: edited: event 8"]),
    "edit a byte of the first line": (replace(1, 1, b"INFO |", b"INFO !"), ["file1:1: edited: event 1"]),
    "edit a byte of the last line": (replace(4, 3, b"INFO |", b"INFO !"), ["live:3: edited: event 18"]),
    "edit a number": (replace(3, 2, b'"n": 12', b'"n": 13'), ["file3:2: edited: event 12"]),
    "edit a line's own number": (replace(2, 3, b'"seq": 8', b'"seq": 9'), ["file2:3: edited: event 8"]),
    "edit a line's own number to a huge one": (
        replace(2, 3, b'"seq": 8', b'"seq": 999999999999999999'),
        ["file2:3: edited: event 8"],
    ),
    "edit the last line's own number": (replace(4, 3, b'"seq": 18', b'"seq": 19'), ["live:3: edited: event 18"]),
    "edit the id of the chain": (
        change(1, lambda lines: [re.sub(rb'(?<="id": "\w\w)\w', other_digit, lines[0]), *lines[1:]]),
        ["file1:1: edited: event 1"],
    ),
    "edit a mac": (
        change(2, lambda lines: [*lines[:2], re.sub(rb'\w(?="\}\}\n$)', other_digit, lines[2]), *lines[3:]]),
        ["file2:3: edited: event 8"],
    ),
    "edit a link": (replace(2, 3, b'"prev": "', b'"prev": "0'), ["file2:3: edited: event 8"]),
    "spoil a seal": (replace(2, 3, b'"chain"', b'"chaim"'), ["file2:3: edited: event 8"]),
    "spoil the seal of the last line": (replace(4, 3, b'"chain"', b'"chaim"'), ["live:3: edited: event 18"]),
    "spoil two seals": (
        lambda trail: [replace(2, line, b'"chain"', b'"chaim"')(trail) for line in (2, 3)],
        ["file2:2-3: edited: events 7 to 8"],
    ),
    "edit three lines": (
        lambda trail: [replace(3, line, b"INFO |", b"INFO !")(trail) for line in (2, 3, 5)],
        ["file3:2-3: edited: events 12 to 13", "file3:5: edited: event 15"],
    ),
    "end a line with a carriage return": (
        change(2, lambda lines: [*lines[:2], lines[2][:-1] + b"\r\n", *lines[3:]]),
        ["file2:3: edited: event 8"],
    ),
    "break a line in two": (
        change(2, lambda lines: [*lines[:2], lines[2][:50] + b"\n" + lines[2][50:], *lines[3:]]),
        [f"file2:3: {TORN}", "file2:4: edited: event 8"],
    ),
    "join two lines": (
        change(2, lambda lines: [*lines[:2], lines[2][:-1] + lines[3], *lines[4:]]),
        ["file2:3: edited: event 9", "file2:3: missing: event 8"],
    ),
    # Deletions
    "delete a line": (delete_line(2, 3), ["file2:3: missing: event 8"]),
    "delete three lines": (
        change(2, lambda lines: [lines[0], lines[4]]),
        ["file2:2: missing: events 7 to 9"],
    ),
    "delete the first line": (delete_line(1, 1), ["file1:1: missing: event 1"]),
    "delete the last line of a rotated file": (delete_line(1, 5), ["file2:1: missing: event 5"]),
    "delete the last line": (delete_line(4, 3), ["live:3: cut: event 18"]),
    "delete the last file": (delete_file(4), ["live: cut: events 16 to 18"]),
    "delete the first file": (delete_file(1), ["file1:1: missing: events 1 to 5"]),
    "delete a middle file": (delete_file(2), ["file2:1: missing: events 6 to 10"]),
    "delete all files": (delete_file(1, 2, 3, 4), ["live: cut: events 1 to 18"]),
    "empty a file": (
        change(2, lambda lines: lines.clear()),
        ["file2: cut: the file is empty", "file3:1: missing: events 6 to 10"],
    ),
    "empty the last file": (change(4, lambda lines: lines.clear()), ["live:1: cut: events 16 to 18"]),
    "truncate in mid-line": (truncate(2, 4), ["file2:4: cut: event 9", "file3:1: missing: event 10"]),
    "truncate the last line": (truncate(4, 3), ["live:3: cut: event 18"]),
    "truncate the last file": (truncate(4, 2), ["live:2-3: cut: events 17 to 18"]),
    # Insertions
    "insert a line without a seal": (insert(2, 3, event(8).encode()), ["file2:3: inserted"]),
    "insert text": (insert(2, 3, b"nothing to see here\n"), ["file2:3: inserted"]),
    "insert text at the end": (insert(4, 4, b"nothing to see here\n"), ["live:4: inserted"]),
    "insert white space": (insert(4, 2, b" \t\n"), ["live:2: inserted"]),
    "insert a line of another chain": (insert_foreign, ["file2:3: inserted: event 8 of another chain"]),
    "insert a number that is too high": (insert_huge_number, [f"file2:3: inserted: event {10**17 + 1}"]),
    "duplicate a line": (copy_line(2, 3, 4), ["file2:4: inserted: event 8 again"]),
    "duplicate a line further down": (copy_line(2, 2, 5), ["file2:5: inserted: event 7 again"]),
    "duplicate a line further up": (copy_line(2, 5, 3), ["file2:3: inserted: event 10 again"]),
    "duplicate a line into another file": (copy_line_across, ["file3:3: inserted: event 4 again"]),
    "duplicate the last line": (copy_line(4, 3, 4), ["live:4: inserted: event 18 again"]),
    # Order
    "swap two lines": (swap_lines(2, 2, 3), ["file2:2: out of order: event 8"]),
    "swap two lines far apart": (
        swap_lines(2, 1, 5),
        ["file2:1: out of order: event 10", "file2:5: out of order: event 6"],
    ),
    "swap the last two lines": (swap_lines(4, 2, 3), ["live:2: out of order: event 18"]),
    "swap lines of two files": (
        swap_lines_across,
        ["file1:4: out of order: event 17", "live:2: out of order: event 4"],
    ),
    "swap two files": (swap_files, ["file3:1-5: out of order: events 6 to 10"]),
    # Several at once
    "edit a line and duplicate the next": (
        change(2, lambda lines: [lines[0].replace(b"INFO |", b"INFO !"), *lines[1:2], *lines[1:]]),
        ["file2:1: edited: event 6", "file2:3: inserted: event 7 again"],
    ),
    "edit a line and duplicate it": (
        change(2, lambda lines: [lines[0], *[lines[1].replace(b"INFO |", b"INFO !")] * 2, *lines[2:]]),
        ["file2:2: edited: event 7", "file2:3: edited: event 7"],
    ),
    "delete lines and duplicate an earlier one behind": (
        change(2, lambda lines: [lines[0], lines[3], lines[0], lines[4]]),
        ["file2:2: missing: events 7 to 8", "file2:3: inserted: event 6 again"],
    ),
    "insert text and delete a line further down": (
        lambda trail: (insert(1, 2, b"text\n")(trail), delete_line(1, 5)(trail)),
        ["file1:2: inserted", "file1:5: missing: event 4"],
    ),
    "move a line down and duplicate it": (
        change(2, lambda lines: [lines[0], *lines[2:4], lines[1], lines[1], lines[4]]),
        ["file2:4: out of order: event 7", "file2:5: inserted: event 7 again"],
    ),
    # Replays
    "replay an old file": (replay_as_newer, ["file4:1-5: inserted: events 1 to 5 again"]),
    "replay an old file over another": (
        replay_over(3),
        ["file3:1-5: inserted: events 1 to 5 again", "live:1: missing: events 11 to 15"],
    ),
    "replay an old file over the last": (
        replay_over(4),
        ["live:1-5: inserted: events 1 to 5 again", "live:6: cut: events 16 to 18"],
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_found_in_its_file_and_line(trail: Trail, attack: str) -> None:
    checkpoint = trail.head()
    do, expected = ATTACKS[attack]
    do(trail)
    assert trail.findings() == expected
    assert not trail.verify().proved
    assert not trail.verify(checkpoint).proved


def test_an_untouched_trail_has_no_finding(trail: Trail) -> None:
    verdict = trail.verify()
    assert (verdict.findings, verdict.n_events, verdict.n_files, verdict.proved) == ((), LAST, 4, True)
    assert str(verdict.head) == str(trail.head())
    assert trail.findings(against=trail.head(), start=1) == []


def test_the_path_may_be_a_text(tmp_path: Path) -> None:
    make_key(f"{tmp_path}/audit.key")
    with sinks.configure(tmp_path / "logs", console=None, audit_key=f"{tmp_path}/audit.key"):
        logger.bind(channel="audit").info("promoted")
    key = Path(tmp_path, "audit.key").read_bytes()
    assert verify(f"{tmp_path}/logs/app_json.log", key=key).proved


def test_a_line_that_somebody_without_the_key_sealed_is_found(trail: Trail) -> None:
    insert_sealed_without_key(trail)
    assert trail.findings() == ["file2:3: inserted: event 8"]


# Rewriting, which without a key anybody can


def rewrite_from(trail: Trail, event_number: int, key: bytes | None) -> None:
    """Edit an event and seal it and all that follow anew."""
    lines = trail.all_lines()
    i = event_number - 1
    lines[i] = lines[i].replace(b"INFO |", b"INFO !")
    lines[i:] = seal_anew(lines[i:], key)
    for path in trail.files:
        n_lines = len(trail.lines(path))
        trail.put(path, lines[:n_lines])
        del lines[:n_lines]


def forge_head(trail: Trail, key: bytes | None) -> None:
    """Write the head that goes with the last line."""
    last = trail.lines(trail.files[-1])[-1]
    found = re.search(rb'"id": "(\w+)", "seq": (\d+), "prev": "\w+", "mac": "(\w+)"\}\}\n$', last)
    assert found
    head = Head(found[1].decode(), int(found[2]), found[3].decode(), 1, 1)
    trail.head_path.write_bytes(head.to_bytes(key))


def test_a_line_that_was_sealed_anew_is_found_by_the_next(tmp_path: Path) -> None:
    trail = make_trail(tmp_path)
    change(2, lambda lines: [*lines[:2], *seal_anew([lines[2].replace(b"INFO", b"WARN")], None), *lines[3:]])(trail)
    assert trail.findings() == ["file2:3: edited: event 8, and sealed anew"]


def test_a_rewritten_end_is_found_by_the_head(tmp_path: Path) -> None:
    trail = make_trail(tmp_path)
    rewrite_from(trail, 8, None)
    assert trail.findings() == [
        "live:3: edited: event 18 isn't the one of the head: it or one before was sealed anew",
    ]


def test_a_rewritten_end_with_its_head_is_found_by_a_checkpoint_only(tmp_path: Path) -> None:
    trail = make_trail(tmp_path)
    early, late = Head(trail.head().id, 7, mac_of_event(trail, 7)), trail.head()
    rewrite_from(trail, 8, None)
    forge_head(trail, None)
    assert trail.verify().proved
    assert trail.findings(against=early) == []  # what it witnesses is still so
    expected = ["live:3: edited: event 18 isn't the one of the checkpoint: it or one before was sealed anew"]
    assert trail.findings(against=late) == expected


def test_a_rewritten_end_is_found_by_the_key(tmp_path: Path) -> None:
    trail = make_trail(tmp_path, KEY)
    rewrite_from(trail, 8, OTHER_KEY)
    expected = ["file2:3-5: edited: events 8 to 10", "file3:1-5: edited: events 11 to 15"]
    expected += ["live:1-3: edited: events 16 to 18"]
    marks = [*expected, "live:3: edited: event 18 isn't the one of the head: it or one before was sealed anew"]
    assert trail.findings() == marks
    forge_head(trail, OTHER_KEY)
    assert trail.findings() == [
        *expected,
        "live: head: it is missing, damaged or forged: a cut tail can't be excluded",
    ]


def test_a_whole_chain_of_somebody_elses_isnt_taken_for_ours(tmp_path: Path) -> None:
    trail = make_trail(tmp_path / "theirs")
    ours = make_trail(tmp_path / "ours", KEY)
    forged = Trail(trail.path, KEY)
    expected = "live: edited: all 18 events, or they were sealed with another key or without one"
    assert forged.findings() == [expected]
    assert not forged.verify(against=ours.head()).proved
    other = make_trail(tmp_path / "other")
    assert trail.findings(against=other.head()) == [
        f"live: edited: the chain isn't the one of the checkpoint, {other.head().id}"
    ]


def mac_of_event(trail: Trail, number: int) -> str:
    found = re.search(rb'"mac": "(\w{64})"\}\}\n$', trail.all_lines()[number - 1])
    assert found
    return found[1].decode()


# The head


def test_an_older_head_is_found(trail: Trail) -> None:
    trail.log([19])
    old = trail.head_path.read_bytes()
    trail.log([20, 21])
    trail.head_path.write_bytes(old)
    assert trail.findings() == ["live: head: it is an older one, of event 19"]


def test_a_head_that_is_gone_damaged_or_of_another_chain_is_found(trail: Trail, tmp_path: Path) -> None:
    lost = ["live: head: it is missing, damaged or forged: a cut tail can't be excluded"]
    content = trail.head_path.read_bytes()
    for damaged in (b"", content[:100], content.replace(b" ", b"\t", 1), b"\0" * len(content)):
        trail.head_path.write_bytes(damaged)
        assert trail.findings() == lost
    trail.head_path.unlink()
    assert trail.findings() == lost
    other = make_trail(tmp_path / "other", trail.key)
    shutil.copy(other.head_path, trail.head_path)
    assert trail.findings() == ["live: head: it is of another chain"]


def test_a_tail_that_is_cut_together_with_the_head_isnt_proved(trail: Trail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sevenfold.audit.chain.GRACE_S", 0.0)
    delete_line(4, 3)(trail)
    trail.head_path.unlink()
    assert not trail.verify().proved
    trail.log([19])  # a writer goes on, and keeps a trace of it
    note = "event 18 was left out, since the head was lost: what was cut then can't be told"
    assert trail.findings() == [f"live:3: head: {note}"]
    assert trail.findings(start=19) == []


def test_a_tail_that_is_cut_with_a_forged_head_is_found_by_the_key_or_a_checkpoint(trail: Trail) -> None:
    checkpoint = trail.head()
    delete_line(4, 3)(trail)
    forge_head(trail, None)
    if trail.key:
        assert trail.findings() == ["live: head: it is missing, damaged or forged: a cut tail can't be excluded"]
    else:
        assert trail.findings() == []
    assert "live: missing: event 18, the one of the checkpoint" in trail.findings(against=checkpoint)


def test_a_folder_restored_from_an_old_copy_is_found_by_a_checkpoint_only(trail: Trail, tmp_path: Path) -> None:
    shutil.copytree(trail.path.parent, tmp_path / "copy")
    trail.log([19, 20], per_file=PER_FILE)
    checkpoint = trail.head()
    shutil.rmtree(trail.path.parent)
    shutil.move(tmp_path / "copy", trail.path.parent)
    assert trail.findings() == []
    assert trail.findings(against=checkpoint) == ["live: missing: event 20, the one of the checkpoint"]


# What is no attack


def test_what_was_removed_on_purpose_is_allowed_for(trail: Trail) -> None:
    delete_file(1)(trail)
    assert trail.findings(start=6) == []
    assert trail.findings(start=5) == ["file1:1: missing: event 5"]
    assert trail.findings(start=18) == []
    assert trail.findings(start=19) == ["live: missing: event 19, the first that must be there: the last is 18"]
    replace(1, 2, b"INFO |", b"INFO !")(trail)
    assert trail.findings(start=6) == ["file1:2: edited: event 7"]


def test_a_wrong_key_is_one_finding(tmp_path: Path) -> None:
    trail = Trail(make_trail(tmp_path, KEY).path, OTHER_KEY)
    expected = "edited: all 18 events, or they were sealed with another key or without one"
    assert trail.findings() == [f"live: {expected}"]


def test_no_key_for_a_chain_that_needs_one_is_an_error_with_or_without_its_head(tmp_path: Path) -> None:
    trail = make_trail(tmp_path, KEY)
    for _ in range(2):
        with pytest.raises(ValueError, match=r"\.gz: the chain is sealed with a key; give --key PATH$"):
            verify(trail.path)
        trail.head_path.unlink(missing_ok=True)


def test_no_audit_file_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"app_json\.log: no audit file$"):
        verify(tmp_path / "app_json.log")


def test_a_chain_without_an_event_is_proved(tmp_path: Path) -> None:
    Chain(RotatingFile(tmp_path / "app_json.log")).close()
    verdict = verify(tmp_path / "app_json.log")
    assert (verdict.findings, verdict.n_events, verdict.n_files) == ((), 0, 1)
    assert verdict.head
    assert verdict.head.seq == 0
    assert verify(tmp_path / "app_json.log", against=verdict.head).proved


def test_empty_lines_are_nothing(trail: Trail) -> None:
    insert(2, 3, b"\n\n")(trail)
    assert trail.findings() == []


def test_a_broken_archive_is_found(trail: Trail) -> None:
    first = trail.files[0]
    first.write_bytes(first.read_bytes()[:-30])
    found = trail.findings()
    assert re.fullmatch(r"file1:\d: damaged: .+", found[0])
    assert re.fullmatch(r"file2:1: missing: events? \d( to \d)?", found[1])
    first.write_bytes(b"no archive")
    assert trail.findings() == [
        "file1:1: damaged: Not a gzipped file (b'no')",
        "file2:1: missing: events 1 to 5",
    ]
    first.write_bytes(gzip.compress(b"")[:-4] + b"\1\0\0\0")
    assert trail.findings()[0] == "file1:1: damaged: Incorrect length of data produced"


def test_progress_counts_every_line(tmp_path: Path) -> None:
    path = tmp_path / "app_json.log"
    chain = Chain(RotatingFile(path))
    for number in range(2345):
        chain.append(event(number).encode())
    chain.close()
    told: list[int] = []
    verify(path, progress=told.append)
    assert (sum(told), len(told)) == (2345, 3)


# The moment of a verification


def test_what_is_written_and_rotated_and_compressed_meanwhile_changes_nothing(trail: Trail) -> None:
    done = False

    def go_on(_: int) -> None:
        nonlocal done
        if not done:
            done = True
            trail.log(range(19, 32), per_file=PER_FILE)
            plain = trail.files[1]
            plain.with_name(f"{plain.name}.gz").write_bytes(gzip.compress(plain.read_bytes()))
            plain.unlink()

    verdict = verify(trail.path, key=trail.key, progress=go_on)
    assert (verdict.findings, verdict.n_events, done) == ((), LAST, True)
    assert trail.findings() == []


def test_a_file_that_is_there_twice_for_a_moment_is_read_once(trail: Trail) -> None:
    plain = trail.files[1]
    for archive in (gzip.compress(plain.read_bytes()), b"no archive"):  # the one that isn't compressed counts
        plain.with_name(f"{plain.name}.gz").write_bytes(archive)
        verdict = trail.verify()
        assert (verdict.findings, verdict.n_files) == ((), 4)


def test_of_the_live_file_no_more_is_read_than_the_snapshot_holds(tmp_path: Path) -> None:
    path = tmp_path / "app_json.log"
    path.write_bytes(b"one\ntwo\nthree\n")
    for size, lines in {0: [], 4: [b"one\n"], 6: [b"one\n", b"tw"], 99: [b"one\n", b"two\n", b"three\n"]}.items():
        with path.open("rb") as stream:
            assert list(File(path, stream, size).lines()) == lines


def test_a_file_that_hides_from_one_listing_is_found_by_the_next(trail: Trail, monkeypatch: pytest.MonkeyPatch) -> None:
    listings = iter([[0, 2], [0, 1, 2]])
    there = Names(trail.path).rotated()
    monkeypatch.setattr(Names, "rotated", lambda _: [there[i] for i in next(listings)])
    assert trail.verify().findings == ()


WRITER = """
import itertools, sys, time
from pathlib import Path
from sevenfold.audit.chain import Chain
from sevenfold.files.rotating import RotatingFile
from tests.support.audit_files import event
path = Path(sys.argv[1])
file = RotatingFile(path, rotation=10_000, compression="gz")
chain = Chain(file)
print("ready", flush=True)
numbers = itertools.count()
while not path.with_name("enough").exists():
    chain.append(event(next(numbers), "x" * 30).encode())
    time.sleep(0.001)
chain.close()
file.stop()
print(next(numbers))
"""


@pytest.mark.whole
def test_while_four_writers_are_at_work_there_is_no_finding(tmp_path: Path) -> None:
    path = tmp_path / "app_json.log"
    counts: list[int] = []
    with processes() as start:
        writers = [start(WRITER, path) for _ in range(4)]
        for writer in writers:
            assert writer.stdout
            assert writer.stdout.readline() == "ready\n"
        while len(set(counts)) < 5 or counts[-1] < 800:
            verdict = verify(path)
            assert verdict.findings == ()
            counts.append(verdict.n_events)
        path.with_name("enough").touch()
        told = [writer.communicate(timeout=60) for writer in writers]
    waits = f"sevenfold: {path.with_suffix('.head')}: locked by another process: waiting for it, "
    lines = [line for _, err in told for line in err.splitlines()]
    # On Windows whoever asks again comes late: there a writer may wait for more than a second, and says so.
    assert [line for line in lines if sys.platform != "win32" or not line.startswith(waits)] == []
    assert counts == sorted(counts)
    verdict = verify(path)
    assert (verdict.findings, verdict.n_events) == ((), sum(int(out) for out, _ in told))
    assert verdict.n_files > 10


# Lines without an end


def test_a_line_that_is_too_long_is_told_and_passed_over(trail: Trail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sevenfold.audit.snapshot.LONGEST_LINE", 2_000)
    path, last = trail.files[1], trail.files[-1]
    lines = trail.lines(path)
    trail.put(path, [*lines[:2], b"x" * 5_000 + b"\n", *lines[2:]])
    trail.put(last, [*trail.lines(last), b"y" * 5_000])
    assert trail.findings() == [
        "file2:3: inserted: a line of more than 64000000 bytes",
        "live:4: inserted: a line of more than 64000000 bytes",
    ]
    trail.put(path, [*lines[:2], b"x" * 5_000 + b"\n", *lines[3:]])
    assert trail.findings()[0] == "file2:3: edited: event 8, a line of more than 64000000 bytes"


def test_an_event_that_could_not_be_verified_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sevenfold.audit.chain.LONGEST_LINE", 1_000)
    trail = Trail(tmp_path / "app_json.log")
    trail.log([1])
    with pytest.raises(AuditError, match=r"app_json\.log: an event of \d+ bytes is too long: 1000 at most$"):
        trail.log([2], note="x" * 1_000)
    trail.log([3])
    assert (trail.verify().proved, trail.head().seq) == (True, 2)
