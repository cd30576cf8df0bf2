"""The response with the prices of all lots."""

from dataclasses import asdict
from typing import Self

from pydantic import BaseModel, Field

from auction.services.catalogue.prices import PricePage


class LotPricesResponse(BaseModel):
    """One lot's prices, in fen; null where there is none."""

    sale_id: str
    sale_title: str
    lot_id: str
    title: str
    status: str
    outcome: str | None = Field(description="How it ended: sold, no-bids, reserve-unmet or void; null before the end.")
    settlement: str | None = Field(description="State of a closed lot: awarded, paid, relisted, ...")
    list_price_fen: int | None
    start_price_fen: int
    price_fen: int | None = Field(description="The present price, or that at which the lot closed.")
    reserve_met: bool | None = Field(description="Null without a reserve, whose amount is not published.")
    final_price_fen: int | None = Field(
        description="What the buyer pays, without the fee: the hammer price, or that of a runner-up's accepted offer."
    )
    buyer_fee_bps: int = Field(description="The buyer's fee, in hundredths of a percent of the final price.")
    buyer_fee_fen: int | None
    total_fen: int | None = Field(description="Final price and fee.")
    bids: int
    opens_at_ms: int | None
    ends_at_ms: int | None


class PricesResponse(BaseModel):
    """The lots of a page of sales, newest sale first."""

    lots: list[LotPricesResponse]
    next_cursor: str | None = Field(description="The `cursor` of the next page; null: these are the last.")

    @classmethod
    def of(cls, page: PricePage) -> Self:
        """The response for a page."""
        return cls(lots=[LotPricesResponse(**asdict(lot)) for lot in page.lots], next_cursor=page.next_cursor)
