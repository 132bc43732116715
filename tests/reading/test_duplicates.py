"""An error stands in two files, and is read once."""

from pathlib import Path

from sevenfold.reading.folder import read
from tests.support.made_logs import line, rotated


def test_errors_are_the_same_only_if_everything_is(tmp_path: Path) -> None:
    same = line(1, "m", "ERROR", fields=" a=1")
    (tmp_path / "errors.log").write_text(
        same + "    Traceback\n" + same + line(1, "m", "ERROR", fields=" a=1.0"), encoding="utf-8"
    )
    others = [
        line(2, "m", "ERROR", fields=" a=1"),
        line(1, "m", "CRITICAL", fields=" a=1"),
        line(1, "o", "ERROR", fields=" a=1"),
        line(1, "m", "ERROR", fields=" a=true"),
        line(1, "m", "ERROR", fields=" a=1 b=2"),
        line(1, "m", "ERROR", channel="drift", fields=" a=1"),
    ]
    (tmp_path / "api_requests.log").write_text(same + same + "".join(others), encoding="utf-8")
    events = list(read(tmp_path))
    assert len(events) == 3 + len(others)
    assert [event.exception for event in events if event.exception] == ["Traceback"]


def test_an_error_whose_traceback_is_deleted_meanwhile_is_shown_from_its_channels_file(tmp_path: Path) -> None:
    errors = tmp_path / "errors.log"
    for minute, n in enumerate((0, 10, 20)):
        rotated(errors, minute).write_text(line(n, "m", "ERROR") + "    Traceback\n", encoding="utf-8")
    errors.write_text(line(30, "m", "ERROR") + "    Traceback\n", encoding="utf-8")
    (tmp_path / "api.log").write_text(
        "".join(line(n, "m", "ERROR" if n % 10 == 0 else "INFO") for n in range(31)), encoding="utf-8"
    )
    events = read(tmp_path)
    found = [next(events)]
    rotated(errors, 2).unlink()
    found += events
    assert [event.fields["n"] for event in found] == list(range(31))
    assert [event.fields["n"] for event in found if event.exception] == [0, 10, 30]


def test_an_error_that_comes_to_a_rotated_file_meanwhile_is_shown_once(tmp_path: Path) -> None:
    errors = tmp_path / "errors.log"
    for minute, n in enumerate((0, 10)):
        rotated(errors, minute).write_text(line(n, "m", "ERROR") + "    Traceback\n", encoding="utf-8")
    (tmp_path / "api.log").write_text(
        "".join(line(n, "m", "ERROR" if n % 10 == 0 else "INFO") for n in range(31)), encoding="utf-8"
    )
    events = read(tmp_path)
    found = [next(events)]
    with rotated(errors, 1).open("a", encoding="utf-8") as late:
        late.write(line(20, "m", "ERROR") + "    Traceback\n")
    found += events
    assert [event.fields["n"] for event in found] == list(range(31))
    assert [event.fields["n"] for event in found if event.exception] == [0, 10]
