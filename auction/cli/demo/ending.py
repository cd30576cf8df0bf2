"""The end of the demo: waits until all is archived, reads how the lots ended, checks the record and the money."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from auction.books import archived
from auction.bootstrap import open_house
from auction.cli.demo.board import Board
from auction.domain.proof import PROMISES
from auction.services.house import House
from auction.services.money_checks import MoneyCheck, check_money
from auction.services.verification import Verdict, verify_sale
from auction.settings import Settings
from auction.workers.archiver import Archiver

BIDS_READ = 1000


@dataclass(frozen=True, slots=True)
class Result:
    """How a lot ended, from the books."""

    lot_id: str
    outcome: str
    hammer_price_fen: int | None
    winner_paddle: int | None
    bids: int
    extensions: int


async def conclude(
    settings: Settings, sale_id: str, board: Board
) -> tuple[list[Result], Verdict, Sequence[MoneyCheck]]:
    """The results of the sale, the verdict on its record, and the rules of money."""
    async with open_house(settings) as house:
        await Archiver(house.books, house.feed, keep_ms=settings.stream_keep_ms).catch_up()
        given_ends = {lot.lot_id: lot.given_ends for lot in board.lots.values()}
        results = [await _result(house, lot_id, given_ends) for lot_id in board.lots]
        return results, await verify_sale(house, sale_id), await check_money(house)


async def _result(house: House, lot_id: str, given_ends: Mapping[str, set[int]]) -> Result:
    bids, after_seq = 0, 0
    ends: set[int] = set()
    async with house.books.reading() as work:
        result = await archived.result_of(work, lot_id)
        while page := await archived.bids_after(work, lot_id, after_seq=after_seq, limit=BIDS_READ):
            bids += len(page)
            ends.update(bid.ends_at_ms for bid in page)
            after_seq = page[-1].seq
    extensions = len(ends - given_ends[lot_id])
    if result is None:
        return Result(lot_id, "void", None, None, bids, extensions)
    return Result(lot_id, result.outcome, result.hammer_price_fen, result.winner_paddle, bids, extensions)


def verdict_line(verdict: Verdict) -> str:
    """What the check found, in a sentence."""
    checked = f"{verdict.lots} lots, {verdict.events:,} events, {verdict.bids:,} bids in {verdict.seconds:.2f} s"
    if not verdict.breaches:
        held = ", ".join(PROMISES.values())
        return f"verified: all promises held ({held}): {checked}"
    first = verdict.breaches[0]
    return (
        f"BROKEN: {len(verdict.breaches)} of {verdict.lots} lots; first {first.lot_id}, seq {first.seq}: promise "
        f"{first.promise} ({PROMISES[first.promise]}): {first.what} ({checked})"
    )
