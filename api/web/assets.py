"""Files that pages load, as they lie in a folder, and the headers that every document carries."""

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

DOCUMENT_HEADERS = {
    "Cache-Control": "no-cache",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Assets(StaticFiles):
    """A folder of scripts and styles; browsers ask each time whether one changed, so that a release is seen at once."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """One file, revalidated by its ETag and taken for nothing but what its name says."""
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response
