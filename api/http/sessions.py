"""Browser sessions: the token in an HttpOnly cookie, and a second cookie with a CSRF token.

Where staff sign in, a third one stays in the browser: another account that agrees there is the same person.

Pages repeat the CSRF token in the header X-CSRF-Token of every write. Another site can make a browser send cookies, but
can neither read them nor set the header. Requests with an Authorization header need no CSRF token.
"""

import hashlib
import hmac
import re
import secrets
from typing import Self

from starlette.responses import Response

SESSION_COOKIE = "auction_session"
CSRF_COOKIE = "auction_csrf"
DEVICE_COOKIE = "auction_device"
DEVICE_LIFETIME_S = 400 * 86_400
"""As long as browsers keep a cookie."""
CSRF_HEADER = "X-CSRF-Token"
_PURPOSE = b"flash-auction: pages' changes, version 1"
_DEVICE = re.compile(r"[A-Za-z0-9_-]{22}")
_SESSION = SESSION_COOKIE.encode() + b"="


class CsrfKey:
    """Computes and checks CSRF tokens; its key is derived from AUCTION_SECRET_KEY."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def derive(cls, secret: str) -> Self:
        """The key for this secret."""
        return cls(hmac.digest(secret.encode(), _PURPOSE, hashlib.sha256))

    def value_for(self, token: bytes) -> str:
        """The CSRF token of a session's token: 32 hex digits."""
        return hmac.digest(self._key, token, "sha256").hex()[:32]

    def fits(self, token: bytes, value: bytes | None) -> bool:
        """Whether this is the CSRF token of that session's token, in constant time."""
        return value is not None and hmac.compare_digest(self.value_for(token).encode(), value)

    def __repr__(self) -> str:
        return "CsrfKey(...)"


def session_token(cookie: bytes | None) -> bytes | None:
    """The session's token from a Cookie header, or None."""
    if cookie is None or _SESSION not in cookie:
        return None
    for part in cookie.split(b";"):
        cookie_pair = part.strip()
        if cookie_pair.startswith(_SESSION):
            return cookie_pair[len(_SESSION) :] or None
    return None


def begin_session(response: Response, key: CsrfKey, token: str, *, lifetime_s: int, secure: bool) -> None:
    """Sets a session's two cookies on a response."""
    cookies = ((SESSION_COOKIE, token, True), (CSRF_COOKIE, key.value_for(token.encode()), False))
    for name, value, http_only in cookies:
        response.set_cookie(
            name, value, max_age=lifetime_s, path="/", secure=secure, httponly=http_only, samesite="lax"
        )


def remember_device(response: Response, known: str | None, *, secure: bool) -> str:
    """Sets the cookie by which a browser is known again, or keeps the `known` one; a hash for the browser."""
    device = known if known is not None and _DEVICE.fullmatch(known) else secrets.token_urlsafe(16)
    response.set_cookie(
        DEVICE_COOKIE, device, max_age=DEVICE_LIFETIME_S, path="/", secure=secure, httponly=True, samesite="lax"
    )
    return hashlib.sha256(device.encode()).hexdigest()[:32]


def end_session(response: Response, *, secure: bool) -> None:
    """Deletes a session's cookies."""
    for name, http_only in ((SESSION_COOKIE, True), (CSRF_COOKIE, False)):
        response.delete_cookie(name, path="/", secure=secure, httponly=http_only, samesite="lax")
