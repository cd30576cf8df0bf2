"""Ends sessions before their time: one's own, or by staff everybody's. Off the bid's way.

This process knows of it at once, the others within a second or two (`auction.services.revocations`).
"""

import time

from auction.books import audit, token_revocations
from auction.services.context import AppContext
from auction.services.identity.tokens import LIFETIME_S_MAX, Identity


async def end_session(context: AppContext, identity: Identity) -> None:
    """Take back the token that somebody signed in with, and the live tokens made from it. Raises BooksAway."""
    async with context.books.transaction() as tx:
        revocation = await token_revocations.add(
            tx,
            subject=identity.subject,
            token_id=identity.token_id,
            expires_at_s=identity.expires_at_s,
            by=identity.subject,
        )
    context.revocations.add(revocation)


async def end_sessions(context: AppContext, subject: str, *, actor: str, reason: str) -> None:
    """Take back every token of a subject that was issued until now, this second included. Raises BooksAway."""
    now_s = int(time.time())
    async with context.books.transaction() as tx:
        revocation = await token_revocations.add(
            tx, subject=subject, issued_until_s=now_s, expires_at_s=now_s + LIFETIME_S_MAX, by=actor
        )
        await audit.record_action(tx, actor=actor, action="end-sessions", reason=reason, details={"subject": subject})
    context.revocations.add(revocation)
