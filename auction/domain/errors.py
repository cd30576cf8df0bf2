"""Everything that can be refused, with stable codes shared by HTTP, live frames, metrics and docs.

The tree::

    AuctionError                code, detail, facts; what services raise
    ├── TermsInvalid            the terms contradict themselves; facts["problems"] names each
    ├── WrongStatus             the lot is not in a status that allows the action
    ├── WrongState              the lot's settlement is not in a state that allows the action
    ├── NotFound                no such sale, lot, bid, preset, award or offer
    ├── RequestRefused          well-formed, yet against a rule (registration, scheduling, voiding, ...)
    └── Unavailable             a server is away; nothing was decided, or the outcome is unknown
        ├── LedgerAway          nothing was sent: safe to try again
        ├── BooksAway           the system of record does not answer
        ├── PaymentsAway        the payment provider does not answer; what was asked is asked again
        ├── OutcomeUnknown      sent, no answer: try again with the same idempotency key
        └── OverCapacity        too many bids wait for this lot in this process

A refused bid is no exception but data: `auction.domain.bidding.Refused` with a `RefusalCode`.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any


class RefusalCode(StrEnum):
    """Why a bid is refused, in the order the checks run (domain rules, "Deciding a bid")."""

    LOT_UNKNOWN = "lot-unknown"
    NOT_REGISTERED = "not-registered"
    KEY_REUSED = "key-reused"
    LOT_NOT_OPEN = "lot-not-open"
    ABOVE_CAP = "above-cap"
    ALREADY_LEADING = "already-leading"
    BID_TOO_LOW = "bid-too-low"
    OFF_GRID = "off-grid"
    JUMP_TOO_LARGE = "jump-too-large"
    OVER_LIMIT = "over-limit"
    OVER_PURSE = "over-purse"


class ProblemCode(StrEnum):
    """Why anything else is refused."""

    SALE_UNKNOWN = "sale-unknown"
    LOT_UNKNOWN = "lot-unknown"
    BID_UNKNOWN = "bid-unknown"
    PRESET_UNKNOWN = "preset-unknown"
    TERMS_INVALID = "terms-invalid"
    WRONG_STATUS = "wrong-status"
    SCHEDULE_INVALID = "schedule-invalid"
    REVIEW_LIMIT_TOO_LOW = "review-limit-too-low"
    TERMS_NOT_ACCEPTED = "terms-not-accepted"
    DEPOSIT_TOO_LOW = "deposit-too-low"
    DEPOSIT_TOO_HIGH = "deposit-too-high"
    DEPOSIT_DECLINED = "deposit-declined"
    DEPOSIT_NOT_NEEDED = "deposit-not-needed"
    BIDDER_BARRED = "bidder-barred"
    BIDDER_UNKNOWN = "bidder-unknown"
    REGISTRATION_CLOSED = "registration-closed"
    PADDLE_DIFFERS = "paddle-differs"
    BID_ALREADY_VOID = "bid-already-void"
    LEDGER_MOVED = "ledger-moved"
    SALE_EXISTS = "sale-exists"
    SALE_ID_INVALID = "sale-id-invalid"
    USERNAME_INVALID = "username-invalid"
    USERNAME_TAKEN = "username-taken"
    PASSWORD_INVALID = "password-invalid"  # noqa: S105 - a code, not a password
    CREDENTIALS_WRONG = "credentials-wrong"
    AWARD_UNKNOWN = "award-unknown"
    OFFER_UNKNOWN = "offer-unknown"
    SETTLEMENT_UNKNOWN = "settlement-unknown"
    WRONG_STATE = "wrong-state"
    PAYMENT_DECLINED = "payment-declined"
    PAYMENT_PENDING = "payment-pending"
    PAYMENT_LATE = "payment-late"
    OFFER_OVER = "offer-over"
    NOBODY_TO_OFFER = "nobody-to-offer"
    DELIVERY_CENTRE_UNKNOWN = "delivery-centre-unknown"
    DELIVERY_CENTRE_MISSING = "delivery-centre-missing"
    SAME_PERSON = "same-person"
    NO_CLAIM = "no-claim"
    PROVIDER_UNKNOWN = "provider-unknown"
    NOTICE_REFUSED = "notice-refused"
    PAYMENTS_AWAY = "payments-away"
    LEDGER_AWAY = "ledger-away"
    BOOKS_AWAY = "books-away"
    OUTCOME_UNKNOWN = "outcome-unknown"
    OVER_CAPACITY = "over-capacity"
    WRONG_SHARDS = "wrong-shards"


class AuctionError(Exception):
    """A typed answer that is not a success: a stable code, a sentence for people, facts for programs."""

    def __init__(self, code: str, detail: str, facts: Mapping[str, Any] | None = None) -> None:
        super().__init__(detail)
        self.code = str(code)
        self.detail = detail
        self.facts: dict[str, Any] = dict(facts or {})


class TermsInvalid(AuctionError):
    """Terms that contradict themselves; every contradiction is named, not only the first."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(ProblemCode.TERMS_INVALID, "; ".join(problems), {"problems": problems})
        self.problems = problems


class WrongStatus(AuctionError):
    """The lot's status does not allow the action; facts: status, allowed."""

    def __init__(self, action: str, status: str, allowed: tuple[str, ...]) -> None:
        wanted = " or ".join(allowed)
        super().__init__(
            ProblemCode.WRONG_STATUS,
            f"The lot is {status}; to {action} it must be {wanted}.",
            {"status": status, "allowed": list(allowed)},
        )


class WrongState(AuctionError):
    """The lot's settlement does not allow the action, or somebody was faster; facts: state, allowed."""

    def __init__(self, action: str, state: str, allowed: Sequence[str]) -> None:
        super().__init__(
            ProblemCode.WRONG_STATE,
            f"The lot's settlement is {state}; to {action}, it must be {' or '.join(allowed)}.",
            {"state": state, "allowed": list(allowed)},
        )


class NotFound(AuctionError):
    """No such sale, lot, bid, preset, award or offer."""


class RequestRefused(AuctionError):
    """Well-formed, yet against a rule of the house."""


class Unavailable(AuctionError):
    """A server is away; facts: retry_after_s."""

    def __init__(self, code: str, detail: str, retry_after_s: int = 1) -> None:
        super().__init__(code, detail, {"retry_after_s": retry_after_s})


class LedgerAway(Unavailable):
    """The ledger does not answer and nothing was changed."""

    def __init__(self, detail: str = "The bid ledger does not answer; nothing was changed. Try again.") -> None:
        super().__init__(ProblemCode.LEDGER_AWAY, detail)


class BooksAway(Unavailable):
    """The books do not answer and nothing was changed."""

    def __init__(self, detail: str = "The books do not answer; nothing was changed. Try again.") -> None:
        super().__init__(ProblemCode.BOOKS_AWAY, detail)


class PaymentsAway(Unavailable):
    """The payment provider does not answer; what was asked of it stays asked, and is asked again."""

    def __init__(
        self, detail: str = "The payment provider does not answer. What you asked is kept and asked again; look later."
    ) -> None:
        super().__init__(ProblemCode.PAYMENTS_AWAY, detail, retry_after_s=5)


class OutcomeUnknown(Unavailable):
    """The call was sent and no answer came: it may have been taken or not."""

    def __init__(
        self,
        detail: str = "No answer from the ledger; the bid may have been taken. Retry with the same Idempotency-Key.",
    ) -> None:
        super().__init__(ProblemCode.OUTCOME_UNKNOWN, detail)


class OverCapacity(Unavailable):
    """More bids wait for this lot than this process takes on."""

    def __init__(self, waiting: int) -> None:
        super().__init__(
            ProblemCode.OVER_CAPACITY,
            f"{waiting:,} bids wait for this lot here; nothing was sent. Retry with the same Idempotency-Key.",
        )
