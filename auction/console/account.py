"""What `auction account` does: reads a password and creates an account."""

import asyncio
import secrets
import sys

import typer

from auction.books.accounts import LoginAccount
from auction.bootstrap import open_context
from auction.console.output import print_error
from auction.services.identity.accounts import create_account
from auction.services.identity.roles import Role
from auction.settings import Settings


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
