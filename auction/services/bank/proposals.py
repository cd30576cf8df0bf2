"""Proposes which award a bank receipt pays: by the reference in its remittance text, else by its amount."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from auction.books import bank_receipts, catalogue
from auction.books.settlements import Award
from auction.books.unit_of_work import Transaction
from auction.domain.payment_reference import numbers_in


@dataclass(frozen=True, slots=True)
class Proposal:
    """An award that a receipt may pay; only one by reference is matched without a person."""

    award: Award
    title: str
    by: Literal["reference", "amount"]


async def propose(tx: Transaction, told: Sequence[tuple[str, int]]) -> list[Proposal | None]:
    """For each remittance text and amount in fen the award it may pay, or None.

    By amount where exactly one due award lacks exactly so much, and the text names no award.
    """
    numbers = [numbers_in(remittance) for remittance, _ in told]
    named = await bank_receipts.awards_by_number(tx, {number for some in numbers for number in some})
    by_amount = await bank_receipts.awards_due_by_amount(tx, {amount_fen for _, amount_fen in told})
    chosen: list[tuple[Award, Literal["reference", "amount"]] | None] = []
    for (_, amount_fen), some in zip(told, numbers, strict=True):
        known = [named[number] for number in some if number in named]
        lacking = by_amount.get(amount_fen, [])
        if len(known) == 1:
            chosen.append((known[0], "reference"))
        elif not known and len(lacking) == 1:
            chosen.append((lacking[0], "amount"))
        else:
            chosen.append(None)
    records = await catalogue.lots_by_id(tx, [one[0].lot_id for one in chosen if one is not None])
    return [None if one is None else Proposal(one[0], records[one[0].lot_id].title, one[1]) for one in chosen]
