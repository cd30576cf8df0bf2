"""Sessions of pages: the token in a cookie that scripts cannot read, and beside it one that proves the page is ours.

A page sends the second cookie's value back in a header with every change; another site can make a browser send
cookies, but can neither read them nor set the header. Requests with an Authorization header need none of this.
"""

import hashlib
import hmac
from typing import Self

from starlette.responses import Response

SESSION_COOKIE = "auction_session"
CSRF_COOKIE = "auction_csrf"
CSRF_HEADER = "X-CSRF-Token"
_PURPOSE = b"flash-auction: pages' changes, version 1"
_SESSION = SESSION_COOKIE.encode() + b"="


class CsrfKey:
    """Makes and checks the value that goes with a session's changes; derived from the house's secret."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def derive(cls, secret: str) -> Self:
        """The key of a house with this secret."""
        return cls(hmac.digest(secret.encode(), _PURPOSE, hashlib.sha256))

    def value_for(self, token: bytes) -> str:
        """The value that goes with a session's token: 32 hex digits."""
        return hmac.digest(self._key, token, "sha256").hex()[:32]

    def fits(self, token: bytes, value: bytes | None) -> bool:
        """Whether that value goes with that token."""
        return value is not None and hmac.compare_digest(self.value_for(token).encode(), value)

    def __repr__(self) -> str:
        return "CsrfKey(...)"


def session_token(cookie: bytes | None) -> bytes | None:
    """The session's token in a Cookie header, or None."""
    if cookie is None or _SESSION not in cookie:
        return None
    for part in cookie.split(b";"):
        crumb = part.strip()
        if crumb.startswith(_SESSION):
            return crumb[len(_SESSION) :] or None
    return None


def begin_session(response: Response, key: CsrfKey, token: str, *, lifetime_s: int, secure: bool) -> None:
    """Put a session's two cookies on an answer."""
    cookies = ((SESSION_COOKIE, token, True), (CSRF_COOKIE, key.value_for(token.encode()), False))
    for name, value, hidden in cookies:
        response.set_cookie(name, value, max_age=lifetime_s, path="/", secure=secure, httponly=hidden, samesite="lax")


def end_session(response: Response, *, secure: bool) -> None:
    """Take them back."""
    for name, hidden in ((SESSION_COOKIE, True), (CSRF_COOKIE, False)):
        response.delete_cookie(name, path="/", secure=secure, httponly=hidden, samesite="lax")
