"""What a refused bid is told: the code's facts, the lot as the decision saw it, and a sentence for people."""

from collections.abc import Callable, Mapping
from typing import Any

from api.http.problems import problem_content
from auction.domain.bidding import Refused
from auction.domain.errors import RefusalCode
from auction.domain.money import yuan

Facts = Mapping[str, Any]

_SENTENCES: Mapping[RefusalCode, Callable[[Facts], str]] = {
    RefusalCode.LOT_UNKNOWN: lambda _: "There is no such lot to bid on.",
    RefusalCode.NOT_REGISTERED: lambda _: "Register for this lot before bidding on it.",
    RefusalCode.KEY_REUSED: lambda _: (
        "This Idempotency-Key stands for an accepted bid of another amount; a new bid needs a new key."
    ),
    RefusalCode.LOT_NOT_OPEN: lambda facts: f"The lot takes no bids now: it is {_status(facts)}.",
    RefusalCode.ABOVE_CAP: lambda facts: f"The lot is capped at {yuan(facts['cap_fen'])}; bid that to end it.",
    RefusalCode.ALREADY_LEADING: lambda _: "You lead already; this bid would not raise what you have offered.",
    RefusalCode.BID_TOO_LOW: lambda facts: f"Bid at least {yuan(facts['minimum_fen'])}.",
    RefusalCode.OFF_GRID: lambda facts: (
        f"Bids go up in whole increments from the start price; the next is {yuan(facts['minimum_fen'])}."
    ),
    RefusalCode.JUMP_TOO_LARGE: lambda facts: f"One bid may go up to {yuan(facts['maximum_fen'])} now.",
    RefusalCode.OVER_LIMIT: lambda facts: f"Your deposit lets you bid up to {yuan(facts['limit_fen'])} on this lot.",
    RefusalCode.OVER_PURSE: lambda facts: (
        f"Your deposit leaves you {yuan(facts['available_fen'])} to bid with in this sale."
    ),
}


def _status(facts: Facts) -> str:
    status = str(facts["status"])
    # the ledger's time has come, though nobody has closed the lot yet
    return "past its end" if status == "open" else status


def refusal_content(refused: Refused) -> dict[str, Any]:
    """The problem object of a refused bid."""
    facts = {
        "at_seq": refused.at_seq,
        "price_fen": refused.price_fen,
        "minimum_fen": refused.minimum_fen,
        "ends_at_ms": refused.ends_at_ms,
        "now_ms": refused.now_ms,
        **refused.facts,
    }
    return problem_content(refused.code, _SENTENCES[refused.code](facts), facts)
