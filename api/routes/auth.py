"""Signing up, signing in, and what a signed-in page needs: sessions in cookies, tokens for programs."""

import time
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from pydantic import BaseModel, Field

from api.http.auth import Authenticator, SignedIn, Visitor
from api.http.config import ApiConfig
from api.http.openapi import SIGNED_IN, WRITE, problems
from api.http.sessions import begin_session, end_session
from api.routes.dependencies import Context
from api.schemas.requests import CreateAccountRequest, SignInRequest
from api.schemas.text import Password, Username
from auction.books.accounts import LoginAccount
from auction.domain.errors import ProblemCode
from auction.services.identity import accounts
from auction.services.identity.tokens import Identity, Role

router = APIRouter(prefix="/auth", tags=["auth"])

LIVE_TOKEN_LIFETIME_S = 120
"""Long enough to open a live connection with."""


class TokenResponse(BaseModel):
    """A token for the Authorization header, as in OAuth 2."""

    access_token: str
    token_type: str = "bearer"  # noqa: S105 - the kind of token, not a token
    expires_in: int = Field(description="Seconds.")


class LiveTokenResponse(BaseModel):
    """A short-lived token for the first `sub` of a live connection."""

    token: str
    expires_in: int = Field(description="Seconds.")


class IdentityResponse(BaseModel):
    """Who is signed in."""

    subject: str
    name: str
    role: Role

    @classmethod
    def of(cls, identity: Identity) -> "IdentityResponse":
        """What a token says."""
        return cls(subject=identity.subject, name=identity.name, role=identity.role)


class SessionResponse(BaseModel):
    """The page's session; `identity` null: nobody is signed in."""

    identity: IdentityResponse | None


def _token(request: Request, account: LoginAccount) -> tuple[str, int]:
    config: ApiConfig = request.app.state.config
    authenticator: Authenticator = request.app.state.authenticator
    lifetime_s = config.token_lifetime_s
    token = authenticator.key.issue(
        subject=account.subject,
        name=account.name,
        role=Role(account.role),
        now_s=int(time.time()),
        lifetime_s=lifetime_s,
    )
    return token, lifetime_s


@router.post("/token", responses=problems(ProblemCode.CREDENTIALS_WRONG, ProblemCode.BOOKS_AWAY))
async def give_token(
    request: Request,
    context: Context,
    username: Annotated[Username, Form()],
    password: Annotated[Password, Form()],
) -> TokenResponse:
    """A token for a user name and password, sent as a form."""
    account = await accounts.authenticate(context, username=username, password=password)
    token, lifetime_s = _token(request, account)
    return TokenResponse(access_token=token, expires_in=lifetime_s)


@router.post(
    "/accounts",
    status_code=201,
    responses=problems(ProblemCode.USERNAME_INVALID, ProblemCode.USERNAME_TAKEN, ProblemCode.PASSWORD_INVALID, *WRITE),
)
async def create_account(context: Context, new: CreateAccountRequest) -> IdentityResponse:
    """Create a bidder's account. Staff accounts are made on the command line."""
    account = await accounts.create_account(context, username=new.username, password=new.password, name=new.name)
    return IdentityResponse(subject=account.subject, name=account.name, role=Role(account.role))


@router.post("/session", responses=problems(ProblemCode.CREDENTIALS_WRONG, *WRITE))
async def sign_in(request: Request, response: Response, context: Context, given: SignInRequest) -> SessionResponse:
    """Sign a page in: two cookies, one of them out of reach of scripts."""
    account = await accounts.authenticate(context, username=given.username, password=given.password)
    token, lifetime_s = _token(request, account)
    begin_session(
        response, request.app.state.authenticator.csrf, token, lifetime_s=lifetime_s, secure=_is_secure(request)
    )
    role = Role(account.role)
    return SessionResponse(identity=IdentityResponse(subject=account.subject, name=account.name, role=role))


@router.get("/session", responses=problems())
async def show_session(visitor: Visitor) -> SessionResponse:
    """Who is signed in, if anybody is."""
    return SessionResponse(identity=None if visitor is None else IdentityResponse.of(visitor))


@router.delete("/session", status_code=204, response_class=Response, responses=problems())
async def sign_out(request: Request) -> Response:
    """Sign the page out."""
    response = Response(status_code=204)
    end_session(response, secure=_is_secure(request))
    return response


@router.post("/live-token", responses=problems(*SIGNED_IN))
async def give_live_token(request: Request, identity: SignedIn) -> LiveTokenResponse:
    """A short-lived token for a live connection, which a page's cookies do not reach."""
    authenticator: Authenticator = request.app.state.authenticator
    token = authenticator.key.issue(
        subject=identity.subject,
        name=identity.name,
        role=identity.role,
        now_s=int(time.time()),
        lifetime_s=LIVE_TOKEN_LIFETIME_S,
    )
    return LiveTokenResponse(token=token, expires_in=LIVE_TOKEN_LIFETIME_S)


def _is_secure(request: Request) -> bool:
    """Whether the visitor came over TLS, to us or to the proxy in front."""
    return request.url.scheme == "https" or request.headers.get("x-forwarded-proto") == "https"
