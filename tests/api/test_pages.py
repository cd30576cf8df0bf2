"""The documents that browsers are served, as a client without a browser sees them."""

import re
from html.parser import HTMLParser
from itertools import product

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from api.app import create_app
from api.http.config import ApiConfig
from api.http.middleware import RequestMiddleware
from api.web.documents import PAGES
from api.web.languages import LANGUAGES, accepted_languages
from tests.api.conftest import SECRET

PAGE_PATHS = [path.replace("{lot_id}", "launch-001") for path in PAGES]
PATHS = [*PAGE_PATHS, "/docs"]
STRICT = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}


class Named(HTMLParser):
    """What a document names: the addresses it loads, and whatever a strict policy would refuse."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.refused: list[str] = []
        self.language: str | None = None
        self._inline = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.language = given.get("lang", self.language)
        if tag in ("script", "link", "img"):
            self.addresses.append(str(given.get("src") or given.get("href")))
        self.refused += [f"{tag} {name}" for name in given if name == "style" or name.startswith("on")]
        self._inline = tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if self._inline and data.strip():
            self.refused.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._inline = False


def policy_of(answer) -> dict[str, str]:
    parts = [part.strip().partition(" ") for part in answer.headers["content-security-policy"].split(";")]
    return {name: value for name, _, value in parts}


async def test_a_document_names_only_files_of_this_server_and_all_are_there(client):
    for path in PATHS:
        answer = await client.get(path, headers={"Accept-Language": "en"})
        assert answer.status_code == 200, path
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        named = Named(answer.text)
        assert (path, named.language, named.refused) == (path, "en", [])
        assert len(named.addresses) >= 4
        for address in named.addresses:
            found = await client.get(address)
            assert found.status_code == 200, (path, address)
            assert found.headers["x-content-type-options"] == "nosniff"


async def test_an_unknown_address_is_a_page_for_who_reads_and_a_problem_for_programs(client):
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    for language in LANGUAGES:
        for path in ("/nowhere", "/lots/a/b/c", "/ops/nothing/", "/sign-in/x"):
            answer = await client.get(path, headers={**browser, "Accept-Language": language})
            assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8"), path
            named = Named(answer.text)
            assert (named.language, named.refused) == (language, [])
            for address in named.addresses:
                assert (await client.get(address)).status_code == 200, address
            assert policy_of(answer) == {**policy_of(answer), **STRICT}
    for method, path, headers in (
        ("GET", "/nowhere", {"Accept": "application/json"}),
        ("GET", "/nowhere", {"Accept": "*/*"}),
        ("GET", "/api/v1/nowhere", browser),
        ("POST", "/nowhere", browser),
    ):
        answer = await client.request(method, path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found"), (method, path)
    wrong_method = await client.get("/api/v1/auth/session/nothing", headers=browser)
    assert wrong_method.json()["code"] == "not-found"
    assert (await client.get("/static/nowhere", headers=browser)).status_code == 404


async def test_a_document_may_load_nothing_but_what_this_server_has(client):
    for path in PATHS:
        answer = await client.get(path)
        policy = policy_of(answer)
        assert (path, policy) == (path, {**policy, **STRICT})
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert policy["connect-src"].split()[0] == "'self'"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "no-cache"


async def test_html_that_brings_no_policy_gets_the_strictest():
    async def bare(_: Request) -> HTMLResponse:
        return HTMLResponse("<p>bare")

    app = RequestMiddleware(Starlette(routes=[Route("/bare", bare)]))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="https://house") as client:
        answer = await client.get("/bare")
    assert policy_of(answer) == {**policy_of(answer), "default-src": "'none'", "frame-ancestors": "'none'"}
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


async def test_every_answer_is_taken_for_what_it_says_and_only_tls_is_told_to_stay(client):
    for path in ("/", "/docs", "/api/v1/sales", "/nowhere", "/static/nowhere", "/healthz"):
        answer = await client.get(path)
        assert answer.headers["x-content-type-options"] == "nosniff", path
        assert "strict-transport-security" not in answer.headers


async def test_the_documentation_is_off_by_setting(context):
    app = create_app(context, ApiConfig(secret=SECRET, docs=False))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://house") as client:
        found = [(await client.get(path)).status_code for path in ("/docs", "/docs/files/swagger-ui.css", "/")]
    assert found == [404, 404, 200]


async def test_a_document_names_its_language_and_the_texts_of_that_one_alone(client):
    for path, language in product(PAGE_PATHS, LANGUAGES):
        answer = await client.get(path, headers={"Cookie": f"auction_language={language}", "Accept-Language": "fr, en"})
        named = Named(answer.text)
        assert (named.language, answer.headers["content-language"]) == (language, language)
        texts = re.findall(r"/static/i18n/([\w/-]+)\.js", answer.text)
        assert {text.partition("/")[0] for text in texts} == {language}
        subjects = re.findall(r'data-subjects="([^"]*)"', answer.text)[0].split()
        index = (await client.get(f"/static/i18n/{language}.js")).text
        everything = [language, *re.findall(r'from "\./([\w/-]+)\.js"', index)]
        assert sorted(texts) == sorted([f"{language}/{subject}" for subject in subjects] or everything)
        assert set(texts) <= set(everything)
        assert {part.strip() for part in answer.headers["vary"].split(",")} == {
            "Accept-Encoding",
            "Accept-Language",
            "Cookie",
        }


def test_the_most_wanted_language_comes_first():
    orders = {
        "": [],
        "en": ["en"],
        "zh-CN,zh;q=0.9,en;q=0.8": ["zh-cn", "zh", "en"],
        "en;q=0.2, zh-TW;q=0.7": ["zh-tw", "en"],
        "en;q=0, zh": ["zh"],
        "en;q=much, zh;q=0.1": ["zh"],
        "de, fr;q=1, *;q=0.5": ["de", "fr", "*"],
    }
    assert {header: accepted_languages(header) for header in orders} == orders


async def test_files_and_documents_are_packed_for_who_can_unpack_them_and_known_by_a_tag_of_their_own(client):
    for path in ("/static/js/lot/page.js", "/static/css/lot/page.css", "/", "/openapi.json"):
        plain = await client.get(path, headers={"Accept-Encoding": "identity"})
        packed = await client.get(path, headers={"Accept-Encoding": "br, gzip;q=0.5"})
        refused = await client.get(path, headers={"Accept-Encoding": "gzip;q=0, *"})
        assert "content-encoding" not in plain.headers, path
        assert "content-encoding" not in refused.headers, path
        assert packed.headers["content-encoding"] == "gzip", path
        assert plain.content == packed.content == refused.content, path
        assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 2, path
        assert "Accept-Encoding" in packed.headers["vary"], path
        assert plain.headers["vary"] == packed.headers["vary"], path
        tags = {answer.headers["etag"] for answer in (plain, packed)}
        assert len(tags) == 2, path
        for tag, encoding in ((packed.headers["etag"], "gzip"), (plain.headers["etag"], "identity")):
            again = await client.get(path, headers={"Accept-Encoding": encoding, "If-None-Match": tag})
            assert (again.status_code, again.content) == (304, b""), path
