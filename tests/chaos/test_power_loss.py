"""The power fails on the ledger's host: what was acknowledged was on the disk, with `appendfsync always` alone."""

import asyncio
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from redis import Redis
from redis.exceptions import RedisError

from auction.domain.bidding import Bid
from auction.domain.errors import Unavailable
from auction.domain.events import BidPlaced
from auction.domain.ledger_layout import STREAM_START
from auction.embedded.valkey import SETTINGS, find_binary
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.combiner import Combiner
from auction.ledger.connection import connect
from auction.ledger.replies import AcceptedBid
from auction.ledger.stream import LedgerStream
from tests.chaos.bidders import STEP_FEN, bidder_ids
from tests.chaos.deployment import until_ended
from tests.ledger.event_sequences import opened

LOT = "launch-001"
BIDDERS = 16
Bids = dict[int, tuple[str, int, str]]
"""By seq: bidder, amount, key."""
SHIM = Path(__file__).with_name("fsync_log.c")


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled shim."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler on PATH to build the shim that logs what was synced")
    library = tmp_path_factory.mktemp("shim") / "fsync_log.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, SHIM, "-ldl"], check=True)
    return library


@dataclass
class Host:
    """A machine with nothing but a ledger on it, whose power can fail."""

    folder: Path
    shim: Path
    settings: dict[str, str]
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """The ledger's address."""
        return f"unix://{self.folder / 's'}"

    def start(self, **changed: str) -> None:
        """Start the ledger with the settings of production, but for those given, and wait until it answers."""
        where = {"dir": str(self.folder), "unixsocket": str(self.folder / "s")}
        lines = [f'{name} "{value}"' for name, value in (SETTINGS | self.settings | where | changed).items()]
        configuration = self.folder / "ledger.conf"
        configuration.write_text("\n".join(lines))
        environment = {**os.environ, "LD_PRELOAD": str(self.shim), "FSYNC_LOG": str(self.folder / "synced")}
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [find_binary(None), configuration], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
            )
        with Redis.from_url(self.url) as client:
            while not _answers(client):
                assert self.process.poll() is None, (self.folder / "log").read_text()
                time.sleep(0.005)

    def lose_power(self) -> int:
        """End the ledger at once, and cut its log to what had reached the disk; the bytes that are lost."""
        self.stop()
        (log,) = (self.folder / "appendonlydir").glob("*.incr.aof")
        whole, kept = log.stat().st_size, self._synced(log)
        os.truncate(log, kept)
        return whole - kept

    def _synced(self, log: Path) -> int:
        said = self.folder / "synced"
        lines = said.read_text().splitlines() if said.exists() else []
        sizes = [int(size) for size, _, path in (line.partition(" ") for line in lines) if path == str(log)]
        return sizes[-1] if sizes else 0

    def stop(self) -> None:
        """End the ledger at once."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            until_ended(self.process.pid)
            self.process = None
            (self.folder / "s").unlink(missing_ok=True)


def _answers(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except RedisError:
        return False


@pytest.fixture
def host(shim: Path) -> Iterator[Host]:
    """A machine, on which nothing runs yet."""
    with tempfile.TemporaryDirectory(prefix="power-", dir="/tmp") as folder:
        machine = Host(Path(folder).resolve(), shim, {})
        yield machine
        machine.stop()


async def test_what_was_acknowledged_survives_a_power_loss(host: Host, seed: int) -> None:
    chance = Random(seed)
    for _ in range(3):
        acknowledged = await _bid_until_the_power_fails(host, chance)
        await asyncio.to_thread(host.start)
        assert acknowledged
        lost = acknowledged.items() - (await _stored(host)).items()
        assert not lost, f"{len(lost)} of {len(acknowledged)} acknowledged bids are gone"


@pytest.mark.slow
async def test_what_was_acknowledged_survives_60_power_losses(host: Host, seed: int) -> None:
    chance = Random(seed)
    acknowledged: Bids = {}
    for _ in range(60):
        acknowledged |= await _bid_until_the_power_fails(host, chance)
        await asyncio.to_thread(host.start)
        lost = acknowledged.items() - (await _stored(host)).items()
        assert not lost, f"{len(lost)} of {len(acknowledged)} acknowledged bids are gone"


@pytest.mark.parametrize("appendfsync", ["everysec", "no"])
async def test_anything_less_than_always_loses_acknowledged_bids(host: Host, seed: int, appendfsync: str) -> None:
    """The control: if this loses nothing, the test of power loss proves nothing."""
    host.settings = {"appendfsync": appendfsync}
    acknowledged = await _bid_until_the_power_fails(host, Random(seed))
    # the cut may fall inside a command
    await asyncio.to_thread(host.start, **{"aof-load-truncated": "yes"})
    assert acknowledged.items() - (await _stored(host)).items()


async def _bid_until_the_power_fails(host: Host, chance: Random) -> Bids:
    """Bids on one lot, which goes on where it was; those that were acknowledged."""
    if host.process is None:
        await asyncio.to_thread(host.start)
    client = connect(host.url)
    try:
        ledger = await BidLedger.open(client, 16)
        deployment = await ledger.read(LOT) or await opened(ledger, LOT, bidders=bidder_ids(BIDDERS))
        combiner, first = Combiner(ledger), asyncio.Event()
        acknowledged: Bids = {}
        amounts = iter(range(deployment.minimum_fen, 10**9, STEP_FEN))

        async def bid(bidder_id: str) -> None:
            while True:
                amount_fen = next(amounts)
                try:
                    answer = await combiner.place(LOT, Bid(bidder_id, amount_fen, f"key-{amount_fen:010d}"))
                except Unavailable:
                    return
                if isinstance(answer, AcceptedBid):
                    first.set()
                    acknowledged[answer.receipt.seq] = (bidder_id, amount_fen, f"key-{amount_fen:010d}")

        async with asyncio.TaskGroup() as tasks:
            for bidder_id in bidder_ids(BIDDERS):
                tasks.create_task(bid(bidder_id))
            await asyncio.sleep(chance.uniform(0.05, 0.4))
            await first.wait()
            await asyncio.to_thread(host.lose_power)
        return acknowledged
    finally:
        await client.aclose()


async def _stored(host: Host) -> Bids:
    """The bids in the ledger's stream."""
    client = connect(host.url)
    try:
        ledger = await BidLedger.open(client, 16)
        stream, after = LedgerStream(client, ledger.keys), STREAM_START
        found: Bids = {}
        while entries := await stream.read(ledger.keys.shard_of(LOT), after, block_ms=None, count=1000):
            for entry in entries:
                for seq, event in enumerate(entry.events, entry.first_seq):
                    if isinstance(event, BidPlaced):
                        found[seq] = (event.bidder_id, event.amount_fen, event.key)
            after = entries[-1].stream_id
        snapshot = await ledger.read(LOT)
        assert snapshot is None or snapshot.bids == len(found)
        return found
    finally:
        await client.aclose()
