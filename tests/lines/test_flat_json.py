import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sevenfold.lines.flat_json import flat_json, is_flat_json, parse_flat_json, to_flat_json
from sevenfold.lines.grammar import LineError
from sevenfold.lines.parsing import Event
from sevenfold.lines.values import plain
from tests.support.strategies import KEYS, TEXT, VALUES

MOMENT = datetime(2026, 11, 25, 8, 36, 11, 96123, tzinfo=UTC)
OWN = ["time", "level", "channel", "message"]


@given(st.none() | TEXT.map(plain), TEXT.map(plain), st.dictionaries(KEYS.map(plain), VALUES.map(plain), max_size=4))
def test_an_event_is_one_line_of_strict_json_and_comes_back(
    channel: str | None, message: str, fields: dict[str, Any]
) -> None:
    event = Event(MOMENT, "INFO", channel, message, {key: fields[key] for key in fields if key not in OWN})
    line = flat_json(event)
    assert len(line.splitlines()) == 1
    assert is_flat_json(line)
    assert parse_flat_json(line) == event


@pytest.mark.parametrize("key", [*OWN, "exception_stacktrace"])
def test_a_field_that_is_called_as_a_part_of_the_event_is_renamed(key: str) -> None:
    event = Event(MOMENT, "ERROR", "api", "failed", {key: 1, f"extra_{key}": 2}, "Traceback")
    said = json.loads(flat_json(event))
    assert (said[f"extra_extra_{key}"], said[f"extra_{key}"]) == (1, 2)
    assert said["exception_stacktrace"] == "Traceback"
    assert [said[name] for name in OWN] == ["2026-11-25T08:36:11.096123Z", "ERROR", "api", "failed"]


def test_a_traceback_below_a_line_is_a_field() -> None:
    text = "2026-11-25T08:36:11.096123Z | ERROR    | api | failed | status=500\n    Traceback\n      File\n"
    said = json.loads(to_flat_json(text))
    assert said["exception_stacktrace"] == "Traceback\n  File"
    assert parse_flat_json(to_flat_json(text).rstrip("\n")).exception == "Traceback\n  File"


@pytest.mark.parametrize("line", ['{"time":', '{"time":5}', '{"time":"2026"}', '{"time":"today","level":"INFO"}', "[]"])
def test_what_is_no_such_json_is_refused(line: str) -> None:
    with pytest.raises(LineError, match="expected"):
        parse_flat_json(line)
