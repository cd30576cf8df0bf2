"""Stores the cards that bidders have saved, and their ids as customers of the payment provider."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import any_, exists, literal, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ARRAY

from auction.books.tables import Id, deposits, payment_operations, provider_customers, saved_methods
from auction.books.unit_of_work import Transaction
from auction.domain.states import UNRESOLVED_OPERATION, DepositStatus


@dataclass(frozen=True, slots=True)
class SavedMethod:
    """A saved card. Columns: `auction.books.tables.saved_methods`."""

    method_id: str
    bidder_id: str
    provider: str
    setup_ref: str
    payment_method: str
    brand: str
    last4: str
    exp_month: int | None
    exp_year: int | None
    saved_at_ms: int
    removed_at_ms: int | None = None


async def customer_of(tx: Transaction, *, provider: str, bidder_id: str) -> str | None:
    """The provider's id of a bidder; None: they have none."""
    table = provider_customers.c
    statement = select(table.customer).where(table.provider == provider, table.bidder_id == bidder_id)
    row = await tx.row(statement)
    return None if row is None else str(row["customer"])


async def keep_customer(tx: Transaction, *, provider: str, bidder_id: str, customer: str) -> str:
    """Store the provider's id of a bidder, unless one was stored before: what is stored."""
    statement = postgresql.insert(provider_customers).values(provider=provider, bidder_id=bidder_id, customer=customer)
    await tx.session.execute(statement.on_conflict_do_nothing(index_elements=["provider", "bidder_id"]))
    return await customer_of(tx, provider=provider, bidder_id=bidder_id) or customer


async def add(tx: Transaction, method: SavedMethod) -> SavedMethod:
    """Store a saved card; one of the same setup is there already: that one."""
    values = {name: getattr(method, name) for name in SavedMethod.__slots__}
    statement = postgresql.insert(saved_methods).values(values).on_conflict_do_nothing()
    await tx.session.execute(statement)
    table = saved_methods.c
    known = select(saved_methods).where(table.provider == method.provider, table.setup_ref == method.setup_ref)
    return SavedMethod(**await tx.returned(known))


async def of_bidder(tx: Transaction, bidder_id: str, *, provider: str, locked: bool = False) -> list[SavedMethod]:
    """A bidder's saved cards at a provider, the newest first; `locked` as in `of_bidders`."""
    return await of_bidders(tx, [bidder_id], provider=provider, locked=locked)


async def of_bidders(
    tx: Transaction, bidder_ids: Collection[str], *, provider: str, locked: bool = False
) -> list[SavedMethod]:
    """The saved cards of bidders at a provider, by bidder, the newest first.

    `locked`: none of them is removed while one is chosen, nor chosen while one is removed.
    """
    table = saved_methods.c
    statement = select(saved_methods).where(
        table.bidder_id == any_(literal(list(bidder_ids), ARRAY(Id))),
        table.provider == provider,
        table.removed_at_ms.is_(None),
    )
    newest = statement.order_by(table.bidder_id, table.saved_at_ms.desc(), table.method_id)
    return [SavedMethod(**row) for row in await tx.rows(newest.with_for_update() if locked else newest)]


async def is_needed(tx: Transaction, method: SavedMethod) -> bool:
    """Whether a deposit that is held rests on a card, or an operation with it is not decided."""
    held = select(deposits.c.deposit_id).where(
        deposits.c.bidder_id == method.bidder_id,
        deposits.c.payment_method == method.payment_method,
        deposits.c.status.in_((DepositStatus.PENDING, DepositStatus.HELD)),
    )
    open_operations = select(payment_operations.c.operation_id).where(
        payment_operations.c.bidder_id == method.bidder_id,
        payment_operations.c.payment_method == method.payment_method,
        payment_operations.c.status.in_(UNRESOLVED_OPERATION),
    )
    row = await tx.returned(select((exists(held) | exists(open_operations)).label("needed")))
    return bool(row["needed"])


async def mark_removed(tx: Transaction, method_id: str, *, at_ms: int) -> None:
    """Remove a saved card; its row stays."""
    statement = update(saved_methods).where(saved_methods.c.method_id == method_id)
    await tx.session.execute(statement.values(removed_at_ms=at_ms))
