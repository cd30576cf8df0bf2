"""Accounts for people who try the demo: two bidders, a clerk and two persons of finance."""

from auction.bootstrap import open_context
from auction.domain.errors import ProblemCode, RequestRefused
from auction.services.identity.accounts import create_account
from auction.services.identity.roles import Role
from auction.settings import Settings

PASSWORD = "launch-night-001"  # noqa: S105 - printed by the demo, of no use elsewhere
BIDDERS = {"ann": "guest-a", "bob": "guest-b"}
"""User name -> subject of its tokens."""
CLERK = "clerk"
FINANCE = {"fay": "finance-fay", "finn": "finance-finn"}
"""Two, as what cannot be undone needs the approval of two persons."""


async def create_accounts(settings: Settings, *, staff_subject: str) -> None:
    """Create the accounts that a kept data directory does not have yet. Raises BooksAway."""
    wanted = [(username, subject, Role.BIDDER) for username, subject in BIDDERS.items()]
    wanted += [(username, subject, Role.FINANCE) for username, subject in FINANCE.items()]
    wanted.append((CLERK, staff_subject, Role.OPS))
    async with open_context(settings) as context:
        for username, subject, role in wanted:
            try:
                await create_account(
                    context, username=username, password=PASSWORD, name=username.title(), role=role, subject=subject
                )
            except RequestRefused as refused:
                if refused.code != ProblemCode.USERNAME_TAKEN:
                    raise
