"""What `auction restore` does, and how its report is printed: as plain data for `--json`, and for people."""

import asyncio
import contextlib
from collections.abc import Mapping

from rich.table import Table

from auction.books.unit_of_work import Books, StatementRejected
from auction.bootstrap import open_restorer
from auction.console.output import out
from auction.ledger.entry import EntryDamaged
from auction.ledger.stream import LedgerStream
from auction.services.recovery.restore import RestoreReport
from auction.services.recovery.restore_plan import LotPlan
from auction.settings import Settings
from auction.workers.archiver import Archiver


def restore(settings: Settings, *, lot: str | None, dry_run: bool, reason: str, by: str) -> RestoreReport:
    """Restore a lot, or (None) every lot that needs it. Raises NotFound, LedgerAway, BooksAway, SettingsError."""
    return asyncio.run(_restore(settings, None if lot is None else [lot], dry_run=dry_run, reason=reason, by=by))


async def _restore(
    settings: Settings, lot_ids: list[str] | None, *, dry_run: bool, reason: str, by: str
) -> RestoreReport:
    async with open_restorer(settings) as (restorer, books, stream):
        # what the stream still has is stored first, so that only what is lost counts as lost
        await _archive(books, stream)
        report = await restorer.restore(lot_ids, by=by, reason=reason, dry_run=dry_run)
        if not dry_run:
            # `auction verify` may be next, with no worker running
            await _archive(books, stream)
        return report


async def _archive(books: Books, stream: LedgerStream) -> None:
    with contextlib.suppress(EntryDamaged, StatementRejected):
        await Archiver(books, stream).catch_up()


def print_report(report: RestoreReport, *, dry_run: bool) -> None:
    """Print a line for each lot, then what remains to be done."""
    if not report.lots and not report.shards:
        out.print("Nothing to restore: no lot is frozen or missing, and no shard is stopped.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("lot", "archived to seq", "ledger at seq", "lost seqs", "goes on at seq", "status"):
        table.add_column(heading)
    for plan in report.lots:
        table.add_row(
            plan.lot_id,
            str(plan.archived_seq),
            "unknown" if plan.ledger_seq is None else str(plan.ledger_seq),
            _lost(plan),
            "-" if plan.event is None else str(plan.event.seq),
            "not restored" if plan.problem else str(plan.status),
        )
    if report.lots:
        out.print(table)
    for plan in report.lots:
        if plan.problem:
            out.print(f"[bold red]not restored[/]  {plan.lot_id}: ", end="")
            out.print(plan.problem, markup=False)
    if report.shards_left:
        shards = ", ".join(map(str, report.shards_left))
        out.print(f"[bold yellow]still stopped[/]  shards {shards}: every call for their lots is refused until all of")
        out.print("them are restored. Go on with: auction restore --all")
    if report.shards:
        verb = "would take" if dry_run else "take"
        out.print(f"Shards that {verb} calls again: {', '.join(map(str, report.shards))}")
    if dry_run:
        out.print("Nothing was changed. Run it again without --dry-run.")
    else:
        out.print("Restored lots are paused with the time they had left: resume or void each of them at /ops.")


def _lost(plan: LotPlan) -> str:
    return "none known" if plan.lost_seqs is None else f"{plan.lost_seqs[0]} to {plan.lost_seqs[1]}"


def as_mapping(report: RestoreReport) -> Mapping[str, object]:
    """The report as JSON shows it."""
    return {
        "shards": report.shards,
        "shards_left": report.shards_left,
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
