"""Checks the invariants of money: those of the database, and that no bidder's power exceeds their held deposits.

Off the bid's way, read only. Run by `auction verify`, by `GET /ops/invariants` and after the tests of money.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from auction.books import bidders, catalogue
from auction.books.bidders import Registration
from auction.books.invariants import INVARIANTS
from auction.domain.deposits import Power
from auction.ledger.stored_lot import StoredLots
from auction.services.context import AppContext
from auction.services.registration.bidding_power import powers_of

POWER_RULE = "Bidding power, in the books and in the ledger, never exceeds what held deposits allow."
REGISTRATIONS_AT_ONCE = 1000
"""Registrations whose power is checked in a few statements."""
SYNC_S = 0.5
"""How long a change of power may take to reach the ledger; excess power is checked once more after it."""


@dataclass(frozen=True, slots=True)
class MoneyCheck:
    """One invariant and where it is broken, as sentences; none: it holds."""

    name: str
    rule: str
    broken: Sequence[str]


async def check_money(context: AppContext) -> list[MoneyCheck]:
    """Check every invariant, on one state of the database. Raises BooksAway, LedgerAway."""
    async with context.books.reading() as tx:
        found = [MoneyCheck(one.name, one.rule, await one.violations(tx)) for one in INVARIANTS]
    excess = await _excess_power(context)
    if excess:
        await asyncio.sleep(SYNC_S)
        still = await _excess_power(context)
        excess = [sentence for sentence in excess if sentence in still]
    found.append(MoneyCheck("power-within-deposits", POWER_RULE, excess))
    return found


async def _excess_power(context: AppContext) -> list[str]:
    """The bidders on lots not over whose limit or purse is above what their deposits allow, as sentences."""
    excess: list[str] = []
    last = ("", "")
    async with context.books.reading() as tx:
        while page := await bidders.registrations_alive(tx, after=last, limit=REGISTRATIONS_AT_ONCE):
            records = await catalogue.lots_by_id(tx, list({registration.lot_id for registration in page}))
            allowed = await powers_of(context, tx, page, records)
            in_ledger = await StoredLots(context.ledger).powers([(one.lot_id, one.bidder_id) for one in page])
            excess += filter(None, map(_excess, page, allowed, in_ledger))
            last = (page[-1].lot_id, page[-1].bidder_id)
    return excess


def _excess(registration: Registration, allowed: Power, in_ledger: Power | None) -> str | None:
    """What is wrong with a bidder's power, as a sentence; None: nothing is."""
    in_books = Power(registration.limit_fen, registration.purse_fen, registration.held_fen)
    for where, given in (("books give", in_books), ("ledger gives", in_ledger)):
        if given is not None and (
            _exceeds(given.limit_fen, allowed.limit_fen)
            or _exceeds(given.purse_fen, allowed.purse_fen)
            or _exceeds(given.held_fen, allowed.held_fen)
        ):
            who = f"{registration.bidder_id} on lot {registration.lot_id}"
            return f"{who}: the {where} more than {_describe(allowed)}"
    return None


def _exceeds(given_fen: int | None, allowed_fen: int | None) -> bool:
    return allowed_fen is not None and (given_fen is None or given_fen > allowed_fen)


def _describe(power: Power) -> str:
    parts = [f"a limit of {power.limit_fen}" if power.limit_fen is not None else "no limit"]
    if power.purse_fen is not None:
        parts.append(f"a purse of {power.purse_fen}")
    return " and ".join(parts) + " fen"
