"""Answers from bytes that were made before, with an ETag: who has them already gets 304 and no body."""

import hashlib
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response


class Prepared:
    """A body of one media type, and its ETag."""

    __slots__ = ("body", "etag", "media_type")

    def __init__(self, body: bytes, media_type: str) -> None:
        self.body = body
        self.media_type = media_type
        self.etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'

    def response(self, request: Request, headers: Mapping[str, str], status: int = 200) -> Response:
        """The answer to a request: 304 where it names this ETag among those that it has."""
        headers = {**headers, "ETag": self.etag}
        if status == 200 and self._is_known(request.headers.get("if-none-match", "")):
            return Response(status_code=304, headers=headers)
        return Response(self.body, status, headers, self.media_type)

    def _is_known(self, known: str) -> bool:
        tags = (tag.strip().removeprefix("W/") for tag in known.split(","))
        return known.strip() == "*" or self.etag in tags
