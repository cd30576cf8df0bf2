"""The pages: whole documents in the visitor's language, their scripts and styles, and the headers that fence them in.

No build step, no outside address, no inline script: the content security policy says so to the browser.
"""

from collections.abc import Awaitable, Callable
from functools import cache
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from api.config import ApiConfig

LANGUAGES = ("zh-CN", "en")
LANGUAGE_COOKIE = "auction_language"
PAGES = {
    "/": "sales",
    "/lots/{lot_id}": "lot",
    "/sign-in": "sign_in",
    "/sign-up": "sign_in",
    "/me": "me",
    "/ops": "ops",
    "/ops/settlements": "settlements",
}
_WEB = Path(str(files("api") / "web"))


def routes() -> list[BaseRoute]:
    """The pages and what they load."""
    documents: list[BaseRoute] = [Route(path, _document(name), methods=["GET"]) for path, name in PAGES.items()]
    return [*documents, Mount("/static", Assets(directory=_WEB / "static"))]


class Assets(StaticFiles):
    """Scripts and styles; browsers ask each time whether they changed (ETag), so that a release is seen at once."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """One file, with the headers that keep it what it is."""
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


def _document(name: str) -> Callable[[Request], Awaitable[Response]]:
    async def show(request: Request) -> Response:
        config: ApiConfig = request.app.state.config
        language = language_of(request)
        return HTMLResponse(
            _text(name).replace("{{language}}", language),
            headers={
                "Content-Language": language,
                "Content-Security-Policy": policy(
                    config.live_url_for(request.headers.get("host"), secure=request.url.scheme == "https")
                ),
                "Cache-Control": "no-cache",
                "Vary": "Accept-Language, Cookie",
                "Referrer-Policy": "same-origin",
                "X-Content-Type-Options": "nosniff",
                "Cross-Origin-Opener-Policy": "same-origin",
            },
        )

    return show


@cache
def _text(name: str) -> str:
    return (_WEB / "pages" / f"{name}.html").read_text(encoding="utf-8")


def policy(live_url: str | None) -> str:
    """What a page may load and whom it may talk to: this house and its live channel, nobody else."""
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
