"""Searches for an order of a short history in which the rules give every answer; trusts no `at_seq`.

The search of Wing and Gong, with the states that were tried remembered: at each step any call may be next that began
before every other call left had returned. A call without an answer may take effect anywhere after its beginning, or
never. Up to 100 calls on a lot of direct bidding without a soft close, where time changes no answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any

from auction.domain.bidding import Accepted, Admission, Bid, Receipt, Refused, Repeated, decide
from auction.domain.lot import Lot
from tests.chaos.history import History, Outcome
from tests.lot_events import apply_all

CALLS_MAX = 100


@dataclass(frozen=True, slots=True)
class Call:
    """One call: a bid, or a look where `bid` is None; `seen` is what its answer says, None: no answer."""

    invoked_s: float
    returned_s: float
    bid: Bid | None
    seen: tuple[Any, ...] | None


@dataclass(frozen=True, slots=True)
class Position:
    """The lot at some place of an order, and the receipts given until there."""

    lot: Lot
    receipts: dict[tuple[str, str], Receipt] = field(default_factory=dict)

    def key(self) -> tuple[object, ...]:
        """What tells two positions apart."""
        return self.lot.price_fen, self.lot.leader_id, self.lot.bids, frozenset(self.receipts)


def calls_of(history: History) -> list[Call]:
    """The calls of a history that can have had an effect or an answer."""
    calls = []
    for attempt in history.attempts:
        if attempt.outcome is Outcome.NOT_TAKEN or attempt.is_edge:
            continue
        answer, seen = attempt.answer, None
        if attempt.outcome is Outcome.REFUSED:
            seen = ("refused", answer["code"], answer["price_fen"], answer["minimum_fen"])
        elif attempt.outcome is not Outcome.UNKNOWN:
            seen = (str(attempt.outcome), answer["amount_fen"], answer["price_fen"], answer["minimum_fen"])
        bid = Bid(attempt.bidder_id, attempt.amount_fen, attempt.key)
        calls.append(Call(attempt.invoked_s, attempt.returned_s, bid, seen))
    for look in history.looks:
        seen = ("look", look.answer["price_fen"], look.answer["leader"], look.answer["bids"])
        calls.append(Call(look.invoked_s, look.returned_s, None, seen))
    return calls


def is_linearizable(start: Lot, admissions: dict[str, Admission], calls: Sequence[Call]) -> bool:
    """Whether some order of the calls respects real time and gives every answer, from an open lot on."""
    if len(calls) > CALLS_MAX:
        raise ValueError(f"the search takes up to {CALLS_MAX} calls, not {len(calls)}")
    calls = sorted(calls, key=lambda call: call.invoked_s)
    everything = frozenset(range(len(calls)))
    answered = frozenset(i for i in everything if calls[i].seen is not None)
    tried: set[tuple[frozenset[int], tuple[object, ...]]] = set()
    open_ends = [(everything, Position(start))]
    while open_ends:
        left, at = open_ends.pop()
        if not left & answered:
            return True
        if (left, at.key()) in tried:
            continue
        tried.add((left, at.key()))
        first_return_s = min(calls[i].returned_s if i in answered else inf for i in left)
        for i in left:
            if calls[i].invoked_s <= first_return_s:
                after = _step(at, admissions, calls[i])
                if after is not None:
                    open_ends.append((left - {i}, after))
    return False


def _step(at: Position, admissions: dict[str, Admission], call: Call) -> Position | None:
    """The position after a call, None where the call cannot have had its answer here."""
    lot = at.lot
    if call.bid is None:
        return at if call.seen == ("look", lot.price_fen, lot.leader_paddle or None, lot.bids) else None
    whose = (call.bid.bidder_id, call.bid.key)
    decision = decide(lot, admissions.get(call.bid.bidder_id), at.receipts.get(whose), call.bid, lot.last_at_ms)
    match decision:
        case Refused(code=code):
            answer: tuple[Any, ...] = ("refused", str(code), decision.price_fen, decision.minimum_fen)
            after = at
        case Repeated(receipt=receipt):
            answer = ("repeated", receipt.amount_fen, receipt.price_fen, receipt.minimum_fen)
            after = at
        case Accepted(receipt=receipt, events=events):
            answer = ("accepted", receipt.amount_fen, receipt.price_fen, receipt.minimum_fen)
            after = replace(at, lot=apply_all(lot, events, lot.last_at_ms), receipts={**at.receipts, whose: receipt})
    return after if call.seen in (None, answer) else None
