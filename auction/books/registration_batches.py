"""Stores what many people's registrations need at once: one statement for all of them. Off the bid's way.

Rows are locked and inserted in the order of their keys, so that two batches wait for each other in no circle.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, Integer, Text, and_, bindparam, select, tuple_, update
from sqlalchemy.dialects import postgresql

from auction.books.bidders import Registration, with_deposits
from auction.books.deposits import Deposit
from auction.books.given_rows import GivenRows, is_given
from auction.books.tables import Id, deposits, lots, registrations
from auction.books.transitions import InvalidTransition
from auction.books.unit_of_work import Transaction
from auction.domain.lot import ADMITTING
from auction.domain.states import DepositMethod, DepositPolicyKind, DepositStatus

Place = tuple[str, str]
"""A registration: its lot and bidder."""

# --- registrations ----------------------------------------------------------------------------------------------------

_PLACES = GivenRows(("lot_id", Id), ("bidder_id", Id))
_REGISTRATIONS = select(registrations).where(
    tuple_(registrations.c.lot_id, registrations.c.bidder_id).in_(select(_PLACES.c.lot_id, _PLACES.c.bidder_id))
)
_LOCK_ON_SALES = (
    select(registrations)
    .join(lots, lots.c.lot_id == registrations.c.lot_id)
    .where(
        is_given(lots.c.sale_id, "sale_ids"),
        is_given(registrations.c.bidder_id),
        lots.c.status.in_(("draft", *map(str, ADMITTING))),
    )
    .order_by(registrations.c.lot_id, registrations.c.bidder_id)
    .with_for_update(key_share=True, of=registrations)
)

_NEW_COLUMNS = ("lot_id", "bidder_id", "paddle", "limit_fen", "purse_fen", "held_fen", "terms_sha256")
_NEW = GivenRows(*((name, registrations.c[name].type) for name in _NEW_COLUMNS))
_ADD = (
    postgresql.insert(registrations)
    .from_select(list(_NEW_COLUMNS), select(*(_NEW.c[name] for name in _NEW_COLUMNS)).order_by(_NEW.c.place))
    .on_conflict_do_nothing()
    .returning(registrations.c.lot_id, registrations.c.bidder_id)
)

_TOLD = GivenRows(("lot_id", Id), ("bidder_id", Id), ("version", Integer))
_MARK_SYNCED = (
    update(registrations)
    .where(and_(registrations.c.lot_id == _TOLD.c.lot_id, registrations.c.bidder_id == _TOLD.c.bidder_id))
    .values(synced_version=_TOLD.c.version)
)


async def find_registrations(tx: Transaction, places: Collection[Place]) -> dict[Place, Registration]:
    """The registrations of these bidders for these lots, with their deposits; those that there are not are missing."""
    found = [Registration(**row) for row in await tx.rows(_REGISTRATIONS, _PLACES.values(sorted(places)))]
    return {(one.lot_id, one.bidder_id): one for one in await with_deposits(tx, found)}


async def lock_registrations_on_sales(
    tx: Transaction, *, sale_ids: Collection[str], bidder_ids: Collection[str]
) -> list[Registration]:
    """The registrations of these bidders for lots of these sales that have not ended, locked, by lot and bidder."""
    rows = await tx.rows(_LOCK_ON_SALES, {"sale_ids": list(sale_ids), "ids": list(bidder_ids)})
    return [Registration(**row) for row in rows]


async def add_registrations(tx: Transaction, new: Sequence[Registration]) -> set[Place]:
    """Register bidders for lots with their power; existing registrations are not changed. Those that were added."""
    ordered = sorted(new, key=lambda one: (one.lot_id, one.bidder_id))
    rows = await tx.rows(_ADD, _NEW.values([[getattr(one, name) for name in _NEW_COLUMNS] for one in ordered]))
    return {(row["lot_id"], row["bidder_id"]) for row in rows}


async def mark_all_synced(tx: Transaction, told: Sequence[Registration]) -> None:
    """Note that the ledger has these registrations' limits and purses; locked by the caller."""
    rows = [(one.lot_id, one.bidder_id, one.power_version) for one in told]
    await tx.session.execute(_MARK_SYNCED, _TOLD.values(rows))


# --- deposits ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DepositRequest:
    """A deposit that a bidder is to put down, in fen."""

    deposit_id: str
    lot_id: str
    bidder_id: str
    request_key: str
    policy: DepositPolicyKind
    method: DepositMethod
    amount_fen: int
    payment_method: str
    provider: str


@dataclass(frozen=True, slots=True)
class Held:
    """What the provider said of a deposit. `captured_fen` None: authorised until `expires_at_ms`; else charged."""

    deposit_id: str
    provider_ref: str
    instrument: str | None
    expires_at_ms: int | None
    captured_fen: int | None


_REQUEST_COLUMNS = DepositRequest.__slots__
_REQUESTS = GivenRows(*((name, BigInteger if name == "amount_fen" else Text) for name in _REQUEST_COLUMNS))
_REQUEST = (
    postgresql.insert(deposits)
    .from_select(
        [*_REQUEST_COLUMNS, "created_at_ms"],
        select(*(_REQUESTS.c[name] for name in _REQUEST_COLUMNS), bindparam("at", type_=BigInteger)).order_by(
            _REQUESTS.c.place
        ),
    )
    .on_conflict_do_nothing()
    .returning(*deposits.c)
)
_KEYS = GivenRows(("lot_id", Id), ("bidder_id", Id), ("request_key", Id))
_REQUESTED = select(deposits).where(
    tuple_(deposits.c.lot_id, deposits.c.bidder_id, deposits.c.request_key).in_(
        select(_KEYS.c.lot_id, _KEYS.c.bidder_id, _KEYS.c.request_key)
    )
)

_HELD_COLUMNS = ("provider_ref", "instrument", "expires_at_ms", "captured_fen")
_HELD = GivenRows(("deposit_id", Id), *((name, deposits.c[name].type) for name in _HELD_COLUMNS))
_MARK_HELD = (
    update(deposits)
    .where(deposits.c.deposit_id == _HELD.c.deposit_id, deposits.c.status == DepositStatus.PENDING)
    .values(
        status=DepositStatus.HELD,
        held_at_ms=bindparam("at", type_=BigInteger),
        **{name: _HELD.c[name] for name in _HELD_COLUMNS},
    )
    .returning(*deposits.c)
)


async def request_deposits(
    tx: Transaction, requests: Sequence[DepositRequest], *, at_ms: int
) -> list[tuple[Deposit, bool]]:
    """Add pending deposits: of each it, and True. One with the request key exists: that one, unchanged, and False."""
    ordered = sorted(requests, key=lambda one: (one.lot_id, one.bidder_id, one.request_key))
    given = _REQUESTS.values([[getattr(one, name) for name in _REQUEST_COLUMNS] for one in ordered])
    written = {row["deposit_id"]: Deposit(**row) for row in await tx.rows(_REQUEST, {"at": at_ms, **given})}
    before: dict[tuple[str, str, str], Deposit] = {}
    known = [(one.lot_id, one.bidder_id, one.request_key) for one in ordered if one.deposit_id not in written]
    if known:
        for row in await tx.rows(_REQUESTED, _KEYS.values(known)):
            before[row["lot_id"], row["bidder_id"], row["request_key"]] = Deposit(**row)
    return [
        (written[one.deposit_id], True)
        if one.deposit_id in written
        else (before[one.lot_id, one.bidder_id, one.request_key], False)
        for one in requests
    ]


async def mark_all_held(tx: Transaction, held: Sequence[Held], *, at_ms: int) -> list[Deposit]:
    """Pending -> held, for many, locked by the caller. Raises InvalidTransition where one of them is not pending."""
    given = _HELD.values([(one.deposit_id, *(getattr(one, name) for name in _HELD_COLUMNS)) for one in held])
    changed = {row["deposit_id"]: Deposit(**row) for row in await tx.rows(_MARK_HELD, {"at": at_ms, **given})}
    if len(changed) != len(held):
        missing = sorted({one.deposit_id for one in held} - changed.keys())
        raise InvalidTransition(f"deposits to held: not pending: {', '.join(missing)}")
    return [changed[one.deposit_id] for one in held]
