"""The page that documents the API, `/docs`: Swagger UI from its package, served from here, nothing from elsewhere."""

from importlib.resources import files
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from api.web.assets import DOCUMENT_HEADERS, Assets

_PACKAGE = Path(str(files("fastapi_offline") / "static"))
"""Only the files of this package are used: Swagger UI's script and style sheet."""

_HEADERS = {
    **DOCUMENT_HEADERS,
    # Swagger UI draws its icons from data addresses; it asks this server alone, here and under "Try it out"
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
}


def routes() -> list[BaseRoute]:
    """`/docs` and what it loads. Raises OSError where the page's file is missing."""
    document = (Path(__file__).parent / "docs.html").read_text(encoding="utf-8")

    async def show(_: Request) -> Response:
        return HTMLResponse(document, headers=_HEADERS)

    return [Route("/docs", show, methods=["GET"]), Mount("/docs/files", Assets(directory=_PACKAGE))]
