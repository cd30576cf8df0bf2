"""What the demo prints before it begins: where everything is, and tokens with a bid that can be pasted."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console

from auction.cli.demo.accounts import PASSWORD
from auction.cli.demo.desk import StagedLot
from auction.cli.demo.stage import RECORD_FEN, YUAN
from auction.domain.money import yuan

OVERBID_FEN = 80_000_000 * YUAN
"""Above whatever the bots offer."""


@dataclass(frozen=True, slots=True)
class Guest:
    """A bidder for whoever watches."""

    paddle: int
    token: str


def print_invitation(
    console: Console,
    *,
    address: str,
    sale_id: str,
    staged: Sequence[StagedLot],
    guests: Sequence[Guest],
    accounts: Sequence[str],
    clerk_token: str,
    bots: bool,
) -> None:
    """Addresses, the lots' terms in a word, tokens as shell variables, and a bid to paste."""
    car = staged[0]
    console.print("\n[bold]A flash auction is open on this machine.[/]  [dim]Ctrl-C stops all of it.[/]\n")
    places = [
        ("sales", f"{address}/?sale={sale_id}"),
        ("the car", f"{address}/lots/{car.lot_id}"),
        ("staff", f"{address}/ops"),
        ("API docs", f"{address}/docs"),
    ]
    for name, place in places:
        console.print(f"  [cyan]{name:<10}[/]{place}", soft_wrap=True)
    *bidders, clerk = accounts
    console.print(
        f"\n[bold]Sign in[/]  [dim]as[/] {' or '.join(bidders)} [dim]to bid, as[/] {clerk} [dim]for the staff page; "
        f"the password is[/] {PASSWORD}"
    )
    console.print("\n[bold]Or bid from a terminal[/]  [dim]paste these,[/]")
    variables = [(f"GUEST_{letter}", guest) for letter, guest in zip("AB", guests, strict=True)]
    for name, guest in variables:
        console.print(f"export {name}={guest.token}", soft_wrap=True, markup=False)
    console.print(f"export CLERK={clerk_token}", soft_wrap=True, markup=False)
    amount_fen = OVERBID_FEN if bots else 1 * YUAN
    paddles = " and ".join(f"#{guest.paddle}" for guest in guests)
    outbids = f", beyond the {yuan(RECORD_FEN)} that the bots go to" if bots else ""
    console.print(f"[dim]then bid {yuan(amount_fen)} yuan for the car{outbids} (you are paddles {paddles}):[/]")
    console.print(
        f'curl -s {address}/api/v1/lots/{car.lot_id}/bids -H "Authorization: Bearer $GUEST_A" '
        f"-H 'Content-Type: application/json' -H \"Idempotency-Key: bid-$(date +%s)-$RANDOM\" "
        f"-d '{{\"amount_fen\": {amount_fen}}}'\n",
        soft_wrap=True,
        markup=False,
    )
