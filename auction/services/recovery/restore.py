"""Restores lots of the ledger from the archive after a loss. Off the bid's way; run by `auction restore`.

A lot is folded from its archived entries, each checked against the rules, and put back with the bidders, limits, purses
and receipts that follow from them. Unless it is over it goes on in a new epoch, with a seq above every one ever given
out, and is left paused with the time that it had left. What was acknowledged beyond the archive is lost, and named.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from auction.books import acknowledged_marks, archive, archive_queries, audit, bidders, catalogue, frozen_lots
from auction.books.catalogue import DRAFT, LotRecord
from auction.books.chain import GENESIS, head_after
from auction.books.unit_of_work import Books, Transaction
from auction.domain.errors import RequestRefused
from auction.domain.events import Restored
from auction.domain.ledger_layout import STREAM_START, chain_of
from auction.domain.lot import LotStatus, apply
from auction.domain.proof import LotProof, RuleBroken
from auction.domain.recovery import HighMark, restore
from auction.domain.terms_reader import read_terms
from auction.ledger.entry import EntryDamaged
from auction.ledger.rebuild import LedgerRebuild
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
class _Folded:
    """A lot's archived record."""

    proof: LotProof
    chain: str = ""


@dataclass(slots=True)
class RestoreReport:
    """What was restored, or, after a dry run, would be; and the shards that take calls again."""

    lots: list[LotPlan] = field(default_factory=list)
    shards: list[int] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether every lot could be restored."""
        return all(plan.problem is None for plan in self.lots)


class Restorer:
    """Restores lots on one ledger. `rebuild` writes past the ledger's checks."""

    def __init__(self, books: Books, rebuild: LedgerRebuild, *, shards: int, lineage: str) -> None:
        """Takes the number of shards, and the id of the ledger that the database is bound to."""
        self._books = books
        self._rebuild = rebuild
        self._state = rebuild.state
        self._shards = shards
        self._lineage = lineage

    async def restore(self, lot_ids: Sequence[str] | None, *, by: str, reason: str, dry_run: bool) -> RestoreReport:
        """Restore these lots, or, for None, every lot that is frozen, unknown to the ledger or on a stopped shard.

        A shard takes calls again once nothing on it is left to restore. Raises LedgerAway, BooksAway, NotFound.
        """
        stopped = [shard for shard in range(self._shards) if await self._state.lineage(shard) != self._lineage]
        records = await self._records(lot_ids)
        report = RestoreReport()
        left: set[int] = set()
        for record in records:
            shard = self._state.keys.shard_of(record.lot_id)
            plan = await self._plan_and_restore(
                record, shard_is_stopped=shard in stopped, by=by, reason=reason, dry_run=dry_run
            )
            if plan is None and lot_ids is not None:
                plan = LotPlan(record.lot_id, LotStatus(record.status), 0, None, problem="nothing is wrong with it")
            if plan is not None:
                report.lots.append(plan)
                if plan.problem is not None:
                    left.add(shard)
        if lot_ids is None:
            report.shards = [shard for shard in stopped if shard not in left]
            if not dry_run:
                for shard in report.shards:
                    await self._continue_stream(shard)
                    await self._rebuild.admit_callers(shard, self._lineage)
        return report

    async def _records(self, lot_ids: Sequence[str] | None) -> list[LotRecord]:
        async with self._books.reading() as tx:
            if lot_ids is not None:
                return [await catalogue.find_lot(tx, lot_id) for lot_id in lot_ids]
            sales = await catalogue.list_sales(tx)
            records = await catalogue.lots_of_sales(tx, [sale.sale_id for sale in sales])
        return [record for record in records if record.status != DRAFT]

    async def _plan_and_restore(
        self, record: LotRecord, *, shard_is_stopped: bool, by: str, reason: str, dry_run: bool
    ) -> LotPlan | None:
        """The plan of one lot, carried out unless `dry_run`; None where nothing is wrong with it."""
        lot_id = record.lot_id
        position = await self._state.mark_of(lot_id)
        async with self._books.reading() as tx:
            is_frozen = bool(await frozen_lots.frozen_among(tx, [lot_id]))
            if not (shard_is_stopped or is_frozen or position is None):
                return None
            mark = (await acknowledged_marks.of_lots(tx, [lot_id])).get(lot_id)
            aside = await frozen_lots.highest_set_aside(tx, lot_id)
            try:
                folded = await _fold(tx, record)
            except (RuleBroken, EntryDamaged) as error:
                return LotPlan(lot_id, LotStatus.FROZEN, 0, None, problem=f"its archived record is not sound: {error}")
            purses = await bidders.purses_on_sale(tx, record.sale_id)
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
        known = [HighMark(lot.epoch, lot.seq), *(HighMark(*found[:2]) for found in (mark, aside, position) if found)]
        highest = HighMark(max(one.epoch for one in known), max(one.seq for one in known))
        event = restore(lot, highest, lot.last_at_ms, reason=reason, by=by)
        after = lot if event is None else apply(lot, event, lot.last_at_ms)
        plan = LotPlan(lot_id, after.status, lot.seq, position and position.seq, event=event)
        if highest.seq > lot.seq:
            plan.lost_seqs = (lot.seq + 1, highest.seq)
        if dry_run:
            return plan
        await self._continue_stream(self._state.keys.shard_of(lot_id))
        try:
            await self._rebuild.put_lot(
                lot_id,
                after,
                chain=folded.chain,
                event=event,
                known_seq=plan.ledger_seq,
                admissions=folded.proof.admissions,
                receipts=folded.proof.receipts,
                purses=purses,
            )
        except RequestRefused as error:
            plan.problem = error.detail
            return plan
        await self._note(plan, record, by=by, reason=reason)
        return plan

    async def _continue_stream(self, shard: int) -> None:
        async with self._books.reading() as tx:
            cursor = await archive.cursor(tx, shard)
        if cursor != STREAM_START:
            await self._rebuild.continue_stream(shard, cursor)

    async def _note(self, plan: LotPlan, record: LotRecord, *, by: str, reason: str) -> None:
        """Store who restored what; limits that changed since the archive are sent to the ledger once more."""
        lost = plan.lost_seqs
        async with self._books.transaction() as tx:
            await bidders.mark_unsynced(tx, lot_id=plan.lot_id)
            if plan.event is None:
                # nothing will continue its record: that staff have looked at it is the end of it
                await frozen_lots.mark_looked_at(tx, plan.lot_id)
            await audit.record_action(
                tx,
                actor=by,
                action="restore-lot",
                sale_id=record.sale_id,
                lot_id=plan.lot_id,
                reason=reason,
                details={
                    "archived_seq": plan.archived_seq,
                    "ledger_seq": plan.ledger_seq,
                    "lost_seqs": None if lost is None else list(lost),
                },
            )


async def _fold(tx: Transaction, record: LotRecord) -> _Folded:
    """A lot's archived record, checked. Raises RuleBroken, EntryDamaged."""
    folded = _Folded(LotProof(read_terms(record.terms)))
    head = GENESIS
    async for row in archive_queries.entries_of(tx, record.lot_id):
        entry = decode_archived(row)
        chain = chain_of(folded.chain, row.lot_id, row.epoch, row.first_seq, row.at_ms, row.packed)
        head = head_after(head, row.lot_id, row.epoch, row.first_seq, row.at_ms, entry.events)
        if chain != row.chain or head != row.head:
            raise EntryDamaged(f"archived entry {row.stream_id} of lot {row.lot_id} does not continue the one before")
        folded.proof.fold_entry(row.epoch, row.first_seq, row.at_ms, entry.events)
        folded.chain = chain
    return folded


def describe_lost(plan: LotPlan) -> str:
    """The seqs that are lost, for people."""
    return "none known" if plan.lost_seqs is None else f"{plan.lost_seqs[0]} to {plan.lost_seqs[1]}"


def as_mapping(report: RestoreReport) -> Mapping[str, object]:
    """The report as JSON shows it."""
    return {
        "shards": report.shards,
        "lots": [
            {
                "lot_id": plan.lot_id,
                "status": str(plan.status),
                "archived_seq": plan.archived_seq,
                "ledger_seq": plan.ledger_seq,
                "lost_seqs": None if plan.lost_seqs is None else list(plan.lost_seqs),
                "seq": None if plan.event is None else plan.event.seq,
                "epoch": None if plan.event is None else plan.event.epoch,
                "problem": plan.problem,
            }
            for plan in report.lots
        ],
    }
