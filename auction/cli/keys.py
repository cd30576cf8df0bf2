"""`auction keys`: lists the keys that sign tokens and receipts, and replaces them while the auction goes on."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from auction.cli.accounts import Reason, checked_reason
from auction.console.output import Json, out, print_error, print_json

if TYPE_CHECKING:
    from auction.console.keys import ListedKey

keys = typer.Typer(help="List and replace the keys that sign tokens and receipts.", no_args_is_help=True)

AFTER_S, AFTER_S_MAX = 5, 30 * 86_400


@keys.command("list")
def list_keys(*, as_json: Json = False) -> None:
    """List every key: its purpose, id, whether it signs or only checks, from when and until when."""
    from auction.console import keys as console
    from auction.settings import load_settings

    found = console.list_keys(load_settings(), time.time_ns() // 1_000_000)
    if as_json:
        names = ("purpose", "kid", "state", "from_ms", "until_ms")
        print_json([{name: getattr(one, name) for name in names} for one in found])
        return
    for one in found:
        out.print(_line(one), markup=False)


@keys.command("rotate")
def rotate(
    *,
    reason: Reason,
    only: Annotated[str, typer.Option(help="tokens or receipts; default: both.")] = "",
    after: Annotated[
        int,
        typer.Option(
            min=AFTER_S,
            max=AFTER_S_MAX,
            help="In how many seconds the new keys sign; longer where files are copied to other hosts.",
        ),
    ] = AFTER_S,
    end_earlier: Annotated[
        bool,
        typer.Option(
            "--end-earlier",
            help="For keys that somebody else may have: everybody is signed out, and earlier house keys only check.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Add new keys, which every process of this host takes up without a restart; nobody is signed out.

    Earlier secrets check tokens until the last one made with them has ended.
    """
    from auction.console import keys as console
    from auction.settings import load_settings

    reason = checked_reason(reason)
    if only and only not in tuple(map(str, console.Kind)):
        print_error(f"--only must be one of {', '.join(console.Kind)}, got {only!r}")
        raise typer.Exit(2)
    kinds = [console.Kind(only)] if only else list(console.Kind)
    settings = load_settings()
    from_ms = console.rotate(settings, kinds, after_s=after, end_earlier=end_earlier)
    not_recorded = console.record(settings, kinds, from_ms, end_earlier=end_earlier, reason=reason)
    if as_json:
        print_json({"kinds": [str(kind) for kind in kinds], "from_ms": from_ms, "is_audited": not_recorded is None})
    else:
        out.print(f"New keys of {' and '.join(kinds)} sign from {_time(from_ms)} on.", markup=False)
    if not_recorded is not None:
        print_error(f"the keys were replaced, but this is not in the audit log: {not_recorded}")


def _line(one: "ListedKey") -> str:
    span = f"from {_time(one.from_ms)}" if one.from_ms else "from the first start"
    if one.until_ms is not None:
        span += f", accepted until {_time(one.until_ms)}"
    return f"{one.purpose:<9} {one.kid:<16} {one.state:<11} {span}"


def _time(at_ms: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at_ms / 1000))
