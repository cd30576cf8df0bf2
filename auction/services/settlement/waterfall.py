"""Runs waterfalls: divides a forfeited deposit once the resale is handed over, and claims the rest.

Without a resale it runs when the deadline has passed, but not while one is under way. Staff may write claims off.
"""

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial

from auction.books import catalogue, defaults, journal, settlements
from auction.books.approvals import Approval
from auction.books.catalogue import DRAFT
from auction.books.defaults import Default
from auction.books.journal import Cause
from auction.books.unit_of_work import Transaction
from auction.domain import journal as postings
from auction.domain.approval_actions import ApprovalAction
from auction.domain.errors import ProblemCode, RequestRefused
from auction.domain.lot import LotStatus
from auction.domain.states import CauseKind, DefaultStatus, SettlementState, StepName
from auction.domain.terms_reader import read_terms
from auction.domain.waterfall import Split, agreed_gap_fen, claim_fen, needs, split, unmet
from auction.services.context import AppContext
from auction.services.isolation import Stage, isolated
from auction.services.second_person import NO_CONFIRMATION, Confirmation
from auction.services.settlement.dual_control import ANY_REQUEST, request_or_approve
from auction.services.settlement.transitions import SYSTEM_ACTOR, add_step, lock_settlement

UNDER_WAY = (SettlementState.AWARDED, SettlementState.PAID, SettlementState.OFFERED, SettlementState.DEFAULTED)
"""States of a lot that may still be sold, or is sold and not handed over."""


async def run_waterfalls(context: AppContext) -> int:
    """Run the waterfall of every default that is ready for it; how many. Raises BooksAway."""
    items = await isolated(context, Stage.WATERFALL)
    done, after = 0, (0, "")
    while True:
        async with context.books.reading() as tx:
            page = await defaults.to_resolve(tx, now_ms=context.clock_ms(), after=after)
        # the latest first: what a later defaulter paid reduces the gap of an earlier one
        for one in reversed(page):
            done += await items.run(one.default_id, one.lot_id, partial(_run_one, context, one))
        if len(page) < defaults.RESOLVED_AT_ONCE:
            return done
        after = (page[-1].at_ms, page[-1].default_id)


async def _run_one(context: AppContext, one: Default) -> int:
    async with context.books.transaction() as tx:
        await lock_settlement(tx, one.lot_id)
        default = await defaults.lock(tx, one.default_id)
        if default is None or default.status is not DefaultStatus.COLLECTED:
            return 0
        lot_ids = await lots_after(tx, default.lot_id)
        chain = await defaults.of_lots(tx, lot_ids)
        if any(other.is_unresolved and _is_later(other, default) for other in chain):
            return 0
        if default.resale_price_fen is None and await _is_resale_under_way(tx, lot_ids):
            return 0
        await _resolve(context, tx, default, chain)
    return 1


def _is_later(other: Default, default: Default) -> bool:
    return (other.at_ms, other.default_id) > (default.at_ms, default.default_id)


async def lots_after(tx: Transaction, lot_id: str) -> list[str]:
    """A lot, the lot it was relisted as, and so on."""
    lot_ids = [lot_id]
    while len(lot_ids) < defaults.CHAIN_MAX:
        later = await catalogue.relisted_as(tx, lot_ids[-1])
        if later is None:
            break
        lot_ids.append(later)
    return lot_ids


async def _is_resale_under_way(tx: Transaction, lot_ids: Sequence[str]) -> bool:
    """Whether one of these lots is on sale, offered, due or paid: then its price is not known yet, but soon."""
    for lot_id in lot_ids:
        settlement = await settlements.find(tx, lot_id)
        if settlement is not None:
            if settlement.state in UNDER_WAY:
                return True
        elif (await catalogue.find_lot(tx, lot_id)).status not in {DRAFT, LotStatus.VOID}:
            return True
    return False


async def _resolve(context: AppContext, tx: Transaction, default: Default, chain: Sequence[Default]) -> None:
    now_ms = context.clock_ms()
    record = await catalogue.find_lot(tx, default.lot_id)
    terms = read_terms(record.terms).settlement
    later = [other for other in chain if other.status is DefaultStatus.RESOLVED and _is_later(other, default)]
    recovered_fen = sum(other.gap_paid_fen for other in later)
    # the lot was relisted once, however many had defaulted on it
    cost_paid_fen = sum(
        int(other.split["cost_fen"]) for other in later if other.split and other.lot_id == default.lot_id
    )
    need = needs(
        hammer_price_fen=default.price_fen,
        resale_price_fen=default.resale_price_fen,
        cost_fen=max(0, default.cost_fen - cost_paid_fen),
        commission_fen=default.fee_fen + default.commission_fen,
        recovered_fen=recovered_fen,
        agreed_gap_fen=agreed_gap_fen(
            liability=terms.default_liability, percent_bps=terms.percent_bps, hammer_price_fen=default.price_fen
        ),
    )
    parts = split(default.forfeited_fen, need, terms.waterfall, terms.rest_to)
    owed_fen = claim_fen(
        parts,
        liability=terms.default_liability,
        percent_bps=terms.percent_bps,
        hammer_price_fen=default.price_fen,
        claimed_fen=min(need.gap_fen - parts.gap_fen, sum(other.gap_met_fen - other.gap_paid_fen for other in later)),
    )
    await _post(tx, default, parts, owed_fen, now_ms)
    await defaults.mark_resolved(
        tx,
        default.default_id,
        split=asdict(parts),
        unmet=asdict(unmet(need, parts, loss_fen=need.gap_fen + recovered_fen)),
        gap_met_fen=min(need.gap_fen, parts.gap_fen + owed_fen),
        claim_fen=owed_fen,
        at_ms=now_ms,
    )
    locked = await lock_settlement(tx, default.lot_id)
    await add_step(
        tx,
        default.lot_id,
        locked.settlement.state,
        StepName.WATERFALL,
        actor=SYSTEM_ACTOR,
        at_ms=now_ms,
        details={
            "default_id": default.default_id,
            "resale_price_fen": default.resale_price_fen,
            "forfeited_fen": default.forfeited_fen,
            "claim_fen": owed_fen,
            **asdict(parts),
        },
    )


async def _post(tx: Transaction, default: Default, parts: Split, owed_fen: int, now_ms: int) -> None:
    about = {"default_id": default.default_id, "lot_id": default.lot_id, "bidder_id": default.bidder_id}
    entries = []
    if parts.forfeited_fen:
        entries.append(postings.waterfall_paid(**about, split=parts))
        if parts.seller_fen:
            key_id = f"waterfall-{default.default_id}"
            entries.append(postings.seller_paid(key_id=key_id, lot_id=default.lot_id, amount_fen=parts.seller_fen))
    if owed_fen:
        entries.append(postings.claim_raised(**about, amount_fen=owed_fen))
    if entries:
        await journal.post(
            tx, entries, cause=Cause(CauseKind.DEADLINE, f"waterfall:{default.default_id}"), at_ms=now_ms
        )


async def write_off(
    context: AppContext,
    lot_id: str,
    *,
    actor: str,
    reason: str,
    agrees_to: int | None = ANY_REQUEST,
    confirmation: Confirmation = NO_CONFIRMATION,
) -> Approval | None:
    """Write the claims of a lot off, which needs two persons: the request that waits, or None: done.

    Raises NotFound(settlement-unknown), RequestRefused(no-claim, same-person), BooksAway.
    """
    now_ms = context.clock_ms()
    async with context.books.transaction() as tx:
        locked = await lock_settlement(tx, lot_id)
        claimed = [one for one in await defaults.of_lot(tx, lot_id) if one.is_claimed]
        if not claimed:
            raise RequestRefused(ProblemCode.NO_CLAIM, f"Nothing is claimed for lot {lot_id}.", {"lot_id": lot_id})
        waiting = await request_or_approve(
            context,
            tx,
            lot_id,
            ApprovalAction.WRITE_OFF,
            actor=actor,
            reason=reason,
            now_ms=now_ms,
            since_ms=locked.settlement.changed_at_ms,
            agrees_to=agrees_to,
            confirmation=confirmation,
        )
        if waiting is not None:
            return waiting
        for one in claimed:
            entry = postings.claim_written_off(
                default_id=one.default_id, lot_id=lot_id, bidder_id=one.bidder_id, amount_fen=one.claim_left_fen
            )
            cause = Cause(CauseKind.STAFF_ACTION, f"writeoff:{one.default_id}:{actor}")
            await journal.post(tx, [entry], cause=cause, at_ms=now_ms)
            await defaults.mark_written_off(tx, one.default_id)
        await add_step(
            tx,
            lot_id,
            locked.settlement.state,
            StepName.CLAIM_WRITTEN_OFF,
            actor=actor,
            at_ms=now_ms,
            reason=reason,
            details={"claim_fen": sum(one.claim_left_fen for one in claimed)},
        )
    return None
