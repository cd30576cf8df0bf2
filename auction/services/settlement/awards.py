"""Opens the settlement of every lot whose result is archived, hundreds at a time, and awards the lots that sold.

Losers' deposits are released at once; those of runners-up who may be offered the lot are kept until the cascade ends.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

import structlog

from auction.books import (
    archive_queries,
    bidders,
    catalogue,
    deposits,
    faults,
    journal,
    runners_up,
    settlements,
    unsettled_lots,
)
from auction.books.archive_queries import LotResult
from auction.books.catalogue import LotRecord
from auction.books.deposits import Deposit
from auction.books.journal import Cause
from auction.books.settlements import Award, Settlement, SettlementStep
from auction.books.unit_of_work import Transaction
from auction.domain import journal as postings
from auction.domain.deposits import PurseDeposit
from auction.domain.errors import Unavailable
from auction.domain.events import Outcome
from auction.domain.journal import JournalEntry
from auction.domain.lot import LotStatus
from auction.domain.money import share
from auction.domain.states import AwardSource, AwardStatus, CauseKind, DepositReason, SettlementState, StepName
from auction.domain.terms import Terms
from auction.domain.terms_reader import read_terms
from auction.services.context import AppContext
from auction.services.isolation import Stage, isolated
from auction.services.payments.deposit_outcomes import release_deposits
from auction.services.settlement.purse_shares import let_stand
from auction.services.settlement.transitions import SYSTEM_ACTOR

log = structlog.get_logger()

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
    """Open the settlements of lots that have ended, up to a limit; how many. Raises BooksAway.

    Where the whole batch fails, each lot is opened on its own, and one that cannot be is set aside with its error.
    """
    items = await isolated(context, Stage.OPENING)
    now_ms = context.clock_ms()
    waiting = {lot_id for lot_id, fault in items.aside.items() if now_ms < fault.next_try_at_ms}
    try:
        return len(await _open(context, limit=limit, without=waiting))
    except Unavailable:
        raise
    except Exception:
        log.exception("settlements_not_opened")
    async with context.books.reading() as tx:
        found = await unsettled_lots.waiting_lots(tx, limit=limit, without=waiting)
    done = 0
    for lot_id in found:
        done += await items.run(lot_id, lot_id, partial(_open_one, context, lot_id))
    return done


async def _open_one(context: AppContext, lot_id: str) -> int:
    return len(await _open(context, limit=1, only=lot_id))


async def _open(
    context: AppContext, *, limit: int, without: Collection[str] = (), only: str | None = None
) -> list[LotResult]:
    now_ms = context.clock_ms()
    async with context.books.transaction() as tx:
        results = await unsettled_lots.results_to_settle(tx, limit=limit, without=without, only=only)
        if not results:
            return []
        records = await catalogue.lots_by_id(tx, [result.lot_id for result in results])
        agreed = _terms_of(records)
        due = {result.lot_id: award_of(result, agreed[result.lot_id], now_ms) for result in results}
        new = await settlements.open_all(tx, [_opened(result, due[result.lot_id], now_ms) for result in results])
        results = [result for result in results if result.lot_id in new]
        awards = [award for result in results if (award := due[result.lot_id]) is not None]
        await settlements.add_awards(tx, awards)
        for award in awards:
            policy = agreed[award.lot_id].deposit
            if isinstance(policy, PurseDeposit):
                await let_stand(
                    tx,
                    policy,
                    sale_id=records[award.lot_id].sale_id,
                    lot_id=award.lot_id,
                    bidder_id=award.bidder_id,
                    price_fen=award.price_fen,
                )
        await journal.post_each(tx, [(entry_of(award), _cause(award.lot_id)) for award in awards], at_ms=now_ms)
        await settlements.add_steps(tx, [_step(result, due[result.lot_id], now_ms) for result in results])
        await _release_losers(tx, results, agreed, due, now_ms)
        await faults.clear(tx, stage=Stage.OPENING, item_ids=[result.lot_id for result in results])
    return results


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
    """Release the losers' deposits, and keep those of bidders who may still be offered the lot."""
    lot_ids = [result.lot_id for result in results]
    kept = await _runners_up(tx, lot_ids, agreed, due)
    await runners_up.keep(tx, kept, at_ms=now_ms)
    to_release: list[Deposit] = []
    for deposit in await deposits.lock_deposits_of_lots(tx, lot_ids):
        award = due[deposit.lot_id]
        is_needed = award is not None and deposit.bidder_id in {award.bidder_id, *kept.get(deposit.lot_id, ())}
        # a purse serves the other lots of the sale too: it is released once they are over
        if deposit.is_available and not is_needed and not deposit.is_purse:
            to_release.append(deposit)
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
    linked = await bidders.linked_to_each(tx, {*winners.values(), *(one for some in ranked.values() for one in some)})
    return {
        lot_id: may_be_offered(ranked.get(lot_id, ()), winner_id, linked, depth=agreed[lot_id].settlement.cascade.depth)
        for lot_id, winner_id in winners.items()
    }


def may_be_offered(
    ranked: Sequence[str], winner_id: str, linked: Mapping[str, Collection[str]], *, depth: int
) -> list[str]:
    """Who may be offered a lot at all, best first, if each in turn declines or defaults.

    Accounts linked to the winner are left out. Those linked to another runner-up come in question if that one
    declines, and are passed over if that one defaults: then one more is asked.
    """
    found: list[str] = []
    strangers = 0
    for bidder_id in ranked:
        if bidder_id in linked[winner_id]:
            continue
        if not any(bidder_id in linked[other] for other in found):
            strangers += 1
        found.append(bidder_id)
        if strangers == depth:
            break
    return found
