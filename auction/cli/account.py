"""`auction account`: creates an account; the only way to create one for staff."""

from typing import Annotated

import typer

from auction.console.output import Json, out, print_error, print_json
from auction.domain.text import NAME, TextRefused
from auction.services.identity.roles import Role


def account(
    *,
    username: Annotated[str, typer.Option(help="3 to 32 letters, digits, dots, hyphens or underscores.")],
    role: Annotated[Role, typer.Option(help="What the account may do.")],
    name: Annotated[str, typer.Option(help="The name that is displayed; default: the user name.")] = "",
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from one line of standard input.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Create an account that can sign in, for staff or for a bidder."""
    from auction.console.account import create, read_password
    from auction.migration import migrated_servers
    from auction.settings import load_settings

    try:
        name = NAME.accept(name) if name else username
    except TextRefused as refused:
        print_error(f"--name {refused}")
        raise typer.Exit(2) from None
    password = read_password(from_stdin=password_stdin)
    with migrated_servers(load_settings()) as settings:
        created = create(settings, username=username, password=password, name=name, role=role)
    if as_json:
        print_json(
            {"username": created.username, "subject": created.subject, "name": created.name, "role": created.role}
        )
    else:
        out.print(f"{created.username} can sign in with the role {created.role}.", markup=False)
