"""The page: its head, a section for each channel, errors and audit events."""

import hashlib
from base64 import b64encode
from collections.abc import Iterable, Iterator
from datetime import datetime
from importlib.resources import files
from itertools import count

from sevenfold.overview.figures import Chain, Figure, Overview, Table
from sevenfold.overview.numbers import facts, moment
from sevenfold.overview.page import cards
from sevenfold.overview.page.markup import SHORT, text

_STYLE = "".join(map(str.strip, files(__package__).joinpath("style.css").read_text("utf-8").splitlines()))
_HASH = b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'"
_SECTIONS = {"api": "Service", "training": "Training", "predictions": "Predictions", "monitoring": "Performance"}
_NO_EVENTS = "No events. Nothing was logged here, or nothing in the time that was asked for."
_BEFORE_DRIFT = frozenset({"training", "predictions"})


def page(overview: Overview, title: str, made: datetime) -> str:
    """Return an overview as one HTML file.

    Parameters
    ----------
    overview : Overview
        The overview to show.
    title : str
        The title, such as the log folder.
    made : datetime
        The time of the report, for the footer.

    Returns
    -------
    str
        HTML without scripts, whose Content-Security-Policy allows nothing but its own style.
    """
    sections = _sections(overview) if overview.n_events else _without_events(overview)
    body = "".join([_head(overview, title), "<main>", *sections, "</main>"])
    footer = f"<footer>Made by Sevenfold at {moment(made)} UTC. All times are UTC.</footer>"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Report of {text(title, SHORT)}</title><style>{_STYLE}</style></head>"
        f"<body>{body}{footer}</body></html>\n"
    )


def _head(overview: Overview, title: str) -> str:
    chains = "".join(map(_chain, overview.chains))
    if not overview.n_events:
        return f"<header><h1>{text(title)}</h1><p>{_NO_EVENTS}</p>{chains}</header>"
    when = f"{moment(overview.first)} to {moment(overview.last)} UTC"
    items = "".join(_fact(n, what, alarming=alarming) for n, what, alarming in facts(overview))
    return f"<header><h1>{text(title)}</h1><p>{when}</p><ul class=facts>{items}</ul>{chains}</header>"


def _fact(n: int, what: str, *, alarming: bool) -> str:
    kind = " class=hot" if alarming and n else ""
    return f"<li{kind}><b>{n:,}</b> {text(what, SHORT)}</li>"


def _chain(chain: Chain) -> str:
    kind = "" if chain.proved is None else " good" if chain.proved else " bad"
    return f"<p class='chain{kind}'>{text(chain.channel, SHORT)}: {text(chain.said, 600)}</p>"


def _sections(overview: Overview) -> Iterator[str]:
    keys = (f"c{i}" for i in count())
    by_channel: dict[str, list[Figure | Table]] = {}
    for chart in overview.charts:
        by_channel.setdefault(chart.panel.channel, []).append(chart)
    shown = {
        channel: _section(_SECTIONS.get(channel, channel), [_card(chart, next(keys)) for chart in charts])
        for channel, charts in by_channel.items()
    }
    yield from (section for channel, section in shown.items() if channel in _BEFORE_DRIFT)
    yield _drift(overview)
    yield from (section for channel, section in shown.items() if channel not in _BEFORE_DRIFT)
    yield _section("Errors", [cards.error_card(overview.errors)])
    yield _section("Audit", [cards.entry_card(overview.audit, overview.n_audit, "audited events")])
    unreadable = [cards.unreadable_card(overview.unreadable)] if overview.unreadable else []
    yield _section("Channels", [cards.channel_card(overview.channels), *unreadable])


def _without_events(overview: Overview) -> Iterator[str]:
    if overview.unreadable:
        yield _section("Lines", [cards.unreadable_card(overview.unreadable)])


def _section(title: str, cards_html: Iterable[str]) -> str:
    return f"<section><h2>{text(title, SHORT)}</h2><div class=grid>{''.join(cards_html)}</div></section>"


def _card(chart: Figure | Table, key: str) -> str:
    return cards.table_card(chart) if isinstance(chart, Table) else cards.figure_card(chart, key)


def _drift(overview: Overview) -> str:
    shown = [] if overview.drift is None else [cards.drift_card(overview.drift)]
    if overview.alarms:
        shown.append(cards.entry_card(overview.alarms, overview.n_alarms, "alarms"))
    return _section("Drift", shown) if shown else ""
