"""The page: anything from logs is plain text in it, never markup; each chart says what it shows."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from sevenfold.lines.parsing import Event
from sevenfold.overview.figures import Overview
from sevenfold.overview.gathering import Gathering, gather
from sevenfold.overview.page.document import page
from sevenfold.overview.panels import PANELS, Panel
from sevenfold.overview.reporting import report
from tests.support.days import line, write_day

MADE = datetime(2026, 11, 26, tzinfo=UTC)
EVIL = (
    "<script>alert(1)</script>",
    "</style><script>alert(2)</script>",
    "</title></svg><img src=x onerror=alert(3)>",
    "\" onmouseover=alert(4) x='",
    "\x00\x07\x1b[31m\u202e\ud800\uffff\u2028&lt;",
    "x" * 10_000,
)
TAGS = {
    *("html", "head", "meta", "title", "style", "body", "header", "main", "footer", "section", "article", "figure"),
    *("figcaption", "h1", "h2", "h3", "p", "ul", "li", "b", "div", "span", "details", "summary", "pre"),
    *("table", "caption", "thead", "tbody", "tr", "th", "td", "svg", "desc", "path", "text", "g"),
}
ATTRIBUTES = {
    *("lang", "charset", "http-equiv", "content", "name", "class", "scope", "tabindex", "role", "aria-label", "id"),
    *(
        "aria-labelledby",
        "aria-describedby",
        "aria-hidden",
        "viewbox",
        "width",
        "height",
        "d",
        "x",
        "y",
        "textlength",
        "lengthadjust",
    ),
}


class Reader(HTMLParser):
    """Takes a page apart."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    return reader


def evil_overview(evil: str) -> Overview:
    """Say something evil in each field of each kind of event that the page shows."""
    at = datetime(2026, 11, 25, tzinfo=UTC)
    said = {
        **dict.fromkeys(("decision", "model_version", "segment", "http_route", "http_request_method", "feature"), evil),
        **dict.fromkeys(
            ("batch_id", "severity", "method", "run_id", "exception_type", "exception_message", "outcome"), evil
        ),
        **dict.fromkeys(("http_response_status_code", "role", evil), evil),
        **dict.fromkeys(("probability", "duration_ms", "train_loss", "realized_value", "psi", "p_value_adjusted"), 0.5),
        "epoch": 1,
        "metric": "accuracy",
        "alarm": True,
        "drift_detected": True,
    }
    kinds = [("predictions", "prediction"), ("training", "epoch"), ("monitoring", "performance"), ("api", "request")]
    kinds += [("drift", message) for message in ("feature", "joint", "batch", "monitor")] + [(evil, evil)]
    place = f'Traceback\n  File "/srv/{evil}", line 3, in {evil}\n{evil}'
    events = [Event(at, "ERROR", channel, message, said, place) for channel, message in kinds for _ in range(2)]
    own = Panel(evil, evil, fields=("psi", "duration_ms"), x="segment", unit=evil)
    gathering = Gathering((*PANELS, own), sealed=[evil])
    gathering.add(events)
    return gathering.overview()


@pytest.mark.parametrize("evil", EVIL, ids=range(len(EVIL)))
def test_whatever_is_logged_is_text_on_the_page(evil: str) -> None:
    html = page(evil_overview(evil), evil, MADE)
    html.encode()
    found = read(html)
    assert {tag for tag, _ in found.tags} <= TAGS
    assert {name for _, attributes in found.tags for name in attributes} <= ATTRIBUTES
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e]", html)
    assert html.count("<style>") == html.count("</style>") == 1
    assert "x" * 1000 not in re.sub("<pre.*?</pre>", "", html, flags=re.DOTALL)
    assert len(html) < 120_000


def test_the_policy_allows_the_one_style_and_nothing_else() -> None:
    html = page(evil_overview("x"), "logs", MADE)
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    assert re.fullmatch(r"default-src 'none'; style-src 'sha256-[\w+/]+='; base-uri 'none'; form-action 'none'", policy)
    assert "style=" not in html.split("</style>")[1]
    assert "url(" not in html


def test_each_chart_has_a_title_a_description_and_its_numbers(tmp_path: Path) -> None:
    html = page(gather(write_day(tmp_path, n_requests=300)), "logs", MADE)
    figures = re.findall(r"<figure.*?</figure>", html, flags=re.DOTALL)
    assert len(figures) == 9
    for figure in figures:
        (key,) = re.findall(r'<svg [^>]*role="img" aria-labelledby="(\w+)t" aria-describedby="\1d">', figure)
        assert f'<title id="{key}t">' in figure
        assert re.search(rf'<desc id="{key}d">[^<]+', figure)
        assert "<summary>Numbers</summary>" in figure
    assert len(set(re.findall(r' id="(\w+)"', html))) == len(re.findall(r' id="(\w+)"', html))


def test_no_text_of_an_axis_goes_beyond_its_picture(tmp_path: Path) -> None:
    html = page(gather(write_day(tmp_path, n_requests=300)), "logs", MADE)
    for width, picture in re.findall(r'<svg viewBox="0 0 (\d+) \d+"(.*?)</svg>', html, flags=re.DOTALL):
        for x, text in re.findall(r'<text class="x" x="([\d.]+)"[^>]*>([^<]*)', picture):
            assert float(x) >= 3.2 * len(text)
            assert float(x) + 3.2 * len(text) <= float(width)
        for x, text in re.findall(r'<text class="y" x="([\d.]+)"[^>]*>([^<]*)', picture):
            assert float(x) >= 6.4 * len(text)


def test_an_empty_folder_has_a_page_that_says_so(tmp_path: Path) -> None:
    path = report(tmp_path, tmp_path / "out.html")
    found = read(path.read_text(encoding="utf-8"))
    assert "No events. Nothing was logged here" in found.text
    assert not [tag for tag, _ in found.tags if tag in {"section", "table", "li"}]
    assert "audit: nothing was audited" in found.text
    assert sorted(one.name for one in tmp_path.iterdir()) == ["out.html"]


def test_a_page_that_cannot_be_written_leaves_the_one_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()
    with pytest.raises(OSError, match=r"report\.html"):
        report(tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["report.html"]


def test_a_panel_of_ones_own_has_a_section(tmp_path: Path) -> None:
    text = "2026-11-25T08:00:0{}.000000Z | INFO     | embeddings | index built | n_vectors={}\n"
    (tmp_path / "embeddings.log").write_text(text.format(1, 10) + text.format(2, 30), encoding="utf-8")
    panel = Panel("Size of the index", "embeddings", "index built", ("n_vectors",))
    html = report(tmp_path, panels=(*PANELS, panel)).read_text(encoding="utf-8")
    assert "<h2>embeddings</h2>" in html
    assert "Size of the index, in the order of events: n_vectors from 10 to 30." in html


def test_the_page_of_a_day_on_which_everything_drifted_is_below_200_kb(tmp_path: Path) -> None:
    write_day(tmp_path, n_requests=2000)
    (tmp_path / "data_drift.log").write_text("".join(_all_drifted()), encoding="utf-8")
    overview = gather(tmp_path)
    assert overview.drift is not None
    assert sum(cell is not None and cell.drifted for row in overview.drift.rows for cell in row.cells) == 1320
    assert len(page(overview, "logs", MADE).encode()) < 200_000


def _all_drifted() -> Iterator[str]:
    for batch in range(60):
        of = f'batch_id="batch-{batch:03}"'
        for n in range(21):
            role = "output" if n == 20 else "feature"
            told = f"feature=feature_{n:02} role={role} method=chi_squared psi={0.5 + n / 1000 + batch / 1e4}"
            yield line(
                batch * 900, "drift", "feature", f"{of} {told} p_value_adjusted=1.2e-{9 + n} drift_detected=true"
            )
        yield line(batch * 900, "drift", "joint", f"{of} method=correlation p_value_adjusted=1e-9 drift_detected=true")
        yield line(batch * 900, "drift", "batch", f"{of} drift_detected=true")
        yield line(batch * 900, "drift", "monitor", f"{of} alarm=true", "WARNING")
