"""Sessions: begun by a sign-in, ended before their time by whoever has them, by staff, or by a change of the account.

This process knows of an end at once, the others within a second (`auction.services.revocations`). Off the bid's way.
"""

import secrets
import time
from dataclasses import dataclass

from auction.books import accounts, audit, token_revocations
from auction.books import sessions as stored
from auction.books.accounts import LoginAccount
from auction.books.sessions import Session
from auction.books.token_revocations import Revocation
from auction.books.unit_of_work import Transaction
from auction.domain.errors import NotFound, ProblemCode, RequestRefused
from auction.services.context import AppContext
from auction.services.identity.tokens import LIFETIME_S_MAX, Identity

CLIENT_LENGTH_MAX = 200


@dataclass(frozen=True, slots=True)
class SignInPlace:
    """Where a sign-in is made: how the browser or program names itself, and its address."""

    client: str
    address: str

    @property
    def shown_client(self) -> str:
        """How the browser or program names itself, without what cannot be shown, cut."""
        return "".join(filter(str.isprintable, self.client))[:CLIENT_LENGTH_MAX]


async def begin_session(context: AppContext, account: LoginAccount, place: SignInPlace, *, lifetime_s: int) -> Session:
    """Begin a session of an account whose password, and second factor, were right; its tokens carry its id.

    Raises RequestRefused (credentials-wrong) where the account was changed meanwhile, BooksAway.
    """
    async with context.books.transaction() as tx:
        if not await accounts.lock_unchanged(tx, account):
            raise RequestRefused(ProblemCode.CREDENTIALS_WRONG, "The account was changed meanwhile; sign in again.")
        # with the account locked: a change of it, which takes back what was issued until then, comes before or after
        revoked_until_s = await token_revocations.issued_until_s(tx, account.subject)
        begun_s = max(int(time.time()), revoked_until_s + 1)
        session = Session(
            session_id=secrets.token_hex(12),
            subject=account.subject,
            client=place.shown_client,
            address=place.address,
            created_at_ms=begun_s * 1000,
            expires_at_s=begun_s + lifetime_s,
        )
        await stored.add(tx, session)
        details = {"role": account.role, **_details(session)}
        await audit.record_action(tx, actor=account.subject, action="sign-in", details=details)
    return session


def _details(session: Session) -> dict[str, str]:
    """What the audit log says of a session."""
    return {"session_id": session.session_id, "address": session.address, "client": session.client}


async def list_sessions(context: AppContext, subject: str) -> list[Session]:
    """The sessions of somebody that go on, the latest first; tokens of the command line have none."""
    async with context.books.reading() as tx:
        return await stored.going_on(tx, subject, now_s=int(time.time()))


async def end_session(context: AppContext, identity: Identity) -> None:
    """Take back the token that somebody signed in with, and the live tokens made from it. Raises BooksAway."""
    async with context.books.transaction() as tx:
        await stored.end(tx, identity.subject, identity.token_id, at_ms=time.time_ns() // 1_000_000)
        revocation = await token_revocations.add(
            tx,
            subject=identity.subject,
            token_id=identity.token_id,
            expires_at_s=identity.expires_at_s,
            by=identity.subject,
        )
        details = {"session_id": identity.token_id}
        await audit.record_action(tx, actor=identity.subject, action="sign-out", details=details)
    context.revocations.add(revocation)


async def end_own_session(context: AppContext, identity: Identity, session_id: str) -> None:
    """End one of one's own sessions, such as that of a lost phone. Raises NotFound (session-unknown), BooksAway."""
    async with context.books.transaction() as tx:
        ended = await stored.end(tx, identity.subject, session_id, at_ms=time.time_ns() // 1_000_000)
        if ended is None:
            raise session_unknown(session_id)
        revocation = await token_revocations.add(
            tx,
            subject=ended.subject,
            token_id=ended.session_id,
            expires_at_s=ended.expires_at_s,
            by=identity.subject,
        )
        await audit.record_action(tx, actor=identity.subject, action="end-session", details=_details(ended))
    context.revocations.add(revocation)


async def end_other_sessions(context: AppContext, identity: Identity) -> int:
    """End one's own sessions but for this one; how many ended. Raises BooksAway."""
    revocations = []
    async with context.books.transaction() as tx:
        for session in await stored.going_on(tx, identity.subject, now_s=int(time.time())):
            if session.session_id == identity.token_id:
                continue
            ended = await stored.end(tx, identity.subject, session.session_id, at_ms=time.time_ns() // 1_000_000)
            if ended is None:
                continue
            revocations.append(
                await token_revocations.add(
                    tx,
                    subject=ended.subject,
                    token_id=ended.session_id,
                    expires_at_s=ended.expires_at_s,
                    by=identity.subject,
                )
            )
            await audit.record_action(tx, actor=identity.subject, action="end-session", details=_details(ended))
    for revocation in revocations:
        context.revocations.add(revocation)
    return len(revocations)


def session_unknown(session_id: str) -> NotFound:
    """The refusal of a session that is not one's own, or has ended."""
    return NotFound(ProblemCode.SESSION_UNKNOWN, f"You have no session {session_id} that goes on.")


async def end_sessions(context: AppContext, subject: str, *, actor: str, reason: str) -> None:
    """Take back every token of a subject that was issued until now, this second included. Raises BooksAway."""
    async with context.books.transaction() as tx:
        revocation = await end_all(tx, subject, actor=actor)
        await audit.record_action(tx, actor=actor, action="end-sessions", reason=reason, details={"subject": subject})
    context.revocations.add(revocation)


async def end_all(tx: Transaction, subject: str, *, actor: str) -> Revocation:
    """The same as a part of a transaction; the caller adds the revocation to this process's once it is committed."""
    now_s = int(time.time())
    newest_ms = await stored.end_all(tx, subject, at_ms=now_s * 1000)
    # a session that was begun in the second of an earlier end is dated into the next one
    until_s = max(now_s, newest_ms // 1000)
    return await token_revocations.add(
        tx, subject=subject, issued_until_s=until_s, expires_at_s=until_s + LIFETIME_S_MAX, by=actor
    )
