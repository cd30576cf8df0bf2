"""The problem object of a refused bid: the facts of its code, the lot as the decision saw it, and a sentence."""

from collections.abc import Mapping
from typing import Any

from api.http.problems import problem_content
from auction.domain.bidding import Refused
from auction.domain.currency import Currency


def refusal_content(refused: Refused, currency: Currency) -> dict[str, Any]:
    """The problem object of a refused bid."""
    facts = {
        "at_seq": refused.at_seq,
        "price_fen": refused.price_fen,
        "minimum_fen": refused.minimum_fen,
        "ends_at_ms": refused.ends_at_ms,
        "now_ms": refused.now_ms,
        **refused.facts,
    }
    if refused.is_edge:
        facts["edge"] = True
    return problem_content(refused.code, refused.code.sentence.format_map(_shown(refused.facts, currency)), facts)


def _shown(facts: Mapping[str, Any], currency: Currency) -> dict[str, str]:
    """The facts as the sentence shows them: amounts as people read them."""
    shown = {name: currency.digits(fact) if name.endswith("_fen") else str(fact) for name, fact in facts.items()}
    if shown.get("status") == "open":
        # the end has come by the ledger's clock, and the lot is not closed yet
        shown["status"] = "past its end"
    return shown
