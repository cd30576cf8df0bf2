"""Files that pages load, as they lie in a folder, and the headers that every document carries."""

import mimetypes
import os
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import PathLike, StaticFiles
from starlette.types import Scope

from api.http.etags import Prepared

DOCUMENT_HEADERS = {
    "Cache-Control": "no-cache",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_TEXT = ("text/", "application/javascript", "application/json", "image/svg+xml")


class Assets(StaticFiles):
    """A folder of scripts and styles; browsers ask each time whether one changed, so that a release is seen at once.

    Texts are kept in memory, packed as well; a file that changes is read again.
    """

    def __init__(self, *, directory: PathLike) -> None:
        super().__init__(directory=directory)
        self._prepared: dict[str, tuple[tuple[int, int], Prepared]] = {}
        """Path -> time of change and size, and what was read then."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """One file, revalidated by its ETag and taken for nothing but what its name says."""
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    def file_response(
        self, full_path: PathLike, stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """A text from memory, anything else from the disk."""
        media_type = mimetypes.guess_type(str(full_path))[0] or "application/octet-stream"
        if not media_type.startswith(_TEXT):
            return super().file_response(full_path, stat_result, scope, status_code)
        version = stat_result.st_mtime_ns, stat_result.st_size
        known = self._prepared.get(str(full_path))
        if known is None or known[0] != version:
            prepared = Prepared(Path(full_path).read_bytes(), media_type)
            known = self._prepared[str(full_path)] = version, prepared
        return known[1].response(Request(scope), {}, status_code)
