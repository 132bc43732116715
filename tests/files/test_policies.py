import re
import time as clock
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from loguru import _string_parsers as taught

from sevenfold.files.policies import (
    At,
    Begin,
    Every,
    Retention,
    Rotation,
    parse_compression,
    parse_retention,
    parse_rotation,
)

DAY_S = 86_400
SIZES = {
    1: 1,
    2_500.9: 2_500,
    "1 B": 1,
    Decimal(8): 8,
    np.int64(9): 9,
    "500B": 500,
    "64b": 8,
    "8e-6MB": 8,
    "0.008 kiB": 8,
    ".5 KB": 500,
    "10 MB": 10_000_000,
    "10 mB": 10_000_000,
    "10 mb": 1_250_000,
    " 1.5 kB ": 1_500,
    "1 KiB": 1_024,
    "2 MiB": 2_097_152,
    "1 GB": 10**9,
    "1 TiB": 2**40,
    "1 EB": 10**18,
}
SPANS = {
    "1 day": DAY_S,
    "2 days": 2 * DAY_S,
    "1 h 30 min": 5_400,
    "1 hour, 30 minutes": 5_400,
    "10s": 10,
    "0.5 sec": 0.5,
    "1 week": 7 * DAY_S,
    "1 month": 2_628_000,
    "1 year": 365 * DAY_S,
    "500 ms": 0.5,
    "250 microseconds": 0.00025,
    "3 w, 2D": 23 * DAY_S,
    "1e3 s": 1000,
}
TIMES: dict[str, At | Begin] = {
    "00:00": At(time(0)),
    "23:59:30": At(time(23, 59, 30)),
    "hourly": Begin("hour"),
    "daily": At(time(0)),
    "Weekly": At(time(0), 0),
    " monthly ": Begin("month"),
    "yearly": Begin("year"),
    "Monday": At(time(0), 0),
    "sunday at 12:30": At(time(12, 30), 6),
    "w0": At(time(0), 0),
    "W6": At(time(0), 6),
    "w0 at 12:00": At(time(12), 0),
    "w2  at  11:00:00 AM": At(time(11), 2),
    "MoNdAy at 11:00:30.123": At(time(11, 0, 30, 123_000), 0),
    "10": At(time(10)),
    "7:30": At(time(7, 30)),
    "1:30 PM": At(time(13, 30)),
    "1 pm": At(time(13)),
    "12 AM": At(time(0)),
    "1:0:0.0 pm": At(time(13)),
    "6:00z": At(time(6, tzinfo=UTC)),
    "06:00+02:00": At(time(6, tzinfo=timezone(timedelta(hours=2)))),
}


@pytest.mark.parametrize("value", SIZES)
def test_a_rotation_by_size_is_in_bytes(value: Any) -> None:
    assert parse_rotation(value) == Rotation(max_bytes=SIZES[value])


@pytest.mark.parametrize("value", SPANS)
def test_a_rotation_by_interval_is_in_seconds(value: str) -> None:
    assert parse_rotation(value) == Rotation(schedule=Every(SPANS[value]))


@pytest.mark.parametrize("value", TIMES)
def test_a_rotation_by_time_of_day_or_week(value: str) -> None:
    assert parse_rotation(value) == Rotation(schedule=TIMES[value])


@pytest.mark.parametrize("value", [value for value in SIZES if isinstance(value, str)])
def test_a_size_is_as_large_as_loguru_has_it(value: str) -> None:
    size = taught.parse_size(value)  # type: ignore[no-untyped-call]
    assert size is not None
    assert SIZES[value] == int(size)


@pytest.mark.parametrize("value", SPANS)
def test_an_interval_is_as_long_as_loguru_has_it(value: str) -> None:
    span = taught.parse_duration(value)  # type: ignore[no-untyped-call]
    assert span is not None
    assert SPANS[value] == span.total_seconds()


def test_a_rotation_as_python_values_or_as_several() -> None:
    assert parse_rotation(None) == parse_rotation(()) == Rotation()
    assert parse_rotation(timedelta(minutes=1)) == Rotation(schedule=Every(60))
    assert parse_rotation(time(4)) == Rotation(schedule=At(time(4)))
    assert parse_rotation(("1 MB", "00:00")) == parse_rotation(["00:00", 10**6]) == Rotation(10**6, At(time(0)))


@pytest.mark.parametrize(
    "value",
    [
        *(
            0,
            -5,
            0.5,
            float("nan"),
            float("inf"),
            2**63,
            True,
            timedelta(0),
            b"1 MB",
            datetime(2026, 1, 1, tzinfo=UTC),
            {},
        ),
        *("", "soon", "0 MB", "0 days", "1 day 2 moons", "25:00", "mooday at 12:00", "monday at noon", "1e999 s"),
        *("13:00 pm", "0 am", "monday at", "at 12:00", "T10:00", "1000+0200", "-1 day", Decimal("nan")),
    ],
)
def test_what_is_no_rotation_is_said_with_what_is_one(value: Any) -> None:
    expected = "a size such as '10 MB', a time such as '00:00', an interval such as '1 day'"
    with pytest.raises(ValueError, match="rotation") as caught:
        parse_rotation(value)
    assert str(caught.value) == f"rotation must be {expected}, or None; got {value!r}"


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("1000", "for the time of day write '10:00', for a size '1000 B'"),
        ("2017", "for the time of day write '20:17', for a size '2017 B'"),
        ("700", "for the time of day write '7:00', for a size '700 B'"),
        ("100000", "for a size write '100000 B'"),
        ("9999", "for a size write '9999 B'"),
        ("10 M", "for minutes write '10 min', for months '10 months', for a size '10 MB'"),
        ("10G", "for a size write '10 GB'"),
        ("w7 at 12:00", "the days of the week are 'w0' (Monday) to 'w6' (Sunday)"),
    ],
)
def test_a_word_that_could_mean_two_things_is_refused_with_both(value: str, hint: str) -> None:
    with pytest.raises(ValueError, match="rotation") as caught:
        parse_rotation(value)
    assert str(caught.value).endswith(f", or None; got {value!r}: {hint}")


def documented(heading: str) -> list[Any]:
    """Give what a table of docs/production.md says is taken, or refused."""
    page = (Path(__file__).parents[2] / "docs" / "production.md").read_text(encoding="utf-8")
    table = page.split(f"| {heading} |", 1)[1].split("\n\n", 1)[0]
    cells = [row.split("|")[1] for row in table.splitlines()[2:]]
    names = {"time": time, "timedelta": timedelta}
    return [eval(word, names) for cell in cells for word in re.findall("`([^`]+)`", cell)]  # noqa: S307 - our own page


def test_each_word_that_the_page_has_is_taken_or_refused_as_it_says() -> None:
    taken, refused = documented("taken"), documented("refused")
    assert (len(taken) > 30, len(refused) > 10) == (True, True)
    for value in taken:
        rotation = parse_rotation(value)
        assert (rotation == Rotation()) == (value is None)
    for value in refused:
        with pytest.raises(ValueError, match=r"^rotation "):
            parse_rotation(value)


def test_functions_are_refused_in_a_sentence() -> None:
    function: Any = lambda message, file: True  # noqa: ARG005, E731
    with pytest.raises(ValueError, match=r"^rotation can't be a function: a file is rotated by whichever process"):
        parse_rotation(("1 MB", function))
    with pytest.raises(ValueError, match=r"^retention can't be a function: files are deleted by whichever process"):
        parse_retention(function)
    with pytest.raises(ValueError, match=r"^compression must be 'gz' or None, got <function"):
        parse_compression(function)


@pytest.mark.parametrize("value", [("1 MB", 5), ("1 day", "00:00")])
def test_a_rotation_has_one_size_and_one_time(value: Any) -> None:
    with pytest.raises(ValueError, match="rotation") as caught:
        parse_rotation(value)
    assert str(caught.value) == f"rotation takes one size and one time, got {value!r}"


def test_a_retention_by_count_age_and_total_size() -> None:
    assert parse_retention(None) == Retention()
    assert parse_retention(0) == Retention(max_count=0)
    assert parse_retention("30 days") == parse_retention(timedelta(days=30)) == Retention(max_age_s=30 * DAY_S)
    assert parse_retention("1 GB") == Retention(max_bytes=10**9)
    assert parse_retention((5, "1 day", "10 MB")) == Retention(5, DAY_S, 10_000_000)


@pytest.mark.parametrize("value", [(10, 5), ("30 days", timedelta(days=7)), ["1 GB", 3, "10 MB"], (5, 5)])
def test_two_retentions_of_a_kind_are_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^retention takes one count, one age and one total size; got two of a kind"):
        parse_retention(value)


@pytest.mark.parametrize("value", [-1, 1.5, 30.0, True, "", "some", "00:00", timedelta(0), [None]])
def test_what_is_no_retention_is_said_with_what_is_one(value: Any) -> None:
    expected = "a count, an age such as '30 days', a total size such as '1 GB'"
    with pytest.raises(ValueError, match="retention") as caught:
        parse_retention(value)
    got = None if value == [None] else value
    assert str(caught.value) == f"retention must be {expected}, or None; got {got!r}"


def test_what_is_deleted_hangs_on_no_small_letter_and_on_no_time_of_rotation() -> None:
    with pytest.raises(ValueError, match=r"got '1 gb': loguru reads a small b as bits: write '1 gB'$"):
        parse_retention("1 gb")
    with pytest.raises(ValueError, match=r"that says when to rotate; how long to keep is such as '1 month'$"):
        parse_retention("monthly")


def test_a_compression_is_gz_or_none() -> None:
    assert [parse_compression(value) for value in (None, "gz", ".gz", " gz ")] == [False, True, True, True]
    wrong: tuple[Any, ...] = ("zip", "", 5, True)
    for value in wrong:
        with pytest.raises(ValueError, match="compression") as caught:
            parse_compression(value)
        why = "rotated files are read again, and gzip is what read, logs and verify know"
        assert str(caught.value) == f"compression must be 'gz' or None, got {value!r}: {why}"


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def after(schedule: At | Begin, moment: str) -> str:
    found = schedule.after(at(moment))
    return datetime.fromtimestamp(found, tz=datetime.fromisoformat(moment).tzinfo).isoformat()


def test_an_interval_begins_with_the_file() -> None:
    assert Every(90).after(1_000.5) == 1_090.5


def test_the_grid_of_an_interval_begins_with_the_first_file() -> None:
    two = Every(2)
    assert [two.after(moment, 10) for moment in (10, 11.9, 12, 13, 27.5)] == [12, 12, 14, 14, 28]
    assert two.after(5, 10) == 6
    for seconds in (0.1, 1 / 3, 7e-3):
        places = [Every(seconds).after(1.7e9 + number * seconds, 1.7e9) for number in range(1000)]
        assert all(place > 1.7e9 + number * seconds for number, place in enumerate(places))


def test_a_time_of_day_is_the_next_one_and_never_the_same_moment() -> None:
    midnight = At(time(0, tzinfo=UTC))
    assert after(midnight, "2026-11-23T16:00:00+00:00") == "2026-11-24T00:00:00+00:00"
    assert after(midnight, "2026-11-24T00:00:00+00:00") == "2026-11-25T00:00:00+00:00"
    assert after(midnight, "2026-12-31T23:59:59.999999+00:00") == "2027-01-01T00:00:00+00:00"


def test_a_day_of_the_week_is_the_next_one() -> None:
    noon_on_wednesday = At(time(12, tzinfo=UTC), 2)
    assert after(noon_on_wednesday, "2026-11-23T16:00:00+00:00") == "2026-11-25T12:00:00+00:00"
    assert after(noon_on_wednesday, "2026-11-25T11:59:59+00:00") == "2026-11-25T12:00:00+00:00"
    assert after(noon_on_wednesday, "2026-11-25T12:00:00+00:00") == "2026-12-02T12:00:00+00:00"


def test_a_time_with_a_zone_is_of_that_zone() -> None:
    schedule = At(time(6, tzinfo=timezone(timedelta(hours=9))))
    assert after(schedule, "2026-11-23T20:59:59+00:00") == "2026-11-23T21:00:00+00:00"


@pytest.fixture
def central_europe(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if not hasattr(clock, "tzset"):
        pytest.skip("this system has no tzset")
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
        clock.tzset()
        yield
    clock.tzset()


@pytest.mark.usefixtures("central_europe")
def test_a_time_without_a_zone_is_local_across_the_change_of_clocks() -> None:
    midnight = At(time(0))
    assert midnight.after(at("2026-03-28T12:00:00+01:00")) == at("2026-03-29T00:00:00+01:00")
    assert midnight.after(at("2026-03-29T12:00:00+02:00")) == at("2026-03-30T00:00:00+02:00")
    assert midnight.after(at("2026-10-25T12:00:00+01:00")) == at("2026-10-26T00:00:00+01:00")


@pytest.mark.usefixtures("central_europe")
def test_an_hour_a_month_and_a_year_begin_by_the_local_clock() -> None:
    hour, month, year = Begin("hour"), Begin("month"), Begin("year")
    assert after(hour, "2026-11-23T16:59:59+01:00") == "2026-11-23T17:00:00+01:00"
    assert after(hour, "2026-11-23T17:00:00+01:00") == "2026-11-23T18:00:00+01:00"
    assert after(month, "2026-11-23T16:00:00+01:00") == "2026-12-01T00:00:00+01:00"
    assert after(month, "2026-12-01T00:00:00+01:00") == "2027-01-01T00:00:00+01:00"
    assert month.after(at("2026-03-31T23:00:00+02:00")) == at("2026-04-01T00:00:00+02:00")
    assert after(year, "2026-11-23T16:00:00+01:00") == "2027-01-01T00:00:00+01:00"
    assert after(year, "2027-01-01T00:00:00+01:00") == "2028-01-01T00:00:00+01:00"


@pytest.mark.usefixtures("central_europe")
def test_the_hour_that_comes_twice_is_two_hours() -> None:
    first = at("2026-10-25T01:00:00+02:00")
    found = [first]
    while len(found) < 5:
        found.append(Begin("hour").after(found[-1]))
    assert [round(moment - first) for moment in found] == [3600 * number for number in range(5)]


@pytest.mark.usefixtures("central_europe")
def test_in_the_hour_that_comes_twice_a_file_is_rotated_once() -> None:
    schedule, first = At(time(2, 30)), at("2026-10-25T02:30:00+02:00")
    assert schedule.after(first - 60) == first
    for minutes in range(120):
        assert schedule.after(first + 60 * minutes) == at("2026-10-26T02:30:00+01:00")


@pytest.mark.usefixtures("central_europe")
def test_a_time_that_a_day_lacks_comes_all_the_same() -> None:
    schedule = At(time(2, 30))
    found = schedule.after(at("2026-03-29T01:00:00+01:00"))
    assert at("2026-03-29T01:00:00+01:00") < found < at("2026-03-29T04:00:00+02:00")
    assert schedule.after(found) == at("2026-03-30T02:30:00+02:00")
