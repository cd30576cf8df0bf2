"""Bids that race the close, over HTTP and through both processes: nothing is accepted at or after the end in force."""

import asyncio
import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Any

import pytest

from auction.books import bidders, catalogue
from auction.domain.errors import RequestRefused
from auction.domain.events import Closed, Interrupted
from auction.domain.terms import terms_as_mapping
from auction.domain.terms_reader import read_terms
from auction.ledger.keys import lot_id_of
from auction.services.catalogue.lots import create_sale
from auction.services.context import AppContext
from auction.services.verification.verdicts import verify_sale
from tests.chaos.bidders import HOUR_MS, STEP_FEN, TERMS, bidder_ids, token
from tests.chaos.checkers import check_history
from tests.chaos.deployment import RunningDeployment
from tests.chaos.history import History
from tests.chaos.http_connection import Address, HttpConnection
from tests.chaos.record import Record, caught_up, read_archive

BIDDERS, AT_ONCE = 3, 8
PADDLES = {bidder_id: paddle for paddle, bidder_id in enumerate(bidder_ids(BIDDERS), start=1)}
OPEN_FOR_MS, WINDOW_MS, EXTENSION_MS, HARD_STOP_MS = 100, 30, 25, 60
AHEAD_MS_MAX = 30
"""How long before the end in force they come, at the most."""
PLAIN = read_terms(TERMS)
SOFT = read_terms(
    {**TERMS, "soft_close": {"window_ms": WINDOW_MS, "extension_ms": EXTENSION_MS, "hard_stop_ms": HARD_STOP_MS}}
)


async def test_in_40_rounds_no_bid_is_accepted_at_or_after_the_end(
    deployment: RunningDeployment, context: AppContext, seed: int
) -> None:
    chance = Random(seed)
    # on a busy machine 40 rounds may pass in which every bid comes too late to move an end
    while not await _rounds(deployment, context, chance, 40):
        pass


@pytest.mark.slow
async def test_in_5_000_rounds_no_bid_is_accepted_at_or_after_the_end(
    deployment: RunningDeployment, context: AppContext, seed: int
) -> None:
    chance = Random(seed)
    assert sum([await _rounds(deployment, context, chance, 200) for _ in range(25)])


async def _rounds(deployment: RunningDeployment, context: AppContext, chance: Random, rounds: int) -> int:
    """A sale of so many short lots, several open at a time; every answer and the whole record are checked.

    Returns how many of the lots were extended.
    """
    sale = await create_sale(context, title="Short lots", actor="olga")
    waiting = iter(await _enter(context, sale.sale_id, chance, rounds))
    addresses = [api.address for api in deployment.apis]
    histories: list[History] = []
    async with asyncio.TaskGroup() as tasks:
        for _ in range(AT_ONCE):
            tasks.create_task(_hold(context, waiting, chance, addresses, histories))
    await caught_up(context)
    late, extended = 0, 0
    for history in histories:
        record = await read_archive(context, history.lot_id)
        check_history(history, record)
        last = record.entries[-1].events[-1]
        if isinstance(last, Interrupted):
            # on a busy machine bids could not be decided for so long that the lot was paused before its end
            continue
        assert isinstance(last, Closed)
        late += sum(attempt.answer.get("code") == "lot-not-open" for attempt in history.attempts)
        extended += _was_extended(record)
    verdict = await verify_sale(context, sale.sale_id)
    assert not verdict.breaches, verdict.breaches
    # they did race the end
    assert len(histories) == rounds
    assert late >= rounds
    return extended


async def _enter(context: AppContext, sale_id: str, chance: Random, lots: int) -> list[str]:
    """The lots of the sale, scheduled for later, in one transaction: the rounds are about bids."""
    later_ms = await context.ledger.now_ms() + HOUR_MS
    times: dict[str, Any] = {"opens_at_ms": later_ms, "closes_at_ms": later_ms + HOUR_MS}
    lot_ids = []
    async with context.books.transaction() as tx:
        for number in range(1, lots + 1):
            terms, lot_id = chance.choice((PLAIN, SOFT)), lot_id_of(sale_id, number)
            plain = terms_as_mapping(terms)
            await catalogue.add_lot(
                tx, lot_id=lot_id, sale_id=sale_id, number=number, title="A short lot", terms=plain, actor="olga"
            )
            record = await catalogue.freeze_terms(tx, lot_id, terms=plain, terms_sha256=terms.sha256(), **times)
            context.frozen_lots[lot_id] = record
            await bidders.register_recorded(
                tx, sale_id=sale_id, lot_id=lot_id, paddle_of=PADDLES, terms_sha256=terms.sha256()
            )
            lot_ids.append(lot_id)
    return lot_ids


async def _hold(
    context: AppContext, lot_ids: Iterator[str], chance: Random, addresses: Sequence[Address], histories: list[History]
) -> None:
    """One short lot after the other, each from its opening to the first bids that come too late."""
    for lot_id in lot_ids:
        record = context.frozen_lots.get(lot_id)
        assert record is not None
        assert record.opens_at_ms is not None
        opens_at_ms, terms = record.opens_at_ms, read_terms(record.terms)
        hard_stop_at_ms = opens_at_ms + HOUR_MS + HARD_STOP_MS if terms.soft_close else 0
        await context.ledger.schedule(
            lot_id, terms, opens_at_ms=opens_at_ms, ends_at_ms=opens_at_ms + HOUR_MS, hard_stop_at_ms=hard_stop_at_ms
        )
        for bidder_id, paddle in PADDLES.items():
            await context.ledger.admit(lot_id, bidder_id=bidder_id, paddle=paddle, limit_fen=None, purse_fen=None)
        ends_at_ms = await _open(context, lot_id)
        ahead_ms, amounts = chance.randrange(1, AHEAD_MS_MAX), count(STEP_FEN, STEP_FEN)
        history = History(lot_id)
        async with asyncio.TaskGroup() as tasks:
            for number, bidder_id in enumerate(bidder_ids(BIDDERS)):
                racer = _Racer(history, HttpConnection(addresses[number % len(addresses)]), bidder_id, ahead_ms)
                tasks.create_task(racer.race(amounts, ends_at_ms))
        histories.append(history)


async def _open(context: AppContext, lot_id: str) -> int:
    """Open a lot for a moment; its end, UTC ms."""
    while True:
        ends_at_ms = await context.ledger.now_ms() + OPEN_FOR_MS
        # on a busy machine the moment may have passed before it was asked for
        with contextlib.suppress(RequestRefused):
            await context.ledger.open_now(lot_id, ends_at_ms=ends_at_ms, by="olga")
            return ends_at_ms


@dataclass(frozen=True, slots=True)
class _Racer:
    """A bidder who comes so shortly before the end in force, and bids until it is over."""

    history: History
    connection: HttpConnection
    bidder_id: str
    ahead_ms: int

    async def race(self, amounts: "count[int]", ends_at_ms: int) -> None:
        """Bid these amounts, shared with the others."""
        signed = token(self.bidder_id)
        try:
            for number in count(1):
                await asyncio.sleep((ends_at_ms - self.ahead_ms) / 1000 - time.time())
                key = f"{self.bidder_id}-{number:04d}"
                attempt = await self.history.bid(self.connection, self.bidder_id, signed, next(amounts), key)
                if attempt.answer.get("code") == "lot-not-open":
                    return
                ends_at_ms = attempt.answer.get("ends_at_ms", ends_at_ms)
        finally:
            self.connection.close()


def _was_extended(record: Record) -> bool:
    return len({bid.event.ends_at_ms for bid in record.bids()}) > 1
