"""Opens the settlement of every lot whose result is archived, hundreds at a time, and awards the lots that sold.

Losers' deposits are released at once; those of runners-up who may be offered the lot are kept until a stated time.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from auction.books import archive_queries, bidders, catalogue, deposits, journal, settlements
from auction.books.archive_queries import LotResult
from auction.books.catalogue import LotRecord
from auction.books.deposits import Deposit
from auction.books.journal import Cause
from auction.books.settlements import Award, Settlement, SettlementStep
from auction.books.unit_of_work import Transaction
from auction.domain import journal as postings
from auction.domain.events import Outcome
from auction.domain.journal import JournalEntry
from auction.domain.lot import LotStatus
from auction.domain.money import share
from auction.domain.states import AwardSource, AwardStatus, CauseKind, DepositReason, SettlementState, StepName
from auction.domain.terms import Terms
from auction.domain.terms_reader import read_terms
from auction.services.context import AppContext
from auction.services.payments.deposit_outcomes import release_deposits
from auction.services.settlement.transitions import SYSTEM_ACTOR

LOTS_AT_ONCE = 500
RANKED_MAX = 20
"""Of how many bidders of a lot the runners-up are chosen; accounts linked to the winner are left out of them."""

FIRST_STATE: Mapping[str, SettlementState] = MappingProxyType(
    {
        Outcome.SOLD: SettlementState.AWARDED,
        Outcome.NO_BIDS: SettlementState.UNSOLD,
        Outcome.RESERVE_UNMET: SettlementState.UNSOLD,
        LotStatus.VOID: SettlementState.VOID,
    }
)
"""A lot's outcome -> the state its settlement begins in."""


async def open_settlements(context: AppContext, *, limit: int = LOTS_AT_ONCE) -> int:
    """Open the settlements of lots that have ended, up to a limit; how many. Raises BooksAway."""
    now_ms = context.clock_ms()
    async with context.books.transaction() as tx:
        results = await settlements.results_to_settle(tx, limit=limit)
        if not results:
            return 0
        records = await catalogue.lots_by_id(tx, [result.lot_id for result in results])
        agreed = _terms_of(records)
        due = {result.lot_id: award_of(result, agreed[result.lot_id], now_ms) for result in results}
        new = await settlements.open_all(tx, [_opened(result, due[result.lot_id], now_ms) for result in results])
        results = [result for result in results if result.lot_id in new]
        awards = [award for result in results if (award := due[result.lot_id]) is not None]
        await settlements.add_awards(tx, awards)
        await journal.post_each(tx, [(entry_of(award), _cause(award.lot_id)) for award in awards], at_ms=now_ms)
        await settlements.add_steps(tx, [_step(result, due[result.lot_id], now_ms) for result in results])
        await _release_losers(tx, results, agreed, due, now_ms)
    return len(results)


def _terms_of(records: Mapping[str, LotRecord]) -> dict[str, Terms]:
    """Lot -> its terms. Equal terms are read once: most lots of a sale have the same."""
    read: dict[str, Terms] = {}
    agreed = {}
    for lot_id, record in records.items():
        fingerprint = record.terms_sha256 or lot_id
        if fingerprint not in read:
            read[fingerprint] = read_terms(record.terms)
        agreed[lot_id] = read[fingerprint]
    return agreed


def award_of(result: LotResult, terms: Terms, now_ms: int) -> Award | None:
    """The award of a lot, to be paid within a window that begins now; None: it did not sell."""
    if result.outcome != Outcome.SOLD or result.hammer_price_fen is None:
        return None
    settlement = terms.settlement
    pay_by_ms = now_ms + settlement.payment_window_ms
    return Award(
        award_id=f"a-{result.lot_id}-1",
        lot_id=result.lot_id,
        bidder_id=str(result.winner_id),
        paddle=result.winner_paddle or 0,
        source=AwardSource.HAMMER,
        price_fen=result.hammer_price_fen,
        fee_fen=share(result.hammer_price_fen, settlement.buyer_fee_bps),
        received_fen=0,
        status=AwardStatus.DUE,
        awarded_at_ms=now_ms,
        pay_by_ms=pay_by_ms,
        default_at_ms=pay_by_ms + settlement.grace_ms,
        paid_at_ms=None,
        delivery_centre=None,
        settled_at_ms=None,
    )


def entry_of(award: Award) -> JournalEntry:
    """The journal entry of an award."""
    return postings.award(
        award_id=award.award_id,
        lot_id=award.lot_id,
        bidder_id=award.bidder_id,
        price_fen=award.price_fen,
        fee_fen=award.fee_fen,
    )


def _cause(lot_id: str) -> Cause:
    return Cause(CauseKind.LOT_EVENT, f"{lot_id}:closed")


def _opened(result: LotResult, award: Award | None, now_ms: int) -> Settlement:
    return Settlement(
        lot_id=result.lot_id,
        state=FIRST_STATE[result.outcome],
        outcome=result.outcome,
        hammer_price_fen=result.hammer_price_fen,
        deadline_at_ms=None if award is None else award.default_at_ms,
        offers_made=0,
        relisted_as=None,
        opened_at_ms=now_ms,
        changed_at_ms=now_ms,
    )


def _step(result: LotResult, award: Award | None, now_ms: int) -> SettlementStep:
    details: dict[str, Any] = {"outcome": result.outcome, "closed_seq": result.closed_seq, "cause": result.cause}
    if award is not None:
        details |= {
            "award_id": award.award_id,
            "paddle": award.paddle,
            "price_fen": award.price_fen,
            "fee_fen": award.fee_fen,
            "pay_by_ms": award.pay_by_ms,
            "default_at_ms": award.default_at_ms,
        }
    state = FIRST_STATE[result.outcome]
    # the first step is named for the state
    return SettlementStep(result.lot_id, StepName(state), state, SYSTEM_ACTOR, now_ms, None, details)


async def _release_losers(
    tx: Transaction,
    results: Sequence[LotResult],
    agreed: Mapping[str, Terms],
    due: Mapping[str, Award | None],
    now_ms: int,
) -> None:
    """Release the losers' deposits, and set until when those of runners-up are kept."""
    lot_ids = [result.lot_id for result in results]
    runners_up = await _runners_up(tx, lot_ids, agreed, due)
    to_release: list[Deposit] = []
    to_keep: dict[int, list[str]] = {}
    for deposit in await deposits.lock_deposits_of_lots(tx, lot_ids):
        award = due[deposit.lot_id]
        if not deposit.is_available or (award is not None and deposit.bidder_id == award.bidder_id):
            continue
        if award is not None and deposit.bidder_id in runners_up.get(deposit.lot_id, ()):
            cascade = agreed[deposit.lot_id].settlement.cascade
            until_ms = award.default_at_ms + cascade.depth * cascade.offer_window_ms
            to_keep.setdefault(until_ms, []).append(deposit.deposit_id)
        elif not deposit.is_purse:
            # a purse serves the other lots of the sale too: it is released once they are over
            to_release.append(deposit)
    for until_ms, deposit_ids in sorted(to_keep.items()):
        await deposits.keep_until(tx, deposit_ids, release_by_ms=until_ms)
    if to_release:
        cause = Cause(CauseKind.LOT_EVENT, "closed")
        await release_deposits(tx, to_release, reason=DepositReason.NOT_WON, now_ms=now_ms, cause=cause)


async def _runners_up(
    tx: Transaction, lot_ids: Sequence[str], agreed: Mapping[str, Terms], due: Mapping[str, Award | None]
) -> dict[str, list[str]]:
    """Lot -> the bidders who may be offered it after a default; lots whose terms offer to nobody are missing."""
    cascading = [lot_id for lot_id in lot_ids if agreed[lot_id].settlement.cascade.depth and due[lot_id] is not None]
    if not cascading:
        return {}
    ranked = await archive_queries.best_bidders(tx, cascading, per_lot_max=RANKED_MAX)
    winners = {lot_id: award.bidder_id for lot_id in cascading if (award := due[lot_id]) is not None}
    linked = await bidders.linked_to_each(tx, set(winners.values()))
    found = {}
    for lot_id, winner_id in winners.items():
        others = [bidder_id for bidder_id in ranked.get(lot_id, ()) if bidder_id not in linked[winner_id]]
        found[lot_id] = others[: agreed[lot_id].settlement.cascade.depth]
    return found
