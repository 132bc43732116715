"""Stop the writer of an audit trail at the n-th system call of an append, for every n; then other writers go on.

It is killed, or interrupted by an exception, as a signal handler raises one. Then a writer goes on that had the files
open before, and one that opens them only now. All this is for a process of its own, since it forks.
"""

import fcntl
import os
import re
import shutil
import signal
import threading
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sevenfold.audit.chain import Chain
from sevenfold.audit.seals import SEAL_BYTES
from sevenfold.audit.verify import verify
from sevenfold.files.archives import Archives
from sevenfold.files.names import Names
from sevenfold.files.policies import Retention
from sevenfold.files.rotating import RotatingFile
from tests.support.audit_files import KEY, Trail, event

IN_OS = "write pwrite lseek read pread open close fstat stat lstat access ftruncate rename mkdir scandir"
FULL = 2 * (len(event(1)) + SEAL_BYTES)  # bytes: two events fit into a file


class Interrupted(BaseException):
    """What a signal handler raises."""


@dataclass(frozen=True, slots=True)
class Case:
    """How a writer is stopped.

    Attributes
    ----------
    how : {"kill", "raise"}
        By which means.
    stop_at : int
        In which event, from 1; 0 for the beginning.
    rotation : bool
        Whether a file holds two events only.
    packed : bool
        Whether rotated files are compressed before anybody goes on.
    key : bool
        Whether the chain has one.
    second : bool
        Whether a second writer has the files open.
    every : int
        Of how many points one is tried.
    """

    how: str = "kill"
    stop_at: int = 1
    rotation: bool = False
    packed: bool = False
    key: bool = False
    second: bool = False
    every: int = 1


class Fault:
    """Count the system calls, before and behind each, and stop the process at one of them."""

    def __init__(self, how: str, at: int) -> None:
        self.how, self.at, self.seen, self.armed = how, at, 0, False

    def step(self) -> None:
        """Count, and stop if it is time."""
        if not self.armed or threading.current_thread() is not threading.main_thread():
            return
        self.seen += 1
        if self.seen == self.at:
            if self.how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            self.armed = False
            raise Interrupted

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Step before and behind a call."""

        def counted(*arguments: Any, **options: Any) -> Any:
            self.step()
            result = call(*arguments, **options)
            self.step()
            return result

        return counted

    def patch(self) -> None:
        """Count all calls that an append makes of the system."""
        for name in IN_OS.split():
            setattr(os, name, self.around(getattr(os, name)))
        for name in ("flock", "fcntl"):
            setattr(fcntl, name, self.around(getattr(fcntl, name)))


class Point:
    """One run: a writer that is stopped at one point, and those that go on."""

    def __init__(self, folder: Path, case: Case, at: int) -> None:
        self.folder, self.case, self.fault = folder, case, Fault(case.how, at)
        self.trail = Trail(folder / "logs" / "app_json.log", KEY if case.key else None)
        folder.mkdir()

    def run(self) -> int:
        """Stop a writer, have the others go on, and check after each; how many steps the writer got."""
        go_on = None
        if self.case.second:
            ready, wait = os.pipe(), os.pipe()
            go_on = (self.fork(lambda: self.second(ready[1], wait[0])), wait[1])
            os.read(ready[0], 1)
        self.wait(self.fork(self.stopped))
        if self.case.packed:
            Archives(Names(self.trail.path), Retention(), compress=True).tidy()
        if self.case.stop_at or self.case.second:  # else there may be no chain yet, and nothing to prove
            self.check("behind the stop")
        if go_on is not None:
            os.write(go_on[1], b".")
            self.wait(go_on[0])
            self.check("behind the second writer")
        self.wait(self.fork(lambda: self.write(range(20, 23))))
        self.check("behind the next writer")
        steps = self.folder / "steps"
        return int(steps.read_text(encoding="utf-8")) if steps.exists() else 0

    def stopped(self) -> None:
        """Begin and append five events; the process is stopped in one of them."""
        self.fault.patch()
        self.write(range(1, 6), self.fault)
        (self.folder / "steps").write_text(str(self.fault.seen), encoding="utf-8")

    def second(self, ready: int, wait: int) -> None:
        """Open the files, write, wait until the first writer is stopped, and write again."""
        chain = self.begin()
        self.append(chain, 10)
        os.write(ready, b".")
        os.read(wait, 1)
        for number in range(11, 14):
            self.append(chain, number)
        chain.close()

    def write(self, numbers: range, fault: Fault | None = None) -> None:
        chain: Chain | None = None
        for number in range(numbers.start - 1, numbers.stop):
            if fault is not None:
                fault.armed = number == self.case.stop_at
            try:
                if chain is None:
                    chain = self.begin()
                else:
                    self.append(chain, number)
            except Interrupted:
                chain = chain or self.begin()
            if fault is not None:
                fault.armed = False
        assert chain is not None
        chain.close()
        chain._file.stop()

    def begin(self) -> Chain:
        file = RotatingFile(self.trail.path, rotation=FULL if self.case.rotation else None)
        return Chain(file, self.trail.key, wait_s=2)

    def append(self, chain: Chain, number: int) -> None:
        chain.append(event(number).encode())
        self.fault.armed = False
        with (self.folder / "acknowledged").open("a", encoding="utf-8") as file:
            file.write(f"{number}\n")

    def check(self, when: str) -> None:
        """Raise AssertionError if the trail isn't proved, or an event that a call returned from isn't there."""
        verdict = verify(self.trail.path, key=self.trail.key)
        seen = Counter(int(found) for line in self.trail.all_lines() for found in re.findall(rb'"n": (\d+)', line))
        told = self.folder / "acknowledged"
        acknowledged = set(map(int, told.read_text(encoding="utf-8").split())) if told.exists() else set()
        assert verdict.proved, f"{when}: {[str(one) for one in verdict.findings]}"
        assert not acknowledged - set(seen), f"{when}: lost {acknowledged - set(seen)}"
        assert not [number for number, count in seen.items() if count > 1], f"{when}: doubled {seen}"

    def fork(self, work: Callable[[], None]) -> int:
        pid = os.fork()
        if pid:
            return pid
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)

    def wait(self, pid: int) -> None:
        _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) in {0, -signal.SIGKILL}, "a writer failed"


def failures(folder: Path, case: Case) -> tuple[int, list[str]]:
    """Try the points of a case; how many there are, and at which the trail isn't proved or not whole."""
    n_points, found = Point(folder / "all", case, 0).run(), []
    for at in range(1, n_points + 1, case.every):
        point = Point(folder / str(at), case, at)
        try:
            point.run()
        except AssertionError as error:
            found.append(f"at {at} of {n_points}: {error}")
        shutil.rmtree(point.folder)
    return n_points, found
