"""Records what defaulters pay of their claims, in parts, and divides it among the seller, the house and earlier losses.

What is collected makes good what was unmet of the default's own loss, then of earlier defaulters' losses on the same
lot, whose claims are lowered by it; the rest goes where the rest of a deposit goes.
"""

from dataclasses import asdict

from auction.books import audit, catalogue, defaults, journal, settlements
from auction.books.approvals import Approval
from auction.books.defaults import Default
from auction.books.journal import Cause
from auction.books.unit_of_work import Transaction
from auction.domain import journal as postings
from auction.domain.approval_actions import ApprovalAction
from auction.domain.errors import ProblemCode, RequestRefused
from auction.domain.states import CauseKind, DefaultStatus, StepName
from auction.domain.terms_reader import read_terms
from auction.domain.waterfall import Share, Unmet, share_collected
from auction.services.context import AppContext
from auction.services.second_person import NO_CONFIRMATION, Confirmation
from auction.services.settlement.dual_control import ANY_REQUEST, TWO_PERSONS_FROM_FEN, request_or_approve
from auction.services.settlement.transitions import add_step, lock_settlement
from auction.services.settlement.waterfall import lots_after


async def collect_claim(
    context: AppContext,
    lot_id: str,
    default_id: str,
    *,
    amount_fen: int,
    reference: str,
    actor: str,
    agrees_to: int | None = ANY_REQUEST,
    confirmation: Confirmation = NO_CONFIRMATION,
) -> Approval | None:
    """Record that a defaulter paid a part of the claim, by the reference of its receipt: the request that waits for a
    second person, or None: it is recorded, now or before.

    Raises NotFound(settlement-unknown), RequestRefused(no-claim, claim-exceeded, receipt-used, same-person), BooksAway.
    """
    now_ms = context.clock_ms()
    async with context.books.transaction() as tx:
        # what is paid here may lower the claims of the whole chain
        for one in sorted(await _chain(tx, lot_id)):
            await settlements.lock(tx, one)
        locked = await lock_settlement(tx, lot_id)
        default = await _claimed(tx, lot_id, default_id)
        known_fen = await defaults.collected_with(tx, default_id, reference)
        if known_fen is not None:
            if known_fen == amount_fen:
                return None
            raise RequestRefused(
                ProblemCode.RECEIPT_USED,
                f"Receipt {reference} is recorded with {context.money.text(known_fen)}.",
                {"amount_fen": known_fen},
            )
        if amount_fen > default.claim_left_fen:
            raise RequestRefused(
                ProblemCode.CLAIM_EXCEEDED,
                f"{context.money.text(default.claim_left_fen)} are claimed; "
                f"{context.money.text(amount_fen)} were given.",
                {"amount_fen": default.claim_left_fen},
            )
        if amount_fen >= TWO_PERSONS_FROM_FEN:
            waiting = await request_or_approve(
                context,
                tx,
                lot_id,
                ApprovalAction.COLLECT,
                actor=actor,
                reason=reference,
                now_ms=now_ms,
                since_ms=0,
                subject=f"{default_id}:{amount_fen}:{reference}",
                agrees_to=agrees_to,
                confirmation=confirmation,
            )
            if waiting is not None:
                return waiting
        await _divide(tx, default, amount_fen, reference, actor=actor, now_ms=now_ms)
        details = {"default_id": default_id, "amount_fen": amount_fen, "reference": reference}
        await audit.record_action(tx, actor=actor, action="collect-claim", lot_id=lot_id, details=details)
        await add_step(
            tx,
            lot_id,
            locked.settlement.state,
            StepName.CLAIM_COLLECTED,
            actor=actor,
            at_ms=now_ms,
            details=details,
        )
    return None


async def _chain(tx: Transaction, lot_id: str) -> list[str]:
    """The lots that were relisted one as the other, of which this is one."""
    return await lots_after(tx, (await defaults.ancestors_of(tx, lot_id))[-1])


async def _claimed(tx: Transaction, lot_id: str, default_id: str) -> Default:
    default = await defaults.lock(tx, default_id)
    if default is None or default.lot_id != lot_id or (not default.is_claimed and default.collected_fen == 0):
        raise RequestRefused(ProblemCode.NO_CLAIM, f"Nothing is claimed for lot {lot_id}.", {"lot_id": lot_id})
    return default


async def _divide(
    tx: Transaction, default: Default, amount_fen: int, reference: str, *, actor: str, now_ms: int
) -> None:
    """Post what a payment makes good, pay the seller, and lower the claims against earlier defaulters."""
    chain = await defaults.of_lots(tx, await _chain(tx, default.lot_id))
    resolved = [one for one in chain if one.status is DefaultStatus.RESOLVED]
    place = [one.default_id for one in resolved].index(default.default_id)
    # its own loss first, then the earlier ones, the latest first
    losses = resolved[place::-1]
    terms = [read_terms((await catalogue.find_lot(tx, one.lot_id)).terms).settlement for one in losses]
    paid_fen = sum(one.gap_paid_fen for one in resolved)
    paid_fen += await defaults.gap_collected_fen(tx, [one.default_id for one in resolved])
    shares = share_collected(
        amount_fen,
        [(unmet_of(one), rule.waterfall) for one, rule in zip(losses, terms, strict=True)],
        gap_paid_fen=paid_fen,
    )
    total = Share(
        sum(one.cost_fen for one in shares),
        sum(one.gap_fen for one in shares),
        sum(one.commission_fen for one in shares),
    )
    rest_fen = amount_fen - total.total_fen
    cause = Cause(CauseKind.STAFF_ACTION, f"collect:{default.default_id}:{actor}"[:120])
    key_id = f"{default.default_id}:{reference}"
    entries = [
        postings.claim_collected(
            key_id=key_id,
            lot_id=default.lot_id,
            bidder_id=default.bidder_id,
            share=total,
            rest_fen=rest_fen,
            rest_to=terms[-1].rest_to,
        )
    ]
    to_seller_fen = total.gap_fen + (rest_fen if terms[-1].rest_to == "seller" else 0)
    if to_seller_fen:
        entries.append(postings.seller_paid(key_id=f"claim-{key_id}", lot_id=default.lot_id, amount_fen=to_seller_fen))
    await journal.post(tx, entries, cause=cause, at_ms=now_ms)
    await defaults.add_collected(
        tx,
        default.default_id,
        amount_fen=amount_fen,
        reference=reference,
        gap_fen=total.gap_fen,
        at_ms=now_ms,
    )
    for one, share in zip(losses, shares, strict=True):
        await _lower(
            tx, one, share, is_payer=one.default_id == default.default_id, key_id=key_id, cause=cause, at_ms=now_ms
        )


async def _lower(
    tx: Transaction, one: Default, share: Share, *, is_payer: bool, key_id: str, cause: Cause, at_ms: int
) -> None:
    """Note what of a loss was made good; an earlier defaulter owes that much less, if they owed it."""
    left = unmet_of(one).after(share)
    still_fen = left.cost_fen + left.gap_fen + left.commission_fen
    reduced_fen = 0 if is_payer else max(0, one.claim_left_fen - still_fen)
    await defaults.set_unmet(tx, one.default_id, unmet=asdict(left), reduced_fen=one.reduced_fen + reduced_fen)
    if reduced_fen:
        entry = postings.claim_reduced(
            key_id=f"{one.default_id}:{key_id}", lot_id=one.lot_id, bidder_id=one.bidder_id, amount_fen=reduced_fen
        )
        await journal.post(tx, [entry], cause=cause, at_ms=at_ms)


def unmet_of(default: Default) -> Unmet:
    """What of the loss by a default nobody has paid; of one resolved before that was kept: the claim, as a gap."""
    if default.unmet is not None:
        return Unmet(**default.unmet)
    return Unmet(0, default.claim_fen, 0, default.gap_paid_fen + default.claim_fen)
