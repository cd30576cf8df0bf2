import json
from http import HTTPStatus

import pytest

from api.bids.refusals import refusal_content
from api.http.openapi import BID, SIGNED_IN, problems
from api.http.problems import KINDS, HttpCode, Problem, problem_of
from auction.domain.bidding import Refused
from auction.domain.errors import (
    AuctionError,
    BooksAway,
    LedgerAway,
    OutcomeUnknown,
    OverCapacity,
    ProblemCode,
    RefusalCode,
    TermsInvalid,
    WrongStatus,
)
from auction.ledger.bid_ledger import FACT_NAMES
from auction.services.identity.tokens import TokenCode


def test_every_code_has_a_status_and_a_title_and_every_row_is_a_code():
    codes = {str(code) for codes in (RefusalCode, ProblemCode, TokenCode, HttpCode) for code in codes}

    assert set(map(str, KINDS)) == codes
    assert all(HTTPStatus(status) and title for status, title in KINDS.values())


def test_a_refused_bid_is_a_conflict_and_an_unknown_lot_is_not_found():
    statuses = {code: KINDS[code][0] for code in RefusalCode}

    assert statuses.pop(RefusalCode.LOT_UNKNOWN) == 404
    assert set(statuses.values()) == {409}


@pytest.mark.parametrize("code", RefusalCode)
def test_every_refusal_has_a_sentence_the_facts_of_its_code_and_the_lot_as_it_was(code):
    fact = FACT_NAMES.get(code)
    facts = {fact: "paused" if fact == "status" else 12_345_600} if fact else {}

    content = refusal_content(Refused(code, facts, 7, 100, 200, 300, 400))

    assert content["code"] == code
    assert content["type"] == f"urn:auction:problem:{code}"
    assert content["detail"].endswith(".")
    assert content["status"] == KINDS[code][0]
    if fact:
        # the problem's own status is HTTP's
        assert content["lot_status" if fact == "status" else fact] == facts[fact]
    for name, value in {"at_seq": 7, "price_fen": 100, "ends_at_ms": 300, "now_ms": 400}.items():
        assert content[name] == value
    if fact and fact.endswith("_fen"):
        assert "123,456.00" in content["detail"]


@pytest.mark.parametrize("error", [LedgerAway(), BooksAway(), OutcomeUnknown(), OverCapacity(8192)])
def test_a_server_that_is_away_says_when_to_try_again(error):
    problem = problem_of(error)

    assert problem.status == (429 if isinstance(error, OverCapacity) else 503)
    assert (b"retry-after", b"1") in problem.headers


def test_a_problem_carries_the_facts_of_its_error():
    content = json.loads(problem_of(WrongStatus("pause it", "draft", ("open",))).body())

    assert content["status"] == 409  # the problem's own, not the lot's
    assert content["lot_status"] == "draft"
    assert content["allowed"] == ["open"]
    assert json.loads(problem_of(TermsInvalid(["a", "b"])).body())["problems"] == ["a", "b"]


def test_a_fact_never_takes_the_place_of_a_member():
    content = Problem(HttpCode.NOT_FOUND, "Nothing.", {"code": "mine", "title": "mine"}).content()

    assert content["code"] == "not-found"
    assert content["title"] == "Nothing here"


def test_an_error_without_a_row_is_a_mistake_of_ours():
    with pytest.raises(AssertionError, match="no status for the code made-up"):
        problem_of(AuctionError("made-up", "?"))


def test_the_documented_problems_of_the_bid_are_grouped_by_status():
    documented = problems(*BID)

    assert {401, 403, 404, 409, 413, 415, 422, 429, 500, 503} == set(documented)
    assert all(code in documented[409]["description"] for code in RefusalCode if code != "lot-unknown")
    assert set(problems(*SIGNED_IN)) == {401, 403, 413, 422, 500}
