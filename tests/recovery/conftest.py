"""A house on a ledger server of its own, whose folder can be put back to what it was."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from auction.bootstrap import open_context, open_restorer
from auction.domain.bidding import Bid, Refused
from auction.domain.errors import LedgerAway
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.keys import KeySpace
from auction.ledger.replies import AcceptedBid, BidAnswer, Snapshot
from auction.services.catalogue.lots import create_lot, create_sale, open_lot
from auction.services.context import AppContext
from auction.services.payments.registration_deposits import register
from auction.services.recovery.frozen import stop_frozen_lots
from auction.services.recovery.restore import RestoreReport
from auction.services.verification.verdicts import verify_all
from auction.settings import Settings, load_settings
from auction.workers.archiver import Archiver
from tests.ledger.server_process import OwnServer

TERMS: dict[str, Any] = {
    "bidding": "direct",
    "start_price_fen": 100,
    "increments": [{"from_fen": 0, "step_fen": 100}],
    "deposit": {"policy": "none"},
    "settlement": {},
}
HOUR_MS = 3_600_000


@dataclass
class House:
    """An application on its own ledger, and what the tests do to it."""

    server: OwnServer
    settings: Settings
    context: AppContext
    archiver: Archiver

    async def new_lot(self, sale_id: str = "launch", *, terms: Mapping[str, Any] = TERMS) -> str:
        """An open lot with two bidders."""
        await create_sale(self.context, title="A sale", actor="olga", sale_id=sale_id)
        view = await create_lot(self.context, sale_id=sale_id, title="A lot", actor="olga", terms=terms)
        lot_id = view.record.lot_id
        now_ms = await self.context.ledger.now_ms()
        await open_lot(self.context, lot_id, closes_at_ms=now_ms + HOUR_MS, actor="olga")
        for bidder_id in ("ann", "bob"):
            await register(self.context, lot_id, bidder_id=bidder_id, name=bidder_id)
        return lot_id

    async def bid(self, lot_id: str, *amounts_fen: int, ledger: BidLedger | None = None) -> list[BidAnswer]:
        """Bids by Ann and Bob in turn, each under a key of its own."""
        answers = []
        for amount_fen in amounts_fen:
            bidder_id = ("ann", "bob")[amount_fen // 100 % 2]
            bid = Bid(bidder_id, amount_fen, f"key-{amount_fen:08d}")
            answers += await (ledger or self.context.ledger).place_bids(lot_id, [bid])
        return answers

    async def accepted(self, lot_id: str, *amounts_fen: int, ledger: BidLedger | None = None) -> list[int]:
        """The seqs of bids that are all accepted."""
        answers = await self.bid(lot_id, *amounts_fen, ledger=ledger)
        return [answer.receipt.seq for answer in answers if isinstance(answer, AcceptedBid) and not answer.repeated]

    async def archive(self) -> None:
        """Store all that the ledger holds."""
        await self.archiver.catch_up()

    def keep_folder(self) -> Path:
        """A copy of the ledger's folder as it is on disk."""
        copy = Path(tempfile.mkdtemp(prefix="kept-ledger-")) / "folder"
        shutil.copytree(self.server.folder, copy, ignore=shutil.ignore_patterns("s"))
        return copy

    async def put_back(self, kept: Path) -> None:
        """Kill the ledger, put an older folder in its place, and start it again."""
        self.server.kill()
        for path in self.server.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.suffix != ".conf":
                path.unlink()
        shutil.copytree(kept, self.server.folder, dirs_exist_ok=True)
        shutil.rmtree(kept.parent)
        await self.server.start()

    def unguarded(self) -> BidLedger:
        """A client that checks nothing, as another program might be."""
        return BidLedger(self.server.client(), KeySpace(self.settings.ledger_shards), lineage="")

    async def until_checked(self) -> None:
        """Wait until the application has met the new server and checked it."""
        while True:
            try:
                await self.context.ledger.now_ms()
            except LedgerAway:
                await asyncio.sleep(0.01)
            else:
                return

    async def restore(self, *lot_ids: str, dry_run: bool = False) -> RestoreReport:
        """What `auction restore` does."""
        async with open_restorer(self.settings) as (restorer, _, _):
            return await restorer.restore(lot_ids or None, by="olga", reason="a test", dry_run=dry_run)

    async def snapshot(self, lot_id: str) -> Snapshot:
        """The lot as the ledger has it."""
        found = await self.context.ledger.read(lot_id)
        assert found is not None
        return found

    async def broken(self) -> list[str]:
        """What `auction verify --all` finds."""
        return [breach.what for breach in (await verify_all(self.context)).breaches]


@pytest.fixture
async def own_ledger() -> AsyncIterator[OwnServer]:
    """A ledger server of this test alone."""
    server = OwnServer(None, {})
    await server.start()
    yield server
    await server.close()


@asynccontextmanager
async def open_house(server: OwnServer, books_url: str, data_dir: Path) -> AsyncIterator[House]:
    """A house on a server."""
    settings = load_settings(
        redis_url=server.url,
        database_url=books_url,
        secret_key="a secret of the tests, long enough",
        data_dir=data_dir,
        payment_provider="sandbox",
        ledger_timeout_ms=30_000,
    )
    async with open_context(settings) as context:
        archiver = Archiver(context.books, context.stream, stop_frozen=lambda: stop_frozen_lots(context))
        yield House(server, settings, context, archiver)


@pytest.fixture
async def house(own_ledger: OwnServer, books_url: str, tmp_path: Path) -> AsyncIterator[House]:
    """A house with nothing in it."""
    async with open_house(own_ledger, books_url, tmp_path) as opened:
        yield opened


def codes(answers: list[BidAnswer]) -> list[str]:
    """The codes of refusals."""
    return [str(answer.code) for answer in answers if isinstance(answer, Refused)]
