"""Two users of one group write one log folder, read it and prove it."""

import os
import stat
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

pytestmark = pytest.mark.whole
ROOT = Path(__file__).parents[2]
GROUP, FIRST, SECOND = 54_321, 54_322, 54_323  # nobody's
# One process becomes somebody else after its imports: others might not be allowed to read the interpreter's files.
PROGRAM = """
import contextlib
import io
import os
import sys
import unicodedata
import sinks
from loguru import logger
from sevenfold import read
from sevenfold.cli import main, verify


def write(folder, writer):
    with sinks.configure(folder, console=None, rotation="4 kB", mode=0o660):
        for n in range(200):
            logger.bind(channel="audit", writer=writer).info("event", n=n)
            logger.bind(channel="api", writer=writer).info("line", n=n)


def check(folder, writer):
    events = [(event.channel, event.fields["writer"], event.fields["n"]) for event in read(folder)]
    assert len(events) == len(set(events)) == 1600, len(events)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        assert main(["verify", "--log-dir", folder]) == 0, said.getvalue()
    assert "800 events in" in said.getvalue(), said.getvalue()


def become(user, work):
    child = os.fork()
    if child:
        return child
    os.umask(0o077)
    os.setgroups([GROUP])
    os.setgid(user)  # a group of its own: only the folder gives the files the group that both are in
    os.setuid(user)
    try:
        work(sys.argv[1], user)
    except BaseException as error:
        sys.stderr.write(f"{user}: {type(error).__name__}: {error}\\n")
        os._exit(1)
    os._exit(0)


for work, users in ((write, (FIRST, SECOND, THIRD, FOURTH)), (check, (FIRST, SECOND))):
    for child in [become(user, work) for user in users]:
        assert os.waitpid(child, 0)[1] == 0
"""


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may become somebody else")
def test_a_second_user_of_the_group_writes_reads_and_verifies() -> None:
    names = {"GROUP": GROUP, "FIRST": FIRST, "SECOND": SECOND, "THIRD": SECOND + 1, "FOURTH": SECOND + 2}
    program = "".join(f"{name} = {value}\n" for name, value in names.items()) + PROGRAM
    with TemporaryDirectory() as parent:  # pytest's own are for one user alone
        Path(parent).chmod(0o755)
        logs = Path(parent, "logs")
        logs.mkdir()
        os.chown(logs, FIRST, GROUP)
        logs.chmod(0o2770)
        done = subprocess.run(
            [sys.executable, "-c", program, str(logs)],
            cwd=ROOT,
            capture_output=True,
            encoding="utf-8",
            timeout=90,
            check=False,
        )
        assert (done.stderr, done.returncode) == ("", 0)
        owners = {found.stat().st_uid for found in logs.iterdir()}
        modes = {stat.S_IMODE(found.stat().st_mode) for found in logs.iterdir()}
        groups = {found.stat().st_gid for found in logs.iterdir()}
        assert (len(owners) > 1, modes, groups) == (True, {0o660}, {GROUP})
