"""`auction accounts`: what an administrator changes about accounts; creating one is `auction account`."""

from typing import Annotated

import typer

from auction.console.output import Json, out, print_error, print_json
from auction.domain.text import REASON, TextRefused

accounts = typer.Typer(help="Change accounts that can sign in.", no_args_is_help=True)


@accounts.command("reset-factor")
def reset_factor(
    *,
    username: Annotated[str, typer.Option(help="Whose authenticator is removed.")],
    reason: Annotated[str, typer.Option(help="Why, for the audit log.")],
    as_json: Json = False,
) -> None:
    """Remove an account's authenticator and recovery codes: its next sign-in sets up another.

    First make sure who asks for it: whoever has the password sets up the next one.
    """
    from auction.console.account import reset_second_factor
    from auction.migration import migrated_servers
    from auction.settings import load_settings

    try:
        reason = REASON.accept(reason)
    except TextRefused as refused:
        print_error(f"--reason {refused}")
        raise typer.Exit(2) from None
    with migrated_servers(load_settings()) as settings:
        was_set_up = reset_second_factor(settings, username=username, reason=reason)
    if as_json:
        print_json({"username": username, "reset": was_set_up})
    elif was_set_up:
        out.print(f"{username} sets up another authenticator at the next sign-in.", markup=False)
    else:
        out.print(f"{username} has no authenticator; nothing was changed.", markup=False)
