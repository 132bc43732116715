"""What the README says is so."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import main
from sinks import CHANNELS
from tests.support.log_files import read_events

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


def after(text: str) -> str:
    """The indented line that follows a sentence of the README."""
    found = re.search(re.escape(text) + r"\n\n    (.*)\n", README)
    assert found is not None
    return found[1]


def masked(text: str) -> str:
    """Blank out what differs from run to run and from machine to machine."""
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z|run-[0-9a-f]{12}", "*", text)
    text = re.sub(r"logged in .*", "logged in *", text)
    return re.sub(r" +[\d,.]+( [kM]?B)?", " *", text)


def test_the_table_of_channels_is_the_one_in_the_code() -> None:
    table = README.partition("| channel | file | what is in it |\n|---|---|---|\n")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (\w+) \| ([\w.]+) \|", table, flags=re.MULTILINE)
    assert rows == [(row.name, row.file) for row in CHANNELS]


@pytest.mark.usefixtures("own_logger")
def test_the_output_of_the_main_job_is_what_it_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main.main([]) == 0
    (shown,) = blocks("text")
    assert masked(shown.strip()) == masked(capsys.readouterr().out.strip())


@pytest.mark.usefixtures("own_logger")
def test_the_code_runs_and_writes_the_line_that_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {}
    for code in blocks("python"):
        if not any(word in code for word in ("pytest_plugins", "def test_", "__main__")):
            exec(code, namespace)  # noqa: S102 - the README's own
    written = Path("logs/predictions.log").read_text(encoding="utf-8").strip()
    assert masked(written) == masked(after("`logs/predictions.log` then holds"))
    assert "index built" in Path("logs/embeddings.log").read_text(encoding="utf-8")


def test_the_workers_of_a_pool_write_the_same_folder(tmp_path: Path) -> None:
    (code,) = (code for code in blocks("python") if "__main__" in code)
    (tmp_path / "service.py").write_text(code, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "service.py"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    numbers = [event.fields["batch_number"] for event in read_events(tmp_path / "logs" / "predictions.log")]
    assert sorted(numbers) == list(range(8))


@pytest.mark.whole
def test_the_test_runs(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    first, *_ = blocks("python")
    (conftest,) = (code for code in blocks("python") if "pytest_plugins" in code)
    (test,) = (code for code in blocks("python") if "def test_" in code)
    imports = "".join(line for line in first.splitlines(keepends=True) if "import" in line)
    pytester.makeconftest(conftest)
    pytester.makepyfile(imports + test)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pytester.runpytest_subprocess().assert_outcomes(passed=1)
