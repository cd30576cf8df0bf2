"""`auction account`: makes an account that may sign in; the only way to make one for staff."""

import asyncio
import secrets
import sys
from typing import Annotated

import typer

from auction.books.accounts import LoginAccount
from auction.bootstrap import open_context, running_servers
from auction.console.output import Json, complain, out, print_json
from auction.services.identity.accounts import create_account
from auction.services.identity.tokens import Role
from auction.settings import Settings, load_settings


def account(
    *,
    username: Annotated[str, typer.Option(help="3 to 32 letters, digits, dots, hyphens or underscores.")],
    role: Annotated[Role, typer.Option(help="What the account may do.")],
    name: Annotated[str, typer.Option(help="A name for people; the user name where none is given.")] = "",
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input, one line.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Create an account, of staff or of a bidder."""
    if password_stdin:
        password = sys.stdin.readline().rstrip("\n")
    elif sys.stdin.isatty():
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        complain("there is no terminal to ask for a password on; use --password-stdin")
        raise typer.Exit(2)
    with running_servers(load_settings()) as settings:
        made = asyncio.run(_create(settings, username, password, name or username, role))
    if as_json:
        print_json({"username": made.username, "subject": made.subject, "name": made.name, "role": made.role})
    else:
        out.print(f"{made.username} may sign in as {made.role}.", markup=False)


async def _create(settings: Settings, username: str, password: str, name: str, role: Role) -> LoginAccount:
    # nothing is signed here, so any secret does
    async with open_context(settings, secret=secrets.token_hex(32)) as context:
        return await create_account(context, username=username, password=password, name=name, role=role)
