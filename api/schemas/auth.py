"""Responses about accounts, sign-in and sessions."""

from collections.abc import Iterable
from typing import Self

from pydantic import BaseModel, Field

from auction.books.accounts import LoginAccount
from auction.books.sessions import Session
from auction.services.identity.roles import Role
from auction.services.identity.tokens import Identity


class TokenResponse(BaseModel):
    """A token for the Authorization header, as in OAuth 2."""

    access_token: str
    token_type: str = "bearer"  # noqa: S105 - the kind of token, not a token
    expires_in: int = Field(description="Seconds.")


class LiveTokenResponse(BaseModel):
    """A short-lived token for the first `sub` frame of a live connection."""

    token: str
    expires_in: int = Field(description="Seconds.")


class IdentityResponse(BaseModel):
    """An account, or whoever a token was issued for."""

    subject: str
    name: str
    role: Role

    @classmethod
    def of(cls, identity: Identity) -> Self:
        """The response for the identity of a token."""
        return cls(subject=identity.subject, name=identity.name, role=identity.role)

    @classmethod
    def of_account(cls, account: LoginAccount) -> Self:
        """The response for an account."""
        return cls(subject=account.subject, name=account.name, role=Role(account.role))


class EnrolmentResponse(BaseModel):
    """What an authenticator app needs, told once."""

    secret: str = Field(description="In base 32, to be typed in where no QR code can be read.")
    uri: str = Field(description="An otpauth address (TOTP, six digits, 30 s), the same as in the QR code.")
    qr_svg: str = Field(description="A QR code of the address, as SVG.")


class EnrolledResponse(BaseModel):
    """Whoever is signed in with their new authenticator, and the codes that stand in for it once each, told once."""

    identity: IdentityResponse
    recovery_codes: list[str]


class SessionResponse(BaseModel):
    """The session of a page. `identity` null: not signed in."""

    identity: IdentityResponse | None


class SessionRow(BaseModel):
    """A sign-in that goes on."""

    session_id: str
    client: str = Field(description="How the browser or program names itself; empty: it does not.")
    address: str
    created_at_ms: int
    seen_at_ms: int = Field(description="When it was last seen, to the minute or so, UTC ms.")
    expires_at_ms: int
    is_this: bool = Field(description="Whether it is the session of the request.")


class SessionsResponse(BaseModel):
    """Sign-ins of one person that go on, the latest first."""

    sessions: list[SessionRow]

    @classmethod
    def of(cls, found: Iterable[Session], current_id: str = "") -> Self:
        """The response for stored sessions."""
        rows = [
            SessionRow(
                session_id=one.session_id,
                client=one.client,
                address=one.address,
                created_at_ms=one.created_at_ms,
                expires_at_ms=one.expires_at_s * 1000,
                seen_at_ms=one.seen_at_ms,
                is_this=one.session_id == current_id,
            )
            for one in found
        ]
        return cls(sessions=rows)


class EndedSessionsResponse(BaseModel):
    """How many sessions were ended."""

    ended: int
