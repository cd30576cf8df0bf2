"""Finance's views of settlements: a list with deadlines and amounts, and everything about one lot. Read only."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from auction.books import (
    accounts,
    approvals,
    catalogue,
    defaults,
    deposits,
    faults,
    journal,
    operations,
    reversals,
    runners_up,
    settlement_search,
    settlements,
    waiting_operations,
)
from auction.books.approvals import Approval
from auction.books.catalogue import LotRecord
from auction.books.defaults import Default
from auction.books.deposits import Deposit
from auction.books.faults import Fault
from auction.books.journal import PostedEntry
from auction.books.operations import Operation
from auction.books.settlement_search import EVERYTHING, SettlementFilter
from auction.books.settlements import Award, Offer, Settlement, SettlementStep
from auction.books.unit_of_work import Transaction
from auction.domain.accounts import JournalAccount
from auction.domain.errors import NotFound, ProblemCode
from auction.domain.provider_event_states import ReversalStatus
from auction.domain.states import AwardStatus, SettlementState
from auction.domain.terms_reader import read_terms
from auction.services.context import AppContext
from auction.services.settlement.handover import fee_owed_fen, fetch_by_ms

STUCK_ATTEMPTS = 3
"""After this many calls an unresolved operation is shown as stuck."""
ENTRIES_MAX = 500
"""Journal entries in the view of one lot."""


@dataclass(frozen=True, slots=True)
class SettlementRow:
    """A settlement in the list; amounts in fen."""

    settlement: Settlement
    record: LotRecord
    award: Award | None
    """The award in force, or the last one."""
    due_fen: int
    held_fen: int
    forfeited_fen: int
    claim_fen: int
    seller_owes_fen: int
    fetch_by_ms: int | None
    """Until when a paid lot is to be fetched."""
    storage_fee_fen: int
    """What it costs its buyer by now to have fetched it late."""
    disputed_fen: int
    """What undecided disputes have taken back."""
    waiting_operations: int
    stuck: tuple[str, ...]
    """Ids of the operations that a person should look at."""
    approvals: tuple[Approval, ...]


@dataclass(frozen=True, slots=True)
class SettlementList:
    """Settlements, the nearest deadline first, and how many there are in each state."""

    rows: Sequence[SettlementRow]
    counts: Mapping[SettlementState, int]
    names: Mapping[str, str]
    """Id of a bidder or of staff -> their name."""
    faults: Sequence[Fault]
    """What could not be processed, of any lot."""
    now_ms: int


@dataclass(frozen=True, slots=True)
class SettlementDetail:
    """Everything about one lot after its close."""

    row: SettlementRow
    awards: Sequence[Award]
    offers: Sequence[Offer]
    defaults: Sequence[Default]
    deposits: Sequence[Deposit]
    runners_up: Collection[str]
    """Bidders whom the lot may still be offered to."""
    operations: Sequence[Operation]
    steps: Sequence[SettlementStep]
    entries: Sequence[PostedEntry]
    balances: Mapping[JournalAccount, int]
    delivery_centres: Sequence[str]
    """Where lots can be collected."""
    names: Mapping[str, str]
    """Id of a bidder or of staff -> their name."""
    now_ms: int


async def list_settlements(
    context: AppContext,
    *,
    which: SettlementFilter = EVERYTHING,
    state: SettlementState | None = None,
    limit: int = 200,
) -> SettlementList:
    """Settlements of one state or of all; the counts are of all states."""
    async with context.books.reading() as tx:
        found = await settlement_search.find(tx, which, state=state, limit=limit)
        counts = await settlement_search.count_by_state(tx, which)
        rows = await _rows(tx, found, context.clock_ms())
        names = await accounts.names_of(tx, _people(rows))
        aside = await faults.list_all(tx)
    return SettlementList(rows, counts, names, aside, context.clock_ms())


async def show_settlement(context: AppContext, lot_id: str) -> SettlementDetail:
    """Everything about one lot. Raises NotFound(lot-unknown, settlement-unknown)."""
    async with context.books.reading() as tx:
        settlement = await settlements.find(tx, lot_id)
        if settlement is None:
            record = await catalogue.find_lot(tx, lot_id)
            raise NotFound(
                ProblemCode.SETTLEMENT_UNKNOWN,
                f"Lot {lot_id} has no settlement yet: it is {record.status}.",
                {"lot_id": lot_id},
            )
        (row,) = await _rows(tx, [settlement], context.clock_ms())
        held = await deposits.deposits_of_lot(tx, lot_id)
        steps = await settlements.steps_of(tx, lot_id)
        people = {deposit.bidder_id for deposit in held} | {step.actor for step in steps} | _people([row])
        return SettlementDetail(
            row=row,
            names=await accounts.names_of(tx, people),
            awards=await settlements.awards_of_lot(tx, lot_id),
            offers=await settlements.offers_of_lot(tx, lot_id),
            defaults=await defaults.of_lot(tx, lot_id),
            deposits=held,
            runners_up=await runners_up.kept_of_lot(tx, lot_id),
            operations=await operations.operations_of_lot(tx, lot_id),
            steps=steps,
            entries=await journal.entries_of(tx, lot_id=lot_id, limit=ENTRIES_MAX),
            balances=await journal.balances(tx, lot_id=lot_id),
            delivery_centres=context.money.delivery_centres,
            now_ms=context.clock_ms(),
        )


def _people(rows: Sequence[SettlementRow]) -> set[str]:
    """Everybody whom these rows name: winners, and staff with a request that waits."""
    winners = {row.award.bidder_id for row in rows if row.award is not None}
    return winners | {approval.asked_by for row in rows for approval in row.approvals}


async def _rows(tx: Transaction, found: Sequence[Settlement], now_ms: int) -> list[SettlementRow]:
    lot_ids = [one.lot_id for one in found]
    records = await catalogue.lots_by_id(tx, lot_ids)
    awards = {award.lot_id: award for award in await settlements.awards_of_lots(tx, lot_ids)}
    held = await deposits.held_by_lot(tx, lot_ids)
    waiting = await waiting_operations.unresolved_of_lots(tx, lot_ids)
    stuck = await waiting_operations.stuck_of_lots(tx, lot_ids, attempts=STUCK_ATTEMPTS)
    past = await defaults.of_lots(tx, lot_ids)
    taken_back = await reversals.of_lots(tx, lot_ids)
    requested = await approvals.waiting_of_lots(tx, lot_ids, now_ms=now_ms)
    return [
        SettlementRow(
            settlement=one,
            record=records[one.lot_id],
            award=awards.get(one.lot_id),
            due_fen=_due_fen(awards.get(one.lot_id)),
            held_fen=held.get(one.lot_id, 0),
            forfeited_fen=sum(default.forfeited_fen for default in past if default.lot_id == one.lot_id),
            claim_fen=sum(default.claim_left_fen for default in past if default.lot_id == one.lot_id),
            seller_owes_fen=sum(default.seller_owes_fen for default in past if default.lot_id == one.lot_id)
            + sum(reversal.seller_owes_fen for reversal in taken_back if reversal.lot_id == one.lot_id),
            fetch_by_ms=_fetch_by_ms(awards.get(one.lot_id), records[one.lot_id]),
            storage_fee_fen=_storage_fee_fen(awards.get(one.lot_id), records[one.lot_id], now_ms),
            disputed_fen=sum(
                reversal.amount_fen
                for reversal in taken_back
                if reversal.lot_id == one.lot_id and reversal.status is ReversalStatus.OPEN
            ),
            waiting_operations=waiting.get(one.lot_id, 0),
            stuck=tuple(stuck.get(one.lot_id, ())),
            approvals=tuple(
                # a request about the lot from before the settlement changed its state is void
                approval
                for approval in requested
                if approval.lot_id == one.lot_id
                and (approval.subject is not None or approval.asked_at_ms >= one.changed_at_ms)
            ),
        )
        for one in found
    ]


def _fetch_by_ms(award: Award | None, record: LotRecord) -> int | None:
    if award is None or award.status is not AwardStatus.PAID:
        return None
    return fetch_by_ms(award, read_terms(record.terms))


def _storage_fee_fen(award: Award | None, record: LotRecord, now_ms: int) -> int:
    if award is None or award.status is not AwardStatus.PAID:
        return 0
    return fee_owed_fen(award, read_terms(record.terms), now_ms)


def _due_fen(award: Award | None) -> int:
    return award.due_fen if award is not None and award.status is AwardStatus.DUE else 0
