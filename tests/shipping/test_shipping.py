"""A shipper and a collector in one process, over a broker that is full or loses its messages."""

import asyncio
import errno
import gzip
import itertools
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from loguru import logger

import sinks
from sevenfold.audit.verify import verify
from sevenfold.files.names import Names
from sevenfold.files.shipped.notes import STATE_FILE, Shipping, read_shipping
from sevenfold.shipping.messages import Piece, Report, Sender, pack
from sevenfold.shipping.receiving import collector as collectors
from sevenfold.shipping.receiving.collector import Collector
from sevenfold.shipping.receiving.copies import Outcome
from sevenfold.shipping.receiving.mirror import mirror_at
from sevenfold.shipping.sending import shipper as shippers
from sevenfold.shipping.sending.claims import ShippingError, shipping_of
from sevenfold.shipping.sending.shipper import Shipper
from tests.support.fleet import contents
from tests.support.memory_broker import MemoryBroker
from tests.support.systems import unix

pytestmark = pytest.mark.whole  # each makes folders of several hosts


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shippers, "POLL_S", 0.002)
    for name in ("QUIET_S", "ASK_S", "WHO_S", "LINGER_S", "GREETING_S", "_RETRY_S"):
        monkeypatch.setattr(shippers, name, 0.0)
    monkeypatch.setattr(collectors, "_RETRY_S", 0.0)


class House:
    """A log folder, a mirror, and what was told of both."""

    def __init__(self, folder: Path) -> None:
        self.logs, self.mirror = folder / "logs", folder / "mirror"
        self.broker = MemoryBroker()
        self.told: list[str] = []

    def ship(self, host: str | None = None) -> Shipper:
        """Ship what is there, as ``--once`` does."""
        self.broker.hang_up()
        with shipping_of(self.logs, host, "web-1") as shipping:
            shipper = Shipper(self.logs, shipping, self.broker, self.told.append)
            asyncio.run(asyncio.wait_for(shipper.run(once=True), 20))
        return shipper

    def collect(self) -> Collector:
        with mirror_at(self.mirror) as (mirror, _):
            collector = Collector(mirror, self.broker, self.told.append)
            asyncio.run(asyncio.wait_for(collector.run(once=True), 20))
        return collector

    def both(self) -> None:
        """Let both run at once until the mirror is what the folder is."""
        self.broker.hang_up()

        async def run() -> None:
            with shipping_of(self.logs, None, "web-1") as shipping, mirror_at(self.mirror) as (mirror, _):
                shipper = Shipper(self.logs, shipping, self.broker, self.told.append)
                collector = Collector(mirror, self.broker, self.told.append)
                tasks = [asyncio.ensure_future(one) for one in (shipper.run(), _politely(collector))]
                try:
                    async with asyncio.timeout(20):
                        while contents(self.mirror / "web-1") != contents(self.logs):  # noqa: ASYNC110 - files tell nobody
                            await asyncio.sleep(0.02)
                finally:
                    for task in tasks:
                        task.cancel()

        asyncio.run(run())

    def assert_equal(self, host: str = "web-1") -> None:
        assert contents(self.mirror / host) == contents(self.logs)


async def _politely(collector: Collector) -> None:
    while True:
        await collector.run(once=True)
        await asyncio.sleep(0.002)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture
def log(own_logger: None, house: House) -> Callable[..., None]:  # noqa: ARG001 - in force while the test runs
    """Log lines with their numbers, of predictions and audit, into several files."""

    def write(numbers: range, **options: Any) -> None:
        with sinks.configure(house.logs, console=None, rotation="2 kB", compression=None, **options):
            for n in numbers:
                logger.bind(channel="predictions").info("prediction", n=n)
                logger.bind(channel="audit").info("event", n=n)

    return write


@unix("permissions of files")
def test_a_folder_is_mirrored_with_its_empty_files_its_list_and_its_modes(
    house: House, log: Callable[..., None]
) -> None:
    log(range(100), mode=0o640)
    house.ship()
    house.collect()
    house.assert_equal()
    assert (house.mirror / "web-1" / "errors.log").read_bytes() == b""
    mirrored = [path for path in (house.mirror / "web-1").iterdir() if not path.name.startswith(".")]
    assert {path.stat().st_mode & 0o777 for path in mirrored} == {0o640}
    assert verify(house.mirror / "web-1" / "app_json.log").proved


def test_what_comes_twice_is_there_once(house: House, log: Callable[..., None]) -> None:
    log(range(50))
    house.ship()
    shipping = read_shipping(house.logs)
    assert shipping is not None
    Shipping(shipping.id, shipping.host).save(house.logs)  # an older note, as after a kill
    house.ship()
    assert house.collect().n_pieces[Outcome.OLD] > 5
    house.assert_equal()
    (house.logs / STATE_FILE).write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match="put it back from a copy, or delete it"):
        house.ship()


def test_a_full_broker_is_waited_for_and_told_once(house: House, log: Callable[..., None]) -> None:
    log(range(50))
    house.broker.full = True

    async def run() -> None:
        with shipping_of(house.logs, None, "web-1") as shipping:
            shipper = Shipper(house.logs, shipping, house.broker, house.told.append)
            task = asyncio.ensure_future(shipper.run(once=True))
            await asyncio.sleep(0.1)
            assert not task.done()
            house.broker.full = False
            await asyncio.wait_for(task, 20)

    asyncio.run(run())
    assert house.told == ["waiting for the broker: maximum bytes exceeded"]
    house.collect()
    house.assert_equal()


@pytest.mark.parametrize("more", [0, 20])
def test_what_a_broker_loses_is_sent_again_whether_or_not_more_comes(
    house: House, log: Callable[..., None], more: int
) -> None:
    log(range(50))
    house.both()
    house.assert_equal()
    log(range(50, 100))
    house.ship()
    house.broker.lose()
    log(range(100, 100 + more))
    house.both()
    house.assert_equal()
    assert any(text.startswith("the broker has lost what it had taken: going back to") for text in house.told)


def test_the_mirror_of_a_mirror_that_was_deleted_is_made_anew(house: House, log: Callable[..., None]) -> None:
    log(range(50))
    house.both()
    house.mirror.rename(house.mirror.with_name("old"))
    house.both()
    house.assert_equal()


# Names


def test_a_folder_goes_on_under_the_name_that_it_began_with(house: House, log: Callable[..., None]) -> None:
    log(range(2))
    house.ship("db-1")
    house.ship()  # the machine has another name now
    house.collect()
    assert [path.name for path in house.mirror.iterdir() if path.is_dir()] == ["db-1"]
    with pytest.raises(ShippingError, match=r"is shipped as 'db-1', not as 'db-2': leave --host-name out"):
        house.ship("db-2")


def test_a_folder_is_shipped_by_one_process_and_a_mirror_written_by_one(house: House, log: Callable[..., None]) -> None:
    log(range(1))
    with shipping_of(house.logs, None, "web-1"), pytest.raises(ShippingError, match="another process ships it already"):
        house.ship()
    with mirror_at(house.mirror), pytest.raises(BlockingIOError, match="another process collects into it already"):
        house.collect()


def test_the_mirror_refuses_another_folder_of_the_same_name(
    house: House, log: Callable[..., None], tmp_path: Path
) -> None:
    log(range(5))
    house.both()
    other = House(tmp_path / "other")
    other.logs.mkdir(parents=True)
    (other.logs / "predictions.log").write_bytes(b"something else\n")
    other.mirror, other.broker = house.mirror, house.broker
    with (
        pytest.raises(ExceptionGroup) if False else pytest.raises(ShippingError, match="takes nothing of host 'web-1'")
    ):
        _refused(other)
    house.assert_equal()


def test_a_folder_that_was_put_back_from_a_copy_and_went_on_is_refused(
    house: House, log: Callable[..., None], tmp_path: Path
) -> None:
    log(range(2))
    house.both()
    shutil.copytree(house.logs, tmp_path / "copy")
    log(range(2, 4))
    house.both()
    shutil.rmtree(house.logs)
    (tmp_path / "copy").rename(house.logs)
    log(range(4, 6))
    with pytest.raises(ShippingError, match=r"isn't what the host has from byte"):
        _refused(house)


def test_a_host_that_cant_be_written_keeps_no_other_waiting(house: House, log: Callable[..., None]) -> None:
    log(range(2))
    (house.mirror / "web-0" / "api.log").mkdir(parents=True)
    asyncio.run(
        house.broker.keep("web-0", "api.log", pack(Sender("web-0", "77", "1"), Piece("data", "api.log", data=b"x\n")))
    )
    house.ship()
    house.collect()
    house.assert_equal()
    assert "refused a piece of host 'web-0'" in house.told[0]


def _refused(house: House) -> None:
    house.broker.hang_up()

    async def run() -> None:
        with shipping_of(house.logs, None, "web-1") as shipping, mirror_at(house.mirror) as (mirror, _):
            shipper = Shipper(house.logs, shipping, house.broker, house.told.append)
            collector = asyncio.ensure_future(_politely(Collector(mirror, house.broker, house.told.append)))
            try:
                await asyncio.wait_for(shipper.run(), 20)
            finally:
                collector.cancel()

    asyncio.run(run())


@pytest.mark.parametrize("settled", [True, False])
def test_of_two_shippers_of_one_name_the_one_that_was_there_first_goes_on(
    house: House, log: Callable[..., None], monkeypatch: pytest.MonkeyPatch, settled: bool
) -> None:
    monkeypatch.setattr(shippers, "GREETING_S", 0.05)
    monkeypatch.setattr(shippers, "POLL_S", 0.2)  # the first answers at once, not only in its turn
    log(range(1))

    async def run() -> list[BaseException | None]:
        with shipping_of(house.logs, None, "web-1") as shipping:
            ones = [Shipper(house.logs, shipping, house.broker, house.told.append) for _ in range(2)]
            first = asyncio.ensure_future(ones[0].run())
            while settled and not ones[0]._is_alone:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.002)
            second = asyncio.ensure_future(ones[1].run())
            await asyncio.wait([first, second], timeout=20, return_when=asyncio.FIRST_EXCEPTION)
            for one in (first, second):
                one.cancel()
            found = await asyncio.gather(first, second, return_exceptions=True)
            return [one if isinstance(one, ShippingError) else None for one in found]

    first, second = asyncio.run(run())
    assert (first is None) != (second is None)
    assert not settled or first is None
    assert "give each host a name of its own with --host-name" in str(first or second)


# What others send


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"nonsense",
        b"{}\n",
        pack(Sender("web-1", "5a", "1"), Piece("data", "api.log"))[:40],
        pack(Sender("web-1", "5a", "1"), Piece("data", "api.log")).replace(b'"api.log"', b'"../api.log"'),
        pack(Sender("web-1", "5a", "1"), Piece("data", "api.log")).replace(b'"web-1"', b'".."'),
        pack(Sender("web-1", "5a", "1"), Piece("data", "api.log")).replace(b'"offset":0', b'"offset":-1'),
        pack(Sender("web-1", "5a", "1"), Piece("data", "api.log")).replace(b'"stamp":""', b'"stamp":"../x"'),
        pack(Sender("web-1", "5a", "1"), Piece("data", "api.log")).replace(b'"data"', b'"other"'),
    ],
)
def test_what_isnt_a_piece_is_passed_over(house: House, message: bytes) -> None:
    asyncio.run(house.broker.keep("web-1", "api.log", message))
    collector = house.collect()
    assert house.broker.kept == []
    assert not any(collector.n_pieces.values())
    assert house.told[0].startswith("passed over a message: ")
    assert [path.name for path in house.mirror.parent.iterdir()] == ["mirror"]


def test_a_full_disk_of_the_mirror_is_waited_for(
    house: House, log: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    log(range(50))
    house.ship()
    write, calls = os.write, itertools.count()

    def fails(fd: int, data: bytes) -> int:
        """Write a part, and then nothing, by turns; in the end all."""
        call = next(calls)
        if call % 2 and call < 20:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(fd, data[: len(data) // 2 + 1] if call < 20 else data)

    with mirror_at(house.mirror):
        pass
    with monkeypatch.context() as patch:
        patch.setattr("os.write", fails)
        collector = house.collect()
    house.assert_equal()
    assert collector.n_pieces[Outcome.AHEAD] == 0
    assert set(house.told) == {"waiting: [Errno 28] No space left on device"}


def test_compressed_files_of_the_host_are_plain_in_the_mirror(house: House, log: Callable[..., None]) -> None:
    log(range(100))
    for one in Names(house.logs / "predictions.log").rotated(plain=True):
        one.path.with_name(f"{one.path.name}.gz").write_bytes(gzip.compress(one.path.read_bytes()))
        one.path.unlink()
    house.ship()
    house.collect()
    house.assert_equal()
    assert not list((house.mirror / "web-1").glob("*.gz"))


def test_a_shipper_goes_back_only_for_a_mirror_that_has_nothing_on_its_way(
    house: House, log: Callable[..., None]
) -> None:
    log(range(3))
    shipper = house.ship()
    source = shipper._sources["predictions.log"]
    for idle, n_rewinds in ((False, 0), (True, 1)):
        shipper._reports.append(Report("predictions.log", idle=idle))
        shipper._read_reports()
        assert source.n_rewinds == n_rewinds
