"""`auction token`: prints a signed token, alone on standard output."""

import sys
import time
from typing import Annotated

import typer

from auction.console.output import print_error
from auction.services.identity.roles import Role


def token(
    *,
    subject: Annotated[str, typer.Option(help="Whose token it is: an id of 1 to 64 visible ASCII characters.")],
    role: Annotated[Role, typer.Option(help="What the token allows.")],
    name: Annotated[str, typer.Option(help="The name that is displayed; default: the subject.")] = "",
) -> None:
    """Print a signed token (needs AUCTION_SECRET_KEY).

    A token of staff lives an hour at most.
    """
    from auction.services.identity.tokens import TokenKeys, lifetime_for
    from auction.settings import load_settings

    settings = load_settings()
    keys = TokenKeys(settings.secret, settings.keys_dir)
    try:
        signed = keys.issue(
            subject=subject,
            role=role,
            name=name,
            now_s=int(time.time()),
            lifetime_s=lifetime_for(role, settings.token_lifetime_s),
        )
    except ValueError as wrong:
        print_error(str(wrong))
        raise typer.Exit(2) from None
    sys.stdout.write(signed + "\n")
