"""What finance sees: every lot after the hammer, what comes next and what is at stake, and one lot's whole story."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from auction.books import accounts, catalogue, defaults, deposits, journal, operations, settlements
from auction.books.catalogue import LotRecord
from auction.books.defaults import Approval, Default
from auction.books.deposits import Deposit
from auction.books.journal import PostedEntry
from auction.books.operations import Operation
from auction.books.settlements import Award, Offer, Settlement, Step
from auction.books.unit_of_work import Work
from auction.domain.errors import NotFound, ProblemCode
from auction.domain.journal import Account
from auction.services.house import House

STUCK_ATTEMPTS = 3
"""From this many tries on, something asked of the provider is shown as stuck."""
ENTRIES_SHOWN = 500


@dataclass(frozen=True, slots=True)
class Row:
    """A lot on the board; amounts in fen."""

    settlement: Settlement
    record: LotRecord
    award: Award | None
    """The award in force, or the last one."""
    due_fen: int
    held_fen: int
    forfeited_fen: int
    claim_fen: int
    waiting_operations: int
    stuck: tuple[str, ...]
    """Operations that were tried again and again."""
    approvals: tuple[Approval, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """Settlements with the nearest deadline first, and how many there are in each state."""

    rows: Sequence[Row]
    counts: Mapping[str, int]
    names: Mapping[str, str]
    """Bidder or staff id -> the name that the house knows."""
    now_ms: int


@dataclass(frozen=True, slots=True)
class Story:
    """Everything about one lot after the hammer."""

    row: Row
    awards: Sequence[Award]
    offers: Sequence[Offer]
    defaults: Sequence[Default]
    deposits: Sequence[Deposit]
    operations: Sequence[Operation]
    steps: Sequence[Step]
    entries: Sequence[PostedEntry]
    balances: Mapping[Account, int]
    names: Mapping[str, str]
    """Bidder or staff id -> the name that the house knows."""
    now_ms: int


async def show_board(house: House, *, state: str | None = None, limit: int = 200) -> Board:
    """The board, of one state or of all."""
    async with house.books.reading() as work:
        found = await settlements.find_all(work, state=state, limit=limit)
        counts = await settlements.count_by_state(work)
        rows = await _rows(work, found, house.clock_ms())
        names = await accounts.names_of(work, _people(rows))
    return Board(rows, counts, names, house.clock_ms())


async def show_story(house: House, lot_id: str) -> Story:
    """One lot's whole settlement. NotFound(lot-unknown, settlement-unknown)."""
    async with house.books.reading() as work:
        settlement = await settlements.find(work, lot_id)
        if settlement is None:
            record = await catalogue.find_lot(work, lot_id)
            raise NotFound(
                ProblemCode.SETTLEMENT_UNKNOWN,
                f"Lot {lot_id} has no settlement yet: it is {record.status}.",
                {"lot_id": lot_id},
            )
        (row,) = await _rows(work, [settlement], house.clock_ms())
        held = await deposits.deposits_of_lot(work, lot_id)
        steps = await settlements.steps_of(work, lot_id)
        people = {deposit.bidder_id for deposit in held} | {step.actor for step in steps} | _people([row])
        return Story(
            row=row,
            names=await accounts.names_of(work, people),
            awards=await settlements.awards_of_lot(work, lot_id),
            offers=await settlements.offers_of_lot(work, lot_id),
            defaults=await defaults.of_lot(work, lot_id),
            deposits=held,
            operations=await operations.operations_of_lot(work, lot_id),
            steps=steps,
            entries=await journal.entries_of(work, lot_id=lot_id, limit=ENTRIES_SHOWN),
            balances=await journal.balances(work, lot_id=lot_id),
            now_ms=house.clock_ms(),
        )


def _people(rows: Sequence[Row]) -> set[str]:
    """Everybody whom these rows name: winners, and staff who ask for something."""
    winners = {row.award.bidder_id for row in rows if row.award is not None}
    return winners | {approval.asked_by for row in rows for approval in row.approvals}


async def _rows(work: Work, found: Sequence[Settlement], now_ms: int) -> list[Row]:
    lot_ids = [one.lot_id for one in found]
    records = await catalogue.lots_by_id(work, lot_ids)
    awards = {award.lot_id: award for award in await settlements.awards_of_lots(work, lot_ids)}
    held = await deposits.held_by_lot(work, lot_ids)
    waiting = await operations.unresolved_of_lots(work, lot_ids)
    stuck = await operations.stuck_of_lots(work, lot_ids, attempts=STUCK_ATTEMPTS)
    past = await defaults.of_lots(work, lot_ids)
    asked = await defaults.approvals_of_lots(work, lot_ids, now_ms=now_ms)
    return [
        Row(
            settlement=one,
            record=records[one.lot_id],
            award=awards.get(one.lot_id),
            due_fen=_due_fen(awards.get(one.lot_id)),
            held_fen=held.get(one.lot_id, 0),
            forfeited_fen=sum(default.forfeited_fen for default in past if default.lot_id == one.lot_id),
            claim_fen=sum(
                default.claim_fen for default in past if default.lot_id == one.lot_id and not default.written_off
            ),
            waiting_operations=waiting.get(one.lot_id, 0),
            stuck=tuple(stuck.get(one.lot_id, ())),
            approvals=tuple(
                # what was asked before the settlement moved on is void
                approval
                for approval in asked
                if approval.lot_id == one.lot_id and approval.asked_at_ms >= one.changed_at_ms
            ),
        )
        for one in found
    ]


def _due_fen(award: Award | None) -> int:
    return award.due_fen if award is not None and award.status == "due" else 0
