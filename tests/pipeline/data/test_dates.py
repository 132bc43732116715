from datetime import UTC, datetime

import pytest

from pipeline.data.dates import day_comes_first, read_dates


def days(*date: int) -> float:
    return datetime(*date, tzinfo=UTC).timestamp() / 86_400  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-03-05", days(2024, 3, 5)),
        ("2024/3/5", days(2024, 3, 5)),
        ("2024-03-05T06:00:00", days(2024, 3, 5, 6)),
        ("2024-03-05 06:00:00.500000", days(2024, 3, 5, 6, 0, 0, 500_000)),
        ("2024-03-05T06:00:00Z", days(2024, 3, 5, 6)),
        ("2024-03-05T06:00:00+02:00", days(2024, 3, 5, 4)),
        ("2024-03-05 06:00 -0530", days(2024, 3, 5, 11, 30)),
        ("05.03.2024", days(2024, 3, 5)),
        ("5.3.2024 18:30", days(2024, 3, 5, 18, 30)),
        ("05/03/2024", days(2024, 3, 5)),
        ("05-03-24", days(2024, 3, 5)),
        ("05.03.75", days(1975, 3, 5)),
        ("5 Mar 2024", days(2024, 3, 5)),
        ("5. March 2024", days(2024, 3, 5)),
        ("05-MAR-24", days(2024, 3, 5)),
        ("March 5, 2024 6:00 pm", days(2024, 3, 5, 18)),
        ("12:00", 0.5),
        ("06:00:00", 0.25),
        ("12:30 am", 1 / 48),
        ("1905-01-01", days(1905, 1, 1)),
    ],
)
def test_a_date_is_read_as_days(text: str, expected: float) -> None:
    found = read_dates([text], day_first=True)
    assert found is not None
    assert found[0] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    "text",
    ["2024-02-30", "31.02.2024", "1.2.10", "2024", "20240305", "xyz 5, 2024", "25:00", "13:00 pm", "1:75", "today"],
)
def test_what_is_no_date_is_none(text: str) -> None:
    assert read_dates([text], day_first=True) is None


def test_dates_and_times_do_not_mix() -> None:
    assert read_dates(["2024-03-05", "12:00"], day_first=True) is None


def test_digits_alone_are_a_date_if_told() -> None:
    found = read_dates(["20240305"], day_first=True, compact=True)
    assert found is not None
    assert found.tolist() == [days(2024, 3, 5)]


def test_the_order_is_found_where_a_date_shows_it() -> None:
    assert day_comes_first(["03/04/2024", "13/04/2024"]) is True
    assert day_comes_first(["03/04/2024", "04/13/2024"]) is False
    assert day_comes_first(["03.04.2024"]) is True
    assert day_comes_first(["03/04/2024", "2024-01-01"]) is None
    found = read_dates(["03/04/2024"], day_first=False)
    assert found is not None
    assert found.tolist() == [days(2024, 3, 4)]
