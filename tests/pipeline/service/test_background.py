import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pipeline.service.background import Background

ROOT = Path(__file__).parents[3]


class Counter(Background):
    """Counts, and has its thread wait for the end."""

    def __init__(self) -> None:
        super().__init__("counter")

    def add(self) -> int:
        self._here()
        with self._changed:
            self.count += 1
            self._need_thread()
        return self.count

    def _begin(self) -> None:
        super()._begin()
        self.count = 0

    def _work(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closing)


def test_there_is_one_thread_from_when_it_is_needed_until_the_end() -> None:
    counter = Counter()
    names = [[thread.name for thread in threading.enumerate()].count("counter")]
    for _ in range(3):
        counter.add()
        names.append([thread.name for thread in threading.enumerate()].count("counter"))
    counter.close()
    unused = Counter()
    unused.close()
    for late in (counter, unused):
        late.add()
        names.append([thread.name for thread in threading.enumerate()].count("counter"))
    assert names == [0, 1, 1, 1, 0, 0]


FORKING = """
import os, threading, warnings
warnings.simplefilter("ignore")  # newer Pythons warn of a fork beside threads
from tests.pipeline.service.test_background import Counter

counter = Counter()
assert counter.add() == 1
holding, done = threading.Event(), threading.Event()

def hold():
    with counter._changed:
        holding.set()
        done.wait()

threading.Thread(target=hold).start()
holding.wait()
child = os.fork()
if child == 0:
    assert counter.add() == 1, counter.count
    assert sorted(thread.name for thread in threading.enumerate()) == ["MainThread", "counter"]
    counter.close()
    os._exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
done.set()
assert counter.add() == 2
counter.close()
"""


@pytest.mark.whole
@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_forked_process_begins_anew_even_if_a_lock_was_held_at_the_fork() -> None:
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    done = subprocess.run(
        [sys.executable, "-c", FORKING],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
