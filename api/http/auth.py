"""Authentication: bearer tokens and session cookies, verified once and cached until they expire.

The bid endpoint and the routes share one `Authenticator`; routes declare whom they allow by the types at the end.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Annotated

from cachetools import LRUCache
from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer

from api.http.problems import HttpCode
from api.http.sessions import CsrfKey, session_token
from auction.domain.errors import AuctionError
from auction.services.catalogue.visibility import Viewer
from auction.services.identity.roles import STAFF, Role
from auction.services.identity.tokens import LENGTH_MAX, Identity, TokenCode, TokenKeys, TokenRefused, TokenTooNew
from auction.services.revocations import Revocations
from auction.services.seen_sessions import SeenSessions

CACHED_MAX = 50_000
"""The most tokens that one process caches, about 40 MB; the oldest is dropped first."""
REFUSED_MAX = 4_096
"""The most refused tokens that one process remembers, so that a flood of one costs it no check each."""
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing: a session cookie is enough for them, without a CSRF token."""
_SCHEME = b"bearer "

bearer = HTTPBearer(
    auto_error=False, scheme_name="token", bearerFormat="JWT", description="A token that this server issued."
)


class NotSignedIn(AuctionError):
    """No token was sent."""

    def __init__(
        self, detail: str = "A token is required: send the header 'Authorization: Bearer <token>' once."
    ) -> None:
        super().__init__(HttpCode.UNAUTHORIZED, detail)


class WrongRole(AuctionError):
    """The token is valid, but its role is not allowed here; facts: role, allowed."""

    def __init__(self, role: Role, allowed: tuple[Role, ...]) -> None:
        super().__init__(
            HttpCode.FORBIDDEN,
            f"This requires the role {' or '.join(allowed)}; the token has the role {role}.",
            {"role": str(role), "allowed": list(map(str, allowed))},
        )


class CsrfRefused(AuctionError):
    """A write under a session cookie came without the session's CSRF token."""

    def __init__(self) -> None:
        super().__init__(
            HttpCode.CSRF_TOKEN_INVALID,
            "A write under a session cookie requires the header X-CSRF-Token with the value of the cookie "
            "auction_csrf.",
        )


class Authenticator:
    """Finds the identity for a token, and caches it. Used by one event loop; not thread-safe."""

    __slots__ = ("_cache", "_cached_max", "_changes", "_clock_s", "_refused", "_revocations", "_seen", "csrf", "keys")

    def __init__(
        self,
        keys: TokenKeys,
        csrf: CsrfKey,
        revocations: Revocations | None = None,
        seen: SeenSessions | None = None,
        *,
        clock_s: Callable[[], float] = time.time,
        cached_max: int = CACHED_MAX,
    ) -> None:
        self.keys = keys
        self._changes = keys.changes
        self.csrf = csrf
        self._revocations = revocations or Revocations()
        self._seen = seen or SeenSessions()
        self._clock_s = clock_s
        self._cached_max = cached_max
        self._cache: dict[bytes, Identity] = {}
        self._refused: LRUCache[bytes, TokenRefused] = LRUCache(REFUSED_MAX)
        """Authorization headers that only another key makes valid; the cache knows those that were valid once."""

    def identify(self, authorization: bytes | None) -> Identity:
        """The identity of an Authorization header. Raises NotSignedIn without one, TokenRefused for an invalid one."""
        if authorization is None:
            raise NotSignedIn
        now_s = self._clock_s()
        if self._changes != self.keys.changes:
            self._changes = self.keys.changes
            self._cache.clear()
            self._refused.clear()
        identity = self._cache.get(authorization)
        if identity is None:
            identity = self._verify_and_cache(authorization, now_s)
        elif identity.expires_at_s <= now_s:
            del self._cache[authorization]
            raise TokenRefused(TokenCode.TOKEN_EXPIRED, "The token has expired; sign in again.")
        if self._revocations.covers(identity):
            raise TokenRefused(TokenCode.TOKEN_INVALID, "The session of this token was ended; sign in again.")
        self._seen.add(identity.token_id, now_s)
        return identity

    def identify_session(self, cookie: bytes | None, csrf_token: bytes | None) -> Identity:
        """The identity of a session that makes a write: by its Cookie and X-CSRF-Token headers.

        Raises NotSignedIn, CsrfRefused, TokenRefused.
        """
        token = session_token(cookie)
        if token is None:
            raise NotSignedIn
        if not self.csrf.fits(token, csrf_token):
            raise CsrfRefused
        return self.identify(b"Bearer " + token)

    def known_subject(self, headers: list[tuple[bytes, bytes]]) -> str | None:
        """Who makes a request, where the token was verified before and has not ended; None costs no check either."""
        authorization = authorization_of(headers)
        if authorization is None:
            cookies = [value for name, value in headers if name == b"cookie"]
            token = session_token(cookies[0]) if len(cookies) == 1 else None
            authorization = None if token is None else b"Bearer " + token
        identity = None if authorization is None else self._cache.get(authorization)
        if identity is None or identity.expires_at_s <= self._clock_s() or self._revocations.covers(identity):
            return None
        return identity.subject

    def _verify_and_cache(self, authorization: bytes, now_s: float) -> Identity:
        if len(authorization) > LENGTH_MAX or authorization[: len(_SCHEME)].lower() != _SCHEME:
            raise TokenRefused(
                TokenCode.TOKEN_INVALID,
                "The Authorization header must be 'Bearer <token>', with a token that this server issued.",
            )
        if (refused := self._refused.get(authorization)) is not None:
            raise TokenRefused(refused.code, refused.detail)
        token = authorization[len(_SCHEME) :].strip()
        try:
            identity = self.keys.verify(token.decode("ascii", "replace"), now_s)
        except TokenTooNew:
            raise
        except TokenRefused as error:
            self._refused[authorization] = error
            raise
        while len(self._cache) >= self._cached_max:
            del self._cache[next(iter(self._cache))]
        self._cache[authorization] = identity
        return identity


def authorization_of(headers: list[tuple[bytes, bytes]]) -> bytes | None:
    """The value of the Authorization header; None where it is missing or given more than once."""
    found = [value for name, value in headers if name == b"authorization"]
    return found[0] if len(found) == 1 else None


async def optional_identity(request: Request) -> Identity | None:
    """The identity of a request to a public route; None without a token, or where a page's session has expired.

    Raises TokenRefused for an Authorization header with an invalid token.
    """
    if "authorization" in request.headers:
        return _identify(request)
    token = session_token(_single_header(request, b"cookie"))
    if token is None:
        return None
    authenticator: Authenticator = request.app.state.authenticator
    try:
        return authenticator.identify(b"Bearer " + token)
    except TokenRefused:
        return None


async def ending_identity(request: Request) -> Identity | None:
    """Whose session a request ends: as for any other write, but None where there is no session that it may end."""
    try:
        return _identify(request)
    except (NotSignedIn, CsrfRefused, TokenRefused):
        return None


def _require(*roles: Role) -> Callable[..., Awaitable[Identity]]:
    """A dependency: the identity of a request, which must have one of these roles."""

    async def identity_in_role(request: Request, _documented: Annotated[object, Security(bearer)]) -> Identity:
        identity = _identify(request)
        if identity.role not in roles:
            raise WrongRole(identity.role, roles)
        return identity

    return identity_in_role


def _identify(request: Request) -> Identity:
    authenticator: Authenticator = request.app.state.authenticator
    authorization = authorization_of(request.scope["headers"])
    token = session_token(_single_header(request, b"cookie"))
    if "authorization" in request.headers or token is None:
        return authenticator.identify(authorization)
    if request.method in SAFE_METHODS:
        return authenticator.identify(b"Bearer " + token)
    return authenticator.identify_session(_single_header(request, b"cookie"), _single_header(request, b"x-csrf-token"))


def _single_header(request: Request, name: bytes) -> bytes | None:
    found = [value for given, value in request.scope["headers"] if given == name]
    return found[0] if len(found) == 1 else None


def is_staff(identity: Identity | None) -> bool:
    """Whether this is a member of staff, who sees more than the public, such as reserves."""
    return identity is not None and identity.role in STAFF


def viewer_of(identity: Identity | None) -> Viewer:
    """What decides which lots are there for a request."""
    return Viewer(bidder_id_of(identity), is_staff(identity))


def bidder_id_of(identity: Identity | None) -> str | None:
    """The bidder's id; None for staff and for requests without a token."""
    return identity.subject if identity is not None and identity.role is Role.BIDDER else None


Ending = Annotated[Identity | None, Depends(ending_identity)]
Visitor = Annotated[Identity | None, Depends(optional_identity)]
Bidder = Annotated[Identity, Depends(_require(Role.BIDDER))]
Ops = Annotated[Identity, Depends(_require(Role.OPS))]
Finance = Annotated[Identity, Depends(_require(Role.FINANCE))]
RecoveryStaff = Annotated[Identity, Depends(_require(Role.FINANCE, Role.OPS))]
MoneyReader = Annotated[Identity, Depends(_require(Role.FINANCE, Role.OPS, Role.AUDITOR))]
Auditor = Annotated[Identity, Depends(_require(Role.FINANCE, Role.AUDITOR))]
Staff = Annotated[Identity, Depends(_require(*STAFF))]
SignedIn = Annotated[Identity, Depends(_require(*Role))]
