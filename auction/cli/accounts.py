"""`auction accounts`: what an administrator changes about accounts; creating one is `auction account`.

Every change is audited with its reason, and ends every session of the account but for a reset of its authenticator.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from auction.console.output import Json, out, print_error, print_json
from auction.domain.text import REASON, TextRefused
from auction.services.identity.roles import Role

if TYPE_CHECKING:
    from auction.console.account import AccountChange

accounts = typer.Typer(help="Change accounts that can sign in.", no_args_is_help=True)

Username = Annotated[str, typer.Option(help="Whose account it is.")]
Reason = Annotated[str, typer.Option(help="Why, for the audit log.")]


@accounts.command("reset-factor")
def reset_factor(*, username: Username, reason: Reason, as_json: Json = False) -> None:
    """Remove an account's authenticator and recovery codes: its next sign-in sets up another.

    First make sure who asks for it: whoever has the password sets up the next one.
    """
    from auction.console.account import reset_second_factor
    from auction.migration import migrated_servers
    from auction.settings import load_settings

    reason = checked_reason(reason)
    with migrated_servers(load_settings()) as settings:
        was_set_up = reset_second_factor(settings, username=username, reason=reason)
    if as_json:
        print_json({"username": username, "reset": was_set_up})
    elif was_set_up:
        out.print(f"{username} sets up another authenticator at the next sign-in.", markup=False)
    else:
        out.print(f"{username} has no authenticator; nothing was changed.", markup=False)


@accounts.command("disable")
def disable(*, username: Username, reason: Reason, as_json: Json = False) -> None:
    """Let an account sign in no more, and end its sessions."""
    from auction.services.identity import account_changes

    _change(username, reason, as_json, "cannot sign in any more", account_changes.disable)


@accounts.command("enable")
def enable(*, username: Username, reason: Reason, as_json: Json = False) -> None:
    """Let a disabled account sign in again."""
    from auction.services.identity import account_changes

    _change(username, reason, as_json, "can sign in", account_changes.enable)


@accounts.command("set-role")
def set_role(
    *,
    username: Username,
    role: Annotated[Role, typer.Option(help="What the account may do from now on.")],
    reason: Reason,
    as_json: Json = False,
) -> None:
    """Give an account another role, and end its sessions."""
    from functools import partial

    from auction.services.identity import account_changes

    _change(username, reason, as_json, f"has the role {role}", partial(account_changes.set_role, role=role))


@accounts.command("set-password")
def set_password(
    *,
    username: Username,
    reason: Reason,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from one line of standard input.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Give an account another password, and end its sessions."""
    from functools import partial

    from auction.console.account import read_password
    from auction.services.identity import account_changes

    password = read_password(from_stdin=password_stdin)
    _change(username, reason, as_json, "has a new password", partial(account_changes.set_password, password=password))


def _change(username: str, reason: str, as_json: bool, done: str, change: "AccountChange") -> None:
    from auction.console.account import change_account
    from auction.migration import migrated_servers
    from auction.settings import load_settings

    reason = checked_reason(reason)
    with migrated_servers(load_settings()) as settings:
        change_account(settings, change, username=username, reason=reason)
    if as_json:
        print_json({"username": username, "changed": True})
    else:
        out.print(f"{username} {done}.", markup=False)


def checked_reason(reason: str) -> str:
    """A reason that a command was given; typer.Exit(2) with a sentence for text that is none."""
    try:
        return REASON.accept(reason)
    except TextRefused as refused:
        print_error(f"--reason {refused}")
        raise typer.Exit(2) from None
