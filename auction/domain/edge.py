"""Refusing a bid at the edge: by an earlier state of its lot, where the ledger would certainly refuse it too.

In the bid's way, before the ledger. Within an epoch the floor never falls (where the increments see to it), so a bid
below the floor of an earlier state of the epoch is below the present one. A price falls only when a bid is voided or a
lot is restored, and both wait until the lot has been stopped for `STOPPED_MS_MIN`: whoever takes the lot for open by a
state that is at most `LAG_MS_MAX` old is still in the epoch of that state.

Source: architecture, "Edge refusals".
"""

from itertools import pairwise

from auction.domain.bidding import Bid, Refused
from auction.domain.errors import RefusalCode
from auction.domain.lot import Lot, LotStatus
from auction.domain.terms import Bidding, Terms

LAG_MS_MAX = 400
"""How old the state may be by which a bid is refused at the edge."""
STOPPED_MS_MIN = 500
"""How long a lot has been stopped when its next epoch begins; what is above LAG_MS_MAX is for the clocks' rounding."""
LAST_MS = 1_000
"""So long before its end the ledger itself decides every bid on a lot."""


def is_floor_rising(terms: Terms) -> bool:
    """Whether the least acceptable bid never falls while the price rises, as a smaller increment higher up would do."""
    return all(band.step_fen <= after.step_fen + 1 for band, after in pairwise(terms.increments))


def edge_refusal(lot: Lot, bid: Bid, now_ms: int) -> Refused | None:
    """The refusal of a bid by an earlier state of its lot; None: only the ledger can tell.

    The caller must know that `is_floor_rising`, that the bidder is admitted to the lot, and that no bid of theirs was
    accepted under that key. `now_ms`: the ledger's time, UTC ms.
    """
    if lot.status is not LotStatus.OPEN or bid.is_maximum or bid.amount_fen >= lot.floor_fen():
        return None
    now_ms = lot.now(now_ms)
    if now_ms >= lot.ends_at_ms - LAST_MS:
        return None
    code, facts = RefusalCode.BID_TOO_LOW, {"minimum_fen": lot.minimum_fen()}
    if bid.bidder_id == lot.leader_id:
        if lot.terms.bidding is Bidding.PROXY and bid.amount_fen > lot.ceiling_fen:
            # a leader may raise their maximum by less than an increment
            return None
        code, facts = RefusalCode.ALREADY_LEADING, {}
    return Refused(code, dict(facts), lot.seq, lot.price_fen, lot.minimum_fen(), lot.ends_at_ms, now_ms, is_edge=True)
