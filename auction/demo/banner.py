"""What the demo prints before the lots open: addresses, accounts, what to watch, and a bid to paste into a terminal."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.padding import Padding

from auction.demo.accounts import BIDDERS, CLERK, FINANCE, PASSWORD
from auction.demo.fixtures import RECORD_FEN, YUAN
from auction.demo.staff_client import ScheduledLot
from auction.domain.money import yuan

OVERBID_FEN = 80_000_000 * YUAN
"""Above the highest bid of any bot."""


@dataclass(frozen=True, slots=True)
class Guest:
    """A registered bidder for whoever tries the demo."""

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
    data_dir: Path | None,
) -> None:
    """Print the addresses, the accounts, what to watch, and tokens with a bid to paste; `data_dir` if data is kept."""
    car, early = scheduled[0], scheduled[-1]
    console.print("\n[bold]A flash auction is running on this machine.[/]  [dim]Ctrl-C stops everything.[/]\n")
    places = [
        ("sale", f"{address}/?sale={sale_id}"),
        ("car", f"{address}/lots/{car.lot_id}"),
        ("my page", f"{address}/me"),
        ("staff", f"{address}/ops"),
        ("finance", f"{address}/ops/settlements"),
        ("API docs", f"{address}/docs"),
    ]
    if data_dir is not None:
        places.append(("data", f"{data_dir} [dim](kept)[/]"))
    for name, place in places:
        console.print(f"  [cyan]{name:<10}[/]{place}", soft_wrap=True)
    console.print(
        f"\n[bold]Sign in[/]  as {' or '.join(BIDDERS)} to bid, as {CLERK} for the staff page, as "
        f"{' or '.join(FINANCE)} for finance. The password is {PASSWORD}"
    )
    console.print("\n[bold]What to watch and do[/]")
    for suggestion in _suggestions(early, bots=bots):
        console.print(Padding(suggestion, (0, 0, 0, 2)))
    console.print("\n[bold]Bid from a terminal[/]  [dim]paste these lines:[/]")
    variables = [(f"GUEST_{letter}", guest) for letter, guest in zip("AB", guests, strict=True)]
    for name, guest in variables:
        console.print(f"export {name}={guest.token}", soft_wrap=True, markup=False)
    console.print(f"export CLERK={clerk_token}", soft_wrap=True, markup=False)
    amount_fen = OVERBID_FEN if bots else 1 * YUAN
    paddles = " and ".join(f"#{guest.paddle}" for guest in guests)
    above = f", above the bots' highest bid of {yuan(RECORD_FEN)}" if bots else ""
    console.print(f"[dim]and bid {yuan(amount_fen)} yuan for the car{above} (the guests are paddles {paddles}):[/]")
    console.print(
        f'curl -s {address}/api/v1/lots/{car.lot_id}/bids -H "Authorization: Bearer $GUEST_A" '
        f"-H 'Content-Type: application/json' -H \"Idempotency-Key: bid-$(date +%s)-$RANDOM\" "
        f"-d '{{\"amount_fen\": {amount_fen}}}'\n",
        soft_wrap=True,
        markup=False,
    )


def running_line(address: str) -> str:
    """One line for when all lots are closed: that the servers still run, until when, and where to act."""
    bidder, finance = next(iter(BIDDERS)), next(iter(FINANCE))
    return (
        f"Still running until Ctrl-C: {address}/me (as {bidder}), {address}/ops/settlements (as {finance}), "
        f"{address}/ops (as {CLERK})"
    )


def _suggestions(early: ScheduledLot, *, bots: bool) -> list[str]:
    deadlines = early.plan.deadlines
    pay_s = 0.0 if deadlines is None else (deadlines.pay_ms + deadlines.grace_ms) / 1000
    bidder, finance = next(iter(BIDDERS)), next(iter(FINANCE))
    return [
        (
            f"{early.lot_id} closes first and its winner does not pay. After {pay_s:.0f} s at speed 1 that is a "
            "default: the finance page shows the forfeited deposit, two offers to runners-up and the relisting."
            if bots
            else f"{early.lot_id} gives its winner {pay_s:.0f} s to pay; after that it is a default."
        ),
        (
            f"Win {early.lot_id} as {bidder} and the award is on your own page, to pay or not; as a runner-up you get "
            "the offer there."
        ),
        (
            f"A paid lot waits for its handover: confirm it as {finance}, and the seller is paid. Voiding, early "
            f"defaults and write-offs need both {' and '.join(FINANCE)}."
        ),
    ]
