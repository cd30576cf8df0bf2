"""Audits sign-ins that were refused; those that succeed are audited with their session. Off the bid's way.

A user name that nobody has is not stored: people type their passwords there. What is refused before any password is
looked at (too many attempts) stores nothing, so that no flood fills the log.
"""

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from auction.books import accounts, audit
from auction.domain.errors import ProblemCode, RequestRefused, Unavailable
from auction.services.context import AppContext
from auction.services.identity.sessions import SignInPlace

UNKNOWN = "unknown-account"
"""Who acts where no account has the user name."""
_AUDITED = frozenset({ProblemCode.CREDENTIALS_WRONG, ProblemCode.ACCOUNT_DISABLED, ProblemCode.CODE_WRONG})


@asynccontextmanager
async def refusals_audited(context: AppContext, username: str, place: SignInPlace) -> AsyncIterator[None]:
    """Audit a refusal of the block, with its reason and from where it came."""
    try:
        yield
    except RequestRefused as refused:
        if refused.code in _AUDITED:
            # the refusal is the answer, whatever happens to its row
            with contextlib.suppress(Unavailable):
                await _record(context, username, place, str(refused.code))
        raise


async def _record(context: AppContext, username: str, place: SignInPlace, code: str) -> None:
    async with context.books.transaction() as tx:
        account = await accounts.find_account(tx, username.lower())
        details = {"code": code, "address": place.address, "client": place.shown_client}
        actor = UNKNOWN if account is None else account.subject
        await audit.record_action(tx, actor=actor, action="refuse-sign-in", details=details)
