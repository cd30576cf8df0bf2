"""Gives staff all sales with their lots, or only those that changed since a page last asked. Off the bid's way."""

from collections.abc import Hashable
from dataclasses import dataclass, fields

from auction.books.catalogue import DRAFT
from auction.services.catalogue import lot_views
from auction.services.catalogue.lot_views import LotView, SaleView
from auction.services.catalogue.visibility import STAFF
from auction.services.change_log import Seen
from auction.services.context import AppContext

_COMPARED = tuple(field.name for field in fields(LotView) if field.name not in {"record", "now_ms"})
"""What a lot's record has changes with its status, except a draft's."""


@dataclass(frozen=True, slots=True)
class SalesChanged:
    """Sales, newest first, with those of their lots that changed; all of them where `is_complete`."""

    sales: list[SaleView]
    is_complete: bool
    revision: str


async def sales_since(context: AppContext, revision: str | None) -> SalesChanged:
    """The sales that are new, or have lots that changed, since a revision; None: all of them.

    Raises LedgerAway, BooksAway.
    """

    async def read() -> None:
        sales = await lot_views.list_all_sales(context, STAFF)
        found: dict[str, Seen[SaleView | LotView]] = {}
        for sale in sales:
            lots = {view.record.lot_id: (view, _fingerprint(view)) for view in sale.lots}
            whole = hash((sale.title, *(fingerprint for _, fingerprint in lots.values())))
            found[f"sale {sale.sale_id}"] = Seen(sale, whole)
            found |= {lot_id: Seen(view, fingerprint) for lot_id, (view, fingerprint) in lots.items()}
        context.staff_lots.note(found)

    await context.staff_reading.join(read)
    changes = context.staff_lots.since(revision)
    sales = [
        SaleView(sale.sale_id, sale.title, [view for view in sale.lots if view.record.lot_id in changes.things])
        for sale in changes.things.values()
        if isinstance(sale, SaleView)
    ]
    return SalesChanged(sales, changes.is_complete, changes.revision)


def _fingerprint(view: LotView) -> Hashable:
    entered: Hashable = repr(view.record) if view.record.status == DRAFT else None
    return hash((entered, *(getattr(view, name) for name in _COMPARED)))
