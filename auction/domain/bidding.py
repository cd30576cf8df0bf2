"""Decides a bid: the executable specification of `auction/ledger/lua/place_bids.lua`, where production decides it.

Tests compare the script with `decide`, and `auction verify` decides recorded bids again with it. Source: domain rules,
section "Deciding a bid".
"""

from dataclasses import dataclass

from auction.domain.deposits import highest_bid_fen
from auction.domain.errors import RefusalCode
from auction.domain.events import BidPlaced, CloseCause, Event, Held
from auction.domain.lot import Lot, LotStatus, apply, closed_event
from auction.domain.money import FEN_MAX
from auction.domain.pricing import LeadingBid, proxy_price
from auction.domain.terms import Bidding


@dataclass(frozen=True, slots=True)
class Bid:
    """A bid as it was sent: an amount in fen (a maximum in proxy bidding) under the bidder's idempotency key."""

    bidder_id: str
    amount_fen: int
    key: str


@dataclass(frozen=True, slots=True)
class Admission:
    """An admitted bidder: paddle, limit on the lot (None: unlimited) and purse (None: the terms have none).

    `held_fen` is held behind the purse (None: as much as the purse), `other_shares_fen` what the sale's other lots that
    they lead, or have an award of, take of it.
    """

    paddle: int
    limit_fen: int | None = None
    purse_fen: int | None = None
    held_fen: int | None = None
    other_shares_fen: int = 0


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer to an accepted bid, the same at every retry."""

    seq: int
    amount_fen: int
    price_fen: int
    minimum_fen: int
    leading: bool
    paddle: int
    ends_at_ms: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """The bid is accepted: its receipt, and its events (`bid`, then `held` or `closed` where it caused one)."""

    receipt: Receipt
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Repeated:
    """The bid was accepted before under this key: the first receipt again."""

    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Refused:
    """The bid is refused and changed nothing. `facts` belong to the code; the rest is the lot's state then.

    `is_edge`: refused before the ledger, by an earlier state (`auction.domain.edge`).
    """

    code: RefusalCode
    facts: dict[str, int | str]
    at_seq: int = 0
    price_fen: int = 0
    minimum_fen: int = 0
    ends_at_ms: int = 0
    now_ms: int = 0
    is_edge: bool = False


Decision = Accepted | Repeated | Refused


def decide(lot: Lot | None, admission: Admission | None, first: Receipt | None, bid: Bid, now_ms: int) -> Decision:
    """Accept or refuse one bid.

    Takes the lot and the bidder's admission (None: unknown), the receipt of their bid accepted under the same key if
    there is one, and the lot's time (`Lot.now`). A lot past its end must have been closed before (`close_if_due`).
    """
    if lot is None:
        return Refused(RefusalCode.LOT_UNKNOWN, {}, now_ms=now_ms)
    if lot.status is LotStatus.FROZEN:
        return _refused(lot, (RefusalCode.LOT_FROZEN, {}), now_ms)
    if admission is None:
        return _refused(lot, (RefusalCode.NOT_REGISTERED, {}), now_ms)
    reason = _refusal(lot, admission, first, bid, now_ms)
    if reason is not None:
        return _refused(lot, reason, now_ms)
    if first is not None:
        return Repeated(first)
    return _accept(lot, admission.paddle, bid, now_ms)


RefusalReason = tuple[RefusalCode, dict[str, int | str]]


def _refused(lot: Lot, reason: RefusalReason, now_ms: int) -> Refused:
    code, facts = reason
    return Refused(code, facts, lot.seq, lot.price_fen, lot.minimum_fen(), lot.ends_at_ms, now_ms)


def _refusal(lot: Lot, admission: Admission, first: Receipt | None, bid: Bid, now_ms: int) -> RefusalReason | None:
    terms, amount = lot.terms, bid.amount_fen
    if first is not None:
        return None if first.amount_fen == amount else (RefusalCode.KEY_REUSED, {})
    if lot.status is not LotStatus.OPEN or now_ms >= lot.ends_at_ms:
        return RefusalCode.LOT_NOT_OPEN, {"status": str(lot.status)}
    if terms.cap_fen is not None and amount > terms.cap_fen:
        return RefusalCode.ABOVE_CAP, {"cap_fen": terms.cap_fen}
    leads = bid.bidder_id == lot.leader_id
    if leads and not _may_bid_on(lot, amount):
        return RefusalCode.ALREADY_LEADING, {}
    minimum = lot.minimum_fen()
    # at the most that a bid may be the floor is not above the price: that alone takes no second bid
    if not leads and (amount < lot.floor_fen() or lot.price_fen >= FEN_MAX):
        return RefusalCode.BID_TOO_LOW, {"minimum_fen": minimum}
    if is_off_grid(lot, amount):
        return RefusalCode.OFF_GRID, {"minimum_fen": minimum}
    highest = highest_jump_fen(lot)
    if highest is not None and amount > highest:
        return RefusalCode.JUMP_TOO_LARGE, {"maximum_fen": highest}
    return _power_refusal(admission, amount)


def _may_bid_on(lot: Lot, amount_fen: int) -> bool:
    """Whether the leader may bid that: a higher maximum, or in direct bidding the cap, which ends the lot."""
    if lot.terms.bidding is Bidding.DIRECT:
        return amount_fen == lot.terms.cap_fen
    return amount_fen > lot.ceiling_fen


def _power_refusal(admission: Admission, amount: int) -> RefusalReason | None:
    if admission.limit_fen is not None and amount > admission.limit_fen:
        return RefusalCode.OVER_LIMIT, {"limit_fen": admission.limit_fen}
    if admission.purse_fen is None:
        return None
    held_fen = admission.purse_fen if admission.held_fen is None else admission.held_fen
    left_fen = held_fen - admission.other_shares_fen
    available = highest_bid_fen(left_fen, held_fen=held_fen, purse_fen=admission.purse_fen)
    return None if amount <= available else (RefusalCode.OVER_PURSE, {"available_fen": available})


def is_off_grid(lot: Lot, amount_fen: int) -> bool:
    """Whether the amount is off the grid: neither whole increments above the start price nor the most a bid may be."""
    terms = lot.terms
    if not terms.on_grid or amount_fen == terms.highest_fen:
        return False
    step = terms.step_at(max(lot.price_fen, terms.start_price_fen))
    return (amount_fen - terms.start_price_fen) % step != 0


def highest_jump_fen(lot: Lot) -> int | None:
    """The highest bid that the jump limit allows now, in fen, never below the minimum; None without such a limit.

    Before the first bid the start price counts as the price.
    """
    terms = lot.terms
    if terms.max_jump is None:
        return None
    base = max(lot.price_fen, terms.start_price_fen)
    return max(base + terms.max_jump.above(base, terms.step_at(base)), lot.minimum_fen())


def _accept(lot: Lot, paddle: int, bid: Bid, now_ms: int) -> Accepted:
    if lot.terms.bidding is Bidding.DIRECT:
        price, leads = bid.amount_fen, True
    else:
        leading = LeadingBid(lot.price_fen, lot.leader_id, lot.leader_paddle, lot.ceiling_fen)
        price, leads = proxy_price(lot.terms, leading, bid.bidder_id, bid.amount_fen)
    placed = BidPlaced(bid.bidder_id, paddle, bid.amount_fen, bid.key, price, int(leads), end_after_bid(lot, now_ms))
    after = apply(lot, placed, now_ms)
    events: tuple[Event, ...] = (placed,)
    if lot.terms.cap_fen is not None and price >= lot.terms.cap_fen:
        events += (closed_event(after, CloseCause.CAP, "", ""),)
    elif lot.review_above_fen and price >= lot.review_above_fen:
        events += (Held(after.ends_at_ms - now_ms),)
    receipt = Receipt(
        seq=after.seq,
        amount_fen=bid.amount_fen,
        price_fen=price,
        minimum_fen=after.minimum_fen(),
        leading=leads,
        paddle=paddle,
        ends_at_ms=after.ends_at_ms,
        at_ms=now_ms,
    )
    return Accepted(receipt, events)


def end_after_bid(lot: Lot, now_ms: int) -> int:
    """The end in force after a bid accepted now, UTC ms: extended by the soft close, never past the hard stop."""
    soft = lot.terms.soft_close
    if soft is None or lot.ends_at_ms - now_ms >= soft.window_ms:
        return lot.ends_at_ms
    extended = now_ms + soft.extension_ms
    if lot.hard_stop_at_ms:
        extended = min(extended, lot.hard_stop_at_ms)
    return max(lot.ends_at_ms, extended)
