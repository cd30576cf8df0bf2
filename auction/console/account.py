"""What `auction account` and `auction accounts` do: create an account, and remove its second factor."""

import asyncio
import secrets
import sys
from collections.abc import Awaitable
from typing import Protocol

import typer

from auction.books.accounts import LoginAccount, find_account
from auction.bootstrap import open_context
from auction.console.output import print_error
from auction.domain.errors import NotFound, ProblemCode
from auction.services.context import AppContext
from auction.services.identity import second_factor
from auction.services.identity.accounts import create_account
from auction.services.identity.roles import Role
from auction.settings import Settings

COMMAND_LINE = "command-line"
"""Who acts in the audit log: somebody with access to the machine and its secrets."""


def read_password(*, from_stdin: bool) -> str:
    """The password, from a line of standard input or asked for twice on the terminal; typer.Exit(2) without either."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    if sys.stdin.isatty():
        answer: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
        return answer
    print_error("there is no terminal to ask for a password on: use --password-stdin")
    raise typer.Exit(2)


def create(settings: Settings, *, username: str, password: str, name: str, role: Role) -> LoginAccount:
    """Create an account. Raises RequestRefused (username-taken, username-invalid, password-invalid), BooksAway."""
    return asyncio.run(_create(settings, username, password, name, role))


async def _create(settings: Settings, username: str, password: str, name: str, role: Role) -> LoginAccount:
    # nothing is signed here and no money moves
    async with open_context(settings, secret=secrets.token_hex(32), with_payments=False) as context:
        return await create_account(context, username=username, password=password, name=name, role=role)


def reset_second_factor(settings: Settings, *, username: str, reason: str) -> bool:
    """Remove an account's authenticator; False: it had none. Raises NotFound(account-unknown), BooksAway."""
    return asyncio.run(_reset_second_factor(settings, username, reason))


async def _reset_second_factor(settings: Settings, username: str, reason: str) -> bool:
    async with open_context(settings, secret=secrets.token_hex(32), with_payments=False) as context:
        async with context.books.reading() as tx:
            account = await find_account(tx, username.lower())
        if account is None:
            raise NotFound(ProblemCode.ACCOUNT_UNKNOWN, f"There is no account with the user name {username}.")
        return await second_factor.reset(context, account, actor=COMMAND_LINE, reason=reason)


class AccountChange(Protocol):
    """A change of `auction.services.identity.account_changes`, its own facts given."""

    def __call__(self, context: AppContext, username: str, /, *, actor: str, reason: str) -> Awaitable[None]: ...


def change_account(settings: Settings, change: AccountChange, *, username: str, reason: str) -> None:
    """Change an account. Raises NotFound(account-unknown), RequestRefused(password-invalid), BooksAway."""
    asyncio.run(_change_account(settings, change, username, reason))


async def _change_account(settings: Settings, change: AccountChange, username: str, reason: str) -> None:
    async with open_context(settings, secret=secrets.token_hex(32), with_payments=False) as context:
        await change(context, username, actor=COMMAND_LINE, reason=reason)
