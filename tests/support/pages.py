"""The README and the pages of docs/: their blocks of code, their tables, their links."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]

_BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", flags=re.MULTILINE | re.DOTALL)
# What differs from run to run and from machine to machine.
_VARYING = re.compile(
    r"\d{4}-\d\d-\d\d[T ][\d:.]+(?:Z|\+00:00)"  # times
    r"|\b(?:run|req|pid)-[0-9a-f]+"
    r"|\"?\b[ks]?[0-9a-f]{12,}\b\"?"  # hashes, versions, chains: a word where they begin with a letter
    r"|logged in .*"
    r"|-?\d+\.\d{6,}(?:e-?\d+)?"  # what was measured or learned
    r"| +[\d,.]+(?: [kM]?B)?(?=\s|$)"  # the columns of a table
)


@dataclass(frozen=True)
class Block:
    """A block of code, and the language that stands behind its fence."""

    language: str
    text: str


def blocks(page: Path, *languages: str) -> list[Block]:
    found = [Block(one["language"], one["text"]) for one in _BLOCK.finditer(page.read_text(encoding="utf-8"))]
    return [block for block in found if not languages or block.language in languages]


def prose(page: Path) -> str:
    """Return what is left of a page without its blocks."""
    return _BLOCK.sub("", page.read_text(encoding="utf-8"))


def _masked(text: str) -> str:
    return _VARYING.sub("*", text)


def shows(shown: str, whole: str) -> bool:
    """Whether a text stands in another when both are masked; an ellipsis in it stands for anything on its line."""
    pattern = re.escape(_masked(shown).strip()).replace("…", ".*?")
    return re.search(rf"^{pattern}\*?$", _masked(whole), flags=re.MULTILINE) is not None


def commands(transcript: str) -> Iterator[tuple[str, str]]:
    """Yield each command of a console block, and what it prints."""
    for part in re.split(r"^\$ ", transcript, flags=re.MULTILINE)[1:]:
        command = re.match(r"(?:.*\\\n)*.*\n", part)
        assert command is not None
        yield command[0], part[command.end() :]


def anchors(page: Path) -> set[str]:
    """Return what a link can lead to within a page: its titles, as GitHub writes them."""
    titles = re.findall(r"^#+ (.*)$", prose(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def table(page: str, head: str) -> list[list[str]]:
    """Return the cells of the table whose head begins with this, without the marks of code."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = re.search(rf"^\| {re.escape(head)} \|.*\n\|[-:| ]+\n((?:\|.*\n)+)", text, flags=re.MULTILINE)
    assert found is not None
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in found[1].splitlines()]
