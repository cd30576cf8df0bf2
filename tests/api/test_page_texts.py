"""The pages' texts against the codes: what can be refused can be read in both languages, with facts that there are."""

import re

import pytest

from api.http.problems import ROWS
from auction.domain.codes import RefusalCode
from auction.domain.contradictions import ContradictionCode
from tests.browser.page_texts import texts_of

LANGUAGES = ("en", "zh-CN")
AMOUNTS = {"minimum_fen", "maximum_fen", "limit_fen", "available_fen", "cap_fen", "price_fen", "amount_fen"}
MOMENTS = {"until_ms", "expires_at_ms", "default_at_ms"}
PLAIN = {
    # what js/shared/problems.js makes of a fact
    "lot_status": "status",
    "state": "state",
    "offer_status": "state",
    "failure": "failure",
    "delivery_centres": "centres",
}
OF_EVERY_BID = {"price_fen", "minimum_fen"}

EVERYWHERE = {"currency"}
"""What `t` fills in by itself."""


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


def shown_for(code: str) -> set[str]:
    """The names that `problemText` fills in for a problem of that code; the amount is the page's own."""
    facts = set(ROWS[code].facts) | (OF_EVERY_BID if code in tuple(RefusalCode) else set())
    return {"amount", "detail"} | (facts & (AMOUNTS | MOMENTS)) | {PLAIN[fact] for fact in facts if fact in PLAIN}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_of_a_problem_has_a_text_that_asks_only_for_its_facts(language):
    texts = texts_of(language)
    assert [code for code in ROWS if f"problem.{code}" not in texts] == []
    wrong = {code: placeholders(texts[f"problem.{code}"]) - shown_for(code) - EVERYWHERE for code in ROWS}
    assert {code: names for code, names in wrong.items() if names} == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_contradiction_of_terms_has_a_text_that_asks_only_for_its_facts(language):
    texts = texts_of(language)
    assert [code for code in ContradictionCode if f"ops.wrong.{code}" not in texts] == []
    wrong = {
        str(code): placeholders(texts[f"ops.wrong.{code}"]) - placeholders(code.template) - EVERYWHERE
        for code in ContradictionCode
    }
    assert {code: names for code, names in wrong.items() if names} == {}
