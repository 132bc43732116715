"""The command `performance`: how right a model was, from the predictions and outcomes of a log folder."""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from sevenfold.cli.parser import WRONG_INPUT, add_log_dir, moment, unknown
from sevenfold.cli.streams import one_line, reader_may_leave
from sevenfold.files.channel_list import listed_channels
from sevenfold.lines.parsing import Event
from sevenfold.performance import BettingAlarm, Calibration, Joined, OutcomeJoin, Performance, first_alarm, measure
from sevenfold.reading.folder import read

OK, FAILED = 0, 1
MONITORING = "monitoring"
COLUMNS = ("segment", "metric", "realized", "95 %", "estimated", "gap", "rows", "labelled")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the arguments of the command."""
    add_log_dir(parser)
    add = parser.add_argument
    add("--channel", metavar="NAME", default="predictions", help="where predictions are (default: %(default)s)")
    add("--by", metavar="FIELD", help="a field whose values are told apart, such as features.region or model_version")
    add("--since", type=moment, metavar="WHEN", help="only later ones: a time (UTC), or how long ago, such as '7 days'")


def run(options: argparse.Namespace) -> int:
    """Print what labels say of the predictions, and what their scores alone promise.

    Parameters
    ----------
    options : argparse.Namespace
        What a parser with `add_arguments` gave.

    Returns
    -------
    int
        The exit status: 0 when there were predictions; 1 when there were none, a file can't be read or a line is
        wrong; 2 for an unknown channel.
    """
    folder = Path(options.log_dir)
    names = {channel.name for channel in listed_channels(folder)}
    if options.channel not in names:
        sys.stderr.write(f"{options.prog}: {unknown('channel', options.channel, sorted(names))}\n")
        return WRONG_INPUT
    try:
        joined = _joined(read(folder, channel=options.channel, since=options.since), options.by)
        calibration = _calibration(read(folder, channel=MONITORING)) if MONITORING in names else None
    except (OSError, ValueError, KeyError) as error:
        sys.stderr.write(f"{options.prog}: {one_line(error)}\n")
        return FAILED
    if not joined.labelled.size:
        sys.stderr.write(f"{options.prog}: no line 'prediction' with a prediction_id on channel {options.channel}\n")
        return FAILED
    with reader_may_leave():
        sys.stdout.write("\n".join([*_table(measure(joined, calibration)), "", *_remarks(joined, calibration), ""]))
    return OK


def _joined(events: Iterable[Event], by: str | None) -> Joined:
    join = OutcomeJoin(by=by)
    for event in events:
        if "prediction_id" not in event.fields:
            continue
        if event.message == "prediction":
            join.add_predictions([event.fields | {"time": event.time}])
        elif event.message == "outcome":
            join.add_outcomes([event.fields])
    return join.joined()


def _calibration(events: Iterable[Event]) -> Calibration | None:
    """Return the last one, of the model that was trained last."""
    found = None
    for event in events:
        if event.message == "calibration":
            found = event.fields
    return None if found is None else Calibration.of(found)


def _table(performances: list[Performance]) -> list[str]:
    rows = [COLUMNS, *map(_row, performances)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(COLUMNS))]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _row(one: Performance) -> tuple[str, ...]:
    limits = "" if one.lower is None or one.upper is None else f"{one.lower:.3f} to {one.upper:.3f}"
    values = _number(one.realized_value), limits, _number(one.estimated_value), _number(one.gap, sign="+")
    return one.segment, one.metric, *values, f"{one.n_rows:,}", f"{one.n_labelled:,}"


def _number(value: float | None, sign: str = "") -> str:
    return "" if value is None else f"{value:{sign}.3f}"


def _remarks(joined: Joined, calibration: Calibration | None) -> Iterable[str]:
    shares = ", ".join(f"{name} {share:.0%}" for name, share in joined.labelled_fractions.items())
    yield f"labelled, by decision: {shares}; where that differs, what is measured is biased"
    yield f"{joined.n_duplicates:,} labels came again, {joined.n_unknown:,} are of no prediction that is here"
    if calibration is None:
        yield "nothing is estimated, and no alarm: no line 'calibration' on channel monitoring"
        return
    yield "estimated: assumes no concept drift, which labels alone show"
    alarm = BettingAlarm.after(calibration)
    day = first_alarm(joined, alarm)
    bound = f"more than {alarm.bound:.1%} wrong, which is what the validation rows allow"
    yield f"no alarm: the days have not shown {bound}" if day is None else f"alarm on {day}: {bound}"
