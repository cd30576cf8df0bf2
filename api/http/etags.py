"""Answers from bytes that were made before, with an ETag, packed for who can unpack: who has them already gets 304."""

import gzip
import hashlib
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

_PACKED_MIN_BYTES = 512
"""What is smaller fits in a packet as it is."""


class Prepared:
    """A body of one media type as it is and by gzip, and the ETag of each."""

    __slots__ = ("_packed", "body", "etag", "media_type")

    def __init__(self, body: bytes, media_type: str) -> None:
        self.body = body
        self.media_type = media_type
        self.etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        self._packed = gzip.compress(body, mtime=0) if len(body) >= _PACKED_MIN_BYTES else None

    def response(self, request: Request, headers: Mapping[str, str], status: int = 200) -> Response:
        """The answer to a request: 304 where it names this ETag among those that it has."""
        body, etag = self.body, self.etag
        headers = dict(headers)
        if self._packed is not None:
            headers["Vary"] = ", ".join(filter(None, (headers.get("Vary"), "Accept-Encoding")))
            if _takes_gzip(request.headers.get("accept-encoding", "")):
                body, etag = self._packed, f'{self.etag[:-1]}-gzip"'
                headers["Content-Encoding"] = "gzip"
        headers["ETag"] = etag
        if status == 200 and _is_known(etag, request.headers.get("if-none-match", "")):
            return Response(status_code=304, headers=headers)
        return Response(body, status, headers, self.media_type)


def _takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding header names gzip, or anything, and does not refuse it by a weight of 0."""
    weights = {}
    for part in accepted.lower().split(","):
        name, _, weight = part.partition(";")
        weights[name.strip()] = weight.replace(" ", "").rstrip("0.") != "q="
    return weights.get("gzip", weights.get("*", False))


def _is_known(etag: str, known: str) -> bool:
    tags = (tag.strip().removeprefix("W/") for tag in known.split(","))
    return known.strip() == "*" or etag in tags
