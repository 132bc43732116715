"""`import sevenfold` is the front door: it has the names in docs/api.md, no more and no less."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import sevenfold
import sinks

ROOT = Path(__file__).parents[1]
API = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")


def rows_below(title: str) -> dict[str, str]:
    """Return what a table of the page says of each name."""
    section = API.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]+`) \| (.+) \|$", section, flags=re.MULTILINE)
    return {name: text for names, text in rows for name in re.findall(r"`([^`]+)`", names)}


def test_the_page_lists_what_the_door_offers() -> None:
    assert rows_below("`import sevenfold`").keys() == set(sevenfold.__all__)
    assert len(sevenfold.__all__) == len(set(sevenfold.__all__))


@pytest.mark.parametrize("name", rows_below("`import sevenfold`"))
def test_what_the_door_offers_is_there_and_documented(name: str) -> None:
    assert name in dir(sevenfold)
    assert name in {"CHANNELS", "PANELS", "SECRETS", "__version__"} or getattr(sevenfold, name).__doc__


@pytest.mark.parametrize("name", rows_below("`import sinks`"))
def test_what_the_page_says_of_sinks_is_there(name: str) -> None:
    assert getattr(sinks, name, None) is not None
    assert getattr(sevenfold, name, getattr(sinks, name)) is getattr(sinks, name)


# As the README of 0.1.0 had them.
FIRST_IMPORTS = """\
import sinks
from sinks import CHANNELS, Channel, configure
from sinks import configure
from sevenfold.lines import parse
from sevenfold.reading import read
from sevenfold.redaction import SECRETS
import sevenfold.capture
"""


@pytest.mark.whole
def test_the_imports_of_the_first_readme_work_in_a_fresh_process() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FIRST_IMPORTS], cwd=ROOT, capture_output=True, encoding="utf-8", check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_first_names_are_the_same_as_at_the_door() -> None:
    from sevenfold.lines import parse  # noqa: PLC0415
    from sevenfold.reading import read  # noqa: PLC0415
    from sevenfold.redaction import SECRETS  # noqa: PLC0415

    assert (sevenfold.parse, sevenfold.read, sevenfold.SECRETS) == (parse, read, SECRETS)
