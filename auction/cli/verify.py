"""`auction verify`: checks ledger, archive and journal against the rules; exit code 1 if one is broken."""

from pathlib import Path
from typing import Annotated

import typer

from auction.console.output import Json, print_error, print_json


def verify(
    file: Annotated[
        Path | None, typer.Argument(help="Check this published record, offline: /api/v1/lots/ID/ledger.jsonl.")
    ] = None,
    *,
    lot: Annotated[str | None, typer.Option(help="Check this lot.")] = None,
    sale: Annotated[str | None, typer.Option(help="Check the lots of this sale.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Check every lot.")] = False,
    head: Annotated[str | None, typer.Option(help="With FILE: the head that its chain must end with.")] = None,
    keys: Annotated[
        Path | None, typer.Option(help="With FILE: the house's public keys, /.well-known/auction-keys.json.")
    ] = None,
    audit_head: Annotated[
        Path | None,
        typer.Option(help="Without FILE: kept heads of the audit log, /.well-known/auction-audit.json, one a line."),
    ] = None,
    receipt: Annotated[
        str | None, typer.Option(help="With FILE and --keys: a bid's receipt, or a file that holds it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Verify lots, money and the audit log, or a published record.

    Exit code 1 if a promise or a rule is broken, the audit log was rewritten, or the file is not as it was published.
    """
    if file is None and (head is not None or receipt is not None or (keys is not None and audit_head is None)):
        print_error("--head, --keys and --receipt are for a published record: name its FILE")
        raise typer.Exit(2)
    if file is not None and audit_head is not None:
        print_error("--audit-head is for the audit log of a house, not for a published record")
        raise typer.Exit(2)
    if receipt is not None and keys is None:
        print_error("a receipt is checked with the house's public keys: give them with --keys FILE")
        raise typer.Exit(2)
    if [file is not None, lot is not None, sale is not None, everything].count(True) != 1:
        print_error("name what to check with exactly one of FILE, --lot ID, --sale ID and --all")
        raise typer.Exit(2)
    if file is not None:
        _verify_file(file, head, keys, receipt, as_json=as_json)
        return
    _verify_house(lot, sale, audit_head, keys, as_json=as_json)


def _verify_house(
    lot: str | None, sale: str | None, audit_head: Path | None, keys: Path | None, *, as_json: bool
) -> None:
    from auction.console import verification
    from auction.migration import migrated_servers
    from auction.settings import load_settings
    from auction.signing.audit_head import HeadMalformed
    from auction.signing.public_keys import KeysMalformed

    try:
        heads = [] if audit_head is None else verification.read_heads(audit_head, keys)
    except OSError as error:
        print_error(f"{error.filename} cannot be read: {error.strerror}")
        raise typer.Exit(2) from error
    except (HeadMalformed, KeysMalformed) as error:
        print_error(f"{keys if isinstance(error, KeysMalformed) else audit_head} cannot be used: {error}")
        raise typer.Exit(2) from error
    with migrated_servers(load_settings()) as settings:
        verdict, money, audit = verification.verify(settings, lot=lot, sale=sale, heads=heads)
    if as_json:
        print_json(verification.as_mapping(verdict, money, audit))
    else:
        verification.print_verdict(verdict)
        verification.print_money(money)
        verification.print_audit(audit)
    if not verification.all_hold(verdict, money, audit):
        raise typer.Exit(1)


def _verify_file(file: Path, head: str | None, keys: Path | None, receipt: str | None, *, as_json: bool) -> None:
    from auction.console import published_record
    from auction.signing.public_keys import KeysMalformed

    try:
        verdict = published_record.check_file(file, head, keys, receipt)
    except OSError as error:
        print_error(f"{error.filename} cannot be read: {error.strerror}")
        raise typer.Exit(2) from error
    except KeysMalformed as error:
        print_error(f"{keys} cannot be used: {error}")
        raise typer.Exit(2) from error
    if as_json:
        print_json(published_record.as_mapping(verdict))
    else:
        published_record.print_verdict(verdict)
    if not verdict.is_sound:
        raise typer.Exit(1)
