"""A fleet whose parts are killed, wiped and filled: the mirror equals the hosts' folders, byte for byte."""

import asyncio
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sevenfold.audit.verify import verify
from sevenfold.shipping.messages import CHUNK_BYTES
from tests.support.fleet import PATIENCE_S, Fleet, contents, fleet, lines_of, nats_server
from tests.support.pages import ROOT, blocks

pytestmark = [
    pytest.mark.whole("nats"),
    pytest.mark.timeout(600),  # a machine that is busy starts each program in seconds
]

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
        """Have one writer more begin, and kill it while it writes."""
        host, name = self.draw.choice(HOSTS), f"k{self.n_kills}"
        self.one.start_writer(host, name, *self.writing)
        written = f" writer={name} ".encode()
        self.one.await_that(lambda: written in lines_of(contents(self.one.logs(host)), "predictions."))
        self.one.kill(f"writer-{host}-{name}")
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


def test_a_mirror_is_what_the_hosts_have_whatever_is_killed_wiped_and_filled(tmp_path: Path) -> None:
    chaos = survive(tmp_path, seed=1, n_lines=2_500, pause_s=0.005, n_more=0)
    assert chaos.n_kills >= 9
    assert chaos.n_proved > 8


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_it_is_so_with_sixty_thousand_lines(tmp_path: Path, seed: int) -> None:
    chaos = survive(tmp_path, seed, n_lines=12_500, pause_s=0.004, n_more=14)
    assert chaos.n_kills >= 20
    n_lines = sum(data.count(b"\n") for host in HOSTS for data in contents(tmp_path / "mirror" / host).values())
    assert n_lines >= 60_000


def test_retention_deletes_nothing_before_the_mirror_has_it(tmp_path: Path) -> None:
    """Two files a log are kept, by a writer that makes twenty; the server's disk is destroyed in between."""
    with fleet(tmp_path) as one:
        one.logs("one").mkdir(parents=True)
        one.start("server")
        one.start("ship-one")
        one.start_writer("one", "a", 6_000, 0.001, retention=2)
        one.await_that(lambda: len(list(one.logs("one").glob("predictions.2*"))) > 4)
        one.kill("server")
        one.wipe()
        one.start("server")
        one.start("collect")
        assert one.wait("writer-one-a") == 0
        one.await_that(lambda: lines_of(contents(one.mirror / "one"), "predictions.").count(b"\n") >= 6_000)
        n_starts = 0
        while len(list(one.logs("one").glob("predictions.2*"))) > 3 and n_starts < 20:
            n_starts += 1  # each deletes one file of what is too much
            one.start_writer("one", "b", 1, retention=2)
            assert one.wait("writer-one-b") == 0
        assert len(list(one.logs("one").glob("predictions.2*"))) <= 3
        numbers = re.findall(rb"writer=a i=(\d+) ", lines_of(contents(one.mirror / "one"), "predictions."))
        assert [int(number) for number in numbers] == list(range(6_000))
        assert "deleted before" not in one.told("ship-one") + one.told("writer-one-a")
        # The last events may be on their way, and a mirror's head follows its lines.
        trail = one.mirror / "one" / "app_json.log"
        one.await_that(lambda: verify(trail, copy=True).n_events >= 1_200 + n_starts)
        assert verify(trail, copy=True).n_events == 1_200 + n_starts


def nkey(path: Path) -> str:
    """Write the seed of a new key, and return its public half."""
    nkeys = pytest.importorskip("nkeys")
    seed = nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER)
    path.write_bytes(seed)
    return str(nkeys.from_seed(bytearray(seed)).public_key.decode())


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[Fleet]:
    """Start a server with the settings that the page shows: TLS, and a key for each."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    (text,) = (one.text for one in blocks(ROOT / "docs" / "fleet.md", "text") if "authorization" in one.text)
    with fleet(tmp_path) as one:
        command = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
        places = ["-addext", "subjectAltName=DNS:localhost", "-keyout", f"{tmp_path}/server-key.pem"]
        files = [*places, "-out", f"{tmp_path}/server.pem"]
        subprocess.run(["openssl", *command.split(), *files], check=True, capture_output=True)  # noqa: S607
        keys = {name: nkey(tmp_path / f"{name}.nk") for name in ("COLLECTOR", "WEB1")}
        text = re.sub("COLLECTOR|WEB1", lambda found: keys[found[0]], text).replace(
            "0.0.0.0:4222", f"127.0.0.1:{one.port}"
        )
        text = text.replace("/etc/nats", str(tmp_path)).replace("/var/lib/nats", str(one.store))
        (tmp_path / "nats.conf").write_text(text, encoding="utf-8")
        one.run("server", [nats_server(), "-c", str(tmp_path / "nats.conf")])
        one.await_server()
        yield one


def sevenfold(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "sevenfold", *map(str, arguments)]


@pytest.mark.whole("nats", "nkeys")
def test_with_keys_and_certificates_each_host_writes_its_own_folder_alone(secured: Fleet) -> None:
    one, url = secured, f"tls://localhost:{secured.port}"
    trusted = ["--tls-ca", one.folder / "server.pem"]
    one.logs("web-1").mkdir(parents=True)
    one.start_writer("web-1", "a", 100)
    assert one.wait("writer-web-1-a") == 0
    one.run("collect", sevenfold("collect", one.mirror, "--from", url, *trusted, "--nkey", one.folder / "COLLECTOR.nk"))
    shown = ["--to", url, *trusted, "--nkey", one.folder / "WEB1.nk", "--host-name"]
    one.run("ship", sevenfold("ship", one.logs("web-1"), *shown, "web-1"))
    one.await_equal("web-1")
    one.kill("ship", signal.SIGTERM)
    shutil.copytree(one.logs("web-1"), one.logs("web-2"))
    (one.logs("web-2") / ".shipping.json").unlink()
    one.run("other", sevenfold("ship", one.logs("web-2"), *shown, "web-2"))
    one.await_that(lambda: "permissions violation" in one.told("other").lower())
    one.run("stranger", sevenfold("ship", one.logs("web-1"), "--to", url, *trusted))
    one.await_that(lambda: "authorization" in one.told("stranger").lower())
    assert [path.name for path in one.mirror.iterdir() if path.is_dir()] == ["web-1"]


def test_sigterm_ends_both_at_once_and_well(tmp_path: Path) -> None:
    with fleet(tmp_path) as one:
        one.logs("one").mkdir(parents=True)
        for name in ("server", "ship-one", "collect"):
            one.start(name)
        assert one.kill("ship-one", signal.SIGTERM) == 0
        assert one.kill("collect", signal.SIGTERM) == 0
        assert "shipped 0 bytes in 0 pieces" in one.told("ship-one")


def test_a_second_shipper_of_a_name_is_refused_on_one_machine_and_on_another(tmp_path: Path) -> None:
    with fleet(tmp_path) as one:
        for folder in ("one", "clone"):
            one.logs(folder).mkdir(parents=True)
        one.start("server")
        one.start("ship-one")
        one.await_that((one.logs("one") / ".shipping.json").exists)
        shutil.copytree(one.logs("one"), one.logs("clone"), dirs_exist_ok=True)
        url = f"nats://127.0.0.1:{one.port}"
        for folder, why in (("one", "another process ships it already"), ("clone", "is shipped by another process")):
            process = one.run(folder, sevenfold("ship", one.logs(folder), "--to", url, "--stream", "fleet"))
            assert process.wait(PATIENCE_S) == 1
            assert why in one.told(folder)
        assert one.is_running("ship-one")


def test_a_stream_of_ones_own_that_keeps_everything_is_read_from_where_the_mirror_is(tmp_path: Path) -> None:
    with fleet(tmp_path) as one:
        one.logs("one").mkdir(parents=True)
        one.start("server")
        asyncio.run(add_stream(one.port, retention="limits"))
        for numbers in (300, 600):
            one.start_writer("one", f"{numbers}", numbers)
            assert one.wait(f"writer-one-{numbers}") == 0
            one.start("ship-one", "--once").wait(PATIENCE_S)
            assert one.start("collect", "--once").wait(PATIENCE_S) == 0
            one.await_equal("one")
        last = re.findall(r"collected pieces: (\d+) done, (\d+) old", one.told("collect"))[-1]
        assert int(last[1]) <= 8  # the empty files and the list of channels, at most


def test_a_work_queue_has_one_mirror_and_the_second_is_told(tmp_path: Path) -> None:
    with fleet(tmp_path) as one:
        one.start("server")
        one.start("collect")
        one.await_that(one.mirror.exists)
        time.sleep(1)
        other = sevenfold("collect", tmp_path / "other", "--from", f"nats://127.0.0.1:{one.port}", "--stream", "fleet")
        one.run("other", other)
        one.await_that(lambda: "the stream has the collector of another mirror" in one.told("other"))


@pytest.mark.whole("nats")
def test_a_piece_comes_in_few_turns_of_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """How much nats-py reads at once is a constant of a module of it, which another release may move."""
    transports = pytest.importorskip("nats.aio.transport")
    read, sizes = transports.TcpTransport.read, list[int]()

    async def note(transport: object, most: int) -> object:
        data = await read(transport, most)
        sizes.append(len(data))
        return data

    monkeypatch.setattr(transports.TcpTransport, "read", note)
    with fleet(tmp_path) as one:
        one.start("server")
        asyncio.run(send_and_take(f"nats://127.0.0.1:{one.port}", 10 * CHUNK_BYTES))
    assert max(sizes) > 100_000


async def send_and_take(url: str, n_bytes: int) -> None:
    ours = pytest.importorskip("sevenfold.shipping.nats_broker")
    async with ours.connected(ours.Server(url), "test", print, "mirror") as broker:
        await broker.begin()
        for _ in range(n_bytes // CHUNK_BYTES):
            await broker.keep("one", "api.log", bytes(CHUNK_BYTES))
        assert sum([len(one.data) for one in await broker.take(16, 5)]) == n_bytes


async def add_stream(port: int, **settings: object) -> None:
    nats = pytest.importorskip("nats")
    async with await nats.connect(f"nats://127.0.0.1:{port}") as client:
        await client.jetstream().add_stream(name="fleet", subjects=["fleet.>"], **settings)
