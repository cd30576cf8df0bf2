"""Changes of accounts: disabled or enabled, another role or password. Each ends every session. Off the bid's way."""

from collections.abc import Awaitable, Callable

from auction.books import accounts, audit
from auction.books.accounts import LoginAccount
from auction.books.unit_of_work import Transaction
from auction.domain.errors import NotFound, ProblemCode
from auction.services.context import AppContext
from auction.services.identity.accounts import new_password_hash
from auction.services.identity.roles import Role
from auction.services.identity.sessions import end_all

Change = Callable[[Transaction, LoginAccount], Awaitable[None]]


async def disable(context: AppContext, username: str, *, actor: str, reason: str) -> None:
    """Let an account sign in no more. Like every change here, raises NotFound(account-unknown), BooksAway."""

    async def change(tx: Transaction, account: LoginAccount) -> None:
        await accounts.change_disabled(tx, account, context.clock_ms())

    await _changed(context, username, "disable-account", change, actor=actor, reason=reason)


async def enable(context: AppContext, username: str, *, actor: str, reason: str) -> None:
    """Let a disabled account sign in again."""

    async def change(tx: Transaction, account: LoginAccount) -> None:
        await accounts.change_disabled(tx, account, None)

    await _changed(context, username, "enable-account", change, actor=actor, reason=reason)


async def set_role(context: AppContext, username: str, *, role: Role, actor: str, reason: str) -> None:
    """Give an account another role."""

    async def change(tx: Transaction, account: LoginAccount) -> None:
        await accounts.change_role(tx, account, str(role))

    await _changed(context, username, "change-role", change, actor=actor, reason=reason, after=str(role))


async def set_password(context: AppContext, username: str, *, password: str, actor: str, reason: str) -> None:
    """Give an account another password. Raises RequestRefused(password-invalid) as well."""
    password_hash = await new_password_hash(password)

    async def change(tx: Transaction, account: LoginAccount) -> None:
        await accounts.change_password(tx, account, password_hash)

    await _changed(context, username, "change-password", change, actor=actor, reason=reason)


async def _changed(
    context: AppContext,
    username: str,
    action: str,
    change: Change,
    *,
    actor: str,
    reason: str,
    after: str | None = None,
) -> None:
    """Change an account, and take back every token that it was issued until then."""
    async with context.books.transaction() as tx:
        account = await accounts.find_account(tx, username.lower(), locked=True)
        if account is None:
            raise NotFound(ProblemCode.ACCOUNT_UNKNOWN, f"There is no account with the user name {username}.")
        await change(tx, account)
        revocation = await end_all(tx, account.subject, actor=actor)
        details = {"subject": account.subject, "username": account.username}
        if after is not None:
            details |= {"before": account.role, "after": after}
        await audit.record_action(tx, actor=actor, action=action, reason=reason, details=details)
    context.revocations.add(revocation)
