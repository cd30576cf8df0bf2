"""Lists what every public lot was offered and sold for: list price, reserve, final price, bids and fees. Read only."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from auction.domain.events import Outcome
from auction.domain.money import share
from auction.domain.states import SettlementState
from auction.services.catalogue.lot_views import LotView, SaleView, list_sales, show_sale
from auction.services.catalogue.visibility import PUBLIC
from auction.services.context import AppContext

PRICES_PAGE_MAX = 100
"""Sales whose lots one answer has."""
_NOT_SOLD = (
    SettlementState.DEFAULTED,
    SettlementState.OFFERED,
    SettlementState.RELISTED,
    SettlementState.UNSOLD,
    SettlementState.VOID,
)


@dataclass(frozen=True, slots=True)
class LotPrices:
    """One lot's prices in fen, None where there is none; times in UTC ms.

    `price_fen` is the present price, or that at which it closed; `final_price_fen` is what its buyer has to pay, as far
    as that is known, and `buyer_fee_fen` comes on top of it.
    """

    sale_id: str
    sale_title: str
    lot_id: str
    title: str
    status: str
    outcome: str | None
    settlement: str | None
    list_price_fen: int | None
    start_price_fen: int
    price_fen: int | None
    reserve_met: bool | None
    final_price_fen: int | None
    buyer_fee_bps: int
    buyer_fee_fen: int | None
    total_fen: int | None
    bids: int
    opens_at_ms: int | None
    ends_at_ms: int | None


@dataclass(frozen=True, slots=True)
class PricePage:
    """The lots of some sales, newest sale first; `next_cursor` continues with older ones, None where there are none."""

    lots: list[LotPrices]
    next_cursor: str | None


async def list_prices(context: AppContext, *, cursor: str | None = None, limit: int = PRICES_PAGE_MAX) -> PricePage:
    """The prices of the public lots of a page of sales. Raises NotFound(sale-unknown) for a cursor no page gave."""
    page = await list_sales(context, PUBLIC, cursor=cursor, limit=limit)
    lots = [_prices_of(sale, view) for sale in page.sales async for view in _all_lots(context, sale)]
    return PricePage(lots, page.next_cursor)


async def _all_lots(context: AppContext, sale: SaleView) -> AsyncIterator[LotView]:
    """The lots of a sale, beyond the first that a list of sales has."""
    for view in sale.lots:
        yield view
    after = sale.next_after_number
    while after is not None:
        more = await show_sale(context, sale.sale_id, PUBLIC, after_number=after)
        for view in more.lots:
            yield view
        after = more.next_after_number


def _prices_of(sale: SaleView, view: LotView) -> LotPrices:
    record, terms = view.record, view.record.terms
    fee_bps = int(terms["settlement"]["buyer_fee_bps"])
    final_fen = _final_price_fen(view)
    fee_fen = None if final_fen is None else share(final_fen, fee_bps)
    return LotPrices(
        sale_id=sale.sale_id,
        sale_title=sale.title,
        lot_id=record.lot_id,
        title=record.title,
        status=view.status,
        outcome=view.outcome,
        settlement=view.settlement,
        list_price_fen=record.list_price_fen,
        start_price_fen=int(terms["start_price_fen"]),
        price_fen=view.price_fen or None,
        reserve_met=view.reserve_met,
        final_price_fen=final_fen,
        buyer_fee_bps=fee_bps,
        buyer_fee_fen=fee_fen,
        total_fen=None if final_fen is None or fee_fen is None else final_fen + fee_fen,
        bids=view.bids,
        opens_at_ms=view.opens_at_ms,
        ends_at_ms=view.ends_at_ms,
    )


def _final_price_fen(view: LotView) -> int | None:
    """What the buyer pays: the price of the award in force, or the hammer price while there is none yet."""
    if view.outcome != Outcome.SOLD:
        return None
    if view.award_price_fen is not None:
        return view.award_price_fen
    return None if view.settlement in _NOT_SOLD else view.price_fen
