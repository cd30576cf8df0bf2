import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from auction.domain import errors
from auction.domain.codes import ProblemCode
from auction.domain.contradictions import Contradiction, ContradictionCode
from auction.domain.errors import (
    AuctionError,
    BooksAway,
    LedgerAway,
    NotFound,
    OutcomeUnknown,
    OverCapacity,
    PaymentsAway,
    RequestRefused,
    TermsInvalid,
    TooManyBids,
    TooManySignIns,
    Unavailable,
    WrongState,
    WrongStatus,
)

ROOT = Path(__file__).parents[2]


def raised_facts() -> Iterator[tuple[str, ProblemCode, set[str]]]:
    """Where the sources give a problem's code and its facts in one call: the place, the code, the names."""
    for path in sorted([*ROOT.glob("auction/**/*.py"), *ROOT.glob("api/**/*.py")]):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(call, ast.Call):
                continue
            codes = [
                arg for arg in call.args if isinstance(arg, ast.Attribute) and ast.unparse(arg.value) == "ProblemCode"
            ]
            for facts in call.args:
                if codes and isinstance(facts, ast.Dict):
                    names = {str(ast.literal_eval(name)) for name in facts.keys if name is not None}
                    yield f"{path.relative_to(ROOT)}:{call.lineno}", ProblemCode[codes[0].attr], names


def test_a_problem_is_raised_with_the_facts_of_its_row_alone():
    found = list(raised_facts())
    assert len(found) > 10
    assert [place for place, code, names in found if not names <= set(code.facts)] == []


def test_the_tree_of_errors_in_the_docstring_is_the_tree_in_the_code():
    drawn = set(re.findall(r"[├└]── (\w+)", errors.__doc__ or "")) | {"AuctionError"}
    real = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, AuctionError) and value.__module__ == errors.__name__
    }
    assert drawn == real


@pytest.mark.parametrize(
    "error, code",
    [
        (TermsInvalid([Contradiction("bidding", ContradictionCode.MISSING, {})]), "terms-invalid"),
        (WrongStatus("pause", "closed", ("open",)), "wrong-status"),
        (WrongState("relist it", "paid", ["defaulted"]), "wrong-state"),
        (LedgerAway(), "ledger-away"),
        (BooksAway(), "books-away"),
        (PaymentsAway(), "payments-away"),
        (OutcomeUnknown(), "outcome-unknown"),
        (OverCapacity(4_096), "over-capacity"),
        (TooManySignIns("too many at once", 1), "too-many-sign-ins"),
        (TooManyBids("four of yours wait", 1), "too-many-bids"),
        (NotFound(ProblemCode.SALE_UNKNOWN, "There is no sale s1."), "sale-unknown"),
        (RequestRefused(ProblemCode.SALE_EXISTS, "There is a sale s1 already."), "sale-exists"),
    ],
)
def test_an_error_carries_its_code_as_plain_text_and_a_sentence(error, code):
    assert type(error.code) is str
    assert error.code == code
    assert str(error) == error.detail != ""


def test_a_wrong_status_names_the_status_and_those_that_would_do():
    error = WrongStatus("resume", "open", ("paused", "held"))
    assert error.detail == "The lot is open; to resume it must be paused or held."
    assert error.facts == {"status": "open", "allowed": ["paused", "held"]}


def test_a_wrong_status_of_an_archived_lot_says_when_it_ended():
    error = WrongStatus("pause it", "closed", ("open",), ended_at_ms=99)
    assert error.facts == {"status": "closed", "allowed": ["open"], "ended_at_ms": 99}
    assert "archived" in error.detail


def test_a_wrong_state_names_the_state_and_those_that_would_do():
    error = WrongState("void it", "settled", ["awarded", "paid"])
    assert error.detail == "The lot's settlement is settled; to void it, it must be awarded or paid."
    assert error.facts == {"state": "settled", "allowed": ["awarded", "paid"]}


def test_invalid_terms_carry_every_problem():
    wrong = [Contradiction(field, ContradictionCode.MISSING, {}) for field in ("bidding", "increments")]
    error = TermsInvalid(wrong, "lot 7")
    assert error.contradictions == tuple(wrong)
    assert error.facts["problems"] == ["lot 7: bidding is missing", "lot 7: increments is missing"]
    assert error.detail == "; ".join(error.facts["problems"])
    data = {"field": "bidding", "code": "missing", "detail": "bidding is missing", "facts": {}}
    assert error.facts["contradictions"][0] == data


@pytest.mark.parametrize("error", [LedgerAway(), BooksAway(), OutcomeUnknown(), OverCapacity(1)])
def test_whoever_is_away_says_when_to_try_again(error):
    assert isinstance(error, Unavailable)
    assert error.facts == {"retry_after_s": 1}


def test_a_payment_provider_that_is_away_is_given_longer_and_what_was_asked_is_not_lost():
    error = PaymentsAway()
    assert isinstance(error, Unavailable)
    assert error.facts == {"retry_after_s": 5}
    assert "kept and sent again" in error.detail
    assert PaymentsAway("asked of another provider").detail == "asked of another provider"


def test_an_unknown_outcome_asks_for_the_same_key_and_never_says_that_nothing_happened():
    assert "same Idempotency-Key" in OutcomeUnknown().detail
    assert "nothing" not in OutcomeUnknown().detail
    assert "nothing was changed" in LedgerAway().detail
    assert "nothing was changed" in BooksAway().detail


def test_an_overfull_process_says_how_many_bids_wait():
    assert OverCapacity(4_096).detail.startswith("4,096 bids wait")


def test_the_facts_of_an_error_are_its_own():
    facts = {"sale_id": "s1"}
    error = AuctionError("sale-unknown", "There is no sale s1.", facts)
    facts["sale_id"] = "s2"
    assert error.facts == {"sale_id": "s1"}
    assert AuctionError("x", "y").facts == {}
