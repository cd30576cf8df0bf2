"""Stores bidders, their registrations and links. Off the bid's way.

Committed before the ledger admits a bidder, so that bidding power in the ledger never exceeds what is stored here.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, Text, and_, any_, exists, func, insert, literal, or_, select, tuple_, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ARRAY

from auction.books.deposits import Deposit
from auction.books.given_rows import GivenRows, is_given
from auction.books.tables import Id, bidder_marks, bidders, deposits, lots, paddles, registrations
from auction.books.unit_of_work import Transaction
from auction.domain.lot import ADMITTING
from auction.domain.states import DepositPolicyKind, DepositStatus


@dataclass(frozen=True, slots=True)
class Registration:
    """A bidder's registration for a lot with its deposits; limit and purse in fen, None: without."""

    lot_id: str
    bidder_id: str
    paddle: int
    limit_fen: int | None
    purse_fen: int | None
    held_fen: int | None
    share_fen: int | None
    terms_sha256: str
    registered_at_ms: int
    admitted_at_ms: int | None
    power_version: int = 1
    synced_version: int = 0
    deposits: tuple[Deposit, ...] = ()


async def ensure_bidder(tx: Transaction, *, bidder_id: str, name: str) -> None:
    """Add a bidder, or change their name."""
    await ensure_bidders(tx, {bidder_id: name})


_NAMES = GivenRows(("bidder_id", Id), ("name", Text))
_ADD_BIDDERS = postgresql.insert(bidders).from_select(
    ["bidder_id", "name"], select(_NAMES.c.bidder_id, _NAMES.c.name).order_by(_NAMES.c.place)
)
_ENSURE_BIDDERS = _ADD_BIDDERS.on_conflict_do_update(
    index_elements=[bidders.c.bidder_id],
    set_={"name": _ADD_BIDDERS.excluded.name},
    where=bidders.c.name != _ADD_BIDDERS.excluded.name,
)


async def ensure_bidders(tx: Transaction, name_of: Mapping[str, str]) -> None:
    """Add bidders (id -> name), or change their names."""
    await tx.session.execute(_ENSURE_BIDDERS, _NAMES.values(sorted(name_of.items())))


async def register_recorded(
    tx: Transaction, *, sale_id: str, lot_id: str, paddle_of: Mapping[str, int], terms_sha256: str
) -> None:
    """Register the bidders of a recording for a lot, without a deposit or a limit, under paddles of the caller's."""
    if not paddle_of:
        return
    people = [{"bidder_id": bidder_id, "name": bidder_id} for bidder_id in sorted(paddle_of)]
    await tx.session.execute(postgresql.insert(bidders).on_conflict_do_nothing(), people)
    numbers = [{"sale_id": sale_id, "bidder_id": one, "paddle": paddle} for one, paddle in sorted(paddle_of.items())]
    await tx.session.execute(postgresql.insert(paddles).on_conflict_do_nothing(), numbers)
    rights = [
        {"lot_id": lot_id, "bidder_id": one, "paddle": paddle, "terms_sha256": terms_sha256, "synced_version": 1}
        for one, paddle in sorted(paddle_of.items())
    ]
    await tx.session.execute(insert(registrations), rights)


async def change_power(
    tx: Transaction,
    *,
    lot_id: str,
    bidder_id: str,
    limit_fen: int | None,
    purse_fen: int | None,
    held_fen: int | None,
) -> None:
    """Change limit, purse and what is held behind it (fen).

    `power_version` is raised, so that the change is sent to the ledger.
    """
    statement = (
        update(registrations)
        .where(_is_registration(lot_id, bidder_id))
        .values(
            limit_fen=limit_fen,
            purse_fen=purse_fen,
            held_fen=held_fen,
            power_version=registrations.c.power_version + 1,
        )
    )
    await tx.session.execute(statement)


async def room_in_purse(tx: Transaction, *, sale_id: str, bidder_id: str) -> int:
    """What of a bidder's purses on a sale no award or offer takes, in fen; below 0 where a deposit has lapsed."""
    left = (
        select(func.coalesce(func.sum(deposits.c.amount_fen - deposits.c.shared_fen), 0))
        .join(lots, lots.c.lot_id == deposits.c.lot_id)
        .where(
            lots.c.sale_id == sale_id,
            deposits.c.bidder_id == bidder_id,
            deposits.c.policy == DepositPolicyKind.PURSE,
            deposits.c.status == DepositStatus.HELD,
            deposits.c.disposition.is_(None),
        )
    )
    secured = (
        select(func.coalesce(func.sum(registrations.c.share_fen), 0))
        .join(lots, lots.c.lot_id == registrations.c.lot_id)
        .where(lots.c.sale_id == sale_id, registrations.c.bidder_id == bidder_id, registrations.c.share_fen > 0)
    )
    return int(await tx.session.scalar(select(left.scalar_subquery() - secured.scalar_subquery())) or 0)


async def set_share(tx: Transaction, *, lot_id: str, bidder_id: str, share_fen: int) -> None:
    """Set what an award or offer of a lot takes of its bidder's purse, in fen; sent to the ledger as power is."""
    statement = (
        update(registrations)
        .where(_is_registration(lot_id, bidder_id))
        .values(share_fen=share_fen, power_version=registrations.c.power_version + 1)
    )
    await tx.session.execute(statement)


async def end_share(tx: Transaction, *, lot_id: str, bidder_id: str) -> None:
    """An award or offer of a lot takes nothing of its bidder's purse any more, if it did."""
    statement = (
        update(registrations)
        .where(_is_registration(lot_id, bidder_id), registrations.c.share_fen.is_not(None))
        .values(share_fen=0, power_version=registrations.c.power_version + 1)
    )
    await tx.session.execute(statement)


async def share_of(tx: Transaction, *, lot_id: str, bidder_id: str) -> int:
    """What an award or offer of a lot takes of its bidder's purse, in fen."""
    statement = select(registrations.c.share_fen).where(_is_registration(lot_id, bidder_id))
    return await tx.session.scalar(statement) or 0


async def lock_registration(tx: Transaction, *, lot_id: str, bidder_id: str) -> Registration:
    """An existing registration, locked for a change by this transaction; without its deposits."""
    statement = select(registrations).where(_is_registration(lot_id, bidder_id)).with_for_update()
    return Registration(**await tx.returned(statement))


async def mark_synced(tx: Transaction, registration: Registration) -> None:
    """Note that the ledger has this registration's limit and purse."""
    same = _is_registration(registration.lot_id, registration.bidder_id)
    await tx.session.execute(update(registrations).where(same).values(synced_version=registration.power_version))


async def registrations_on_sale(tx: Transaction, *, sale_id: str, bidder_id: str) -> list[Registration]:
    """A bidder's registrations for a sale's lots that have not ended, by lot; without deposits."""
    statement = (
        select(registrations)
        .join(lots, lots.c.lot_id == registrations.c.lot_id)
        .where(
            lots.c.sale_id == sale_id,
            registrations.c.bidder_id == bidder_id,
            lots.c.status.in_(("draft", *map(str, ADMITTING))),
        )
        .order_by(registrations.c.lot_id)
    )
    return [Registration(**row) for row in await tx.rows(statement)]


async def registrations_alive(tx: Transaction, *, after: tuple[str, str], limit: int) -> list[Registration]:
    """A page of the registrations for lots that are in the ledger and have not ended, by lot and bidder.

    Those after a lot and bidder; without deposits.
    """
    statement = (
        select(registrations)
        .join(lots, lots.c.lot_id == registrations.c.lot_id)
        .where(lots.c.status.in_(ADMITTING), tuple_(registrations.c.lot_id, registrations.c.bidder_id) > after)
        .order_by(registrations.c.lot_id, registrations.c.bidder_id)
        .limit(limit)
    )
    return [Registration(**row) for row in await tx.rows(statement)]


async def paddles_on_lot(tx: Transaction, lot_id: str) -> dict[str, int]:
    """Bidder -> their paddle, for everybody who is registered for a lot."""
    statement = select(registrations.c.bidder_id, registrations.c.paddle).where(registrations.c.lot_id == lot_id)
    return {row["bidder_id"]: row["paddle"] for row in await tx.rows(statement)}


_LEVELS = select(bidders.c.bidder_id, bidders.c.identity_level).where(is_given(bidders.c.bidder_id))


async def identity_levels(tx: Transaction, bidder_ids: Collection[str]) -> dict[str, int]:
    """Bidder -> how well their identity is verified, a level from 0 (not at all), for those who are there."""
    rows = await tx.rows(_LEVELS, {"ids": list(bidder_ids)})
    return {row["bidder_id"]: row["identity_level"] for row in rows}


async def set_identity_level(tx: Transaction, bidder_id: str, level: int) -> bool:
    """Set a bidder's identity level; False where there is no such bidder."""
    statement = update(bidders).where(bidders.c.bidder_id == bidder_id).values(identity_level=level)
    return await tx.row(statement.returning(bidders.c.bidder_id)) is not None


_MARKS = GivenRows(("bidder_id", Id), ("kind", Id), ("mark", Id))
_ADD_MARKS = (
    postgresql.insert(bidder_marks)
    .from_select(
        ["bidder_id", "kind", "mark"],
        select(_MARKS.c.bidder_id, _MARKS.c.kind, _MARKS.c.mark).order_by(_MARKS.c.place),
    )
    .on_conflict_do_nothing()
    .returning(bidder_marks.c.bidder_id)
)


async def add_links(tx: Transaction, marks: Collection[tuple[str, str, str]]) -> set[str]:
    """Store marks (bidder, kind, SHA-256 in hex), each of which links all who have it. The bidders of the new ones."""
    if not marks:
        return set()
    return {row["bidder_id"] for row in await tx.rows(_ADD_MARKS, _MARKS.values(sorted(marks)))}


async def bidders_with(tx: Transaction, *, kind: str, marks: Collection[str]) -> dict[str, set[str]]:
    """Mark -> the bidders who have it."""
    which = and_(bidder_marks.c.kind == kind, bidder_marks.c.mark == any_(literal(list(marks), ARRAY(Id))))
    found: dict[str, set[str]] = {}
    for row in await tx.rows(select(bidder_marks.c.bidder_id, bidder_marks.c.mark).where(which)):
        found.setdefault(row["mark"], set()).add(row["bidder_id"])
    return found


async def linked_to(tx: Transaction, bidder_ids: Collection[str]) -> set[str]:
    """These bidders, and those who share an identity, a payment instrument or a device with one of them."""
    known, shared = bidder_marks.alias("known"), bidder_marks.alias("shared")
    statement = (
        select(shared.c.bidder_id)
        .distinct()
        .join(known, and_(known.c.kind == shared.c.kind, known.c.mark == shared.c.mark))
        .where(known.c.bidder_id == any_(literal(list(bidder_ids), ARRAY(Id))))
    )
    return {row["bidder_id"] for row in await tx.rows(statement)} | set(bidder_ids)


_KNOWN, _SHARED = bidder_marks.alias("known"), bidder_marks.alias("shared")
_LINKED = (
    select(_KNOWN.c.bidder_id.label("bidder_id"), _SHARED.c.bidder_id.label("linked_id"))
    .join(_SHARED, and_(_KNOWN.c.kind == _SHARED.c.kind, _KNOWN.c.mark == _SHARED.c.mark))
    .where(is_given(_KNOWN.c.bidder_id), _SHARED.c.bidder_id != _KNOWN.c.bidder_id)
)


async def linked_to_each(tx: Transaction, bidder_ids: Collection[str]) -> dict[str, set[str]]:
    """Each of these bidders -> those linked to them, themselves included: `linked_to` for many at once."""
    found = {bidder_id: {bidder_id} for bidder_id in bidder_ids}
    for row in await tx.rows(_LINKED, {"ids": list(found)}):
        found[row["bidder_id"]].add(row["linked_id"])
    return found


async def find_registration(tx: Transaction, *, lot_id: str, bidder_id: str) -> Registration | None:
    """A bidder's registration for a lot with its deposits, or None."""
    found = await _registrations(tx, _is_registration(lot_id, bidder_id), limit=1)
    return found[0] if found else None


async def registrations_of(tx: Transaction, bidder_id: str, *, limit: int = 1000) -> list[Registration]:
    """A bidder's registrations with their deposits, newest first."""
    return await _registrations(tx, registrations.c.bidder_id == bidder_id, limit=limit)


async def registrations_for_lots(tx: Transaction, bidder_id: str, lot_ids: Collection[str]) -> list[Registration]:
    """A bidder's registrations for these lots, with their deposits."""
    wanted = registrations.c.lot_id == any_(literal(list(lot_ids), ARRAY(Id)))
    return await _registrations(tx, and_(registrations.c.bidder_id == bidder_id, wanted), limit=len(lot_ids))


async def registrations_to_sync(tx: Transaction, *, before_ms: int, limit: int = 1000) -> list[Registration]:
    """Registrations whose power on a lot not over, or share of one that is, the ledger does not have yet, oldest first.

    Also those from before `before_ms` (UTC ms) that are not archived as admitted: admitting again changes nothing.
    """
    unseen = and_(registrations.c.admitted_at_ms.is_(None), registrations.c.registered_at_ms < before_ms)
    waiting = and_(
        or_(registrations.c.synced_version < registrations.c.power_version, unseen),
        registrations.c.share_fen.is_not(None)
        | exists().where(lots.c.lot_id == registrations.c.lot_id, lots.c.status.in_(ADMITTING)),
    )
    return await _registrations(tx, waiting, limit=limit, newest_first=False)


def _is_registration(lot_id: str, bidder_id: str) -> ColumnElement[bool]:
    return and_(registrations.c.lot_id == lot_id, registrations.c.bidder_id == bidder_id)


async def _registrations(
    tx: Transaction, which: ColumnElement[bool], *, limit: int, newest_first: bool = True
) -> list[Registration]:
    """Registrations with their deposits, the newest or the oldest first."""
    order = registrations.c.registered_at_ms
    statement = (
        select(registrations)
        .where(which)
        .order_by(order.desc() if newest_first else order, registrations.c.lot_id, registrations.c.bidder_id)
        .limit(limit)
    )
    return await with_deposits(tx, [Registration(**row) for row in await tx.rows(statement)])


_PLACES = GivenRows(("lot_id", Id), ("bidder_id", Id))
_DEPOSITS = (
    select(deposits)
    .where(tuple_(deposits.c.lot_id, deposits.c.bidder_id).in_(select(_PLACES.c.lot_id, _PLACES.c.bidder_id)))
    .order_by(deposits.c.created_at_ms)
)


async def with_deposits(tx: Transaction, found: Sequence[Registration]) -> list[Registration]:
    """These registrations with their deposits."""
    if not found:
        return []
    of: dict[tuple[str, str], list[Deposit]] = {}
    for row in await tx.rows(_DEPOSITS, _PLACES.values([(one.lot_id, one.bidder_id) for one in found])):
        of.setdefault((row["lot_id"], row["bidder_id"]), []).append(Deposit(**row))
    return [replace(one, deposits=tuple(of.get((one.lot_id, one.bidder_id), ()))) for one in found]


async def mark_unsynced(tx: Transaction, *, lot_id: str) -> None:
    """Send the power of every bidder of a lot to the ledger again: it was rebuilt from what was archived."""
    statement = update(registrations).where(registrations.c.lot_id == lot_id, registrations.c.synced_version > 0)
    await tx.session.execute(statement.values(power_version=registrations.c.power_version + 1))


async def purses_on_lot(tx: Transaction, lot_id: str) -> dict[str, tuple[int, int]]:
    """Bidder -> their purse on a lot, and what is held behind it, in fen, for those who have one."""
    statement = select(registrations).where(registrations.c.lot_id == lot_id, registrations.c.purse_fen.is_not(None))
    return {row["bidder_id"]: (row["purse_fen"], row["held_fen"]) for row in await tx.rows(statement)}


async def shares_on_lot(tx: Transaction, lot_id: str) -> dict[str, int]:
    """Bidder -> what their award or offer of a lot takes of their purse, in fen; 0: it has ended."""
    statement = select(registrations).where(registrations.c.lot_id == lot_id, registrations.c.share_fen.is_not(None))
    return {row["bidder_id"]: row["share_fen"] for row in await tx.rows(statement)}
