"""The price and the leader that bids make: the executable specification of `auction/ledger/lua/include/pricing.lua`.

In the bid's way, under `bidding`; also for a lot without some of its bids. Source: domain rules, "Deciding a bid".
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from auction.domain.events import BidPlaced
from auction.domain.terms import Bidding, Terms


@dataclass(frozen=True, slots=True)
class LeadingBid:
    """The bid that leads and the price it stands at; empty and 0 where there is none."""

    price_fen: int = 0
    leader_id: str = ""
    leader_paddle: int = 0
    ceiling_fen: int = 0


def fold_bids(terms: Terms, bids: Iterable[BidPlaced]) -> LeadingBid:
    """The leading bid and price that these bids alone make, in their order, each taken as valid.

    Used for a lot without its voided bid, and for the clean price: a lot without the bids of a defaulter, read as
    maxima (under proxy bidding the price follows the runner-up), in a direct lot too.
    """
    leading = LeadingBid()
    for bid in bids:
        if terms.bidding is Bidding.DIRECT:
            leading = LeadingBid(bid.price_fen, bid.bidder_id, bid.paddle, bid.price_fen)
            continue
        price, leads = proxy_price(terms, leading, bid.bidder_id, bid.amount_fen)
        if leads:
            leading = LeadingBid(price, bid.bidder_id, bid.paddle, bid.amount_fen)
        else:
            leading = replace(leading, price_fen=price)
    return leading


def leading_without(
    terms: Terms, leading: LeadingBid, bids: Iterable[tuple[int, BidPlaced]], voided_seq: int
) -> LeadingBid:
    """The leading bid of a lot without one of its bids; `leading` is that with it, `bids` those not voided, with seqs.

    A leader's maximum in a direct lot stays as long as their bid does, and goes with it: whoever leads then has none.
    """
    rest = fold_bids(terms, [bid for seq, bid in bids if seq != voided_seq])
    is_led_as_before = (rest.price_fen, rest.leader_id) == (leading.price_fen, leading.leader_id)
    keeps_maximum = terms.bidding is Bidding.DIRECT and is_led_as_before
    return replace(rest, ceiling_fen=leading.ceiling_fen) if keeps_maximum else rest


def proxy_price(terms: Terms, leading: LeadingBid, bidder_id: str, maximum_fen: int) -> tuple[int, bool]:
    """The price that a maximum makes in proxy bidding, in fen, and whether it leads; a tie leaves the leader."""
    ceiling = leading.ceiling_fen
    if not leading.leader_id:
        price, leads = terms.start_price_fen, True
    elif bidder_id == leading.leader_id:
        price, leads = leading.price_fen, maximum_fen > ceiling
    elif maximum_fen > ceiling:
        price, leads = min(maximum_fen, ceiling + terms.step_at(ceiling)), True
    else:
        price, leads = min(ceiling, maximum_fen + terms.step_at(maximum_fen)), False
    price = max(price, leading.price_fen)
    reserve, best = terms.reserve_fen, max(ceiling, maximum_fen)
    if reserve is not None and price < reserve <= best:
        price = reserve
    return price, leads


def leader_maximum_fen(bidding: str, *, price_fen: int, ceiling_fen: int) -> int | None:
    """The leader's own maximum, in fen; None where there is none behind the price of direct bidding."""
    return ceiling_fen if bidding == Bidding.PROXY or ceiling_fen > price_fen else None
