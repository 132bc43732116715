from pathlib import Path

import pytest

from sevenfold.audit.findings import Finding, Line, joined

PATH = Path("app_json.log")


def finding(line: int, event: int, what: str = "edited", note: str = "", path: Path = PATH) -> Finding:
    return Finding(path, line, line, what, event, event, note)


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (finding(3, 7), "app_json.log:3: edited: event 7"),
        (Finding(PATH, 3, 5, "edited", 7, 9), "app_json.log:3-5: edited: events 7 to 9"),
        (Finding(PATH, 3, 3, "missing", 7, 9), "app_json.log:3: missing: events 7 to 9"),
        (finding(3, 0, "torn by a crash"), "app_json.log:3: torn by a crash"),
        (finding(0, 0, "head", "it is gone"), "app_json.log: head: it is gone"),
        (finding(3, 7, "inserted", " again"), "app_json.log:3: inserted: event 7 again"),
        (Line(PATH, 3, 7, "", "").finding("cut"), "app_json.log:3: cut: event 7"),
    ],
)
def test_a_finding_is_one_line(found: Finding, text: str) -> None:
    assert str(found) == text


def test_the_same_about_consecutive_lines_and_events_is_one_finding() -> None:
    assert joined([finding(1, 4), finding(2, 5), finding(3, 6)]) == (Finding(PATH, 1, 3, "edited", 4, 6),)
    assert joined([finding(1, 0), finding(2, 0)]) == (Finding(PATH, 1, 2, "edited"),)
    missing = [Finding(PATH, 1, 1, "missing", 1, 2), finding(1, 3, "missing")]
    assert joined(missing) == (Finding(PATH, 1, 1, "missing", 1, 3),)


@pytest.mark.parametrize(
    "other",
    [
        finding(3, 5),
        finding(2, 6),
        finding(2, 4),
        finding(2, 0),
        finding(2, 5, "cut"),
        finding(2, 5, note=" again"),
        finding(2, 5, path=Path("x")),
        finding(0, 5),
    ],
)
def test_what_differs_stays_apart(other: Finding) -> None:
    assert joined([finding(1, 4), other]) == (finding(1, 4), other)
    whole = finding(0, 0, "head")
    assert joined([whole, whole]) == (whole, whole)
