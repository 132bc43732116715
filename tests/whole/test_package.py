"""The installed package: its dependencies and its contents, without the clone around it."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from email.message import Message
from email.parser import HeaderParser
from importlib.util import find_spec
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# Whose plugin capture.py is; what loguru brings on Windows; what the extras `fast`, `metrics` and `fleet` bring.
FROM_OTHERS = {"pytest", "colorama", "isal", "prometheus_client", "nats"}
NEEDED = {"loguru>=0.7.3,<0.8", "numpy>=1.26", "orjson>=3.10", "tqdm>=4.66"}


def requirements(path: Path) -> set[str]:
    lines = (line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return {line for line in lines if line and not line.startswith("-")}


def third_party(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"sevenfold", "sinks"}


def test_the_library_depends_on_what_it_imports_and_main_py_needs_that_too() -> None:
    assert set(PROJECT["dependencies"]) == NEEDED
    assert requirements(ROOT / "requirements.txt") >= NEEDED
    names = {re.split(r"\W", one)[0] for one in NEEDED}
    imported = {path: third_party(path) for path in [ROOT / "sinks.py", *(ROOT / "sevenfold").rglob("*.py")]}
    assert set().union(*imported.values()) - FROM_OTHERS == names
    assert [path.name for path, found in imported.items() if "pytest" in found] == ["capture.py"]
    assert [path.name for path, found in imported.items() if "nats" in found] == ["nats_broker.py"]


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, capture_output=True, encoding="utf-8", check=False)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel, from a copy, since building leaves files."""
    if find_spec("pip") is None:
        pytest.skip("this Python has no pip")
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT / "sevenfold", folder / "copy" / "sevenfold")
    for name in ("sinks.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "copy")
    built = run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", ".", "./copy", cwd=folder)
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="session")
def metadata(wheel: Path) -> Message[str, str]:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return HeaderParser().parsestr(archive.read(name).decode())


pytestmark = pytest.mark.timeout(600)  # pip fetches what it builds and installs with


@pytest.mark.whole
def test_the_wheel_requires_the_four_and_nothing_else(metadata: Message[str, str]) -> None:
    required = metadata.get_all("Requires-Dist", [])
    assert {Requirement(one) for one in required if "extra ==" not in one} == {Requirement(one) for one in NEEDED}


@pytest.mark.whole
def test_the_wheel_says_what_it_is(metadata: Message[str, str], wheel: Path) -> None:
    assert (metadata["License-Expression"], metadata["License-File"]) == ("MIT", "LICENSE")
    assert metadata["Version"] == PROJECT["version"]
    assert metadata.get_all("Project-URL", []) == []
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"sevenfold", "sinks.py"}
    assert "sevenfold/py.typed" in names


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Install the wheel, pytest and mypy into a fresh environment; give what runs its programs."""
    folder = tmp_path_factory.mktemp("installed")
    assert run(sys.executable, "-m", "venv", ".venv", cwd=folder).returncode == 0
    scripts = folder / ".venv" / ("Scripts" if sys.platform == "win32" else "bin")
    done = run(scripts / "python", "-m", "pip", "install", "-q", wheel, "pytest", "mypy", cwd=folder)
    assert done.returncode == 0, done.stderr

    def start(program: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        return run(scripts / program, *arguments, cwd=cwd)

    return start


Installed = Callable[..., "subprocess.CompletedProcess[str]"]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FIVE_LINES = (ROOT / "examples" / "five_lines.py").read_text(encoding="utf-8")
AUDITED = """
with sinks.configure("logs"):
    logger.bind(channel="audit").info("model_trained", event="model_trained")
"""
TEST = """
from loguru import logger

def test_a_denial_is_logged(channel_log):
    logger.bind(channel="predictions").info("prediction", decision="deny")
    assert channel_log.channel("predictions")[0].fields == {"decision": "deny"}
"""


@pytest.mark.whole
def test_the_command_comes_with_it(installed: Installed, tmp_path: Path) -> None:
    (tmp_path / "five_lines.py").write_text(FIVE_LINES + AUDITED, encoding="utf-8")
    assert installed("python", "five_lines.py", cwd=tmp_path).returncode == 0
    shown = installed("sevenfold", "logs", "--channel", "predictions", cwd=tmp_path)
    assert (shown.stdout, shown.stderr) == ((tmp_path / "logs" / "predictions.log").read_text(encoding="utf-8"), "")
    verified = installed("sevenfold", "verify", cwd=tmp_path)
    assert (verified.returncode, verified.stdout.splitlines()[0][-14:]) == (0, "1 file: proved")
    usage = installed("python", "-m", "sevenfold", "--help", cwd=tmp_path)
    assert usage.stdout.startswith("usage: python -m sevenfold ")
    assert installed("sevenfold", "--help", cwd=tmp_path).stdout == usage.stdout.replace(
        "python -m sevenfold", "sevenfold"
    )
    version = installed("python", "-c", "import sevenfold; print(sevenfold.__version__)", cwd=tmp_path)
    assert version.stdout.strip() == PROJECT["version"]


@pytest.mark.whole
@pytest.mark.parametrize("own", [None, "sinks.py"])
def test_the_fixture_comes_with_it_whatever_a_project_calls_its_files(
    installed: Installed, tmp_path: Path, own: str | None
) -> None:
    (tmp_path / "test_denials.py").write_text(TEST, encoding="utf-8")
    if own is not None:
        (tmp_path / own).write_text("handlers = []\n", encoding="utf-8")
    done = installed("python", "-m", "pytest", "-q", cwd=tmp_path)
    assert "1 passed" in done.stdout, done.stdout + done.stderr
    # As the README of 0.1.0 said.
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["sevenfold.capture"]\n', encoding="utf-8")
    assert "1 passed" in installed("python", "-m", "pytest", "-q", cwd=tmp_path).stdout


@pytest.mark.whole
def test_a_failing_test_shows_what_was_logged(installed: Installed, tmp_path: Path) -> None:
    (tmp_path / "test_denials.py").write_text(TEST.replace('{"decision": "deny"}', "None"), encoding="utf-8")
    done = installed("python", "-m", "pytest", "-q", cwd=tmp_path)
    assert re.search(r"-+ Captured channel log .*-\n.*\| predictions \| prediction \| decision=deny\n", done.stdout)


@pytest.mark.whole
def test_mypy_takes_it_as_strictly_as_it_can_with_what_the_readme_tells_it(
    installed: Installed, tmp_path: Path
) -> None:
    (tmp_path / "five_lines.py").write_text(FIVE_LINES, encoding="utf-8")
    (tmp_path / "wrong.py").write_text("import sinks\n\nsinks.configure(7)\n", encoding="utf-8")
    # Untold, it can't look into the single module; into the package it can.
    untold = installed("python", "-m", "mypy", "--strict", "five_lines.py", cwd=tmp_path)
    assert re.findall(r"error: (.*), but", untold.stdout) == ['Skipping analyzing "sinks": module is installed']
    (told,) = re.findall(r"^```toml\n([^`]*)^```$", README, flags=re.MULTILINE)
    (tmp_path / "pyproject.toml").write_text(told, encoding="utf-8")
    assert installed("python", "-m", "mypy", "--strict", "five_lines.py", cwd=tmp_path).returncode == 0
    wrong = installed("python", "-m", "mypy", "--strict", "wrong.py", cwd=tmp_path)
    assert 'wrong.py:3: error: Argument 1 to "configure" has incompatible type "int"' in wrong.stdout
