"""The cards of the page: charts and tables, each with its numbers in a fold."""

from sevenfold.overview.figures import ChannelCount, DriftMap, Entry, ErrorGroup, Figure, Table
from sevenfold.overview.numbers import moment, number
from sevenfold.overview.page.charts import below, chart, place_name
from sevenfold.overview.page.heatmap import drift_table, heatmap
from sevenfold.overview.page.markup import SHORT, fold, table, text

_MOST_ERRORS = 30
_NARROW = 2  # columns that fit a narrow card
_LONGEST_FIELDS, _LONGEST_TRACEBACK = 400, 8000


def figure_card(figure: Figure, key: str) -> str:
    """Return a chart with its title, a caption for the x axis, and its numbers."""
    panel = figure.panel
    unit = f" ({text(panel.unit, SHORT)})" if panel.unit else ""
    note = "; ".join(filter(None, (below(figure), figure.note)))
    picture = f"<h3>{text(panel.title, SHORT)}{unit}</h3>{chart(figure, key)}"
    caption = f"<figcaption class=note>{text(note, 300)}</figcaption>"
    return f"<figure class=card>{picture}{caption}{_numbers(figure)}</figure>"


def _numbers(figure: Figure) -> str:
    named = figure.axis in {"label", "number"} and not figure.width
    head = [(figure.panel.x or figure.axis) if named else figure.axis, *(one.name for one in figure.series)]
    rows = [
        [text(place_name(figure, i), SHORT), *(number(one.values[i]) for one in figure.series)]
        for i in range(len(figure.places))
    ]
    return fold("Numbers", table(head, rows, figure.panel.title, numbers=True))


def table_card(counts: Table) -> str:
    """Return a table of counts."""
    rows = [[*(text(value, SHORT) for value in values), f"{n:,}"] for values, n in counts.rows]
    title, fields = counts.panel.title, counts.panel.fields
    shown = table([*fields, "events"], rows, title, titled=True)
    note = f"<p class=note>{text(counts.note)}</p>" if counts.note else ""
    return card(f"<h3>{text(title, SHORT)}</h3>{shown}{note}", wide=len(fields) > _NARROW)


def drift_card(drift: DriftMap) -> str:
    """Return the heatmap of drift."""
    n_shown = sum(row.role not in {"output", "joint"} for row in drift.rows)
    batches = f"The newest {len(drift.batches)} of {drift.n_batches:,} batches"
    sentence = (
        f"{batches}, the worst {n_shown} of {drift.n_features:,} features; where nothing is marked, PSI is below 0.02."
    )
    caption = f"<figcaption class=note>{sentence}</figcaption>"
    numbers = fold("Numbers", drift_table(drift))
    return f"<figure class='card wide'><h3>Drift by feature and batch</h3>{heatmap(drift)}{caption}{numbers}</figure>"


def error_card(groups: tuple[ErrorGroup, ...]) -> str:
    """Return errors by type and place, each with its last traceback in a fold."""
    if not groups:
        return card("<p>No errors.</p>", wide=True)
    left = groups[_MOST_ERRORS:]
    more = f"and {sum(group.count for group in left):,} errors of {len(left):,} more kinds"
    note = f"<p class=note>{more}</p>" if left else ""
    return card("".join(map(_error, groups[:_MOST_ERRORS])) + note, wide=True)


def _error(group: ErrorGroup) -> str:
    when = moment(group.last) if group.count == 1 else f"{moment(group.first)} to {moment(group.last)}"
    summary = f"<b>{group.count:,} &times; {text(group.type, SHORT)}</b> {text(group.place, SHORT)}, {when}"
    message = f"<p>{text(group.channel, SHORT)}: {text(group.message)}</p>"
    traceback = f"<pre tabindex=0>{text(group.traceback, _LONGEST_TRACEBACK)}</pre>" if group.traceback else ""
    return f"<div class=error>{fold(summary, message + traceback)}</div>"


def entry_card(entries: tuple[Entry, ...], n_events: int, what: str) -> str:
    """Return events one by one."""
    if not entries:
        return card(f"<p>No {what}.</p>", wide=True)
    rows = [
        [
            moment(one.time),
            *(text(part, SHORT) for part in (one.channel, one.message, one.outcome)),
            text(one.text, _LONGEST_FIELDS),
        ]
        for one in entries
    ]
    all_shown = n_events == len(entries)
    caption = f"{n_events:,} {what}" if all_shown else f"the newest {len(entries)} of {n_events:,} {what}"
    return card(table(["time (UTC)", "channel", "event", "outcome", "fields"], rows, caption), wide=True)


def channel_card(channels: tuple[ChannelCount, ...]) -> str:
    """Return the events of each channel: how many, and when."""
    rows = [
        [text(one.name or "-", SHORT), f"{one.count:,}", moment(one.first), moment(one.last), _spark(one.activity)]
        for one in channels
    ]
    head = ["channel", "events", "first (UTC)", "last (UTC)", "activity"]
    return card(table(head, rows, "Events by channel"), wide=True)


def unreadable_card(unreadable: tuple[tuple[str, int], ...]) -> str:
    """Return the files with lines that are no events."""
    rows = [[text(file, SHORT), f"{n:,}"] for file, n in unreadable]
    return card(table(["file", "lines"], rows, "Lines that are no events"))


def card(body: str, *, wide: bool = False) -> str:
    """Return a card, as wide as a column, or if `wide` as the page."""
    return f"<article class='card{' wide' if wide else ''}'>{body}</article>"


def _spark(activity: tuple[int, ...]) -> str:
    top, width = max(activity), 120 / len(activity)
    bars = "".join(
        f"M{i * width:.1f} 18v-{max(1.0, 17 * n / top):.1f}h{max(width - 0.5, 0.5):.1f}V18z"
        for i, n in enumerate(activity)
        if n
    )
    return f'<svg class=spark viewBox="0 0 120 18" aria-hidden=true><path d="{bars}"/></svg>'
