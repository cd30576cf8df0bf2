"""What `auction verify FILE` does, and how its verdict is printed: as plain data for `--json`, and for people."""

from pathlib import Path

from auction.console.output import out
from auction.services.verification.published_record import RecordVerdict, check_record
from auction.signing.public_keys import PublicKeys


def check_file(file: Path, head: str | None, keys_file: Path | None) -> RecordVerdict:
    """Check a published record; `head` is what its chain must end with (None: whatever it does).

    With a file of public keys its signature is checked too. Raises OSError, KeysMalformed.
    """
    keys = None if keys_file is None else PublicKeys.parse(keys_file.read_bytes())
    with file.open("rb") as lines:
        verdict = check_record(lines, keys)
    if head is not None and head.lower() != verdict.head:
        verdict.add(
            verdict.events, f"the chain ends with another head than {head}: lines were changed and chained anew"
        )
    return verdict


def as_mapping(verdict: RecordVerdict) -> dict[str, object]:
    """The verdict as `--json` prints it."""
    return {
        "ok": verdict.is_sound,
        "lot_id": verdict.lot_id,
        "events": verdict.events,
        "head": verdict.head,
        "signed_by": verdict.signed_by,
        "faults": [{"line": fault.line, "what": fault.what} for fault in verdict.faults],
    }


def print_verdict(verdict: RecordVerdict) -> None:
    """Print each fault, then one line about the whole file."""
    for fault in verdict.faults:
        out.print(f"[bold red]line {fault.line}:[/] ", end="")
        out.print(fault.what, markup=False)
    if verdict.is_sound:
        out.print(f"[bold green]Lot {verdict.lot_id}: {verdict.events:,} events, each as its head says.[/]")
        if verdict.signed_by is not None:
            out.print(f"Its end is signed with key {verdict.signed_by}.", markup=False)
        else:
            out.print("The file alone cannot show that it was chained anew: check its signature with --keys FILE, the")
            out.print("house's /.well-known/auction-keys.json, or compare the head with one noted elsewhere:")
        out.print(verdict.head, markup=False)
    else:
        out.print("[bold red]This is not the record as it was published.[/]")
