"""Places a bid: asks the edge, then the ledger's combiner; has the receipt of an accepted one signed. In its way."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any

from auction.domain.bidding import Bid, Receipt, Refused, Repeated
from auction.domain.errors import BooksAway, RefusalCode
from auction.domain.text import is_id
from auction.ledger.replies import AcceptedBid, BidAnswer
from auction.services.bidding.receipts import sign_earlier_receipt, sign_receipt
from auction.services.context import AppContext


@dataclass(frozen=True, slots=True)
class PlacedBid:
    """An accepted bid with its signed receipt; `repeated`: it was accepted by an earlier call with the same key."""

    lot_id: str
    bidder_id: str
    receipt: Receipt
    repeated: bool
    signed: str
    """The signed receipt, for whoever is to be shown it."""


BidOutcome = PlacedBid | Refused | Exception
"""What became of a bid; an exception as `place_bid` raises it."""


async def place_bid(
    context: AppContext, lot_id: str, *, bidder_id: str, amount_fen: int, key: str, is_maximum: bool = False
) -> PlacedBid | Refused:
    """Have the ledger decide a bid of `amount_fen`; it is decided even where the caller is cancelled.

    With `is_maximum` it is the maximum up to which a direct lot bids for the bidder; 0 withdraws it. A lot that is over
    and that the ledger has dropped is answered from the archive. Raises LedgerAway (LedgerFull too), OutcomeUnknown,
    OverCapacity, TooManyBids, BooksAway. The caller must have checked the amount (1..10^13; a maximum from 0) and the
    key (8 to 64 visible ASCII characters).
    """
    decided: asyncio.Future[PlacedBid | Refused] = asyncio.get_running_loop().create_future()

    def resolve(outcome: BidOutcome) -> None:
        if decided.done():
            return
        if isinstance(outcome, Exception):
            decided.set_exception(outcome)
        else:
            decided.set_result(outcome)

    start_bid(context, lot_id, bidder_id=bidder_id, amount_fen=amount_fen, key=key, is_maximum=is_maximum, done=resolve)
    return await decided


def start_bid(
    context: AppContext,
    lot_id: str,
    *,
    bidder_id: str,
    amount_fen: int,
    key: str,
    is_maximum: bool = False,
    done: Callable[[BidOutcome], None],
) -> None:
    """`place_bid` for callers without a task of their own: `done` is called once, from the event loop or at once.

    What is known before the bid is sent is raised: OverCapacity, TooManyBids, LedgerFull.
    """
    if not is_id(lot_id):
        done(Refused(RefusalCode.LOT_UNKNOWN, {}))
        return
    bid = Bid(bidder_id, amount_fen, key, is_maximum)
    context.bid_rate.enter(bidder_id)
    try:
        context.ledger_memory.check_bids_allowed()
        refused = None if context.edge is None else context.edge.refusal(lot_id, bid)
        if refused is None:
            context.combiner.submit(lot_id, bid, partial(_finish, context, lot_id, bid, done))
    except BaseException:
        context.bid_rate.leave(bidder_id)
        raise
    if refused is not None:
        context.bid_rate.leave(bidder_id)
        context.refusals.count(lot_id, str(refused.code))
        done(refused)


def _finish(
    context: AppContext, lot_id: str, bid: Bid, done: Callable[[BidOutcome], None], answer: BidAnswer | Exception
) -> None:
    context.bid_rate.leave(bid.bidder_id)
    if context.edge is not None:
        context.edge.learn(lot_id, bid, answer)
    if isinstance(answer, AcceptedBid):
        if answer.batch is None:
            _finish_later(context, _placed_earlier(context, lot_id, bid, answer.receipt), done)
            return
        signed = sign_receipt(context, answer.batch, answer.receipt.seq)
        done(PlacedBid(lot_id, bid.bidder_id, answer.receipt, answer.repeated, signed))
    elif isinstance(answer, Refused) and answer.code is RefusalCode.LOT_UNKNOWN:
        _finish_later(context, _decide_from_archive(context, lot_id, bid, answer), done)
    else:
        if isinstance(answer, Refused):
            context.refusals.count(lot_id, str(answer.code))
        done(answer)


def _finish_later(
    context: AppContext, asking: Coroutine[Any, Any, PlacedBid | Refused], done: Callable[[BidOutcome], None]
) -> None:
    task = asyncio.get_running_loop().create_task(asking)
    # the event loop alone does not keep a task
    context.ended_lots.asking.add(task)
    task.add_done_callback(context.ended_lots.asking.discard)
    task.add_done_callback(lambda ended: done(_outcome_of(ended)))


async def _placed_earlier(context: AppContext, lot_id: str, bid: Bid, receipt: Receipt) -> PlacedBid:
    signed = await sign_earlier_receipt(context, lot_id, receipt)
    return PlacedBid(lot_id, bid.bidder_id, receipt, repeated=True, signed=signed)


async def _decide_from_archive(context: AppContext, lot_id: str, bid: Bid, unknown: Refused) -> PlacedBid | Refused:
    decided = await context.ended_lots.decide(context.books, lot_id, bid, unknown.now_ms)
    if isinstance(decided, Repeated):
        return await _placed_earlier(context, lot_id, bid, decided.receipt)
    return decided if isinstance(decided, Refused) else unknown


def _outcome_of(task: "asyncio.Task[PlacedBid | Refused]") -> BidOutcome:
    if task.cancelled():
        return BooksAway("The process ends; nothing was changed. Try again.")
    error = task.exception()
    if error is None:
        return task.result()
    return error if isinstance(error, Exception) else RuntimeError(repr(error))
