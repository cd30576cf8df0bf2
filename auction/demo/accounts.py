"""Ready accounts for whoever watches the demo: two bidders, a clerk and two people of finance, for the pages."""

from auction.bootstrap import open_context
from auction.domain.errors import ProblemCode, RequestRefused
from auction.services.identity.accounts import create_account
from auction.services.identity.tokens import Role
from auction.settings import Settings

PASSWORD = "launch-night-001"  # noqa: S105 - printed by the demo, good for nothing else
BIDDERS = {"ann": "guest-a", "bob": "guest-b"}
"""User name -> whom its tokens speak for."""
CLERK = "clerk"
FINANCE = {"fay": "finance-fay", "finn": "finance-finn"}
"""Two, as what cannot be undone takes two persons."""


async def make_accounts(settings: Settings, *, staff_subject: str) -> None:
    """Make them, unless a kept data directory has them."""
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
