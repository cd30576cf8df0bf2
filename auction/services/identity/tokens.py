"""Signed tokens (JWT, HS256): who makes a request, in which role, for what, until when.

The command line and the sign-in routes issue them, the API and the live channel verify them. Claims are `sub`, `name`,
`role`, `aud` (the purpose), `jti`, `iat`, `exp` and, where a browser signed in, `dev` (a hash for it). The header's
`kid` names the secret, which is one of the purpose's own (`auction.signing.token_secrets`). The current time is passed
in, in seconds.
"""

import secrets
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import GuestProtocol, OctKey

from auction.domain.codes import Code, Kind
from auction.domain.errors import AuctionError
from auction.domain.text import NAME, TextRefused, is_visible_ascii
from auction.services.identity.roles import STAFF, Role
from auction.signing.token_secrets import NO_KID, TokenSecret, TokenSecrets

__all__ = ["LENGTH_MAX", "STAFF", "Identity", "Purpose", "Role", "TokenCode", "TokenKeys", "TokenRefused"]

LIFETIME_S_MAX = 366 * 86_400
STAFF_LIFETIME_S_MAX = 3_600
"""Of the tokens that staff sign in with: a copied one is of no use for long."""
LENGTH_MAX = 2048
"""The longest token that is decoded, in characters; ours are a tenth of it."""
SUBJECT_LENGTH_MAX = 64
TOKEN_ID_LENGTH_MAX = 64
_ALGORITHM = "HS256"
_CLOCK_SKEW_S_MAX = 60
"""How far ahead of ours the issuer's clock may be."""


class Purpose(StrEnum):
    """What a token is for; it is accepted for nothing else."""

    SESSION = "session"
    """Requests over HTTP."""
    LIVE = "live"
    """The first frame of a live connection; of no use over HTTP, and so not renewable by itself."""


class TokenCode(Code):
    """Why a token is not accepted."""

    TOKEN_INVALID = "token-invalid", Kind.UNAUTHENTICATED, "Token not accepted"
    TOKEN_EXPIRED = "token-expired", Kind.UNAUTHENTICATED, "Token expired"


class TokenRefused(AuctionError):
    """The token was not signed with our key, is malformed, or has expired; the detail never repeats it."""


class TokenTooNew(TokenRefused):
    """The token was issued in the future by this machine's clock: it may be accepted later."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a token stands for, and when it expires."""

    subject: str
    name: str
    role: Role
    expires_at_s: int
    issued_at_s: int
    token_id: str
    """Shared by a session's token and the live tokens made from it."""
    device: str = ""
    """A hash for the browser that signed in; empty: no browser."""


class TokenKeys:
    """Issues tokens under the newest secret of their purpose, and verifies those of the earlier ones as well."""

    __slots__ = ("_secrets", "changes")

    def __init__(self, secret: str, folder: Path | None = None) -> None:
        """`secret`: AUCTION_SECRET_KEY. `folder`: the directory of keys. Raises KeyFileError."""
        self._secrets = {purpose: TokenSecrets(secret, str(purpose)) for purpose in Purpose}
        self.changes = 0
        """Grows whenever other secrets count: what was verified before is to be verified again."""
        if folder is not None:
            self.load(folder)

    def load(self, folder: Path) -> bool:
        """Read the directory of keys again; whether anything is different. Raises KeyFileError."""
        changed = [secrets_of_purpose.load(folder) for secrets_of_purpose in self._secrets.values()]
        self.changes += any(changed)
        return any(changed)

    def issue(
        self,
        *,
        subject: str,
        role: Role,
        now_s: int,
        lifetime_s: int,
        name: str = "",
        purpose: Purpose = Purpose.SESSION,
        token_id: str | None = None,
        device: str = "",
    ) -> str:
        """A signed token for a subject. Without a name, the subject stands in for it; without an id, it gets a new one.

        Raises ValueError, with a sentence, where `verify` would not accept the token back.
        """
        if not 1 <= lifetime_s <= LIFETIME_S_MAX:
            raise ValueError(f"a token lives 1 to {LIFETIME_S_MAX} seconds, not {lifetime_s}")
        claims = {
            "sub": subject,
            "name": name or subject,
            "role": str(role),
            "aud": str(purpose),
            "jti": token_id or secrets.token_hex(12),
            "iat": now_s,
            "exp": now_s + lifetime_s,
        }
        if device:
            claims["dev"] = device
        if (wrong := _wrong_subject(claims)) is not None:
            raise ValueError(wrong)
        try:
            claims["name"] = NAME.accept(name or subject)
        except TextRefused as refused:
            raise ValueError(f"its name {refused}") from None
        signing = self._secrets[purpose].signing(now_s * 1000)
        header = {"alg": _ALGORITHM, "kid": signing.kid}
        return jwt.encode(header, claims, OctKey.import_key(signing.secret), algorithms=[_ALGORITHM])

    def verify(self, token: str, now_s: float, purpose: Purpose = Purpose.SESSION) -> Identity:
        """The identity that a token for this purpose carries. Raises TokenRefused (token-invalid, token-expired).

        A name from a token issued before the text rule is sanitised, so that no identity has a name against the rule.
        """
        if len(token) > LENGTH_MAX:
            raise _invalid(f"it is longer than {LENGTH_MAX} characters")
        found: list[TokenSecret] = []

        def key_of(signed: GuestProtocol) -> OctKey:
            found.append(self._secret_of(signed.headers().get("kid", NO_KID), purpose))
            return OctKey.import_key(found[0].secret)

        try:
            claims = jwt.decode(token, key_of, algorithms=[_ALGORITHM]).claims
        except (JoseError, ValueError, RecursionError):
            # one sentence for every kind of forgery: a forger learns nothing
            raise _invalid("it was not signed with this server's key") from None
        if (wrong := _wrong_claim(claims)) is not None:
            raise _invalid(wrong)
        if claims["aud"] != purpose:
            raise _invalid(f"it is not one for {purpose}")
        if claims["iat"] > now_s + _CLOCK_SKEW_S_MAX:
            raise TokenTooNew(TokenCode.TOKEN_INVALID, "The token is not accepted: it was issued in the future.")
        until_ms = found[0].until_ms
        expires_at_s = claims["exp"] if until_ms is None else min(claims["exp"], until_ms // 1000)
        if expires_at_s <= now_s:
            raise TokenRefused(TokenCode.TOKEN_EXPIRED, "The token has expired; sign in again.")
        subject = claims["sub"]
        return Identity(
            subject=subject,
            name=NAME.sanitise(claims["name"], subject),
            role=Role(claims["role"]),
            expires_at_s=expires_at_s,
            issued_at_s=claims["iat"],
            token_id=claims["jti"],
            device=claims.get("dev", ""),
        )

    def _secret_of(self, kid: str, purpose: Purpose) -> TokenSecret:
        """The secret of a purpose that has an id. Raises TokenRefused (another purpose's), ValueError (nobody's)."""
        secret = self._secrets[purpose].find(kid)
        if secret is not None:
            return secret
        if any(others.find(kid) for others in self._secrets.values()):
            raise _invalid(f"it is not one for {purpose}")
        raise ValueError

    def rotate(self, folder: Path, *, now_ms: int, from_ms: int, earlier_until_ms: int) -> None:
        """Make a new secret of each purpose, which signs from a time on (UTC ms). Raises OSError."""
        for of_purpose in self._secrets.values():
            of_purpose.rotate(folder, now_ms=now_ms, from_ms=from_ms, earlier_until_ms=earlier_until_ms)

    def listed(self) -> dict[Purpose, list[TokenSecret]]:
        """The secrets of each purpose, oldest first."""
        return {purpose: secrets_of_purpose.listed() for purpose, secrets_of_purpose in self._secrets.items()}

    def __repr__(self) -> str:
        return "TokenKeys(...)"


def lifetime_for(role: Role, lifetime_s: int) -> int:
    """How long a token that somebody signs in with lives, in seconds: as long as the setting says, staff's an hour."""
    return min(lifetime_s, STAFF_LIFETIME_S_MAX) if role in STAFF else lifetime_s


def _invalid(reason: str) -> TokenRefused:
    return TokenRefused(TokenCode.TOKEN_INVALID, f"The token is not accepted: {reason}.")


def _wrong_claim(claims: dict[str, Any]) -> str | None:
    """What is wrong with a token's claims, as a phrase, or None. Fills in the name where there is none."""
    if (wrong := _wrong_subject(claims)) is not None:
        return wrong
    name, role = claims.setdefault("name", claims["sub"]), claims.get("role")
    if not isinstance(name, str) or not 1 <= len(name) <= NAME.length_max or not name.isprintable():
        return f"its name must be 1 to {NAME.length_max} printable characters"
    if role not in tuple(map(str, Role)):
        return f"its role must be one of {', '.join(Role)}"
    if claims.get("aud") not in tuple(map(str, Purpose)):
        return f"its purpose (aud) must be one of {', '.join(Purpose)}: sign in again"
    if not isinstance(claims.get("jti"), str) or not is_visible_ascii(claims["jti"], 1, TOKEN_ID_LENGTH_MAX):
        return "its id (jti) is missing or malformed"
    if not isinstance(claims.get("dev", ""), str):
        return "its browser (dev) must be text"
    if type(claims.get("iat")) is not int or type(claims.get("exp")) is not int:
        return "its times (iat, exp) must be whole seconds"
    return None


def _wrong_subject(claims: dict[str, Any]) -> str | None:
    subject = claims.get("sub")
    if isinstance(subject, str) and is_visible_ascii(subject, 1, SUBJECT_LENGTH_MAX):
        return None
    return f"its subject (sub) must be 1 to {SUBJECT_LENGTH_MAX} visible ASCII characters"
