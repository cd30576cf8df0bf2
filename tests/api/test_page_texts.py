"""The pages' texts against the codes: what can be refused can be read in both languages, with facts that there are."""

import re
from pathlib import Path

import pytest

from api.http.problems import ROWS
from api.web.documents import PAGES
from auction.domain.codes import RefusalCode
from auction.domain.contradictions import ContradictionCode
from tests.browser.page_texts import texts_of

LANGUAGES = ("en", "zh-CN")
WEB = Path(__file__).parents[2] / "api" / "web"
SUBJECTS = sorted((WEB / "static" / "i18n" / "en").glob("*.js"))
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


@pytest.mark.parametrize("page", [page for page in PAGES.values() if page.texts], ids=lambda page: page.name)
def test_a_page_that_loads_some_subjects_names_texts_of_no_other(page):
    subjects = {
        path.stem: set(re.findall(r'^ +"?([\w.-]+)"?:', path.read_text("utf-8"), re.MULTILINE)) for path in SUBJECTS
    }
    elsewhere = set().union(*(names for subject, names in subjects.items() if subject not in page.texts))
    loaded = set().union(*(subjects[subject] for subject in page.texts))
    sources = [WEB / "shell.html", WEB / "pages" / f"{page.name}.html", *scripts_of(page.name)]
    named = set().union(*(re.findall(r'"([a-z]+\.[\w.-]+)"', path.read_text("utf-8")) for path in sources))
    assert len(named & loaded) > 20
    assert named & (elsewhere - loaded) == set()


def scripts_of(page: str) -> set[Path]:
    """The modules that a page's script imports, and theirs."""
    found, waiting = set(), [(WEB / "static" / "js" / page / "page.js").resolve()]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            names = re.findall(r'from "(\.[^"]+)"', path.read_text("utf-8"))
            waiting += [(path.parent / name).resolve() for name in names]
    return found
