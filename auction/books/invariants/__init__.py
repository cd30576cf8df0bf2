"""The rules of money that hold at any moment, one a module: checked by tests, by `auction verify` and on demand.

Each module states its `RULE` and finds its `violations` in the database; none of them changes anything.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from auction.books.invariants import (
    authorisations,
    awards_follow_the_ledger,
    bank_cash_is_at_the_bank,
    cash_before_claims,
    cash_is_with_the_provider,
    causes_exist,
    claims_are_collected_once,
    claims_stand,
    covered_awards_are_paid,
    deposits_end_once,
    deposits_held,
    disputes_balance,
    entries_balance,
    events_are_decided,
    offers_are_within_bounds,
    one_live_award,
    purses_are_divided,
    receipts_in_suspense,
    refunds_owed,
    rests_are_waived_once,
    runners_up_are_secured,
    sellers_are_paid,
    sellers_owe,
    shared_out_at_handover,
    sums_are_charged_once,
    suspense_cleared,
    transfers_of_ended_awards_go_back,
)
from auction.books.unit_of_work import Transaction


@dataclass(frozen=True, slots=True)
class Invariant:
    """A rule of money: its name, the rule as a sentence, and the query for its violations."""

    name: str
    rule: str
    violations: Callable[[Transaction], Awaitable[list[str]]]


INVARIANTS = tuple(
    Invariant(module.__name__.rpartition(".")[2].replace("_", "-"), module.RULE, module.violations)
    for module in (
        entries_balance,
        deposits_held,
        authorisations,
        deposits_end_once,
        one_live_award,
        suspense_cleared,
        refunds_owed,
        cash_is_with_the_provider,
        awards_follow_the_ledger,
        causes_exist,
        claims_stand,
        sellers_are_paid,
        offers_are_within_bounds,
        cash_before_claims,
        covered_awards_are_paid,
        shared_out_at_handover,
        runners_up_are_secured,
        sellers_owe,
        claims_are_collected_once,
        bank_cash_is_at_the_bank,
        receipts_in_suspense,
        transfers_of_ended_awards_go_back,
        disputes_balance,
        events_are_decided,
        purses_are_divided,
        sums_are_charged_once,
        rests_are_waived_once,
    )
)
