"""The pages: a document for each in the visitor's language, their scripts and styles, and the headers that guard them.

A document is `web/shell.html` filled with the page's own `web/pages/<name>.html`, put together once at start. There is
no build step, no outside address and no inline script: the content security policy says so to the browser.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from api.http.config import ApiConfig

LANGUAGES = ("zh-CN", "en")
LANGUAGE_COOKIE = "auction_language"
_WEB = Path(str(files("api") / "web"))


@dataclass(frozen=True)
class Page:
    """A page by name: its content is `web/pages/<name>.html`, its script `static/js/<name>/page.js`."""

    name: str
    styles: tuple[str, ...]
    """Style sheets after the shared one, by name, in the order in which they apply."""
    skip_to: str = "#main"
    """Where the link leads by which a keyboard skips the header."""
    skip_text: str = "skip"
    """The name of that link's text."""


_SIGN_IN = Page("sign_in", ("sign_in",), skip_to="#content")
PAGES = {
    "/": Page("sales", ("sales",), skip_to="#content"),
    "/lots/{lot_id}": Page("lot", ("lot",), skip_to="#bidding", skip_text="lot.skip-to-bidding"),
    "/sign-in": _SIGN_IN,
    "/sign-up": _SIGN_IN,
    "/me": Page("me", ("me",), skip_to="#mine"),
    "/ops": Page("ops", ("ops",)),
    "/ops/settlements": Page("settlements", ("ops", "settlements")),
}


def routes() -> list[BaseRoute]:
    """The pages and what they load. Raises OSError or ValueError where a page's files are missing or incomplete."""
    documents: list[BaseRoute] = [Route(path, _endpoint(page), methods=["GET"]) for path, page in PAGES.items()]
    return [*documents, Mount("/static", Assets(directory=_WEB / "static"))]


class Assets(StaticFiles):
    """Scripts and styles; browsers ask each time whether they changed (ETag), so that a release is seen at once."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """One file, with the headers that keep it what it is."""
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


def document(page: Page, language: str) -> str:
    """The document of a page in one language. Raises ValueError where a place in the shell is not filled."""
    sheets = ("base", *page.styles)
    parts = {
        "language": language,
        "page": page.name,
        "styles": "\n    ".join(f'<link rel="stylesheet" href="/static/css/{name}.css">' for name in sheets),
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


def _endpoint(page: Page) -> Callable[[Request], Awaitable[Response]]:
    documents = {language: document(page, language) for language in LANGUAGES}

    async def show(request: Request) -> Response:
        config: ApiConfig = request.app.state.config
        language = language_of(request)
        live_url = config.live_url_for(request.headers.get("host"), secure=request.url.scheme == "https")
        return HTMLResponse(
            documents[language],
            headers={
                "Content-Language": language,
                "Content-Security-Policy": policy(live_url),
                "Cache-Control": "no-cache",
                "Vary": "Accept-Language, Cookie",
                "Referrer-Policy": "same-origin",
                "X-Content-Type-Options": "nosniff",
                "Cross-Origin-Opener-Policy": "same-origin",
            },
        )

    return show


def policy(live_url: str | None) -> str:
    """What a page may load and connect to: this server and its live channel, nothing else."""
    talk = "'self'"
    if live_url is not None:
        live = urlsplit(live_url)
        talk += f" {live.scheme}://{live.netloc}"
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src {talk}; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )


def language_of(request: Request) -> str:
    """The visitor's choice, else the best of what their browser asks for, else Chinese."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    if chosen in LANGUAGES:
        return chosen
    for tag in accepted_languages(request.headers.get("accept-language", "")):
        if tag.startswith("zh"):
            return "zh-CN"
        if tag.startswith("en"):
            return "en"
    return "zh-CN"


def accepted_languages(header: str) -> list[str]:
    """The tags of an Accept-Language header, lower-case, the most wanted first; what is malformed counts as wanted."""
    found = []
    for place, part in enumerate(header.split(",")[:20]):
        tag, _, parameter = part.strip().partition(";")
        weight = 1.0
        name, _, value = parameter.strip().partition("=")
        if name == "q":
            try:
                weight = float(value)
            except ValueError:
                weight = 0.0
        if tag and weight > 0:
            found.append((-weight, place, tag.strip().lower()))
    return [tag for _, _, tag in sorted(found)]
