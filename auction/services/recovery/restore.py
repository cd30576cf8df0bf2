"""Restores lots of the ledger from the archive after a loss. Off the bid's way; run by `auction restore`.

A lot is folded from its archived entries, each checked against the rules, and put back with the bidders, limits, purses
and receipts that follow from them. Unless it is over it goes on in a new epoch, with a seq above every one ever given
out, and is left paused with the time that it had left. What was acknowledged beyond the archive is lost, and named.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from auction.books import archive, audit, bidders, catalogue, frozen_lots, ledger_expiry
from auction.books.catalogue import DRAFT, LotRecord
from auction.books.unit_of_work import Books
from auction.domain.errors import RequestRefused
from auction.domain.ledger_layout import STREAM_START, Mark
from auction.domain.lot import LotStatus
from auction.ledger.rebuild import LedgerRebuild
from auction.services.recovery.restore_plan import LotPlan, LotRebuild, plan_lot


@dataclass(slots=True)
class RestoreReport:
    """What was restored, or, after a dry run, would be."""

    lots: list[LotPlan] = field(default_factory=list)
    shards: list[int] = field(default_factory=list)
    """Those that take calls again."""
    shards_left: list[int] = field(default_factory=list)
    """Those of the lots that stay stopped: another of their lots waits to be restored."""

    @property
    def is_complete(self) -> bool:
        """Whether every lot could be restored."""
        return all(plan.problem is None for plan in self.lots)


class Restorer:
    """Restores lots on one ledger. `rebuild` writes past the ledger's checks."""

    def __init__(
        self, books: Books, rebuild: LedgerRebuild, *, shards: int, lineage: str, spooled: Mapping[str, Mark]
    ) -> None:
        """Takes the number of shards, the id of the ledger that the database is bound to, and the spooled marks."""
        self._books = books
        self._rebuild = rebuild
        self._state = rebuild.state
        self._shards = shards
        self._lineage = lineage
        self._spooled = spooled

    async def restore(self, lot_ids: Sequence[str] | None, *, by: str, reason: str, dry_run: bool) -> RestoreReport:
        """Restore these lots, or, for None, every lot that is frozen, unknown to the ledger or on a stopped shard.

        Lots that an earlier call restored are passed over. A stopped shard takes calls again once nothing on it is left
        to restore; for single lots it stays stopped. Raises LedgerAway, BooksAway, NotFound.
        """
        stopped = [shard for shard in range(self._shards) if await self._state.lineage(shard) != self._lineage]
        report = RestoreReport()
        left: set[int] = set()
        for record in await self._records(lot_ids):
            shard = self._state.keys.shard_of(record.lot_id)
            plan = await self._restore_lot(
                record, shard_is_stopped=shard in stopped, by=by, reason=reason, dry_run=dry_run
            )
            if plan is None and lot_ids is not None:
                plan = LotPlan(record.lot_id, LotStatus(record.status), 0, None, problem="nothing is wrong with it")
            if plan is not None:
                report.lots.append(plan)
            if shard in stopped and (lot_ids is not None or (plan is not None and plan.problem is not None)):
                left.add(shard)
        report.shards_left = sorted(left)
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

    async def _restore_lot(
        self, record: LotRecord, *, shard_is_stopped: bool, by: str, reason: str, dry_run: bool
    ) -> LotPlan | None:
        """The plan of one lot, carried out unless `dry_run`; None where there is nothing to restore."""
        position = await self._state.mark_of(record.lot_id)
        async with self._books.reading() as tx:
            planned = await plan_lot(
                tx,
                record,
                position,
                shard_is_stopped=shard_is_stopped,
                spooled=self._spooled.get(record.lot_id),
                by=by,
                reason=reason,
            )
        if not isinstance(planned, LotRebuild):
            return planned
        if not dry_run:
            await self._carry_out(planned, record, by=by, reason=reason)
        return planned.plan

    async def _carry_out(self, planned: LotRebuild, record: LotRecord, *, by: str, reason: str) -> None:
        plan = planned.plan
        await self._continue_stream(self._state.keys.shard_of(plan.lot_id))
        try:
            await self._rebuild.put_lot(
                plan.lot_id,
                planned.lot,
                chain=planned.folded.chain,
                event=plan.event,
                known_seq=plan.ledger_seq,
                admissions=planned.folded.proof.admissions,
                receipts=planned.folded.proof.receipts,
                purses=planned.purses,
                shares=planned.shares,
            )
        except RequestRefused as error:
            plan.problem = error.detail
            return
        await self._note(plan, record, by=by, reason=reason)

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
            await ledger_expiry.note_lots(tx, [plan.lot_id], None)
            await ledger_expiry.note_sales(tx, [record.sale_id], None)
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
