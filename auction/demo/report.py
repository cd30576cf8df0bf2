"""The demo's results: archives everything, reads how each lot ended, and verifies the record and the money."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from auction.books import archive_queries
from auction.bootstrap import open_context
from auction.demo.lot_table import LotTable
from auction.domain.proof import PROMISES
from auction.services.context import AppContext
from auction.services.verification.audit_log import AuditVerdict, check_audit_log
from auction.services.verification.money_checks import MoneyCheck, check_money
from auction.services.verification.verdicts import Verdict, verify_sale
from auction.settings import Settings
from auction.workers.archiver import Archiver

PAGE = 1000
"""How many bids are read at once."""


@dataclass(frozen=True, slots=True)
class Result:
    """How a lot ended, from the archive."""

    lot_id: str
    outcome: str
    hammer_price_fen: int | None
    winner_paddle: int | None
    bids: int
    extensions: int


async def read_results(
    settings: Settings, sale_id: str, table: LotTable
) -> tuple[list[Result], Verdict, Sequence[MoneyCheck], AuditVerdict]:
    """How the lots ended, and what checking the sale's record, the rules of money and the audit log found.

    Raises LedgerAway, BooksAway.
    """
    async with open_context(settings) as context:
        await Archiver(context.books, context.stream, keep_ms=settings.stream_keep_ms).catch_up()
        scheduled_ends = {lot.lot_id: lot.scheduled_ends for lot in table.lots.values()}
        results = [await _result(context, lot_id, scheduled_ends) for lot_id in table.lots]
        audit = await check_audit_log(context.books)
        return results, await verify_sale(context, sale_id), await check_money(context), audit


async def _result(context: AppContext, lot_id: str, scheduled_ends: Mapping[str, set[int]]) -> Result:
    bids, after_seq = 0, 0
    ends: set[int] = set()
    async with context.books.reading() as tx:
        result = await archive_queries.result_of(tx, lot_id)
        while page := await archive_queries.bids_after(tx, lot_id, after_seq=after_seq, limit=PAGE):
            bids += len(page)
            ends.update(bid.ends_at_ms for bid in page)
            after_seq = page[-1].seq
    extensions = len(ends - scheduled_ends[lot_id])
    if result is None:
        return Result(lot_id, "void", None, None, bids, extensions)
    return Result(lot_id, result.outcome, result.hammer_price_fen, result.winner_paddle, bids, extensions)


def verdict_line(verdict: Verdict) -> str:
    """The verdict in one line."""
    checked = f"{verdict.lots} lots, {verdict.events:,} events, {verdict.bids:,} bids in {verdict.seconds:.2f} s"
    if not verdict.breaches:
        kept = ", ".join(PROMISES.values())
        return f"verified: all promises held ({kept}): {checked}"
    first = verdict.breaches[0]
    return (
        f"BROKEN: {len(verdict.breaches)} of {verdict.lots} lots; first {first.lot_id}, seq {first.seq}: promise "
        f"{first.promise} ({PROMISES[first.promise]}): {first.what} ({checked})"
    )
