"""What other sites and messengers show of a link to a lot: its title and price, as Open Graph tags in the document.

A lot is read at most once in a while for it, however many load its page.
"""

from dataclasses import dataclass, field
from html import escape

from cachetools import TTLCache
from starlette.requests import Request

from api.http.etags import Prepared
from auction.domain.errors import AuctionError
from auction.services.catalogue.lot_views import LotView, show_lot
from auction.services.context import AppContext

KEPT_S = 5.0
KEPT_MAX = 500
_TITLE_END = "</title>"
_SITE = {"en": "Flash auction", "zh-CN": "限时拍卖"}
_WORDS = {
    "en": {
        "start": "Start price ¥{price}",
        "bid": "Current price ¥{price}, 1 bid",
        "bids": "Current price ¥{price}, {bids} bids",
        "sold": "Sold for ¥{price}",
        "ended": "Bidding has ended",
    },
    "zh-CN": {
        "start": "起拍价 ¥{price}",
        "bid": "当前价 ¥{price}，已出价 1 次",
        "bids": "当前价 ¥{price}，已出价 {bids} 次",
        "sold": "成交价 ¥{price}",
        "ended": "竞价已结束",
    },
}


@dataclass(slots=True)
class LotPreviews:
    """The documents of the lots that were asked for, by lot, language and address of the site."""

    _kept: "TTLCache[tuple[str, str, str], Prepared]" = field(default_factory=lambda: TTLCache(KEPT_MAX, KEPT_S))

    async def document(self, request: Request, language: str, plain: Prepared) -> Prepared:
        """The document of a lot's page with its tags; `plain` for a lot that is not public or cannot be read now."""
        context: AppContext = request.app.state.context
        lot_id, base = request.path_params["lot_id"], str(request.base_url)
        key = lot_id, language, base
        if (known := self._kept.get(key)) is None:
            try:
                view = await show_lot(context, lot_id)
            except AuctionError:
                return plain
            tags = f"{_TITLE_END}\n    {_tags(context, view, language, base)}".encode()
            body = plain.body.replace(_TITLE_END.encode(), tags, 1)
            known = self._kept[key] = Prepared(body, plain.media_type)
        return known


def _tags(context: AppContext, view: LotView, language: str, base: str) -> str:
    lot_id = view.record.lot_id
    facts = {
        "og:type": "website",
        "og:site_name": _SITE[language],
        "og:title": view.record.title,
        "og:description": _description(context, view, language),
        "og:url": f"{base}lots/{lot_id}",
        "og:image": f"{base}static/icon-512.png",
        "og:locale": language.replace("-", "_") if "-" in language else "en_US",
    }
    return "\n    ".join(
        f'<meta property="{name}" content="{escape(content, quote=True)}">' for name, content in facts.items()
    )


def _description(context: AppContext, view: LotView, language: str) -> str:
    words, digits = _WORDS[language], context.money.currency.digits
    if view.outcome is not None:
        return words["sold"].format(price=digits(view.price_fen)) if view.outcome == "sold" else words["ended"]
    if not view.bids:
        return words["start"].format(price=digits(int(view.record.terms["start_price_fen"])))
    said = words["bid" if view.bids == 1 else "bids"]
    return said.format(price=digits(view.price_fen), bids=view.bids)
