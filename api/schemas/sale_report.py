"""The report of a sale, for print."""

from typing import Self

from pydantic import BaseModel, Field

from api.schemas.lot_activity import ActivityPartResponse
from auction.services.catalogue.sale_report import LotReport, SaleReport


class LotReportResponse(BaseModel):
    """A lot's result, and what its archived record adds up to."""

    lot_id: str
    title: str
    status: str
    outcome: str | None = Field(description="sold, no-bids, reserve-unmet or void; null before the end.")
    list_price_fen: int | None
    start_price_fen: int
    reserve_fen: int | None
    price_fen: int
    winner_paddle: int | None = Field(description="Of a lot that was sold.")
    settlement: str | None
    opens_at_ms: int | None
    ends_at_ms: int | None
    registered: int
    bidders: int = Field(description="Those who have bid.")
    bids: int = Field(description="Voided ones included.")
    voided_bids: int
    extensions_by_bids: int
    extensions_by_staff: int
    pauses: int
    refused_bids: int
    refusals: dict[str, int] = Field(description="Code -> bids that were refused with it, most frequent first.")
    width_ms: int
    parts: list[ActivityPartResponse] = Field(description="Bids over time, as in the lot's activity.")

    @classmethod
    def of(cls, report: LotReport) -> Self:
        """The response for a lot."""
        view, summary = report.view, report.summary
        activity = summary.activity()
        return cls(
            lot_id=view.record.lot_id,
            title=view.record.title,
            status=view.status,
            outcome=view.outcome,
            list_price_fen=view.record.list_price_fen,
            start_price_fen=view.record.terms["start_price_fen"],
            reserve_fen=view.record.terms["reserve_fen"],
            price_fen=view.price_fen,
            winner_paddle=view.leader if view.outcome == "sold" else None,
            settlement=view.settlement,
            opens_at_ms=view.opens_at_ms,
            ends_at_ms=view.ends_at_ms,
            registered=len(summary.registered),
            bidders=len(summary.bidders),
            bids=summary.bids,
            voided_bids=summary.voided_bids,
            extensions_by_bids=summary.extensions_by_bids,
            extensions_by_staff=summary.extensions_by_staff,
            pauses=summary.pauses,
            refused_bids=sum(report.refusals.values()),
            refusals=dict(report.refusals),
            width_ms=activity.width_ms,
            parts=[ActivityPartResponse.of_record(part) for part in activity.parts],
        )


class SaleReportResponse(BaseModel):
    """The lots of a sale but for drafts, by number."""

    sale_id: str
    title: str
    now_ms: int
    lots: list[LotReportResponse]

    @classmethod
    def of(cls, report: SaleReport) -> Self:
        """The response for a sale."""
        return cls(
            sale_id=report.sale_id,
            title=report.title,
            now_ms=report.now_ms,
            lots=[LotReportResponse.of(lot) for lot in report.lots],
        )
