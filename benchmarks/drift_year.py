"""How often a year of batches alarms for nothing, and after how many days a change is found.

    python -m benchmarks.drift_year [--seed N | --fresh] [--years N] [--quick]

A year is 365 batches of ten features, Gaussian with a common factor (correlation .3), against a reference of 10,000
rows, with the joint test; every year has a reference of its own. A change comes at day 100, in one feature. The
monitor's alarms are counted, beside the single batches that are found drifted, of which one in twenty is by chance.
With groups, days differ by .05 sd without drift, and the reference has as many days as the table says.
"""

import argparse
import secrets
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.common import conditions, table, verdict
from sevenfold.drift import DriftDetector, DriftMonitor

N_DAYS, START, N_FEATURES, N_REFERENCE, CORRELATION = 365, 100, 10, 10_000, 0.3
MOST_YEARS = 0.1  # with an alarm, where nothing drifted


@dataclass(frozen=True, slots=True)
class Year:
    """Batches of so many rows; `shift` sd from day 100 on; `wobble` sd between days; `days` of the reference."""

    n_rows: int
    shift: float = 0.0
    most_days: float = np.inf
    wobble: float = 0.0
    n_days: int = 0

    @property
    def title(self) -> str:
        wobble = f", days differ by {self.wobble} sd, groups: {self.n_days or 'none'}" if self.wobble else ""
        return f"{f'shift {self.shift} sd' if self.shift else 'no drift'}, {self.n_rows} rows{wobble}"


YEARS = [
    Year(100),
    Year(500),
    Year(500, 0.15, most_days=6),
    Year(100, 0.3, most_days=7),
    Year(500, wobble=0.05),
    *(Year(500, wobble=0.05, n_days=n) for n in (5, 10, 30)),
    Year(500, 0.3, wobble=0.05, n_days=30),
]


def rows(rng: np.random.Generator, n_rows: int, means: np.ndarray | float = 0.0) -> dict[str, np.ndarray]:
    own, common = rng.standard_normal((n_rows, N_FEATURES)), rng.standard_normal((n_rows, 1))
    z = np.sqrt(1 - CORRELATION) * own + np.sqrt(CORRELATION) * common + means
    return {f"f{number}": z[:, number] for number in range(N_FEATURES)}


def reference(rng: np.random.Generator, year: Year) -> DriftDetector:
    if not year.n_days:
        return DriftDetector(rows(rng, N_REFERENCE))
    days = np.repeat(np.arange(year.n_days), N_REFERENCE // year.n_days)
    means = (year.wobble * rng.standard_normal((year.n_days, N_FEATURES)))[days]
    return DriftDetector(rows(rng, days.size, means), groups=days)


def live(year: Year, rng: np.random.Generator) -> tuple[int | None, str, int, int]:
    """Return the day of the first alarm and what it named, and the batches found drifted, and jointly, until then."""
    detector = reference(rng, year)
    monitor = DriftMonitor(detector, horizon=N_DAYS)
    n_drifted = n_joint = 0
    for day in range(N_DAYS):
        means = year.wobble * rng.standard_normal(N_FEATURES)
        means[0] += year.shift * (day >= START)
        report = detector.check(rows(rng, year.n_rows, means), batch_id=f"{day}")
        n_drifted, n_joint = n_drifted + report.drift_detected, n_joint + bool(report.joint_detected)
        alarm = monitor.update(report)
        if alarm.alarm:
            return day, f"{alarm.window_batches} {alarm.features or alarm.pair or 'mean_shift'}", n_drifted, n_joint
    return None, "", n_drifted, n_joint


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.drift_year")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--years", type=int, default=40)
    parser.add_argument("--only", default="", help="part of a title")
    options = parser.parse_args(arguments)
    seed = secrets.randbits(32) if options.fresh else options.seed
    print(f"{conditions('benchmarks.drift_year', arguments, ('numpy',))}, seed {seed}\n", flush=True)
    found = []
    for number, year in enumerate(YEARS):
        if options.only not in year.title:
            continue
        years = [live(year, np.random.default_rng([seed, number, one])) for one in range(options.years)]
        days = [day for day, *_ in years if day is not None]
        early = sum(day < START or not year.shift for day in days)
        delays = [day - START if day is not None and day >= START else np.inf for day, *_ in years]
        delay = float(np.median(delays)) if year.shift else np.inf
        row = {"": year.title, "years": str(len(years)), "false alarms": str(early)}
        row |= {"batches flagged": f"{np.mean([one[2] for one in years]):.1f}"}
        row |= {"jointly": f"{np.mean([one[3] for one in years]):.1f}", "median days": f"{delay:.0f}"}
        bar = verdict(delay, year.most_days, least=False) if year.shift else ""
        row |= {"": year.title, "bar": bar or verdict(early / len(years), MOST_YEARS, least=False)}
        found.append(row)
        print(row, [one[1] for one in years if one[1]][:5], flush=True)
    table(found)


if __name__ == "__main__":
    main(sys.argv[1:])
