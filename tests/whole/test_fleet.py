"""A fleet whose parts are killed, wiped and filled: the mirror is what the hosts have, byte for byte."""

import random
import time
from pathlib import Path

import pytest

from sevenfold.audit.verify import verify
from tests.support.fleet import Fleet, contents, fleet

HOSTS = ("one", "two")
SHIPPERS = [f"ship-{host}" for host in HOSTS]
PARTS = ["server", "collect", *SHIPPERS]


class Chaos:
    """Two hosts with two writers each, and what befalls them, drawn from a seed."""

    def __init__(self, one: Fleet, seed: int, n_lines: int, pause_s: float) -> None:
        self.one = one
        self.draw = random.Random(seed)
        self.writing = n_lines, pause_s
        self.n_kills = self.n_proved = 0
        one.start("server")
        for host in HOSTS:
            one.logs(host).mkdir(parents=True)
            for writer in "ab":
                one.start_writer(host, writer, *self.writing)
        for name in PARTS[1:]:
            one.start(name)
        one.await_that(lambda: all((one.mirror / host / "app_json.log").exists() for host in HOSTS))

    def kill(self, name: str, *, wiped: bool = False) -> None:
        time.sleep(self.draw.uniform(0.1, 1.0))
        self.one.kill(name)
        if wiped:
            self.one.wipe()
        time.sleep(self.draw.choice([0, 0.2, 1.0]))
        self.one.start(name)
        self.n_kills += 1
        self.prove()

    def kill_writer(self) -> None:
        """Kill a writer that is at work, and have another begin in its place."""
        host, writer = self.draw.choice(HOSTS), self.draw.choice("ab")
        if self.one.is_running(f"writer-{host}-{writer}"):
            self.one.kill(f"writer-{host}-{writer}")
            self.one.start_writer(host, writer, *self.writing)
            self.n_kills += 1

    def fill(self) -> None:
        """Let nobody collect until the broker takes no more."""
        self.one.kill("collect")
        self.n_kills += 1
        for host in HOSTS:
            self.one.start_writer(host, "c", 5_000)
        self.one.await_that(lambda: any("maximum bytes" in self.one.told(name) for name in SHIPPERS))
        self.one.start("collect")

    def prove(self) -> None:
        """Prove what the mirror has of each trail; it may be behind."""
        for host in HOSTS:
            path = self.one.mirror / host / "app_json.log"
            if path.exists():
                verdict = verify(path, copy=True)
                assert verdict.proved, list(map(str, verdict.findings))
                self.n_proved += 1

    def compare(self) -> None:
        """Wait for all to end, and compare the mirror with the hosts."""
        for host in HOSTS:
            for writer in "abc":
                assert self.one.wait(f"writer-{host}-{writer}") == 0, self.one.told(f"writer-{host}-{writer}")
        self.one.await_equal(*HOSTS)
        for host in HOSTS:
            trail, home = (verify(folder / "app_json.log") for folder in (self.one.mirror / host, self.one.logs(host)))
            assert trail.proved, list(map(str, trail.findings))
            assert (trail.n_events, trail.head) == (home.n_events, home.head)
            assert len([name for name in contents(self.one.mirror / host) if name.startswith("predictions.2")]) > 1
        for name in PARTS[1:]:
            assert "Traceback" not in self.one.told(name)


def survive(folder: Path, seed: int, n_lines: int, pause_s: float, n_more: int) -> Chaos:
    with fleet(folder, max_bytes="2 MB") as one:
        chaos = Chaos(one, seed, n_lines, pause_s)
        chaos.kill("server", wiped=True)
        chaos.kill_writer()
        for name in PARTS:
            chaos.kill(name)
        chaos.fill()
        chaos.kill_writer()
        for name in chaos.draw.choices(PARTS, k=n_more):
            chaos.kill(name)
            if chaos.draw.random() < 0.25:
                chaos.kill_writer()
        chaos.kill("server", wiped=True)
        chaos.compare()
    return chaos


@pytest.mark.whole("nats")
def test_a_mirror_is_what_the_hosts_have_whatever_is_killed_wiped_and_filled(tmp_path: Path) -> None:
    chaos = survive(tmp_path, seed=1, n_lines=2_500, pause_s=0.005, n_more=0)
    assert chaos.n_kills >= 8
    assert chaos.n_proved > 8


@pytest.mark.slow
@pytest.mark.whole("nats")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_it_is_so_with_sixty_thousand_lines(tmp_path: Path, seed: int) -> None:
    chaos = survive(tmp_path, seed, n_lines=12_500, pause_s=0.004, n_more=14)
    assert chaos.n_kills >= 20
    n_lines = sum(data.count(b"\n") for host in HOSTS for data in contents(tmp_path / "mirror" / host).values())
    assert n_lines >= 60_000
