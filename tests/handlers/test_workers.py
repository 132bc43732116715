"""Workers of pools: joblib's, with real files, and unconfigured ones."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sevenfold.audit.verify import verify
from sevenfold.handlers.workers import UNCONFIGURED
from sevenfold.reading.folder import read

pytestmark = pytest.mark.whole

ROOT = Path(__file__).parents[2]
WORK = """
import multiprocessing
import sys
from functools import partial

import sinks
from loguru import logger


def score(number):
    logger.bind(channel="predictions").info("scored", number=number)
    return number


"""
POOL = """
if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1{initializer}) as pool:
        pool.map(score, range(3))
"""
JOBLIB = """
if __name__ == "__main__":
    from joblib import Parallel, delayed, parallel_config

    configure = partial(sinks.configure, "logs", console=None, rotation="20 kB")
    with configure(), parallel_config("loky", n_jobs=3, initializer=configure):
        Parallel()(delayed(score)(number) for number in range(600))
"""


def run(folder: Path, program: str) -> str:
    (folder / "program.py").write_text(WORK + program, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNDEFAULTENCODING": ""}  # joblib names none
    done = subprocess.run(
        [sys.executable, "program.py"],
        cwd=folder,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=100,
        check=True,
    )
    return done.stderr


def test_a_worker_that_was_never_configured_says_so_once_and_shows_its_fields(tmp_path: Path) -> None:
    told, *lines = run(tmp_path, POOL.format(initializer="")).splitlines()
    assert told == f"sevenfold: {UNCONFIGURED}"
    assert [line.partition(" | ")[2] for line in lines] == [
        f"INFO     | predictions | scored | number={number}" for number in range(3)
    ]


def test_a_worker_that_is_configured_says_nothing(tmp_path: Path) -> None:
    initializer = ', initializer=partial(sinks.configure, "logs", console=None)'
    assert run(tmp_path, POOL.format(initializer=initializer)) == ""
    assert [event.fields["number"] for event in read(tmp_path / "logs" / "predictions.log")] == [0, 1, 2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("is_configured_first", [True, False])
def test_a_pool_that_was_forked_before_configure_says_so(is_configured_first: bool, tmp_path: Path) -> None:
    steps = ["sinks.configure('logs', console=None)", "pool = multiprocessing.get_context('fork').Pool(1)"]
    ordered = steps if is_configured_first else steps[::-1]
    program = "\n".join(
        f"    {step}" for step in (*ordered, "pool.map(score, range(3))", "pool.close()", "pool.join()")
    )
    told = run(tmp_path, f"if __name__ == '__main__':\n{program}\n").splitlines()
    numbers = [event.fields["number"] for event in read(tmp_path / "logs" / "predictions.log")]
    if is_configured_first:
        assert (told, numbers) == ([], [0, 1, 2])
    else:
        assert told[0] == f"sevenfold: {UNCONFIGURED}"
        assert [line.partition(" | ")[2] for line in told[1:]] == [
            f"INFO     | predictions | scored | number={number}" for number in range(3)
        ]


@pytest.mark.whole("joblib")
def test_the_workers_of_joblib_lose_nothing(tmp_path: Path) -> None:
    assert run(tmp_path, JOBLIB) == ""
    found = sorted(event.fields["number"] for event in read(tmp_path / "logs" / "predictions.log"))
    assert found == list(range(600))


PICKLED = """
import cloudpickle

log = logger.bind(channel="predictions")


class Actor:
    def __init__(self):
        self.log = logger.bind(channel="training")

    def run(self, number):
        self.log.info("actor", number=number)


def work(number):
    log.info("scored", number=number)
    logger.bind(channel="audit").info("model_asked", number=number)
    try:
        1 / 0
    except ZeroDivisionError:
        log.exception("failed", number=number)


if __name__ == "__main__":
    import subprocess

    worker = "import pickle, sys; work, actor = pickle.load(sys.stdin.buffer)\\n"
    worker += "for number in range(50): work(number); actor.run(number)"
    with sinks.configure("logs", console=None, rotation="10 kB"):
        data = cloudpickle.dumps((work, Actor()))
        processes = [subprocess.Popen([sys.executable, "-c", worker], stdin=subprocess.PIPE) for _ in range(3)]
        for process in processes:
            process.communicate(data)
            assert process.returncode == 0
"""


@pytest.mark.whole("cloudpickle")
def test_what_is_pickled_with_a_logger_logs_elsewhere_as_here(tmp_path: Path) -> None:
    """Ray and Dask send functions and actors by value, with the loggers that they name, to processes of their own."""
    assert run(tmp_path, PICKLED) == ""
    logs = tmp_path / "logs"
    numbers = sorted([*range(50)] * 3)
    for file, message in (("predictions.log", "scored"), ("ml_pipeline.log", "actor"), ("errors.log", "failed")):
        found = sorted(event.fields["number"] for event in read(logs / file) if event.message == message)
        assert found == numbers
    verdict = verify(logs / "app_json.log")
    assert (verdict.proved, verdict.n_events) == (True, 150)
