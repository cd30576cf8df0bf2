"""The states of deposits, payments, awards, offers, defaults and settlements, and the codes that go with them.

The values are stored in the database and appear in JSON, so none is ever changed. The members are what the rest of the
program compares: a status from the database is read as one of these, and an unknown one is an error.
Source: domain rules, "Lot", "Deposits" and "Settlement".
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class DepositMethod(StrEnum):
    """How a deposit is held."""

    AUTHORISATION = "authorisation"
    """The provider reserves the amount on the bidder's card; no money moves until it is captured."""
    CHARGE = "charge"
    """The amount is taken at once and refunded later."""


class DepositPolicyKind(StrEnum):
    """How much a bidder deposits, and which limit that gives (`auction.domain.deposits`)."""

    NONE = "none"
    FLAT = "flat"
    LADDER = "ladder"
    PURSE = "purse"


class DepositStatus(StrEnum):
    """Where a deposit is."""

    PENDING = "pending"
    """Requested from the provider, outcome not known."""
    HELD = "held"
    FAILED = "failed"
    """Declined: nothing was reserved or taken."""
    RELEASING = "releasing"
    """To be given back; the provider has not confirmed it."""
    RELEASED = "released"
    APPLIED = "applied"
    """Paid towards an award."""
    FORFEITED = "forfeited"
    """Lost by a default."""
    LAPSED = "lapsed"
    """An authorisation that could not be captured, or a charge that the bidder has disputed with success."""
    DISPUTED = "disputed"
    """Cash that the provider has taken back until a dispute is decided."""
    SHARED = "shared"
    """A purse of which nothing is left: shares of lots took all of it, each a deposit of its own."""


class Disposition(StrEnum):
    """What a held deposit is to be used for; decided once."""

    RELEASE = "release"
    APPLY = "apply"
    FORFEIT = "forfeit"


class DepositReason(StrEnum):
    """Why a deposit has its disposition. Where the provider refused, its failure code stands in the same place."""

    DECLINED = "declined"
    LAPSED = "lapsed"
    LOT_MISSED = "lot-missed"
    """The lot was never opened, and its end has passed."""
    LOT_OVER = "lot-over"
    """It was held only after the lot had ended."""
    BIDDER_BARRED = "bidder-barred"
    """Its card links the bidder to a defaulter who may not bid on the lot."""
    NOT_WON = "not-won"
    NOT_NEEDED = "not-needed"
    PAID = "paid"
    DEFAULT = "default"
    OFFER_DECLINED = "offer-declined"
    OFFER_LAPSED = "offer-lapsed"
    VOID = "void"
    DISPUTE_LOST = "dispute-lost"
    REFUNDED_AT_PROVIDER = "refunded-at-provider"


class OperationKind(StrEnum):
    """What a payment provider can be asked to do."""

    HOLD = "hold"
    CHARGE = "charge"
    CAPTURE = "capture"
    RELEASE = "release"
    REFUND = "refund"


class OperationStatus(StrEnum):
    """How far a payment operation is."""

    INTENDED = "intended"
    """Committed to the database; the provider may not know of it."""
    PENDING = "pending"
    """The provider has it and has not decided."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"


UNRESOLVED_OPERATION = (OperationStatus.INTENDED, OperationStatus.PENDING)
"""Statuses of operations whose outcome is not known yet."""


class FailureCode(StrEnum):
    """The failures that all providers report under the same code; a bank's own decline codes are passed through."""

    CARD_DECLINED = "card_declined"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    EXPIRED = "expired"
    ALREADY_CAPTURED = "already_captured"
    ALREADY_RELEASED = "already_released"
    AMOUNT_TOO_LARGE = "amount_too_large"
    """More than is held, than is left of what was taken, or than the provider takes at once."""
    AMOUNT_TOO_SMALL = "amount_too_small"
    """Less than the provider takes at once."""
    AUTHENTICATION_REQUIRED = "authentication_required"
    """The card's bank wants its owner to confirm, who is not present."""
    AUTHENTICATION_FAILED = "authentication_failed"
    """The card's bank did not take what its owner showed, or they declined."""
    AUTHENTICATION_MISSING = "authentication_missing"
    """The card's owner was to confirm it with their bank, and did not in time, or cancelled."""
    CAPTURE_FAILED = "capture_failed"
    REFUND_FAILED = "refund_failed"
    NOT_FOUND = "not_found"
    """No such hold, charge or payment method."""
    NOT_READY = "not_ready"
    """The hold or charge is still pending, or never came about."""
    ABANDONED = "abandoned"
    """The house gave it up: the provider does not know it."""
    REFUNDED_OTHERWISE = "refunded_otherwise"
    """The house paid the refund in another way."""


HOLD_ENDED = (FailureCode.EXPIRED, FailureCode.ALREADY_RELEASED)
"""Failures that mean: the provider reserves nothing any more."""
RELEASE_SUPERSEDED = (*HOLD_ENDED, FailureCode.ALREADY_CAPTURED)
"""Failures of a release that leave nothing to release: the hold has ended, or its money is refunded instead."""


class SettlementState(StrEnum):
    """Where a closed lot is."""

    AWARDED = "awarded"
    PAID = "paid"
    SETTLED = "settled"
    DEFAULTED = "defaulted"
    OFFERED = "offered"
    RELISTED = "relisted"
    UNSOLD = "unsold"
    VOID = "void"


class SettlementAction(StrEnum):
    """What moves a settlement from one state to another."""

    PAY = "pay"
    DEFAULT = "default"
    OFFER = "offer"
    ACCEPT = "accept"
    DECLINE = "decline"
    LAPSE = "lapse"
    RELIST = "relist"
    GIVE_UP = "give-up"
    EXTEND = "extend"
    CONFIRM_HANDOVER = "confirm-handover"
    VOID = "void"


ALLOWED: Mapping[SettlementAction, tuple[SettlementState, ...]] = MappingProxyType(
    {
        SettlementAction.PAY: (SettlementState.AWARDED,),
        SettlementAction.DEFAULT: (SettlementState.AWARDED,),
        SettlementAction.OFFER: (SettlementState.DEFAULTED, SettlementState.UNSOLD),
        SettlementAction.ACCEPT: (SettlementState.OFFERED,),
        SettlementAction.DECLINE: (SettlementState.OFFERED,),
        SettlementAction.LAPSE: (SettlementState.OFFERED,),
        SettlementAction.RELIST: (SettlementState.DEFAULTED, SettlementState.UNSOLD),
        SettlementAction.GIVE_UP: (SettlementState.DEFAULTED,),
        SettlementAction.EXTEND: (SettlementState.DEFAULTED,),
        SettlementAction.CONFIRM_HANDOVER: (SettlementState.PAID,),
        SettlementAction.VOID: (
            SettlementState.AWARDED,
            SettlementState.PAID,
            SettlementState.DEFAULTED,
            SettlementState.OFFERED,
            SettlementState.RELISTED,
            SettlementState.UNSOLD,
        ),
    }
)
"""Action -> the states it may be taken in.

An offer that is declined or lapses leaves the lot defaulted again; the next offer, the relisting or giving up (which
makes the lot unsold) starts from there, so none of them happens while an offer is open. A lot that stayed unsold may
still be offered or relisted by staff. Only a lot that was handed over cannot be declared void; a relisted one can after
the lot that it was relisted as.
"""

STATE_AFTER: Mapping[SettlementAction, SettlementState] = MappingProxyType(
    {
        SettlementAction.PAY: SettlementState.PAID,
        SettlementAction.DEFAULT: SettlementState.DEFAULTED,
        SettlementAction.OFFER: SettlementState.OFFERED,
        SettlementAction.ACCEPT: SettlementState.AWARDED,
        SettlementAction.DECLINE: SettlementState.DEFAULTED,
        SettlementAction.LAPSE: SettlementState.DEFAULTED,
        SettlementAction.RELIST: SettlementState.RELISTED,
        SettlementAction.GIVE_UP: SettlementState.UNSOLD,
        SettlementAction.EXTEND: SettlementState.DEFAULTED,
        SettlementAction.CONFIRM_HANDOVER: SettlementState.SETTLED,
        SettlementAction.VOID: SettlementState.VOID,
    }
)
"""Action -> the state it leads to."""


class StepName(StrEnum):
    """The steps in a settlement's timeline; most are named for the state they lead to."""

    AWARDED = "awarded"
    UNSOLD = "unsold"
    VOID = "void"
    PAYMENT_RECEIVED = "payment-received"
    PAYMENT_DECLINED = "payment-declined"
    DEPOSIT_CAPTURED = "deposit-captured"
    DEPOSIT_LAPSED = "deposit-lapsed"
    CURE_PERIOD = "cure-period"
    REST_WAIVED = "rest-waived"
    PAID = "paid"
    DELIVERY_CENTRE_CHOSEN = "delivery-centre-chosen"
    HANDOVER_OVERDUE = "handover-overdue"
    STORAGE_FEE_PAID = "storage-fee-paid"
    SETTLED = "settled"
    DEFAULTED = "defaulted"
    DECISION_EXTENDED = "decision-extended"
    OFFERED = "offered"
    OFFER_ACCEPTED = "offer-accepted"
    OFFER_DECLINED = "offer-declined"
    OFFER_LAPSED = "offer-lapsed"
    RELISTED = "relisted"
    WATERFALL = "waterfall"
    CLAIM_WRITTEN_OFF = "claim-written-off"
    SELLER_REPAID = "seller-repaid"
    CLAIM_COLLECTED = "claim-collected"
    REFUND_FAILED = "refund-failed"
    REFUNDED_OTHERWISE = "refunded-otherwise"
    PAYMENT_ABANDONED = "payment-abandoned"
    TRANSFER_RECEIVED = "transfer-received"
    TRANSFER_RETURNED = "transfer-returned"
    TRANSFER_FAILED = "transfer-failed"
    PAYMENT_EXTENDED = "payment-extended"
    DISPUTE_OPENED = "dispute-opened"
    DISPUTE_WON = "dispute-won"
    DISPUTE_LOST = "dispute-lost"
    REFUNDED_AT_PROVIDER = "refunded-at-provider"


class AwardStatus(StrEnum):
    """Where an award is."""

    DUE = "due"
    PAID = "paid"
    SETTLED = "settled"
    DEFAULTED = "defaulted"
    VOID = "void"


LIVE_AWARD = (AwardStatus.DUE, AwardStatus.PAID, AwardStatus.SETTLED)
"""Statuses of an award in force; a lot has at most one such award."""


class AwardSource(StrEnum):
    """What made an award: the close of the lot, or an accepted offer."""

    HAMMER = "hammer"
    OFFER = "offer"


class OfferStatus(StrEnum):
    """Where an offer to a runner-up is."""

    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    LAPSED = "lapsed"
    WITHDRAWN = "withdrawn"
    """The lot was declared void."""


class DefaultStatus(StrEnum):
    """How far a default is resolved."""

    COLLECTING = "collecting"
    """Forfeited deposits are still being captured."""
    COLLECTED = "collected"
    """Waits for the resale, or for its deadline."""
    RESOLVED = "resolved"
    """The waterfall has run."""
    RETURNED = "returned"
    """The lot was declared void; the deposits are refunded and the default does not count."""


UNRESOLVED_DEFAULT = (DefaultStatus.COLLECTING, DefaultStatus.COLLECTED)
"""Statuses of defaults whose waterfall has not run."""


class DefaultCause(StrEnum):
    """What made a winner a defaulter."""

    DEADLINE = "deadline"
    REFUSAL = "refusal"
    STAFF = "staff"


class CauseKind(StrEnum):
    """What can bring about a journal entry."""

    LOT_EVENT = "lot-event"
    GATEWAY_CALL = "gateway-call"
    STAFF_ACTION = "staff-action"
    BIDDER_ACTION = "bidder-action"
    DEADLINE = "deadline"
    PROVIDER_EVENT = "provider-event"


class ReceiptStatus(StrEnum):
    """Where a bank receipt is."""

    WAITING = "waiting"
    """Entered by one person; another has to agree before it is booked."""
    BOOKED = "booked"


class TransferStatus(StrEnum):
    """How far an outgoing bank transfer is."""

    ASKED = "asked"
    """To be ordered at the bank by finance."""
    SENT = "sent"
    """Ordered; the bank has not confirmed it."""
    CONFIRMED = "confirmed"
    FAILED = "failed"
    """The bank refused it; it is to be sent again."""


OPEN_TRANSFER = (TransferStatus.ASKED, TransferStatus.SENT, TransferStatus.FAILED)
"""Statuses of outgoing transfers whose money is still at the house's bank."""


class ReturnReason(StrEnum):
    """Why a bank receipt, or a part of it, is sent back."""

    DEFAULT = "default"
    """The award that it paid in part ended in a default."""
    VOID = "void"
    UNMATCHED = "unmatched"
    """It pays no award, or is more than was due."""


class BidStanding(StrEnum):
    """Where the bid of a receipt is."""

    STANDS = "stands"
    VOIDED = "voided"
    """Staff voided it."""
    LOST = "lost"
    """It was accepted, and a fault of the ledger lost it."""
    PENDING = "pending"
    """Not archived yet, or the lot is still being recovered."""


class ClaimStatus(StrEnum):
    """What staff decided about a bidder's claim that an accepted bid was lost."""

    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
