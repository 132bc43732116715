import datetime as dt

import numpy as np
import pytest

from sevenfold.channel_log import ChannelLog
from sevenfold.performance import BettingAlarm, Calibration, OutcomeJoin, first_alarm, log_alarm

N_DAYS, START = 365, 100


def day_of_alarm(rng: np.random.Generator, loss: float, drop: float = 0.0, n_labels: int = 200) -> int | None:
    validated = Calibration(1.0, 0.0, (0.0, 0.0, 0.0), 2000, int(rng.binomial(2000, loss)))
    alarm = BettingAlarm.after(validated)
    wrong = rng.binomial(n_labels, loss + drop * (np.arange(N_DAYS) >= START))
    return next((day for day, n in enumerate(wrong.tolist()) if alarm.update(n, n_labels)), None)


@pytest.mark.whole
@pytest.mark.parametrize(("loss", "n_labels"), [(0.2, 200), (0.03, 200), (0.2, 20)])
def test_a_model_that_is_as_good_as_it_was_rings_in_hardly_any_year(loss: float, n_labels: int) -> None:
    rng = np.random.default_rng(1)
    assert sum(day_of_alarm(rng, loss, n_labels=n_labels) is not None for _ in range(60)) <= 5


@pytest.mark.parametrize(("drop", "most_days"), [(0.1, 5), (0.05, 40)])
def test_a_drop_is_found_within_days(drop: float, most_days: int) -> None:
    rng = np.random.default_rng(2)
    days = [day_of_alarm(rng, 0.2, drop) for _ in range(60)]
    assert np.median([np.inf if day is None else day - START + 1 for day in days]) <= most_days


def test_a_good_time_is_forgotten() -> None:
    alarm, again = BettingAlarm(0.2), BettingAlarm(0.2)
    for _ in range(300):
        alarm.update(0, 200)
    assert [alarm.update(80, 200) for _ in range(3)] == [again.update(80, 200) for _ in range(3)]


def test_the_days_of_what_was_joined_ring_on_the_day_that_was_too_much() -> None:
    join, monday = OutcomeJoin(), dt.datetime(2026, 11, 23, tzinfo=dt.UTC)
    for day in range(4):
        for row in range(100):
            name, time = f"{day}-{row}", monday + dt.timedelta(days=day)
            join.add_predictions([{"prediction_id": name, "probability": 0.9, "time": time}])
            join.add_outcomes([{"prediction_id": name, "actual": row >= (5 if day < 2 else 60)}])
    assert first_alarm(join.joined(), BettingAlarm(0.1)) == dt.date(2026, 11, 25)
    assert first_alarm(join.joined(), BettingAlarm(0.9)) is None


def test_an_alarm_is_a_warning_in_monitoring(channel_log: ChannelLog) -> None:
    alarm = BettingAlarm(0.2)
    for batch_id, n_wrong in (("a", 20), ("b", 100)):
        alarm.update(n_wrong, 100)
        log_alarm(alarm, batch_id)
    first, second = channel_log.channel("monitoring")
    assert [(one.level, one.message, one.fields["alarm"]) for one in (first, second)] == [
        ("INFO", "performance_alarm", False),
        ("WARNING", "performance_alarm", True),
    ]
    assert second.fields["wealth"] > second.fields["threshold"] == 7300.0


@pytest.mark.parametrize(("bound", "options"), [(0.0, {}), (1.0, {}), (0.2, {"horizon": 0}), (0.2, {"alpha": 1.0})])
def test_an_alarm_refuses_what_makes_no_sense(bound: float, options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"expected a horizon|^bound must be between 0 and 1"):
        BettingAlarm(bound, **options)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^expected 0 to 3 wrong decisions, got 4$"):
        BettingAlarm(0.2).update(4, 3)
