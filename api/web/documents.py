"""The pages: a document for each in the visitor's language, their scripts and styles, and the headers that guard them.

A document is `web/shell.html` filled with the page's own `web/pages/<name>.html`, put together once at start. There is
no build step, no outside address and no inline script: the content security policy says so to the browser.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.types import Scope

from api.http.config import ApiConfig
from api.http.etags import Prepared
from api.web.assets import DOCUMENT_HEADERS, Assets
from api.web.languages import LANGUAGES, language_of
from api.web.previews import LotPreviews
from auction.domain.currency import CNY, Currency
from auction.payments.registry import PROVIDERS

_WEB = Path(__file__).parent


@dataclass(frozen=True)
class Page:
    """A page by name: its content is `web/pages/<name>.html`, its script `static/js/<name>/page.js`."""

    name: str
    styles: tuple[str, ...]
    """Style sheets after the shared ones, `static/css/<name>.css`, in the order in which they apply."""
    skip_to: str = "#main"
    """Where the link leads by which a keyboard skips the header."""
    skip_text: str = "skip"
    """The name of that link's text."""
    texts: tuple[str, ...] = ()
    """The subjects of its texts, `static/i18n/<language>/<subject>.js`; none: all of them."""


_SHARED = ("shared/base", "shared/page_header", "shared/controls", "shared/notices", "shared/overview")
_LOT = ("lot/page", "lot/bidding", "lot/bids")
_LOT_TEXTS = ("navigation", "lots", "problems", "bidder", "settlements", "record")
"""What a bidder's phone loads on a launch night has nothing of the staff's forms in it."""
_STAFF = ("ops/page", "ops/many_lots", "ops/lot_panel", "ops/activity", "ops/event_log", "ops/forms", "ops/narrow")
_SIGN_IN = Page("sign_in", ("sign_in/page",), skip_to="#content")
PAGES = {
    "/": Page("sales", ("sales/page",), skip_to="#content"),
    "/lots/{lot_id}": Page("lot", _LOT, skip_to="#bidding", skip_text="lot.skip-to-bidding", texts=_LOT_TEXTS),
    "/lots/{lot_id}/record": Page("record", ("record/page",), skip_to="#content"),
    "/prices": Page("prices", ("prices/page",), skip_to="#content"),
    "/sign-in": _SIGN_IN,
    "/sign-up": _SIGN_IN,
    "/me": Page("me", ("me/page", "me/transfer"), skip_to="#mine"),
    "/ops": Page("ops", _STAFF),
    "/ops/audit": Page("audit", ("ops/page", "audit/page")),
    "/ops/report": Page("report", ("report/page", "ops/activity")),
    "/ops/settlements": Page("settlements", (*_STAFF, "settlements/page", "settlements/detail", "settlements/bank")),
}

_PAYMENT_PAGES = ("me", "lot")
"""The pages on which the payment provider's own forms may be opened."""
_NOT_FOUND = Page("not_found", ("not_found/page",), skip_to="#content")


class _UnknownPage(Route):
    """Whatever a browser asks to read and no other route has; programs are answered with a problem instead."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"} or scope["path"].startswith("/api/"):
            return Match.NONE, {}
        accepted = next((value for name, value in scope["headers"] if name == b"accept"), b"")
        return super().matches(scope) if b"text/html" in accepted else (Match.NONE, {})


def unknown_page() -> BaseRoute:
    """The designed answer to an address at which there is nothing; it goes after all other routes."""
    return _UnknownPage("/{path:path}", _endpoint(_NOT_FOUND, status=404), methods=["GET"])


def routes(currency: Currency = CNY) -> list[BaseRoute]:
    """The pages and what they load. Raises OSError or ValueError where a page's files are missing or incomplete."""
    documents: list[BaseRoute] = [
        Route(path, _endpoint(page, currency), methods=["GET"]) for path, page in PAGES.items()
    ]
    return [*documents, Mount("/static", Assets(directory=_WEB / "static"))]


def document(page: Page, language: str, currency: Currency = CNY) -> str:
    """The document of a page in one language. Raises ValueError where a place in the shell is not filled."""
    sheets = (*_SHARED, *page.styles)
    parts = {
        "language": language,
        "currency": currency.code,
        "exponent": str(currency.exponent),
        "page": page.name,
        "styles": "\n    ".join(f'<link rel="stylesheet" href="/static/css/{name}.css">' for name in sheets),
        "texts": "\n    ".join(
            f'<link rel="modulepreload" href="/static/i18n/{name}.js">' for name in _texts(language, page.texts)
        ),
        "subjects": " ".join(page.texts),
        "skip_to": page.skip_to,
        "skip_text": page.skip_text,
        "main": (_WEB / "pages" / f"{page.name}.html").read_text(encoding="utf-8").strip(),
    }
    text = (_WEB / "shell.html").read_text(encoding="utf-8")
    for name, part in parts.items():
        text = text.replace(f"{{{{{name}}}}}", part)
    if "{{" in text:
        raise ValueError(f"page {page.name}: {text[text.index('{{') :].splitlines()[0]} is not filled")
    return text


def _texts(language: str, subjects: tuple[str, ...]) -> list[str]:
    """The modules with a language's texts: those of the subjects, or the one that gathers all, and all."""
    if subjects:
        return [f"{language}/{subject}" for subject in subjects]
    return [language, *sorted(f"{language}/{path.stem}" for path in (_WEB / "static" / "i18n" / language).glob("*.js"))]


def _endpoint(page: Page, currency: Currency = CNY, *, status: int = 200) -> Callable[[Request], Awaitable[Response]]:
    documents = {
        language: Prepared(document(page, language, currency).encode(), "text/html; charset=utf-8")
        for language in LANGUAGES
    }

    previews = LotPreviews() if page.name == "lot" else None

    async def show(request: Request) -> Response:
        config: ApiConfig = request.app.state.config
        language = language_of(request)
        prepared = documents[language]
        if previews is not None:
            prepared = await previews.document(request, language, prepared)
        live_url = config.live_url_for(request.headers.get("host"), secure=request.url.scheme == "https")
        headers = {
            **DOCUMENT_HEADERS,
            "Content-Language": language,
            "Content-Security-Policy": content_policy(live_url, _form_sources(page, request)),
            "Vary": "Accept-Language, Cookie",
        }
        return prepared.response(request, headers, status)

    return show


def _form_sources(page: Page, request: Request) -> Mapping[str, str]:
    """What the payment provider's own forms load, where cards are saved and payments confirmed; by directive."""
    provider = PROVIDERS.get(request.app.state.context.gateway.provider)
    return {} if provider is None or page.name not in _PAYMENT_PAGES else provider.page_sources


def content_policy(live_url: str | None, form: Mapping[str, str] | None = None) -> str:
    """What a page may load and connect to: this server, its live channel, and a provider's form where there is one."""
    form = form or {}
    connect = "'self'"
    if live_url is not None:
        live = urlsplit(live_url)
        connect += f" {live.scheme}://{live.netloc}"
    script = "'self'"
    if form:
        connect += f" {form['connect-src']}"
        script += f" {form['script-src']}"
    frames = f"frame-src {form['frame-src']}; " if form else ""
    return (
        f"default-src 'none'; script-src {script}; style-src 'self'; img-src 'self' data:; connect-src {connect}; "
        f"{frames}manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
