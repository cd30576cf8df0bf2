"""What the demo prints before it begins: where everything is, and tokens with a bid that can be pasted."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.padding import Padding

from auction.demo.accounts import BIDDERS, CLERK, FINANCE, PASSWORD
from auction.demo.fixtures import RECORD_FEN, YUAN
from auction.demo.staff_client import ScheduledLot
from auction.domain.money import yuan

OVERBID_FEN = 80_000_000 * YUAN
"""Above whatever the bots offer."""


@dataclass(frozen=True, slots=True)
class Guest:
    """A bidder for whoever watches."""

    paddle: int
    token: str


def print_banner(
    console: Console,
    *,
    address: str,
    sale_id: str,
    scheduled: Sequence[ScheduledLot],
    guests: Sequence[Guest],
    clerk_token: str,
    bots: bool,
) -> None:
    """Addresses, the lots' terms in a word, tokens as shell variables, and a bid to paste."""
    car, early = scheduled[0], scheduled[-1]
    console.print("\n[bold]A flash auction is open on this machine.[/]  [dim]Ctrl-C stops all of it.[/]\n")
    places = [
        ("sales", f"{address}/?sale={sale_id}"),
        ("the car", f"{address}/lots/{car.lot_id}"),
        ("your own", f"{address}/me"),
        ("staff", f"{address}/ops"),
        ("finance", f"{address}/ops/settlements"),
        ("API docs", f"{address}/docs"),
    ]
    for name, place in places:
        console.print(f"  [cyan]{name:<10}[/]{place}", soft_wrap=True)
    console.print(
        f"\n[bold]Sign in[/]  [dim]as[/] {' or '.join(BIDDERS)} [dim]to bid, as[/] {CLERK} [dim]for the staff page, "
        f"as[/] {' or '.join(FINANCE)} [dim]for finance; the password is[/] {PASSWORD}"
    )
    console.print("\n[bold]What to look at[/]")
    for view in _sights(early, bots=bots):
        console.print(Padding(view, (0, 0, 0, 2)))
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


def _sights(early: ScheduledLot, *, bots: bool) -> list[str]:
    """What is worth watching."""
    deadlines = early.plan.deadlines
    within = "" if deadlines is None else f"{(deadlines.pay_ms + deadlines.grace_ms) / 1000:.0f} s at speed 1"
    return [
        (
            f"{early.lot_id} [dim]closes first, and its winner is silent. After[/] {within} [dim]it is a default: see "
            "the forfeited deposit, two offers and the relisting on the finance page.[/]"
            if bots
            else f"{early.lot_id} [dim]gives its winner[/] {within} [dim]to pay, then it is a default.[/]"
        ),
        (
            f"[dim]Outbid the others there as[/] {next(iter(BIDDERS))}[dim], and the award is yours to pay, or not, on "
            "the page of your own; as a runner-up the offer is.[/]"
        ),
        (
            f"[dim]Who paid waits for a handover: confirm it as[/] {next(iter(FINANCE))}[dim], and the seller is paid. "
            f"Voiding and writing off take[/] {' and '.join(FINANCE)} [dim]both.[/]"
        ),
    ]
