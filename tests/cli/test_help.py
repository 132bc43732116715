"""Each command's --help ends with an example of it, which the command takes."""

import shlex
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import pytest

import main
from sevenfold import cli
from sevenfold.cli.parser import Parser

Run = Callable[[list[str]], object]
PROGRAMS: dict[str, Run] = {"main.py": main.main, "sevenfold": cli.main}
COMMANDS = {"main.py": ["", *main.COMMANDS, *cli.COMMANDS], "sevenfold": ["", *cli.COMMANDS]}


class Taken(Exception):  # noqa: N818
    """The arguments were read."""


@pytest.mark.parametrize(("program", "command"), [(name, one) for name in PROGRAMS for one in COMMANDS[name]])
def test_the_help_of_a_command_ends_with_an_example_that_it_takes(
    program: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "logs").mkdir()
    monkeypatch.chdir(tmp_path)
    run = PROGRAMS[program]
    with pytest.raises(SystemExit) as stopped:
        run([*command.split(), "--help"])
    assert stopped.value.code == 0
    *_, title, example = capsys.readouterr().out.splitlines()
    name, *arguments = shlex.split(example)
    assert (title, name) == ("example:", program)
    if command not in {"", "run"}:
        assert arguments[0] == command
    assert len(arguments) > 1
    read = Parser.parse_known_args
    with patch.object(Parser, "parse_known_args", lambda *args: _take(read(*args))), pytest.raises(Taken):
        run(arguments)
    assert capsys.readouterr() == ("", "")


def _take(found: tuple[object, list[str]]) -> None:
    assert found[1] == []
    raise Taken
