"""Accounts, sign-in and sign-out: tokens for programs, sessions in cookies for pages."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Annotated

import segno
from fastapi import APIRouter, Form, Request, Response

from api.http.auth import Authenticator, Ending, Ops, SignedIn, Visitor
from api.http.config import ApiConfig
from api.http.disconnection import while_connected
from api.http.openapi import SIGNED_IN, TOKEN, WRITE, problems
from api.http.sessions import DEVICE_COOKIE, begin_session, end_session, remember_device
from api.routes.dependencies import BidderId, Context, SessionId
from api.schemas.auth import (
    EndedSessionsResponse,
    EnrolledResponse,
    EnrolmentResponse,
    IdentityResponse,
    LiveTokenResponse,
    SessionResponse,
    SessionsResponse,
    TokenResponse,
)
from api.schemas.requests import Code, CreateAccountRequest, ReasonRequest, SignInRequest
from api.schemas.text import Password, Username
from auction.books.accounts import LoginAccount
from auction.domain.errors import ProblemCode
from auction.services.context import AppContext
from auction.services.identity import accounts, second_factor, sessions
from auction.services.identity.roles import STAFF, Role
from auction.services.identity.sessions import SignInPlace
from auction.services.identity.sign_in_log import refusals_audited
from auction.services.identity.tokens import Purpose, lifetime_for

router = APIRouter(prefix="/auth", tags=["auth"])
staff = APIRouter(prefix="/ops", tags=["ops"])

LIVE_TOKEN_LIFETIME_S = 120
"""Long enough to open a live connection."""


_SECOND_FACTOR = (ProblemCode.SECOND_FACTOR_MISSING, ProblemCode.CODE_REQUIRED, ProblemCode.CODE_WRONG)
_PASSWORD = (ProblemCode.CREDENTIALS_WRONG, ProblemCode.ACCOUNT_DISABLED, ProblemCode.TOO_MANY_SIGN_INS)


@asynccontextmanager
async def _checked_account(
    request: Request, context: AppContext, username: str, password: str
) -> AsyncIterator[LoginAccount]:
    """The account of a user name and password, for a block that checks its second factor; refusals are audited."""
    async with refusals_audited(context, username, _place_of(request)):
        yield await while_connected(request, accounts.authenticate(context, username=username, password=password))


def _place_of(request: Request) -> SignInPlace:
    address = "" if request.client is None else request.client.host
    return SignInPlace(request.headers.get("user-agent", ""), address)


async def _begin_session(
    request: Request, response: Response, context: AppContext, account: LoginAccount
) -> IdentityResponse:
    """Sign a browser in; staff's is known again."""
    secure, device = _is_secure(request), ""
    if account.role in STAFF:
        device = remember_device(response, request.cookies.get(DEVICE_COOKIE), secure=secure)
    token, lifetime_s = await _issue_token(request, context, account, device)
    begin_session(response, request.app.state.authenticator.csrf, token, lifetime_s=lifetime_s, secure=secure)
    return IdentityResponse.of_account(account)


async def _issue_token(
    request: Request, context: AppContext, account: LoginAccount, device: str = ""
) -> tuple[str, int]:
    """A token of a new session of an account, and its lifetime in seconds."""
    config: ApiConfig = request.app.state.config
    authenticator: Authenticator = request.app.state.authenticator
    lifetime_s = lifetime_for(Role(account.role), config.token_lifetime_s)
    session = await sessions.begin_session(context, account, _place_of(request), lifetime_s=lifetime_s)
    token = authenticator.keys.issue(
        subject=account.subject,
        name=account.name,
        role=Role(account.role),
        now_s=session.created_at_ms // 1000,
        lifetime_s=lifetime_s,
        token_id=session.session_id,
        device=device,
    )
    return token, lifetime_s


def _qr_svg(text: str) -> str:
    """A QR code as an SVG document that fills its place, dark on light."""
    drawn = BytesIO()
    segno.make(text, error="m").save(drawn, kind="svg", xmldecl=False, nl=False, omitsize=True, light="#fff")
    return drawn.getvalue().decode()


@router.post("/token", responses=problems(*_PASSWORD, *_SECOND_FACTOR, ProblemCode.BOOKS_AWAY))
async def give_token(
    request: Request,
    context: Context,
    username: Annotated[Username, Form()],
    password: Annotated[Password, Form()],
    code: Annotated[Code, Form()] = "",
) -> TokenResponse:
    """Issue a token for a user name, a password and, for staff, a code, which are sent as a form."""
    async with _checked_account(request, context, username, password) as account:
        await second_factor.check_sign_in(context, account, code)
    token, lifetime_s = await _issue_token(request, context, account)
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


@router.post("/session", responses=problems(*_PASSWORD, *_SECOND_FACTOR, *WRITE))
async def sign_in(
    request: Request, response: Response, context: Context, credentials: SignInRequest
) -> SessionResponse:
    """Start a session for a page: sets an HttpOnly cookie with the token, and a cookie with the CSRF token."""
    async with _checked_account(request, context, credentials.username, credentials.password) as account:
        await second_factor.check_sign_in(context, account, credentials.code)
    return SessionResponse(identity=await _begin_session(request, response, context, account))


@router.post(
    "/second-factor",
    status_code=201,
    responses=problems(
        *_PASSWORD, ProblemCode.SECOND_FACTOR_NOT_USED, ProblemCode.CODE_REQUIRED, ProblemCode.CODE_WRONG, *WRITE
    ),
)
async def begin_enrolment(request: Request, context: Context, credentials: SignInRequest) -> EnrolmentResponse:
    """Begin to set up an authenticator app, at a member of staff's first sign-in, or with a code in place of another.

    It counts once its first code is confirmed.
    """
    async with _checked_account(request, context, credentials.username, credentials.password) as account:
        enrolment = await second_factor.begin_enrolment(context, account, credentials.code)
    return EnrolmentResponse(secret=enrolment.secret, uri=enrolment.uri, qr_svg=_qr_svg(enrolment.uri))


@router.post(
    "/second-factor/confirm",
    responses=problems(*_PASSWORD, ProblemCode.SECOND_FACTOR_NOT_USED, *_SECOND_FACTOR, *WRITE),
)
async def confirm_enrolment(
    request: Request, response: Response, context: Context, credentials: SignInRequest
) -> EnrolledResponse:
    """Confirm an authenticator app with its first code: it counts from now on, and a session starts."""
    async with _checked_account(request, context, credentials.username, credentials.password) as account:
        recovery_codes = await second_factor.confirm_enrolment(context, account, credentials.code)
    identity = await _begin_session(request, response, context, account)
    return EnrolledResponse(identity=identity, recovery_codes=recovery_codes)


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
    token = authenticator.keys.issue(
        subject=identity.subject,
        name=identity.name,
        role=identity.role,
        now_s=int(time.time()),
        lifetime_s=LIVE_TOKEN_LIFETIME_S,
        purpose=Purpose.LIVE,
        token_id=identity.token_id,
    )
    return LiveTokenResponse(token=token, expires_in=LIVE_TOKEN_LIFETIME_S)


@router.get("/sessions", responses=problems(*SIGNED_IN, ProblemCode.BOOKS_AWAY))
async def list_own_sessions(context: Context, identity: SignedIn) -> SessionsResponse:
    """Where you are signed in."""
    return SessionsResponse.of(await sessions.list_sessions(context, identity.subject), identity.token_id)


@router.delete("/sessions", responses=problems(*SIGNED_IN, *WRITE))
async def end_other_sessions(context: Context, identity: SignedIn) -> EndedSessionsResponse:
    """End all your sessions but for this one."""
    return EndedSessionsResponse(ended=await sessions.end_other_sessions(context, identity))


@router.delete(
    "/sessions/{session_id}",
    status_code=204,
    response_class=Response,
    responses=problems(ProblemCode.SESSION_UNKNOWN, *SIGNED_IN, *WRITE),
)
async def end_own_session(context: Context, identity: SignedIn, session_id: SessionId) -> Response:
    """End one of your sessions, such as that of a lost phone."""
    await sessions.end_own_session(context, identity, session_id)
    return Response(status_code=204)


@staff.get("/sessions/{bidder_id}", responses=problems(ProblemCode.BIDDER_UNKNOWN, *SIGNED_IN, ProblemCode.BOOKS_AWAY))
async def list_sessions(context: Context, ops: Ops, bidder_id: BidderId) -> SessionsResponse:
    """Where a bidder or a member of staff is signed in, by the subject of their tokens."""
    await context.reading_log.record_names(context.books, ops, "sessions", [bidder_id])
    return SessionsResponse.of(await sessions.list_sessions(context, bidder_id))


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
