"""What `auction verify FILE` does, and how its verdict is printed: as plain data for `--json`, and for people."""

from dataclasses import dataclass
from pathlib import Path

from auction.console.output import out
from auction.services.verification.published_record import RecordVerdict, check_record
from auction.services.verification.receipt_in_record import PublishedEvents, ReceiptVerdict
from auction.signing.public_keys import PublicKeys
from auction.signing.receipts import PREFIX


@dataclass(frozen=True, slots=True)
class FileVerdict:
    """What was found in a file, and of a receipt that was held against it (None: none was)."""

    record: RecordVerdict
    receipt: ReceiptVerdict | None

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong with either."""
        return self.record.is_sound and (self.receipt is None or self.receipt.is_sound)


def check_file(file: Path, head: str | None, keys_file: Path | None, receipt: str | None) -> FileVerdict:
    """Check a published record; `head` is what its chain must end with (None: whatever it does).

    With a file of public keys its signature is checked too, and a receipt: its text, or a file that holds it. Raises
    OSError, KeysMalformed.
    """
    keys = None if keys_file is None else PublicKeys.parse(keys_file.read_bytes())
    with file.open("rb") as lines:
        verdict = check_record(lines, keys)
    of_receipt = None
    if receipt is not None and keys is not None:
        text = receipt if receipt.startswith(PREFIX) else Path(receipt).read_text("utf-8", "replace")
        with file.open("rb") as lines:
            of_receipt = PublishedEvents(lines).check(text.strip(), keys)
    if head is not None and head.lower() != verdict.head:
        verdict.add(
            verdict.events, f"the chain ends with another head than {head}: lines were changed and chained anew"
        )
    return FileVerdict(verdict, of_receipt)


def as_mapping(found: FileVerdict) -> dict[str, object]:
    """The verdict as `--json` prints it."""
    verdict = found.record
    return {
        "ok": found.is_sound,
        "lot_id": verdict.lot_id,
        "events": verdict.events,
        "head": verdict.head,
        "signed_by": verdict.signed_by,
        "faults": [{"line": fault.line, "what": fault.what} for fault in verdict.faults],
        "receipt": None if found.receipt is None else _receipt_as_mapping(found.receipt),
    }


def _receipt_as_mapping(verdict: ReceiptVerdict) -> dict[str, object]:
    names = ("lot_id", "epoch", "seq", "at_ms", "paddle", "amount_fen", "price_fen", "leading", "ends_at_ms", "kid")
    stated = verdict.stated
    return {
        "ok": verdict.is_sound,
        "stated": None if stated is None else {name: getattr(stated, name) for name in names},
        "voided_by_seq": verdict.voided_by_seq,
        "faults": verdict.faults,
    }


def print_verdict(found: FileVerdict) -> None:
    """Print each fault, then a line about the whole file and one about the receipt."""
    _print_record(found.record)
    if found.receipt is not None:
        _print_receipt(found.receipt)


def _print_receipt(verdict: ReceiptVerdict) -> None:
    for fault in verdict.faults:
        out.print("[bold red]receipt:[/] ", end="")
        out.print(fault, markup=False)
    stated = verdict.stated
    if stated is None or not verdict.is_sound:
        out.print("[bold red]The receipt does not prove a bid of this record.[/]")
        return
    what = f"paddle {stated.paddle}, price_fen {stated.price_fen}"
    out.print(f"[bold green]The receipt is of seq {stated.seq} of the record: {what}.[/]")
    if verdict.voided_by_seq is not None:
        out.print(f"That bid was voided by seq {verdict.voided_by_seq}; the record gives the reason.")


def _print_record(verdict: RecordVerdict) -> None:
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
