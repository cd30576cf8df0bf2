"""Stores defaults: winners who did not pay, what was forfeited, who was paid from it, and what is still claimed.

After the bid's way. Past defaults raise a bidder's next deposits and may bar them. Each `mark_...` and `set_...` checks
the status it leaves and raises InvalidTransition where it is another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, any_, func, insert, literal, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import ARRAY

from auction.books.given_rows import is_given
from auction.books.tables import Id, claim_payments, defaults, lots
from auction.books.transitions import transition
from auction.books.unit_of_work import Transaction
from auction.domain.states import UNRESOLVED_DEFAULT, DefaultCause, DefaultStatus

CHAIN_MAX = 20
"""How many relistings of one lot are followed back."""

LISTED_MAX = 1_000

RESOLVED_AT_ONCE = 100
"""Defaults read at a time whose waterfall may run."""

UNRESOLVED = defaults.c.status.in_(UNRESOLVED_DEFAULT)


@dataclass(frozen=True, slots=True)
class Default:
    """A winner did not pay; amounts in fen. Columns: `auction.books.tables.settlements`."""

    default_id: str
    lot_id: str
    bidder_id: str
    price_fen: int
    fee_fen: int
    commission_fen: int
    cause: DefaultCause
    status: DefaultStatus
    at_ms: int
    resolve_by_ms: int
    cost_fen: int
    forfeited_fen: int
    resale_lot_id: str | None
    resale_price_fen: int | None
    split: Mapping[str, Any] | None
    gap_met_fen: int
    claim_fen: int
    written_off: bool
    resolved_at_ms: int | None
    seller_owes_fen: int
    unmet: Mapping[str, Any] | None
    collected_fen: int
    reduced_fen: int

    @property
    def is_unresolved(self) -> bool:
        """Whether its waterfall has not run and it was not returned."""
        return self.status in UNRESOLVED_DEFAULT

    @property
    def counts(self) -> bool:
        """Whether it counts against its bidder: not where the lot was declared void after it."""
        return self.status is not DefaultStatus.RETURNED

    @property
    def is_claimed(self) -> bool:
        """Whether its bidder still owes something."""
        return self.claim_left_fen > 0

    @property
    def claim_left_fen(self) -> int:
        """What its bidder still owes, in fen."""
        if self.status is not DefaultStatus.RESOLVED or self.written_off:
            return 0
        return self.claim_fen - self.collected_fen - self.reduced_fen

    @property
    def gap_paid_fen(self) -> int:
        """How much of the price gap its deposit paid, in fen."""
        return 0 if self.split is None else int(self.split["gap_fen"])


async def add(
    tx: Transaction,
    *,
    default_id: str,
    lot_id: str,
    bidder_id: str,
    price_fen: int,
    fee_fen: int,
    commission_fen: int,
    cause: DefaultCause,
    at_ms: int,
    resolve_by_ms: int,
    cost_fen: int,
) -> None:
    """Add a default whose deposits are being collected."""
    await tx.session.execute(
        insert(defaults).values(
            default_id=default_id,
            lot_id=lot_id,
            bidder_id=bidder_id,
            price_fen=price_fen,
            fee_fen=fee_fen,
            commission_fen=commission_fen,
            cause=cause,
            at_ms=at_ms,
            resolve_by_ms=resolve_by_ms,
            cost_fen=cost_fen,
        )
    )


# --- finding ----------------------------------------------------------------------------------------------------------


async def lock(tx: Transaction, default_id: str) -> Default | None:
    """A default, locked for a change by this transaction, or None."""
    row = await tx.row(select(defaults).where(defaults.c.default_id == default_id).with_for_update())
    return None if row is None else Default(**row)


async def of_lot(tx: Transaction, lot_id: str) -> list[Default]:
    """A lot's defaults, oldest first."""
    return await _defaults(tx, defaults.c.lot_id == lot_id)


async def of_lots(tx: Transaction, lot_ids: Sequence[str]) -> list[Default]:
    """The defaults of these lots, oldest first."""
    return await _defaults(tx, defaults.c.lot_id == any_(literal(list(lot_ids), ARRAY(Id))))


async def of_bidder(tx: Transaction, bidder_id: str) -> list[Default]:
    """A bidder's defaults that count, oldest first: those returned when the lot was declared void do not."""
    return await _defaults(tx, (defaults.c.bidder_id == bidder_id) & (defaults.c.status != DefaultStatus.RETURNED))


_OF_BIDDERS = (
    select(defaults)
    .where(is_given(defaults.c.bidder_id), defaults.c.status != DefaultStatus.RETURNED)
    .order_by(defaults.c.at_ms, defaults.c.default_id)
    .limit(LISTED_MAX)
)


async def of_bidders(tx: Transaction, bidder_ids: Sequence[str]) -> list[Default]:
    """`of_bidder` for many at once, oldest first."""
    return [Default(**row) for row in await tx.rows(_OF_BIDDERS, {"ids": list(bidder_ids)})]


async def collecting(tx: Transaction, *, limit: int = 100) -> list[Default]:
    """Defaults whose deposits are still being captured, oldest first."""
    return await _defaults(tx, defaults.c.status == DefaultStatus.COLLECTING, limit=limit)


async def to_resolve(
    tx: Transaction, *, now_ms: int, after: tuple[int, str] = (0, ""), limit: int = RESOLVED_AT_ONCE
) -> list[Default]:
    """A page of the defaults whose waterfall may run, oldest first: collected, and resold or past their deadline.

    `after` (time and id) continues after the last one of a page.
    """
    ready = and_(
        defaults.c.status == DefaultStatus.COLLECTED,
        or_(defaults.c.resale_price_fen.is_not(None), defaults.c.resolve_by_ms <= now_ms),
        tuple_(defaults.c.at_ms, defaults.c.default_id) > after,
    )
    return await _defaults(tx, ready, limit=limit)


async def lock_unresolved(tx: Transaction, lot_ids: Sequence[str]) -> list[Default]:
    """Unresolved defaults of these lots, oldest first, locked for a change by this transaction."""
    which = defaults.c.lot_id == any_(literal(list(lot_ids), ARRAY(Id)))
    statement = select(defaults).where(which, UNRESOLVED).order_by(defaults.c.at_ms, defaults.c.default_id)
    return [Default(**row) for row in await tx.rows(statement.with_for_update())]


async def ancestors_of(tx: Transaction, lot_id: str) -> list[str]:
    """The lot, the lot it was relisted from, and so on, at most CHAIN_MAX."""
    chain = [lot_id]
    while len(chain) < CHAIN_MAX:
        before = await tx.session.scalar(select(lots.c.relisted_from).where(lots.c.lot_id == chain[-1]))
        if before is None:
            break
        chain.append(before)
    return chain


# --- transitions ------------------------------------------------------------------------------------------------------


async def set_cost(tx: Transaction, default_id: str, *, cost_fen: int) -> Default:
    """Set the cost of auctioning the lot again, in fen, of an unresolved default."""
    return await _change(tx, default_id, UNRESOLVED, cost_fen=cost_fen)


async def set_resale(tx: Transaction, default_id: str, *, lot_id: str, price_fen: int) -> Default:
    """Set the lot that was sold and handed over instead, and its price in fen, of an unresolved default."""
    return await _change(tx, default_id, UNRESOLVED, resale_lot_id=lot_id, resale_price_fen=price_fen)


async def mark_collected(tx: Transaction, default_id: str, *, forfeited_fen: int) -> Default:
    """Collecting -> collected, with the sum of the forfeited deposits in fen."""
    collecting_now = defaults.c.status == DefaultStatus.COLLECTING
    return await _change(tx, default_id, collecting_now, status=DefaultStatus.COLLECTED, forfeited_fen=forfeited_fen)


async def add_forfeited(tx: Transaction, default_id: str, *, amount_fen: int) -> Default:
    """Add a deposit that was forfeited after the others were collected, in fen."""
    collected = defaults.c.status == DefaultStatus.COLLECTED
    return await _change(tx, default_id, collected, forfeited_fen=defaults.c.forfeited_fen + amount_fen)


async def mark_resolved(
    tx: Transaction,
    default_id: str,
    *,
    split: Mapping[str, Any],
    unmet: Mapping[str, Any],
    gap_met_fen: int,
    claim_fen: int,
    at_ms: int,
) -> Default:
    """Collected -> resolved, with how the waterfall divided the deposit and what is claimed, in fen."""
    return await _change(
        tx,
        default_id,
        defaults.c.status == DefaultStatus.COLLECTED,
        status=DefaultStatus.RESOLVED,
        split=dict(split),
        unmet=dict(unmet),
        gap_met_fen=gap_met_fen,
        claim_fen=claim_fen,
        resolved_at_ms=at_ms,
    )


async def mark_returned(tx: Transaction, default_id: str, *, seller_owes_fen: int, at_ms: int) -> Default:
    """Collecting, collected or resolved -> returned; the seller owes what they had been paid, in fen."""
    return await _change(
        tx,
        default_id,
        defaults.c.status.in_((*UNRESOLVED_DEFAULT, DefaultStatus.RESOLVED)),
        status=DefaultStatus.RETURNED,
        seller_owes_fen=seller_owes_fen,
        resolved_at_ms=at_ms,
    )


async def mark_seller_repaid(tx: Transaction, default_id: str) -> Default:
    """The seller owes nothing of a returned default any more."""
    return await _change(tx, default_id, defaults.c.seller_owes_fen > 0, seller_owes_fen=0)


async def add_collected(
    tx: Transaction, default_id: str, *, amount_fen: int, reference: str, gap_fen: int, at_ms: int
) -> Default:
    """Add a payment to what was collected of a claim; `gap_fen` of it paid the seller. The default."""
    await tx.session.execute(
        insert(claim_payments).values(
            default_id=default_id, reference=reference, amount_fen=amount_fen, gap_fen=gap_fen, at_ms=at_ms
        )
    )
    claimed = (defaults.c.status == DefaultStatus.RESOLVED) & ~defaults.c.written_off
    return await _change(tx, default_id, claimed, collected_fen=defaults.c.collected_fen + amount_fen)


async def set_unmet(tx: Transaction, default_id: str, *, unmet: Mapping[str, Any], reduced_fen: int) -> Default:
    """Set what of a loss is still unmet, and how much of its claim is made good by others."""
    resolved = defaults.c.status == DefaultStatus.RESOLVED
    return await _change(tx, default_id, resolved, unmet=dict(unmet), reduced_fen=reduced_fen)


async def collected_with(tx: Transaction, default_id: str, reference: str) -> int | None:
    """The amount that a receipt was recorded with for a claim, in fen; None: it was not."""
    known = (claim_payments.c.default_id == default_id) & (claim_payments.c.reference == reference)
    amount_fen: int | None = await tx.session.scalar(select(claim_payments.c.amount_fen).where(known))
    return amount_fen


async def gap_collected_fen(tx: Transaction, default_ids: Sequence[str]) -> int:
    """How much of what was collected of these defaults' claims paid the seller's price gap, in fen."""
    theirs = claim_payments.c.default_id == any_(literal(list(default_ids), ARRAY(Id)))
    return int(await tx.session.scalar(select(func.coalesce(func.sum(claim_payments.c.gap_fen), 0)).where(theirs)) or 0)


async def mark_written_off(tx: Transaction, default_id: str) -> Default:
    """Give up the claim of a resolved default."""
    claimed = (defaults.c.status == DefaultStatus.RESOLVED) & ~defaults.c.written_off
    return await _change(tx, default_id, claimed, written_off=True)


async def _change(tx: Transaction, default_id: str, leaving: ColumnElement[bool], **values: object) -> Default:
    statement = update(defaults).where(defaults.c.default_id == default_id, leaving).values(**values)
    what = f"default {default_id} to {values.get('status', ', '.join(values))}"
    return Default(**await transition(tx, statement.returning(*defaults.c), what))


async def _defaults(tx: Transaction, which: ColumnElement[bool], *, limit: int = LISTED_MAX) -> list[Default]:
    statement = select(defaults).where(which).order_by(defaults.c.at_ms, defaults.c.default_id).limit(limit)
    return [Default(**row) for row in await tx.rows(statement)]
