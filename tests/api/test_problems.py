import json
import re
from http import HTTPStatus
from pathlib import Path

import pytest

from api.bids.refusals import refusal_content
from api.http.openapi import BID, SIGNED_IN, problems
from api.http.problems import ROWS, STATUS_OF_KIND, HttpCode, Problem, problem_of
from auction.domain.bidding import Refused
from auction.domain.codes import Kind, ProblemCode, RefusalCode
from auction.domain.contradictions import Contradiction, ContradictionCode
from auction.domain.currency import CNY
from auction.domain.errors import (
    AuctionError,
    BooksAway,
    LedgerAway,
    OutcomeUnknown,
    OverCapacity,
    TermsInvalid,
    WrongStatus,
)
from auction.services.identity.tokens import TokenCode


def test_every_code_has_a_row_with_a_status_a_title_and_facts_that_leave_the_members_alone():
    codes = {str(code) for codes in (RefusalCode, ProblemCode, TokenCode, HttpCode) for code in codes}

    assert set(ROWS) == codes
    assert set(STATUS_OF_KIND) == set(Kind)
    assert all(HTTPStatus(row.status) >= HTTPStatus.BAD_REQUEST for row in ROWS.values())
    assert all(row.title and "status" not in row.facts for row in ROWS.values())


PAGE = Path(__file__).parents[2] / "docs" / "reference" / "refusals.md"
PARTS = {"Refused bids": [*RefusalCode], "Problems": [*ProblemCode], "Requests": [*HttpCode, *TokenCode]}


def test_the_page_of_refusals_has_a_paragraph_for_every_code_with_its_status_and_facts():
    page = PAGE.read_text(encoding="utf-8")
    for part, codes in PARTS.items():
        text = page.split(f"\n## {part}\n", maxsplit=1)[1].split("\n## ", maxsplit=1)[0]
        # a bid's codes in the order of the checks, every code once
        paragraphs = re.findall(
            r"^### `([a-z-]+)`\n\n(Status .+?)\n\n(\S.+?)(?=\n\n|\n\Z)", text, re.MULTILINE | re.DOTALL
        )
        assert [code for code, _, _ in paragraphs] == [str(code) for code in codes]
        for code, (_, line, _) in zip(codes, paragraphs, strict=True):
            names = re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)", "", line.partition("acts")[2]))
            facts = tuple("lot_status" if name == "status" else name for name in code.facts)
            assert (line.split()[1].rstrip("."), tuple(names)) == (str(ROWS[code].status), facts), code


def test_a_code_with_two_meanings_of_its_own_has_one_status_and_title():
    assert set(map(str, RefusalCode)) & set(map(str, ProblemCode)) == {"lot-unknown"}
    refusal, problem = RefusalCode.LOT_UNKNOWN, ProblemCode.LOT_UNKNOWN
    assert (refusal.kind, refusal.heading) == (problem.kind, problem.heading)


def test_a_refused_bid_is_a_conflict_but_an_unknown_lot_is_not_found_and_a_frozen_one_unavailable():
    statuses = {code: ROWS[code].status for code in RefusalCode}

    assert statuses.pop(RefusalCode.LOT_UNKNOWN) == 404
    assert statuses.pop(RefusalCode.LOT_FROZEN) == 503
    assert set(statuses.values()) == {409}


@pytest.mark.parametrize("code", RefusalCode)
def test_every_refusal_has_a_sentence_the_facts_of_its_code_and_the_lot_as_it_was(code):
    fact = code.facts[0] if code.facts else ""
    facts = {fact: "paused" if fact == "status" else 12_345_600} if fact else {}

    content = refusal_content(Refused(code, facts, 7, 100, 200, 300, 400), CNY)

    assert content["code"] == code
    assert content["type"] == f"urn:auction:problem:{code}"
    assert content["detail"].endswith(".")
    assert content["status"] == ROWS[code].status
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


def test_invalid_terms_are_listed_as_sentences_and_as_data():
    low = Contradiction("cap_fen", ContradictionCode.CAP_UNDER_START, {"cap_fen": 50, "start_fen": 100})
    content = json.loads(
        problem_of(TermsInvalid([low, Contradiction("bidding", ContradictionCode.MISSING, {})])).body()
    )

    assert (content["code"], content["status"]) == ("terms-invalid", 422)
    assert content["problems"] == [low.sentence(), "bidding is missing"]
    assert content["detail"] == "; ".join(content["problems"])
    assert content["contradictions"][0] == {
        "field": "cap_fen",
        "code": "cap-under-start",
        "detail": low.sentence(),
        "facts": {"cap_fen": 50, "start_fen": 100},
    }


def test_a_fact_never_takes_the_place_of_a_member():
    content = Problem(HttpCode.NOT_FOUND, "Nothing.", {"code": "mine", "title": "mine"}).content()

    assert content["code"] == "not-found"
    assert content["title"] == "Nothing here"


def test_an_error_without_a_row_is_a_mistake_of_ours():
    with pytest.raises(AssertionError, match="no row for the code made-up"):
        problem_of(AuctionError("made-up", "?"))


def test_the_documented_problems_of_the_bid_are_grouped_by_status():
    documented = problems(*BID)

    assert {401, 403, 404, 409, 413, 415, 422, 429, 500, 503} == set(documented)
    in_conflict = set(RefusalCode) - {RefusalCode.LOT_UNKNOWN, RefusalCode.LOT_FROZEN}
    assert all(code in documented[409]["description"] for code in in_conflict)
    assert all(code in documented[503]["description"] for code in ("lot-frozen", "ledger-changed"))
    assert set(problems(*SIGNED_IN)) == {401, 403, 413, 422, 500}
