"""Signing up, signing in, and what a signed-in page needs: sessions in cookies, tokens for programs."""

import time
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from pydantic import BaseModel, Field

from api.auth import Doorkeeper, SignedIn, Visitor
from api.config import ApiConfig
from api.openapi import SIGNED_IN, WRITE, problems
from api.routes.wanted import TheHouse
from api.schemas import NewAccount, SignIn
from api.sessions import begin_session, end_session
from auction.books.accounts import Account
from auction.domain.errors import ProblemCode
from auction.services import accounts
from auction.services.tokens import Identity, Role

router = APIRouter(prefix="/auth", tags=["auth"])

LIVE_TOKEN_LIFETIME_S = 120
"""Long enough to open a live connection with."""


class TokenGiven(BaseModel):
    """A token for the Authorization header, as in OAuth 2."""

    access_token: str
    token_type: str = "bearer"  # noqa: S105 - the kind of token, not a token
    expires_in: int = Field(description="Seconds.")


class LiveTokenGiven(BaseModel):
    """A short-lived token for the first `sub` of a live connection."""

    token: str
    expires_in: int = Field(description="Seconds.")


class IdentityShown(BaseModel):
    """Who is signed in."""

    subject: str
    name: str
    role: Role

    @classmethod
    def of(cls, identity: Identity) -> "IdentityShown":
        """What a token says."""
        return cls(subject=identity.subject, name=identity.name, role=identity.role)


class SessionShown(BaseModel):
    """The page's session; `identity` null: nobody is signed in."""

    identity: IdentityShown | None


def _token(request: Request, account: Account) -> tuple[str, int]:
    config: ApiConfig = request.app.state.config
    doorkeeper: Doorkeeper = request.app.state.doorkeeper
    lifetime_s = config.token_lifetime_s
    token = doorkeeper.key.issue(
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
    house: TheHouse,
    username: Annotated[str, Form(max_length=64)],
    password: Annotated[str, Form(max_length=accounts.PASSWORD_LENGTH_MAX)],
) -> TokenGiven:
    """A token for a user name and password, sent as a form."""
    account = await accounts.authenticate(house, username=username, password=password)
    token, lifetime_s = _token(request, account)
    return TokenGiven(access_token=token, expires_in=lifetime_s)


@router.post(
    "/accounts",
    status_code=201,
    responses=problems(ProblemCode.USERNAME_INVALID, ProblemCode.USERNAME_TAKEN, ProblemCode.PASSWORD_INVALID, *WRITE),
)
async def create_account(house: TheHouse, new: NewAccount) -> IdentityShown:
    """Create a bidder's account. Staff accounts are made on the command line."""
    account = await accounts.create_account(house, username=new.username, password=new.password, name=new.name)
    return IdentityShown(subject=account.subject, name=account.name, role=Role(account.role))


@router.post("/session", responses=problems(ProblemCode.CREDENTIALS_WRONG, *WRITE))
async def sign_in(request: Request, response: Response, house: TheHouse, given: SignIn) -> SessionShown:
    """Sign a page in: two cookies, one of them out of reach of scripts."""
    account = await accounts.authenticate(house, username=given.username, password=given.password)
    token, lifetime_s = _token(request, account)
    begin_session(response, request.app.state.doorkeeper.csrf, token, lifetime_s=lifetime_s, secure=_is_secure(request))
    role = Role(account.role)
    return SessionShown(identity=IdentityShown(subject=account.subject, name=account.name, role=role))


@router.get("/session", responses=problems())
async def show_session(visitor: Visitor) -> SessionShown:
    """Who is signed in, if anybody is."""
    return SessionShown(identity=None if visitor is None else IdentityShown.of(visitor))


@router.delete("/session", status_code=204, response_class=Response, responses=problems())
async def sign_out(request: Request) -> Response:
    """Sign the page out."""
    response = Response(status_code=204)
    end_session(response, secure=_is_secure(request))
    return response


@router.post("/live-token", responses=problems(*SIGNED_IN))
async def give_live_token(request: Request, identity: SignedIn) -> LiveTokenGiven:
    """A short-lived token for a live connection, which a page's cookies do not reach."""
    doorkeeper: Doorkeeper = request.app.state.doorkeeper
    token = doorkeeper.key.issue(
        subject=identity.subject,
        name=identity.name,
        role=identity.role,
        now_s=int(time.time()),
        lifetime_s=LIVE_TOKEN_LIFETIME_S,
    )
    return LiveTokenGiven(token=token, expires_in=LIVE_TOKEN_LIFETIME_S)


def _is_secure(request: Request) -> bool:
    """Whether the visitor came over TLS, to us or to the proxy in front."""
    return request.url.scheme == "https" or request.headers.get("x-forwarded-proto") == "https"
