"""Decides a bid: the executable specification of `auction/ledger/lua/place_bids.lua`, where production decides it.

Tests compare the script with `decide`, and `auction verify` decides recorded bids again with it. Source: domain rules,
section "Deciding a bid".
"""

from dataclasses import dataclass, replace

from auction.domain.deposits import highest_bid_fen
from auction.domain.errors import RefusalCode
from auction.domain.events import BidPlaced, CloseCause, Event, Held, MaximumSet, made_key
from auction.domain.lot import Lot, LotStatus, apply, closed_event
from auction.domain.money import FEN_MAX
from auction.domain.pricing import LeadingBid, proxy_price
from auction.domain.terms import Bidding


@dataclass(frozen=True, slots=True)
class Bid:
    """A bid as it was sent: an amount in fen (a maximum in proxy bidding) under the bidder's idempotency key.

    `is_maximum`: in a direct lot the amount is a maximum, up to which the ledger bids; 0 withdraws the one that stands.
    """

    bidder_id: str
    amount_fen: int
    key: str
    is_maximum: bool = False


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
    """The bid is accepted: its receipt, and its events.

    They are `bid` or `maximum`; before it a bid of the leader's maximum, or after it the answer of that maximum; and
    `held` or `closed` where it caused one.
    """

    receipt: Receipt
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Repeated:
    """The bid was accepted before under this key: the first receipt again."""

    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Refused:
    """The bid is refused. `facts` belong to the code; the rest is the lot's state then.

    `is_edge`: refused before the ledger, by an earlier state (`auction.domain.edge`). `events` are those of the
    leader's maximum, which bid before it; else it changed nothing.
    """

    code: RefusalCode
    facts: dict[str, int | str]
    at_seq: int = 0
    price_fen: int = 0
    minimum_fen: int = 0
    ends_at_ms: int = 0
    now_ms: int = 0
    is_edge: bool = False
    events: tuple[Event, ...] = ()


Decision = Accepted | Repeated | Refused


def decide(  # noqa: PLR0917 - in the order in which they are looked at
    lot: Lot | None,
    admission: Admission | None,
    first: Receipt | None,
    bid: Bid,
    now_ms: int,
    leader: Admission | None = None,
) -> Decision:
    """Accept or refuse one bid.

    Takes the lot and the bidder's admission (None: unknown), the receipt of their bid accepted under the same key if
    there is one, and the lot's time (`Lot.now`). A lot past its end must have been closed before (`close_if_due`).
    `leader` is the leader's admission, whose limit holds for what their maximum bids.
    """
    if lot is None:
        return Refused(RefusalCode.LOT_UNKNOWN, {}, now_ms=now_ms)
    if lot.status is LotStatus.FROZEN:
        return _refused(lot, (RefusalCode.LOT_FROZEN, {}), now_ms)
    if admission is None:
        return _refused(lot, (RefusalCode.NOT_REGISTERED, {}), now_ms)
    if first is not None:
        return Repeated(first) if first.amount_fen == bid.amount_fen else _refused(lot, KEY_REUSED, now_ms)
    return _decide_new(lot, admission, bid, now_ms, leader)


def _decide_new(lot: Lot, admission: Admission, bid: Bid, now_ms: int, leader: Admission | None) -> Accepted | Refused:
    reason = _refusal(lot, admission, bid, now_ms)
    if reason is not None:
        return _refused(lot, reason, now_ms)
    if lot.terms.bidding is Bidding.PROXY:
        return _accept_proxy(lot, admission.paddle, bid, now_ms)
    if not lot.terms.auto_bids:
        return _accept(lot, admission.paddle, bid, bid.amount_fen, now_ms)
    if bid.is_maximum and bid.bidder_id == lot.leader_id:
        return _set_maximum(lot, admission.paddle, bid, now_ms)
    return _contend(lot, admission, bid, now_ms, leader)


RefusalReason = tuple[RefusalCode, dict[str, int | str]]
KEY_REUSED: RefusalReason = (RefusalCode.KEY_REUSED, {})


def _refused(lot: Lot, reason: RefusalReason, now_ms: int) -> Refused:
    code, facts = reason
    return Refused(code, facts, lot.seq, lot.price_fen, lot.minimum_fen(), lot.ends_at_ms, now_ms)


def _refusal(lot: Lot, admission: Admission, bid: Bid, now_ms: int) -> RefusalReason | None:
    terms, amount = lot.terms, bid.amount_fen
    if lot.status is not LotStatus.OPEN or now_ms >= lot.ends_at_ms:
        return RefusalCode.LOT_NOT_OPEN, {"status": str(lot.status)}
    if bid.is_maximum:
        return _maximum_refusal(lot, admission, bid)
    if terms.cap_fen is not None and amount > terms.cap_fen:
        return RefusalCode.ABOVE_CAP, {"cap_fen": terms.cap_fen}
    leads = bid.bidder_id == lot.leader_id
    if leads and not _may_bid_on(lot, amount):
        return RefusalCode.ALREADY_LEADING, {}
    minimum = lot.minimum_fen()
    if not leads and _is_too_low(lot, amount):
        return RefusalCode.BID_TOO_LOW, {"minimum_fen": minimum}
    if is_off_grid(lot, amount):
        return RefusalCode.OFF_GRID, {"minimum_fen": minimum}
    highest = highest_jump_fen(lot)
    if highest is not None and amount > highest:
        return RefusalCode.JUMP_TOO_LARGE, {"maximum_fen": highest}
    return _power_refusal(admission, amount)


def _maximum_refusal(lot: Lot, admission: Admission, bid: Bid) -> RefusalReason | None:
    """Why a maximum in direct bidding is refused: as a bid is, but that the jump limit holds for what it bids alone."""
    terms, amount, leads = lot.terms, bid.amount_fen, bid.bidder_id == lot.leader_id
    if not terms.auto_bids:
        return RefusalCode.MAXIMA_OFF, {}
    if not amount:
        return None if leads and lot.ceiling_fen > lot.price_fen else (RefusalCode.NO_MAXIMUM, {})
    if terms.cap_fen is not None and amount > terms.cap_fen:
        return RefusalCode.ABOVE_CAP, {"cap_fen": terms.cap_fen}
    if leads and amount < lot.price_fen:
        return RefusalCode.MAXIMUM_TOO_LOW, {"least_fen": lot.price_fen}
    if not leads and _is_too_low(lot, amount):
        return RefusalCode.BID_TOO_LOW, {"minimum_fen": lot.minimum_fen()}
    if is_off_grid(lot, amount) and amount != lot.price_fen:
        return RefusalCode.OFF_GRID, {"minimum_fen": lot.minimum_fen()}
    return _power_refusal(admission, amount)


def _is_too_low(lot: Lot, amount_fen: int) -> bool:
    """Whether a bid of somebody who does not lead is too low."""
    # at the most that a bid may be the floor is not above the price: that alone takes no second bid
    return amount_fen < lot.floor_fen() or lot.price_fen >= FEN_MAX


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


def highest_acceptable_fen(lot: Lot, most_fen: int) -> int:
    """The highest bid that is acceptable now and not above `most_fen`, in fen; 0: none is."""
    terms, highest = lot.terms, highest_jump_fen(lot)
    top = most_fen if highest is None else min(most_fen, highest)
    if is_off_grid(lot, top):
        top -= (top - terms.start_price_fen) % terms.step_at(max(lot.price_fen, terms.start_price_fen))
    return top if lot.price_fen < top >= lot.minimum_fen() else 0


def standing_maximum_fen(lot: Lot, leader: Admission | None) -> int:
    """How far the leader's maximum bids at present, in fen: their limit, where it was lowered since, holds too."""
    if leader is None or leader.limit_fen is None:
        return lot.ceiling_fen
    return min(lot.ceiling_fen, leader.limit_fen)


def defend(lot: Lot, leader: Admission | None, paddle: int, now_ms: int) -> tuple[Event, ...]:
    """The leader's maximum bids as high as it can, because of a bid of that paddle; nothing where it cannot."""
    defence_fen = highest_acceptable_fen(lot, standing_maximum_fen(lot, leader))
    if not defence_fen:
        return ()
    made = _made_bid(lot, paddle, defence_fen, now_ms)
    return (made, *_consequences(apply(lot, made, now_ms), now_ms))


def _contend(lot: Lot, admission: Admission, bid: Bid, now_ms: int, leader: Admission | None) -> Accepted | Refused:
    """Let a bid that is acceptable, of somebody who does not lead, meet the leader's maximum.

    What that can answer by a whole increment it answers. Where it reaches as far as the bid, but not an increment
    above, it bids first, so that the earlier wins, and the bid is decided anew; as it does before a higher maximum.
    """
    paddle, standing_fen = admission.paddle, 0
    if bid.bidder_id != lot.leader_id:
        standing_fen = standing_maximum_fen(lot, leader)
    defence_fen = highest_acceptable_fen(lot, standing_fen)
    if not defence_fen:
        return _accept(lot, paddle, bid, lot.minimum_fen() if bid.is_maximum else bid.amount_fen, now_ms)
    offered_fen = highest_acceptable_fen(lot, bid.amount_fen) if bid.is_maximum else bid.amount_fen
    answer_fen = _minimum_after(lot, offered_fen)
    if offered_fen < answer_fen <= standing_fen:
        return _accept(lot, paddle, bid, offered_fen, now_ms, answer_fen=answer_fen)
    is_passed = bid.is_maximum and standing_fen < _minimum_after(lot, defence_fen) <= bid.amount_fen
    if defence_fen < offered_fen and not is_passed:
        return _accept(lot, paddle, bid, offered_fen, now_ms)
    events, after = defend(lot, leader, paddle, now_ms), lot
    for event in events:
        after = apply(after, event, now_ms)
    decided = _decide_new(after, admission, bid, now_ms, leader)
    return replace(decided, events=events + decided.events)


def _minimum_after(lot: Lot, price_fen: int) -> int:
    """The minimum if that were the price, in fen."""
    return replace(lot, price_fen=price_fen).minimum_fen()


def _made_bid(lot: Lot, paddle: int, price_fen: int, now_ms: int) -> BidPlaced:
    """A bid of the leader's maximum, because of a bid of that paddle."""
    key, ends_at_ms = made_key(lot.seq + 1, paddle), end_after_bid(lot, now_ms)
    return BidPlaced(lot.leader_id, lot.leader_paddle, lot.ceiling_fen, key, price_fen, 1, ends_at_ms)


def _set_maximum(lot: Lot, paddle: int, bid: Bid, now_ms: int) -> Accepted:
    maximum = MaximumSet(bid.bidder_id, paddle, bid.amount_fen, bid.key, lot.price_fen, 1, lot.ends_at_ms)
    after = apply(lot, maximum, now_ms)
    return Accepted(_receipt(after.seq, maximum, after, now_ms), (maximum,))


def _accept_proxy(lot: Lot, paddle: int, bid: Bid, now_ms: int) -> Accepted:
    leading = LeadingBid(lot.price_fen, lot.leader_id, lot.leader_paddle, lot.ceiling_fen)
    price, leads = proxy_price(lot.terms, leading, bid.bidder_id, bid.amount_fen)
    return _accept(lot, paddle, bid, price, now_ms, leads=leads)


def _accept(
    lot: Lot, paddle: int, bid: Bid, price_fen: int, now_ms: int, *, leads: bool = True, answer_fen: int = 0
) -> Accepted:
    """A bid at a price, and the answer of the leader's maximum to it, in fen (0: none)."""
    leads = leads and not answer_fen
    ends_at_ms = end_after_bid(lot, now_ms)
    placed = BidPlaced(bid.bidder_id, paddle, bid.amount_fen, bid.key, price_fen, int(leads), ends_at_ms)
    after = apply(lot, placed, now_ms)
    events: tuple[Event, ...] = (placed,)
    if answer_fen:
        made = _made_bid(after, paddle, answer_fen, now_ms)
        after = apply(after, made, now_ms)
        events += (made,)
    receipt = _receipt(lot.seq + 1, placed, after, now_ms)
    return Accepted(receipt, events + _consequences(after, now_ms))


def _receipt(seq: int, event: BidPlaced | MaximumSet, after: Lot, now_ms: int) -> Receipt:
    """The receipt of an event with that seq; the minimum is that after all that it caused."""
    return Receipt(
        seq=seq,
        amount_fen=event.amount_fen,
        price_fen=event.price_fen,
        minimum_fen=after.minimum_fen(),
        leading=event.leading == 1,
        paddle=event.paddle,
        ends_at_ms=event.ends_at_ms,
        at_ms=now_ms,
    )


def _consequences(after: Lot, now_ms: int) -> tuple[Event, ...]:
    """What the price does to the lot: at the cap it closes, at the review limit it is held."""
    if after.terms.cap_fen is not None and after.price_fen >= after.terms.cap_fen:
        return (closed_event(after, CloseCause.CAP, "", ""),)
    if after.review_above_fen and after.price_fen >= after.review_above_fen:
        return (Held(after.ends_at_ms - now_ms),)
    return ()


def end_after_bid(lot: Lot, now_ms: int) -> int:
    """The end in force after a bid accepted now, UTC ms: extended by the soft close, never past the hard stop."""
    soft = lot.terms.soft_close
    if soft is None or lot.ends_at_ms - now_ms >= soft.window_ms:
        return lot.ends_at_ms
    extended = now_ms + soft.extension_ms
    if lot.hard_stop_at_ms:
        extended = min(extended, lot.hard_stop_at_ms)
    return max(lot.ends_at_ms, extended)
