"""HTML for texts from logs, tables and durations."""

import html
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

SHORT, LONG = 60, 200  # characters of a name, and of a cell of a table
# Control characters, marks that change the direction of text, surrogates, and characters that HTML doesn't allow.
_UNSAFE: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)
_NUMBER: Final = re.compile(r"-?[\d,.]+(?:e[+-]?\d+)?")
_DAY: Final = 86_400.0


def text(value: object, most: int = LONG) -> str:
    r"""Return a value as text of HTML, also for attributes, cut after `most` characters.

    Examples
    --------
    >>> text("<b>\x1b[31m")
    '&lt;b&gt;\\x1b[31m'
    """
    return html.escape(visible(value, most), quote=True)


def visible(value: object, most: int) -> str:
    """Return a value as plain text of at most `most` characters, all of them visible."""
    shown = _UNSAFE.sub(lambda found: f"\\x{ord(found[0]):02x}", str(value))
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def utc(seconds: float) -> datetime:
    """Return a time in seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC)


def clock(seconds: float, span: float) -> str:
    """Return a time in a precision that suits an axis of `span` seconds; `seconds` since 1970."""
    time = utc(seconds)
    if span < 600:  # noqa: PLR2004
        return f"{time:%H:%M:%S}"
    if span < 2 * _DAY:
        return f"{time:%H:%M}"
    return f"{time:%m-%d %H:%M}" if span < 4 * _DAY else f"{time:%Y-%m-%d}"


def span(seconds: float) -> str:
    """Return a duration in words.

    Examples
    --------
    >>> span(900), span(86400)
    ('15 min', '1 day')
    """
    for unit, of in (("day", _DAY), ("h", 3600.0), ("min", 60.0)):
        if seconds >= of:
            n = seconds / of
            return f"{n:g} {unit}{'s' if unit == 'day' and n != 1 else ''}"
    return f"{seconds:g} s"


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], caption: str, *, titled: bool = False, numbers: bool = False
) -> str:
    """Return a table of cells that are HTML already; numbers are aligned to the right.

    Parameters
    ----------
    head : sequence of str
        The columns' names.
    rows : iterable of sequence of str
        The cells.
    caption : str
        The caption.
    titled : bool
        Whether the caption already stands above the table.
    numbers : bool
        Whether all columns but the first are numbers.
    """
    top = "".join(f"<th scope=col>{text(name, SHORT)}" for name in head)
    body = "".join(f"<tr>{''.join(map(_number_cell if numbers else _cell, row))}" for row in rows)
    caption_html = "" if titled else f"<caption>{text(caption)}</caption>"
    kind = " class=numbers" if numbers else ""
    return scroll(f"<table{kind}>{caption_html}<thead><tr>{top}<tbody>{body}</table>", caption)


def scroll(body: str, label: str) -> str:
    """Return a box that scrolls, by keys, too, if its body is wider than the screen."""
    return f'<div class=scroll tabindex=0 role=group aria-label="{text(label)}">{body}</div>'


def _cell(content: str) -> str:  # without an end tag, as HTML allows
    return f"<td{' class=n' if _NUMBER.fullmatch(content) else ''}>{content}"


def _number_cell(content: str) -> str:
    return f"<td>{content}"


def fold(summary: str, body: str) -> str:
    """Return a fold, which shows its body when it is opened."""
    return f"<details><summary>{summary}</summary>{body}</details>"
