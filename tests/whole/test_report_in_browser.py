"""The page in a browser: nothing runs, nothing breaks out, nothing is clipped, on a phone and on a desk."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import pytest

from sevenfold.overview.page.document import page
from sevenfold.overview.reporting import report
from tests.overview.test_page import EVIL, evil_overview
from tests.support.days import write_day

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.whole("playwright"),
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium: apt-get install chromium"),
]
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
DESK, PHONE = (1280, 900), (360, 780)
# What sticks out: the page sideways, or text out of its picture or card.
STICKS_OUT = """() => {
  const found = [];
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) found.push(`page: ${root.scrollWidth} > ${root.clientWidth}`);
  for (const text of document.querySelectorAll('svg text')) {
    const inner = text.getBoundingClientRect(), outer = text.ownerSVGElement.getBoundingClientRect();
    if (inner.left < outer.left - 1 || inner.right > outer.right + 1 || inner.bottom > outer.bottom + 1)
      found.push(`${text.textContent} out of its picture`);
  }
  return found;
}"""
# Texts on an axis that lie over each other.
OVERLAPPING = """() => {
  const found = [];
  for (const svg of document.querySelectorAll('svg')) {
    const boxes = [...svg.querySelectorAll('text')].map((text) => [text.textContent, text.getBoundingClientRect()]);
    boxes.forEach(([name, a], i) => boxes.slice(i + 1).forEach(([other, b]) => {
      const crossed = a.left < b.right && b.left < a.right && a.top + 4 < b.bottom && b.top + 4 < a.bottom;
      if (crossed) found.push(name + '/' + other);
    }));
  }
  return found;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright: Any = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as running:
        launched = running.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield launched
        launched.close()


class Visit:
    """A look at a page, with what went wrong."""

    def __init__(self, browser: Any, path: Path, size: tuple[int, int], scheme: str = "light") -> None:
        self._context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
        self.page = self._context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("dialog", self._dismiss)
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())

    def _dismiss(self, dialog: Any) -> None:
        self.said.append(dialog.message)
        dialog.dismiss()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._context.close()


@pytest.mark.parametrize("evil", EVIL, ids=range(len(EVIL)))
def test_nothing_that_is_logged_runs_or_breaks_out(browser: Any, tmp_path: Path, evil: str) -> None:
    path = tmp_path / "report.html"
    path.write_text(page(evil_overview(evil), evil, datetime(2026, 11, 26, tzinfo=UTC)), encoding="utf-8")
    with Visit(browser, path, PHONE) as visit:
        for summary in visit.page.query_selector_all("summary"):
            summary.click()
        assert visit.said == []
        assert visit.asked == [path.as_uri()]
        assert visit.page.evaluate("document.querySelectorAll('script, img, iframe, link, a, [onerror]').length") == 0
        assert visit.page.evaluate(STICKS_OUT) == []


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("kind", ["day", "empty"])
def test_nothing_is_clipped_and_nothing_overlaps(
    browser: Any, tmp_path: Path, kind: str, size: tuple[int, int]
) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    if kind == "day":
        write_day(folder, n_requests=1500)
    with Visit(browser, report(folder), size) as visit:
        assert visit.said == []
        assert visit.page.evaluate(STICKS_OUT) == []
        assert visit.page.evaluate(OVERLAPPING) == []


def test_dark_is_dark_and_the_keyboard_opens_the_numbers(browser: Any, tmp_path: Path) -> None:
    write_day(tmp_path, n_requests=300)
    path = report(tmp_path)
    colour = "getComputedStyle(document.body).backgroundColor"
    with Visit(browser, path, DESK) as light, Visit(browser, path, DESK, "dark") as dark:
        assert light.page.evaluate(colour) == "rgb(255, 255, 255)"
        assert dark.page.evaluate(colour) == "rgb(17, 21, 27)"
        dark.page.keyboard.press("Tab")
        dark.page.keyboard.press("Enter")
        assert dark.page.evaluate("document.querySelectorAll('details[open]').length") == 1
