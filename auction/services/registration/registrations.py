"""What registrations and top-ups lead to, and whether a lot admits bidders.

Beside the bid's way. Nothing here calls the payment provider: `auction.services.payments.registration_deposits` does,
and the provider's answer registers the bidder (`auction.services.payments.deposit_outcomes.record_holds`), whoever
brings it. So nobody is admitted on a deposit that is not held.
"""

from dataclasses import dataclass

from auction.books import bidders
from auction.books.bidders import Registration
from auction.books.catalogue import DRAFT
from auction.books.deposits import Deposit
from auction.domain.errors import ProblemCode, RequestRefused
from auction.domain.lot import ADMITTING
from auction.domain.states import DepositReason, DepositStatus
from auction.services.context import AppContext


@dataclass(frozen=True, slots=True)
class RegistrationOutcome:
    """A registration or top-up. `registration` None: the deposit is pending; `created` False: it was made before."""

    registration: Registration | None
    deposit: Deposit | None
    created: bool


def outcome_of(found: Registration | None, deposit: Deposit | None) -> RegistrationOutcome:
    """What a deposit, or none, has led to. Raises RequestRefused(bidder-barred, registration-closed)."""
    if found is None:
        if deposit is not None and deposit.reason == DepositReason.BIDDER_BARRED:
            raise barred()
        if deposit is not None and deposit.status is not DepositStatus.PENDING:
            raise RequestRefused(
                ProblemCode.REGISTRATION_CLOSED, "The lot ended while the deposit was being held; it is released again."
            )
    return RegistrationOutcome(found, deposit, created=True)


def barred() -> RequestRefused:
    """The refusal of who defaulted on a lot, or is linked to whoever did, when it is sold again."""
    return RequestRefused(
        ProblemCode.BIDDER_BARRED,
        "This lot is sold again because its buyer did not pay; that buyer may not bid on it.",
        {"cause": "resale"},
    )


async def check_admitting(context: AppContext, lot_id: str) -> None:
    """Raises RequestRefused(registration-closed) where a lot admits nobody, LedgerAway, BooksAway."""
    snapshot = await context.ledger.read(lot_id)
    status = DRAFT if snapshot is None else str(snapshot.status)
    if snapshot is None and (ended := await context.ended_lots.find(context.books, lot_id)) is not None:
        status = str(ended.lot.status)
    if status not in ADMITTING:
        raise RequestRefused(
            ProblemCode.REGISTRATION_CLOSED,
            f"The lot is {status}; bidders are admitted while it is {', '.join(ADMITTING)}.",
            {"status": status, "allowed": [str(s) for s in ADMITTING]},
        )


async def registrations_of(context: AppContext, bidder_id: str) -> list[Registration]:
    """A bidder's registrations with their deposits, newest first."""
    async with context.books.reading() as tx:
        return await bidders.registrations_of(tx, bidder_id)
