"""The README and the pages of docs/ agree with the code, and their links lead somewhere; no block is run here."""

import inspect
import re
from dataclasses import MISSING, fields
from pathlib import Path

import pytest

import sinks
from main import main
from sevenfold.asgi import ApiLog
from sevenfold.cli import COMMANDS
from tests.support.pages import PAGES, README, ROOT, anchors, blocks, prose, table

LINKED = [*PAGES, ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_block_says_what_language_it_is(page: Path) -> None:
    assert re.findall(r"^```.*|^ {4,}\S.*|^\t.*", prose(page), flags=re.MULTILINE) == []


def test_the_first_block_of_the_readme_holds_the_two_commands() -> None:
    first, *_ = blocks(README, "sh")
    assert [line.split()[-1] for line in first.text.splitlines()] == ["main.py", "auto"]


def test_the_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").split()) <= 1000


@pytest.mark.parametrize("page", LINKED, ids=lambda page: page.name)
def test_each_link_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if not link.startswith("https://"):
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link


def test_the_readme_leads_to_each_page() -> None:
    readme = README.read_text(encoding="utf-8")
    assert [page.name for page in PAGES[1:] if f"(docs/{page.name})" not in readme] == []


def test_the_table_of_channels_is_the_one_in_the_code() -> None:
    assert [tuple(row[:2]) for row in table("README.md", "channel")] == [(one.name, one.file) for one in sinks.CHANNELS]


def test_the_keywords_of_configure_and_their_defaults_are_those_in_the_code() -> None:
    parameters = inspect.signature(sinks.configure).parameters.values()
    said = {row[0]: row[1] for row in table("docs/logging.md", "keyword")}
    assert said.keys() == {parameter.name for parameter in parameters}
    names: dict[int, str] = {id(sinks.CHANNELS): "CHANNELS", id(sinks.SECRETS): "SECRETS"}
    defaults = {one.name: names.get(id(one.default), repr(one.default)) for one in parameters}
    assert {name: default.replace('"', "'") for name, default in said.items()} == defaults


def test_the_fields_of_a_channel_and_their_defaults_are_those_in_the_code() -> None:
    said = {row[0]: row[1].replace('"', "'") for row in table("docs/logging.md", "field")}
    code = {one.name: "" if one.default is MISSING else repr(one.default) for one in fields(sinks.Channel)}
    assert said == code


def test_the_options_of_apilog_and_their_defaults_are_those_in_the_code() -> None:
    said = {row[0]: row[1].replace('"', "'") for row in table("docs/api-log.md", "option")}
    parameters = list(inspect.signature(ApiLog).parameters.values())[1:]
    assert said == {one.name: repr(one.default) for one in parameters}


@pytest.mark.parametrize("command", ["", "serve", *COMMANDS])
def test_each_option_of_a_command_stands_in_a_page(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([*filter(None, [command]), "--help"])
    pages = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    options = set(re.findall(r"^ +(?:-\w[ \w]*, )?(--[a-z][a-z-]+)", capsys.readouterr().out, flags=re.MULTILINE))
    assert "--help" in options
    assert [one for one in options - {"--help"} if not re.search(rf"{one}(?![\w-])", pages)] == []


def test_the_grammar_is_the_one_in_the_code() -> None:
    (grammar,) = (block.text for block in blocks(ROOT / "docs" / "line-format.md") if block.text.startswith("line "))
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "sevenfold" / "lines").glob("*.py")]
    assert any(all(f"    {line}\n" in source for line in grammar.splitlines()) for source in sources)


def test_each_package_has_its_line_in_the_reading_order() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    packages = [init.parent.name for top in ("sevenfold", "pipeline") for init in (ROOT / top).glob("*/__init__.py")]
    assert [name for name in packages if f"| `{name}` |" not in text] == []


def test_each_file_of_the_picture_is_there() -> None:
    (picture,) = blocks(ROOT / "docs" / "architecture.md", "mermaid")
    named = re.findall(r"\b[\w/]+(?:\.py|/(?=:))", picture.text)
    assert len(named) > 10
    assert [name for name in named if not (ROOT / "sevenfold" / name).exists()] == []


def test_each_name_of_the_reading_order_stands_in_its_file() -> None:
    page = ROOT / "docs" / "architecture.md"
    steps = re.findall(r"^\d\. .*(?:\n   .*)*", prose(page), flags=re.MULTILINE)
    assert len(steps) > 10
    for step in steps:
        files = [page.parent / link for link in re.findall(r"\]\(([^)]+)\)", step)]
        text = "".join(file.read_text(encoding="utf-8") for file in files)
        names = {name for said in re.findall(r"`([\w.]+)`", step) for name in said.split(".")}
        assert [name for name in names if not re.search(rf"\b{name}\b", text)] == [], step
