"""Who asks: bearer tokens, verified once and remembered until they expire. Shared by the door and the routes."""

import time
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer

from api.http.problems import HttpCode
from api.http.sessions import CsrfKey, session_token
from auction.domain.errors import AuctionError
from auction.services.identity.tokens import LENGTH_MAX, STAFF, Identity, Role, TokenCode, TokenKey, TokenRefused

REMEMBERED_MAX = 50_000
"""The most tokens remembered in one process, about 40 MB; the oldest makes room."""
_SCHEME = b"bearer "

bearer = HTTPBearer(auto_error=False, scheme_name="token", bearerFormat="JWT", description="A token of the house.")


class NotSignedIn(AuctionError):
    """No token was given."""

    def __init__(self) -> None:
        super().__init__(
            HttpCode.UNAUTHORIZED, "This needs a token: send the header 'Authorization: Bearer <token>', once."
        )


class WrongRole(AuctionError):
    """The token is good, for another role; facts: role, allowed."""

    def __init__(self, role: Role, allowed: tuple[Role, ...]) -> None:
        super().__init__(
            HttpCode.FORBIDDEN,
            f"This is for {' or '.join(allowed)}; the token is for {role}.",
            {"role": str(role), "allowed": list(map(str, allowed))},
        )


class CsrfRefused(AuctionError):
    """A page's session asks for a change without the value that goes with it."""

    def __init__(self) -> None:
        super().__init__(
            HttpCode.CSRF_TOKEN_INVALID,
            "A change under a session cookie needs the header X-CSRF-Token with the value of the cookie auction_csrf.",
        )


class Authenticator:
    """Knows tokens by the header they came in. Not for threads: one event loop uses it."""

    __slots__ = ("_clock_s", "_known", "_remembered_max", "csrf", "key")

    def __init__(
        self,
        key: TokenKey,
        csrf: CsrfKey,
        *,
        clock_s: Callable[[], float] = time.time,
        remembered_max: int = REMEMBERED_MAX,
    ) -> None:
        self.key = key
        self.csrf = csrf
        self._clock_s = clock_s
        self._remembered_max = remembered_max
        self._known: dict[bytes, Identity] = {}

    def identify(self, authorization: bytes | None) -> Identity:
        """Whose Authorization header that is; NotSignedIn, or TokenRefused."""
        if authorization is None:
            raise NotSignedIn
        now_s = self._clock_s()
        identity = self._known.get(authorization)
        if identity is None:
            identity = self._meet(authorization, now_s)
        elif identity.expires_at_s <= now_s:
            del self._known[authorization]
            raise TokenRefused(TokenCode.TOKEN_EXPIRED, "The token has expired; sign in again.")
        return identity

    def identify_session(self, cookie: bytes | None, csrf: bytes | None) -> Identity:
        """Whose page asks for a change, by its cookies; NotSignedIn, CsrfRefused or TokenRefused."""
        token = session_token(cookie)
        if token is None:
            raise NotSignedIn
        if not self.csrf.fits(token, csrf):
            raise CsrfRefused
        return self.identify(b"Bearer " + token)

    def _meet(self, authorization: bytes, now_s: float) -> Identity:
        if len(authorization) > LENGTH_MAX or authorization[: len(_SCHEME)].lower() != _SCHEME:
            raise TokenRefused(
                TokenCode.TOKEN_INVALID,
                "The Authorization header must be 'Bearer <token>', with a token of this house.",
            )
        token = authorization[len(_SCHEME) :].strip()
        identity = self.key.verify(token.decode("ascii", "replace"), now_s)
        while len(self._known) >= self._remembered_max:
            del self._known[next(iter(self._known))]
        self._known[authorization] = identity
        return identity


def authorization_of(headers: list[tuple[bytes, bytes]]) -> bytes | None:
    """The one Authorization header; none where there is none, or more than one."""
    found = [value for name, value in headers if name == b"authorization"]
    return found[0] if len(found) == 1 else None


async def visitor(request: Request) -> Identity | None:
    """Who asks, where anyone may: nobody known without a token; a token that is given must be good.

    A page whose session is over is a page of nobody.
    """
    if "authorization" in request.headers:
        return _identify(request)
    token = session_token(_header(request, b"cookie"))
    if token is None:
        return None
    authenticator: Authenticator = request.app.state.authenticator
    try:
        return authenticator.identify(b"Bearer " + token)
    except TokenRefused:
        return None


def _needs(*roles: Role) -> Callable[..., Awaitable[Identity]]:
    async def signed_in(request: Request, _documented: Annotated[object, Security(bearer)]) -> Identity:
        identity = _identify(request)
        if identity.role not in roles:
            raise WrongRole(identity.role, roles)
        return identity

    return signed_in


def _identify(request: Request) -> Identity:
    authenticator: Authenticator = request.app.state.authenticator
    authorization = authorization_of(request.scope["headers"])
    token = session_token(_header(request, b"cookie"))
    if "authorization" in request.headers or token is None:
        return authenticator.identify(authorization)
    if request.method in READING:
        return authenticator.identify(b"Bearer " + token)
    return authenticator.identify_session(_header(request, b"cookie"), _header(request, b"x-csrf-token"))


def _header(request: Request, name: bytes) -> bytes | None:
    found = [value for given, value in request.scope["headers"] if given == name]
    return found[0] if len(found) == 1 else None


def is_staff(identity: Identity | None) -> bool:
    """Whether the house itself asks: staff see what the public does not, such as a reserve."""
    return identity is not None and identity.role in STAFF


def bidder_id_of(identity: Identity | None) -> str | None:
    """The bidder who asks; None for staff and for visitors without a token."""
    return identity.subject if identity is not None and identity.role is Role.BIDDER else None


READING = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing: a session's cookie is enough for them."""

Visitor = Annotated[Identity | None, Depends(visitor)]
Bidder = Annotated[Identity, Depends(_needs(Role.BIDDER))]
Ops = Annotated[Identity, Depends(_needs(Role.OPS))]
Finance = Annotated[Identity, Depends(_needs(Role.FINANCE))]
MoneyReader = Annotated[Identity, Depends(_needs(Role.FINANCE, Role.OPS, Role.AUDITOR))]
Auditor = Annotated[Identity, Depends(_needs(Role.FINANCE, Role.AUDITOR))]
DeskReader = Annotated[Identity, Depends(_needs(*STAFF))]
SignedIn = Annotated[Identity, Depends(_needs(*Role))]
