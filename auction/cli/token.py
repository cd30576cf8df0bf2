"""`auction token`: prints a signed token for the local identity, alone on standard output."""

import sys
import time
from typing import Annotated

import typer

from auction.console.output import complain
from auction.services.identity.tokens import Role, TokenKey
from auction.settings import load_settings


def token(
    *,
    subject: Annotated[str, typer.Option(help="Who the token speaks for: 1 to 64 visible ASCII characters.")],
    role: Annotated[Role, typer.Option(help="What it lets its bearer do.")],
    name: Annotated[str, typer.Option(help="A name for people; the subject where none is given.")] = "",
) -> None:
    """Print a signed token (needs AUCTION_SECRET_KEY)."""
    settings = load_settings()
    key = TokenKey(settings.secret)
    try:
        signed = key.issue(
            subject=subject, role=role, name=name, now_s=int(time.time()), lifetime_s=settings.token_lifetime_s
        )
    except ValueError as wrong:
        complain(str(wrong))
        raise typer.Exit(2) from None
    sys.stdout.write(signed + "\n")
