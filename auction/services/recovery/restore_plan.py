"""Plans what restoring a lot does, from its archived record and from what is known of it elsewhere. Changes nothing.

Off the bid's way; `auction.services.recovery.restore` carries the plans out.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from auction.books import acknowledged_marks, archive_queries, bidders, frozen_lots
from auction.books.catalogue import LotRecord
from auction.books.chain import GENESIS, head_after
from auction.books.unit_of_work import Transaction
from auction.domain.events import Event, Restored
from auction.domain.ledger_layout import Mark, chain_of
from auction.domain.lot import Lot, LotStatus, apply
from auction.domain.proof import LotProof, RuleBroken
from auction.domain.recovery import HighMark, restore
from auction.domain.terms_reader import read_terms
from auction.ledger.entry import EntryDamaged
from auction.services.lot_log import decode_archived


@dataclass(slots=True)
class LotPlan:
    """What restoring a lot does. `lost_seqs` (first, last) were acknowledged and are in no archive; None: none is."""

    lot_id: str
    status: LotStatus
    """The status that it is left in."""
    archived_seq: int
    ledger_seq: int | None
    """Where the ledger stands; None: it does not know the lot."""
    lost_seqs: tuple[int, int] | None = None
    event: Restored | None = None
    """None: the lot is over, and its record gets no further event."""
    problem: str | None = None
    """Why it cannot be restored; None: it can."""


@dataclass(slots=True)
class FoldedLot:
    """A lot's archived record, its checksum, and its last event."""

    proof: LotProof
    chain: str = ""
    last_event: Event | None = None


@dataclass(slots=True)
class LotRebuild:
    """A plan that can be carried out: what the lot's keys in the ledger are to hold."""

    plan: LotPlan
    lot: Lot
    """Its state, the event of the plan included."""
    folded: FoldedLot
    purses: Mapping[str, tuple[int, int]]
    """Bidder -> their purse, and what is held behind it."""
    shares: Mapping[str, int]
    """Bidder -> what their award or offer takes of it; 0: it has ended."""


async def plan_lot(
    tx: Transaction,
    record: LotRecord,
    position: Mark | None,
    *,
    shard_is_stopped: bool,
    spooled: Mark | None,
    by: str,
    reason: str,
) -> LotPlan | LotRebuild | None:
    """How to restore a lot that the ledger has at `position` (None: it does not know it).

    `spooled` is what a process of this machine acknowledged, whether or not the database was told. A bare plan names
    the problem for which it cannot be; None: there is nothing to restore, or that was done.
    """
    lot_id = record.lot_id
    if position is None and record.ledger_keys_until_ms is not None:
        return None  # over, and answered from the archive since the ledger has dropped it
    is_frozen = bool(await frozen_lots.frozen_among(tx, [lot_id]))
    if not (shard_is_stopped or is_frozen or position is None):
        return None
    mark = (await acknowledged_marks.of_lots(tx, [lot_id])).get(lot_id)
    aside = await frozen_lots.highest_set_aside(tx, lot_id)
    try:
        folded = await _fold(tx, record)
    except (RuleBroken, EntryDamaged) as error:
        return LotPlan(lot_id, LotStatus.FROZEN, 0, None, problem=f"its archived record is not sound: {error}")
    lot = folded.proof.lot
    if not lot.seq:
        if position is not None and not is_frozen:
            return None  # in the ledger, and nothing archived yet
        return LotPlan(
            lot_id,
            LotStatus.SCHEDULED,
            0,
            position and position.seq,
            problem="nothing of it is archived; schedule it anew",
        )
    known = [
        HighMark(lot.epoch, lot.seq),
        *(HighMark(*found[:2]) for found in (mark, spooled, aside, position) if found),
    ]
    highest = HighMark(max(one.epoch for one in known), max(one.seq for one in known))
    if not is_frozen and _is_restored(folded, position, highest):
        return None
    event = restore(lot, highest, lot.last_at_ms, reason=reason, by=by)
    after = lot if event is None else apply(lot, event, lot.last_at_ms)
    plan = LotPlan(lot_id, after.status, lot.seq, position and position.seq, event=event)
    if highest.seq > lot.seq:
        plan.lost_seqs = (lot.seq + 1, highest.seq)
    purses, shares = await bidders.purses_on_lot(tx, lot_id), await bidders.shares_on_lot(tx, lot_id)
    return LotRebuild(plan, after, folded, purses, shares)


def _is_restored(folded: FoldedLot, position: Mark | None, highest: HighMark) -> bool:
    """Whether an earlier restoring had done this lot: archive and ledger end with it, and nothing is known beyond."""
    lot = folded.proof.lot
    return (
        isinstance(folded.last_event, Restored)
        and position == Mark(lot.epoch, lot.seq, folded.chain)
        and highest.seq == lot.seq
    )


async def _fold(tx: Transaction, record: LotRecord) -> FoldedLot:
    """A lot's archived record, checked. Raises RuleBroken, EntryDamaged."""
    folded = FoldedLot(LotProof(read_terms(record.terms)))
    head, secret = GENESIS, await archive_queries.chain_secret_of(tx, record.lot_id)
    async for row in archive_queries.entries_of(tx, record.lot_id):
        entry = decode_archived(row)
        chain = chain_of(folded.chain, row.lot_id, row.epoch, row.first_seq, row.at_ms, row.packed)
        head = head_after(head, secret, row.lot_id, row.epoch, row.first_seq, row.at_ms, entry.events)
        if chain != row.chain or head != row.head:
            raise EntryDamaged(f"archived entry {row.stream_id} of lot {row.lot_id} does not continue the one before")
        folded.proof.fold_entry(row.epoch, row.first_seq, row.at_ms, entry.events)
        folded.chain, folded.last_event = chain, entry.events[-1]
    return folded
