"""Lots and bids for the ledger's tests, in the fewest words."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from auction.domain.bidding import Bid, Receipt, Refused
from auction.domain.deposits import NoDeposit, PurseDeposit
from auction.domain.errors import RequestRefused
from auction.domain.terms import Bidding, Increment, SettlementTerms, Terms
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.entry import StreamEntry, decode
from auction.ledger.replies import AcceptedBid, BidAnswer, Snapshot
from auction.ledger.stream import LedgerStream

SHARDS = 16
LOT = "launch-001"
OTHER_LOT = "launch-002"
LONG_MS = 3_600_000


def terms(**fields: Any) -> Terms:
    """Direct bidding from 100 in steps of 100, nothing else, but for the fields given."""
    plain = Terms(
        bidding=Bidding.DIRECT,
        start_price_fen=100,
        increments=(Increment(0, 100),),
        on_grid=False,
        max_jump=None,
        reserve_fen=None,
        cap_fen=None,
        review_above_fen=None,
        soft_close=None,
        deposit=NoDeposit(),
        settlement=SettlementTerms(),
    )
    return replace(plain, **fields)


PURSE = PurseDeposit(10, 100)


async def scheduled(
    ledger: BidLedger, lot_id: str = LOT, of: Terms | None = None, *, opens_in_ms: int = 0, lasts_ms: int = LONG_MS
) -> Snapshot:
    """A lot in the ledger, not yet open."""
    opens_at = await ledger.now_ms() + opens_in_ms
    return await ledger.schedule(
        lot_id, of or terms(), opens_at_ms=opens_at, ends_at_ms=opens_at + lasts_ms, hard_stop_at_ms=0
    )


async def opened(
    ledger: BidLedger,
    lot_id: str = LOT,
    of: Terms | None = None,
    *,
    lasts_ms: int = LONG_MS,
    bidders: Sequence[str] = ("ada", "bo", "cai"),
    purse_fen: int | None = None,
) -> Snapshot:
    """An open lot with admitted bidders, paddles from 1."""
    await scheduled(ledger, lot_id, of, lasts_ms=LONG_MS)
    for paddle, bidder in enumerate(bidders, start=1):
        await ledger.admit(lot_id, bidder_id=bidder, paddle=paddle, limit_fen=None, purse_fen=purse_fen)
    while True:
        ends_at_ms = await ledger.now_ms() + lasts_ms
        try:
            return await ledger.open_now(lot_id, ends_at_ms=ends_at_ms, by="eve")
        except RequestRefused:
            # on a busy machine a short time may have passed before it was asked for
            if await ledger.now_ms() < ends_at_ms:
                raise


async def bid(ledger: BidLedger, bidder: str, amount_fen: int, key: str, *, lot_id: str = LOT) -> BidAnswer:
    """One bid's answer."""
    (answer,) = await ledger.place_bids(lot_id, [Bid(bidder, amount_fen, key)])
    return answer


async def taken(ledger: BidLedger, bidder: str, amount_fen: int, key: str, *, lot_id: str = LOT) -> Receipt:
    """The receipt of a bid that must be accepted now."""
    answer = await bid(ledger, bidder, amount_fen, key, lot_id=lot_id)
    assert isinstance(answer, AcceptedBid), answer
    assert not answer.repeated
    return answer.receipt


def refused(answer: BidAnswer) -> Refused:
    """The refusal that the answer must be."""
    assert isinstance(answer, Refused), answer
    return answer


async def entries(ledger: BidLedger, lot_id: str = LOT) -> list[StreamEntry]:
    """The lot's whole stream."""
    rows: Any = await ledger.redis.xrange(ledger.keys.stream_of(lot_id))
    everything = [decode(stream_id.decode(), fields) for stream_id, fields in rows]
    return [entry for entry in everything if entry.lot_id == lot_id]


async def kinds(ledger: BidLedger, lot_id: str = LOT) -> list[str]:
    """The kinds of the lot's events, in order."""
    return [event.kind for entry in await entries(ledger, lot_id) for event in entry.events]


async def contents(ledger: BidLedger) -> dict[bytes, Any]:
    """Everything the server holds, to see that nothing changed."""
    redis = ledger.redis
    found: dict[bytes, Any] = {}
    async for name in redis.scan_iter():
        match await redis.type(name):
            case b"hash":
                found[name] = await redis.hgetall(name)
            case b"zset":
                found[name] = await redis.zrange(name, 0, -1, withscores=True)
            case b"stream":
                found[name] = await redis.xrange(name)
            case b"string":
                found[name] = await redis.get(name)
            case other:
                raise AssertionError(f"{name!r} is a {other!r}: no layout of ours has that")
    return found


def stream_of(ledger: BidLedger) -> LedgerStream:
    """The streams of the same server."""
    return LedgerStream(ledger.redis, ledger.keys)
