"""Accounts, sign-in and sign-out: tokens for programs, sessions in cookies for pages."""

import time
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from api.http.auth import Authenticator, Ending, Ops, SignedIn, Visitor
from api.http.config import ApiConfig
from api.http.disconnection import while_connected
from api.http.openapi import SIGNED_IN, TOKEN, WRITE, problems
from api.http.sessions import begin_session, end_session
from api.routes.dependencies import BidderId, Context
from api.schemas.auth import IdentityResponse, LiveTokenResponse, SessionResponse, TokenResponse
from api.schemas.requests import CreateAccountRequest, ReasonRequest, SignInRequest
from api.schemas.text import Password, Username
from auction.books.accounts import LoginAccount
from auction.domain.errors import ProblemCode
from auction.services.identity import accounts, sessions
from auction.services.identity.roles import Role
from auction.services.identity.tokens import Purpose, lifetime_for

router = APIRouter(prefix="/auth", tags=["auth"])
staff = APIRouter(prefix="/ops", tags=["ops"])

LIVE_TOKEN_LIFETIME_S = 120
"""Long enough to open a live connection."""


def _issue_token(request: Request, account: LoginAccount) -> tuple[str, int]:
    """A token for an account, and its lifetime in seconds."""
    config: ApiConfig = request.app.state.config
    authenticator: Authenticator = request.app.state.authenticator
    lifetime_s = lifetime_for(Role(account.role), config.token_lifetime_s)
    token = authenticator.key.issue(
        subject=account.subject,
        name=account.name,
        role=Role(account.role),
        now_s=int(time.time()),
        lifetime_s=lifetime_s,
    )
    return token, lifetime_s


@router.post(
    "/token", responses=problems(ProblemCode.CREDENTIALS_WRONG, ProblemCode.TOO_MANY_SIGN_INS, ProblemCode.BOOKS_AWAY)
)
async def give_token(
    request: Request,
    context: Context,
    username: Annotated[Username, Form()],
    password: Annotated[Password, Form()],
) -> TokenResponse:
    """Issue a token for a user name and password, which are sent as a form."""
    account = await while_connected(request, accounts.authenticate(context, username=username, password=password))
    token, lifetime_s = _issue_token(request, account)
    return TokenResponse(access_token=token, expires_in=lifetime_s)


@router.post(
    "/accounts",
    status_code=201,
    responses=problems(
        ProblemCode.USERNAME_INVALID,
        ProblemCode.USERNAME_TAKEN,
        ProblemCode.PASSWORD_INVALID,
        ProblemCode.TOO_MANY_SIGN_INS,
        *WRITE,
    ),
)
async def create_account(request: Request, context: Context, new: CreateAccountRequest) -> IdentityResponse:
    """Create a bidder's account. Accounts of staff are created on the command line."""
    account = await while_connected(
        request,
        accounts.create_account(context, username=new.username, password=new.password, name=new.name),
    )
    return IdentityResponse.of_account(account)


@router.post("/session", responses=problems(ProblemCode.CREDENTIALS_WRONG, ProblemCode.TOO_MANY_SIGN_INS, *WRITE))
async def sign_in(
    request: Request, response: Response, context: Context, credentials: SignInRequest
) -> SessionResponse:
    """Start a session for a page: sets an HttpOnly cookie with the token, and a cookie with the CSRF token."""
    account = await while_connected(
        request, accounts.authenticate(context, username=credentials.username, password=credentials.password)
    )
    token, lifetime_s = _issue_token(request, account)
    begin_session(
        response, request.app.state.authenticator.csrf, token, lifetime_s=lifetime_s, secure=_is_secure(request)
    )
    return SessionResponse(identity=IdentityResponse.of_account(account))


@router.get("/session", responses=problems(*TOKEN))
async def show_session(visitor: Visitor) -> SessionResponse:
    """Who is signed in."""
    return SessionResponse(identity=None if visitor is None else IdentityResponse.of(visitor))


@router.delete("/session", status_code=204, response_class=Response, responses=problems(ProblemCode.BOOKS_AWAY))
async def sign_out(request: Request, context: Context, ending: Ending) -> Response:
    """End a session: its token, and the live tokens made from it, are not accepted any more; a page's cookies go."""
    if ending is not None:
        await sessions.end_session(context, ending)
    response = Response(status_code=204)
    end_session(response, secure=_is_secure(request))
    return response


@router.post("/live-token", responses=problems(*SIGNED_IN))
async def give_live_token(request: Request, identity: SignedIn) -> LiveTokenResponse:
    """Issue a short-lived token for a live connection, to which browsers do not send a page's cookies."""
    authenticator: Authenticator = request.app.state.authenticator
    token = authenticator.key.issue(
        subject=identity.subject,
        name=identity.name,
        role=identity.role,
        now_s=int(time.time()),
        lifetime_s=LIVE_TOKEN_LIFETIME_S,
        purpose=Purpose.LIVE,
        token_id=identity.token_id,
    )
    return LiveTokenResponse(token=token, expires_in=LIVE_TOKEN_LIFETIME_S)


@staff.post(
    "/sessions/{bidder_id}/end",
    status_code=204,
    response_class=Response,
    responses=problems(ProblemCode.BIDDER_UNKNOWN, *SIGNED_IN, *WRITE),
)
async def end_sessions(context: Context, ops: Ops, bidder_id: BidderId, reason: ReasonRequest) -> Response:
    """End every session of a bidder or a member of staff, by the subject of their tokens."""
    await sessions.end_sessions(context, bidder_id, actor=ops.subject, reason=reason.reason)
    return Response(status_code=204)


def _is_secure(request: Request) -> bool:
    """Whether the client used TLS, to this server or to a trusted proxy in front of it."""
    return request.url.scheme == "https"
