"""Copies made while the original was being written: each file is from another moment."""

import gzip
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sevenfold.audit.seals import Head
from sevenfold.audit.verify import Verdict, verify
from tests.support.audit_files import KEY, PER_FILE, Trail, seal_anew

Contents: TypeAlias = dict[str, bytes]
N_EVENTS = 18


@lru_cache
def history(key: bytes | None) -> tuple[Contents, ...]:
    """Give what is in the folder after each step: an event, a rotation, a compression."""
    states = []
    with TemporaryDirectory() as folder:
        trail = Trail(Path(folder) / "app_json.log", key)
        for number in range(1, N_EVENTS + 1):
            trail.log([number])
            states.append(contents(trail.path.parent))
            if number % PER_FILE == 0:
                rotated = trail.path.rename(trail.path.with_name(f"app_json.2026-11-23_08-36-11_{number:06}.log"))
                states.append(contents(trail.path.parent))
                if number % (2 * PER_FILE) == 0:
                    rotated.with_name(f"{rotated.name}.gz").write_bytes(gzip.compress(rotated.read_bytes()))
                    rotated.unlink()
                    states.append(contents(trail.path.parent))
    return tuple(states)


def contents(folder: Path) -> Contents:
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith(".")}


def copied(states: Sequence[Contents], moments: Iterator[int], *, torn: int = 0) -> Contents:
    """Copy as rsync does: list the folder, then copy one file after the other as it is by then, if it still is."""
    listed = next(moments)
    copy = {}
    for name in sorted(states[listed]):
        listed = min(len(states) - 1, listed + next(moments))
        content = states[listed].get(name)
        if content is not None:
            copy[name] = content[: len(content) - torn] if name == "app_json.log" else content
    return copy


def judge(copy: Mapping[str, bytes], key: bytes | None = None, **options: Any) -> Verdict:
    with TemporaryDirectory() as folder:
        for name, content in copy.items():
            Path(folder, name).write_bytes(content)
        verdict = verify(Path(folder, "app_json.log"), key=key, copy=True, **options)
        return replace(verdict, findings=tuple(replace(one, path=Path(one.path.name)) for one in verdict.findings))


def told(verdict: Verdict) -> list[str]:
    return list(map(str, verdict.findings))


STEPS = st.lists(st.integers(0, 3), min_size=40, max_size=40)


@pytest.mark.whole
@given(st.sampled_from([None, KEY]), st.integers(0, len(history(None)) - 1), STEPS, STEPS, st.integers(0, 300))
def test_whatever_moments_the_files_are_of_nobody_is_accused(
    key: bytes | None, first: int, steps: list[int], later: list[int], torn: int
) -> None:
    states = history(key)
    copy = copied(states, iter([first, *steps]), torn=torn)
    again = min(len(states) - 1, first + sum(steps[:5]))
    for mirror in (copy, copy | copied(states, iter([again, *later]))):
        if set(mirror) == {"channels.json"} or not mirror:
            continue
        verdict = judge(mirror, key)
        assert verdict.proved, told(verdict)
        n_proved = 0 if verdict.head is None else verdict.head.seq
        assert n_proved <= N_EVENTS
        assert verdict.said is None or verdict.said <= N_EVENTS
        if verdict.head is not None:  # the checkpoint is that of the original
            assert judge(states[-1], key, against=verdict.head).proved
    whole = judge(mirror | states[-1], key)  # once nobody writes any more
    assert (whole.proved, whole.said, whole.head and whole.head.seq) == (True, N_EVENTS, N_EVENTS)


@pytest.fixture
def last() -> Contents:
    return dict(history(None)[-1])


def rotated(number: int) -> str:
    return f"app_json.2026-11-23_08-36-11_{number:06}.log"


def test_what_is_not_copied_yet_is_told_and_the_checkpoint_is_that_of_the_line_before(last: Contents) -> None:
    del last[f"{rotated(10)}.gz"]
    verdict = judge(last)
    assert told(verdict) == [f"{rotated(15)}:1: not copied: events 6 to 10"]
    assert (verdict.proved, verdict.said, verdict.n_events) == (True, 18, 13)
    assert verdict.head
    assert verdict.head.seq == 5
    del last[rotated(5)]
    verdict = judge(last)
    assert (told(verdict), verdict.head) == ([f"{rotated(15)}:1: not copied: events 1 to 10"], None)
    verdict = judge(last, start=11)
    assert (told(verdict), verdict.head and verdict.head.seq) == ([], 18)


def test_a_head_that_is_older_newer_or_gone_only_says_how_far_the_original_was(last: Contents) -> None:
    states = history(None)
    for head, said in ((states[3]["app_json.head"], 4), (b"torn", None)):
        verdict = judge(last | {"app_json.head": head})
        assert (told(verdict), verdict.said, verdict.head and verdict.head.seq) == ([], said, 18)
    verdict = judge(states[0] | {"app_json.head": last["app_json.head"]})
    assert (told(verdict), verdict.said, verdict.head and verdict.head.seq) == ([], 18, 1)


def test_a_live_file_that_the_original_has_rotated_since_is_compared_with_that(last: Contents) -> None:
    old = history(None)[2]["app_json.log"]  # events 1 to 3, which are in the first rotated file as well
    verdict = judge(last | {"app_json.log": old})
    assert (told(verdict), verdict.head and verdict.head.seq) == ([], 15)
    lines = old.splitlines(keepends=True)
    forged = [lines[0], *seal_anew([lines[1].replace(b'"n": 2', b'"n": 7'), lines[2]], None)]
    assert told(judge(last | {"app_json.log": b"".join(forged)})) == [
        "app_json.log:3: edited: event 3 isn't the one of the rotated file: it or one before was sealed anew"
    ]
    assert told(judge(last | {"app_json.log": old.replace(b'"n": 2', b'"n": 7')})) == [
        "app_json.log:2: edited: event 2"
    ]
    swapped = b"".join([lines[1], lines[0], lines[2]])
    assert not judge(last | {"app_json.log": swapped}).proved


def edit(content: bytes) -> bytes:
    return content.replace(b'"n": 8', b'"n": 9')


@pytest.mark.parametrize("key", [None, KEY])
def test_what_somebody_did_to_the_lines_of_a_copy_is_found(key: bytes | None) -> None:
    last = dict(history(key)[-1])
    name = f"{rotated(10)}.gz"
    lines = gzip.decompress(last[name]).splitlines(keepends=True)
    for done in (
        [edit(line) for line in lines],
        [*lines[:2], lines[3], lines[2], lines[4]],
        [*lines[:2], lines[0], *lines[2:]],
        [*lines[:2], b'{"text": "no seal"}\n', *lines[2:]],
        [*lines[:2], *seal_anew(list(map(edit, lines[2:])), None)],
    ):
        verdict = judge(last | {name: gzip.compress(b"".join(done))}, key)
        assert not verdict.proved, done
    other = history(None if key else KEY)[-1]
    assert not judge(last | {"app_json.log": other["app_json.log"]}, key).proved


def test_a_checkpoint_that_the_copy_does_not_reach_is_not_proved(last: Contents) -> None:
    checkpoint = judge(last).head
    assert checkpoint
    short = history(None)[3]
    assert told(judge(short, against=checkpoint)) == ["app_json.log: missing: event 18, the one of the checkpoint"]
    assert not judge(short, against=checkpoint).proved
    forged = Head(checkpoint.id, 4, checkpoint.mac)
    assert not judge(short, against=forged).proved
