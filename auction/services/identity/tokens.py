"""Signed tokens: who asks, and in which role. The command line issues them, the API verifies them.

HS256 over the house's secret; claims `sub`, `name`, `role`, `iat`, `exp`. The time is given, in seconds.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from auction.domain.errors import AuctionError

LIFETIME_S_MAX = 366 * 86_400
LENGTH_MAX = 2048
"""The longest token looked at, in characters; ours are a tenth of it."""
SUBJECT_LENGTH_MAX = 64
NAME_LENGTH_MAX = 100
_ALGORITHM = "HS256"
_HEADER = {"alg": _ALGORITHM}
_ALLOWED_SKEW_S = 60
"""How far ahead of ours the issuer's clock may be."""


class Role(StrEnum):
    """What a token lets its bearer do."""

    BIDDER = "bidder"
    OPS = "ops"
    FINANCE = "finance"
    AUDITOR = "auditor"


STAFF = (Role.OPS, Role.FINANCE, Role.AUDITOR)


class TokenCode(StrEnum):
    """Why a token is not accepted."""

    TOKEN_INVALID = "token-invalid"  # noqa: S105 - a code, no password
    TOKEN_EXPIRED = "token-expired"  # noqa: S105 - the same


class TokenRefused(AuctionError):
    """The token is not ours, malformed, or over; the detail never repeats it."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a token speaks for, until when."""

    subject: str
    name: str
    role: Role
    expires_at_s: int


class TokenKey:
    """Issues and verifies tokens under the house's secret."""

    __slots__ = ("_key",)

    def __init__(self, secret: str) -> None:
        self._key = OctKey.import_key(secret)

    def issue(self, *, subject: str, role: Role, now_s: int, lifetime_s: int, name: str = "") -> str:
        """A token; ValueError where a claim would not be accepted back. Without a name, the subject serves."""
        if not 1 <= lifetime_s <= LIFETIME_S_MAX:
            raise ValueError(f"a token lives 1 to {LIFETIME_S_MAX} seconds, not {lifetime_s}")
        claims = {
            "sub": subject,
            "name": name or subject,
            "role": str(role),
            "iat": now_s,
            "exp": now_s + lifetime_s,
        }
        if (wrong := _wrong(claims)) is not None:
            raise ValueError(wrong)
        return jwt.encode(_HEADER, claims, self._key, algorithms=[_ALGORITHM])

    def verify(self, token: str, now_s: float) -> Identity:
        """Who the token speaks for; TokenRefused where it is not ours, malformed or over."""
        if len(token) > LENGTH_MAX:
            raise _invalid(f"it is longer than {LENGTH_MAX} characters")
        try:
            claims = jwt.decode(token, self._key, algorithms=[_ALGORITHM]).claims
        except (JoseError, ValueError, RecursionError):
            # one sentence for every way of being forged: a forger learns nothing
            raise _invalid("it was not signed by this house") from None
        if (wrong := _wrong(claims)) is not None:
            raise _invalid(wrong)
        if claims["iat"] > now_s + _ALLOWED_SKEW_S:
            raise _invalid("it was issued in the future")
        if claims["exp"] <= now_s:
            raise TokenRefused(TokenCode.TOKEN_EXPIRED, "The token has expired; sign in again.")
        return Identity(claims["sub"], claims["name"], Role(claims["role"]), claims["exp"])

    def __repr__(self) -> str:
        return "TokenKey(...)"


def _invalid(reason: str) -> TokenRefused:
    return TokenRefused(TokenCode.TOKEN_INVALID, f"The token is not accepted: {reason}.")


def _wrong(claims: dict[str, Any]) -> str | None:
    """What is wrong with a token's claims, as a phrase; None: nothing."""
    subject, name, role = claims.get("sub"), claims.setdefault("name", claims.get("sub")), claims.get("role")
    if not isinstance(subject, str) or not is_visible_ascii(subject, 1, SUBJECT_LENGTH_MAX):
        return f"its subject (sub) must be 1 to {SUBJECT_LENGTH_MAX} visible ASCII characters"
    if not isinstance(name, str) or not 1 <= len(name) <= NAME_LENGTH_MAX or not name.isprintable():
        return f"its name must be 1 to {NAME_LENGTH_MAX} printable characters"
    if role not in tuple(map(str, Role)):
        return f"its role must be one of {', '.join(Role)}"
    if type(claims.get("iat")) is not int or type(claims.get("exp")) is not int:
        return "its times (iat, exp) must be whole seconds"
    return None


def is_visible_ascii(text: str, length_min: int, length_max: int) -> bool:
    """True for so many characters from ! to ~: no space, no control, nothing beyond ASCII."""
    return length_min <= len(text) <= length_max and text.isascii() and text.isprintable() and " " not in text
