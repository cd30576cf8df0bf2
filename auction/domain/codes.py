"""Why something is refused or not available: one row a code, with what is fixed about it.

A row gives the code, its kind, a title in English, the names of its facts and, for bids, the sentence that the facts
fill in. From these rows come the HTTP problems (`api/http/problems.py`), and tests hold the page
`docs/reference/refusals.md` (a paragraph a code, its anchor is the code) and the pages' texts in both languages
(`problem.<code>`) against them.
"""

from enum import StrEnum
from typing import Self


class Kind(StrEnum):
    """What sort of answer a code is; the surface has one status for each."""

    UNAUTHENTICATED = "unauthenticated"
    """Who asks could not be established."""
    NOT_FOUND = "not-found"
    CONFLICT = "conflict"
    """Well-formed, and against a rule or the state things are in."""
    INVALID = "invalid"
    """What was sent can never be accepted."""
    BUSY = "busy"
    """Too much at once: try again."""
    UNAVAILABLE = "unavailable"
    """A server does not answer: try again."""


class Code(StrEnum):
    """A stable code: it never changes its meaning. `facts` are the names of what goes with it, in order."""

    kind: Kind
    heading: str
    facts: tuple[str, ...]
    sentence: str

    def __new__(cls, code: str, kind: Kind, heading: str, facts: tuple[str, ...] = (), sentence: str = "") -> Self:
        """A member from its row."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.kind = kind
        member.heading = heading
        member.facts = facts
        member.sentence = sentence
        return member


class RefusalCode(Code):
    """Why a bid is refused, in the order of the checks (domain rules, "Deciding a bid").

    The ledger answers with at most one fact, the first; `sentence` is the problem's detail, its amounts in yuan.
    """

    LOT_UNKNOWN = "lot-unknown", Kind.NOT_FOUND, "No such lot", (), "There is no such lot to bid on."
    LOT_FROZEN = (
        "lot-frozen",
        Kind.UNAVAILABLE,
        "The lot's record is being recovered",
        (),
        "This lot's record is being recovered after a fault; nothing is decided until that is done.",
    )
    NOT_REGISTERED = (
        "not-registered",
        Kind.CONFLICT,
        "Not registered for this lot",
        (),
        "Register for this lot before bidding on it.",
    )
    KEY_REUSED = (
        "key-reused",
        Kind.CONFLICT,
        "Idempotency key used for another amount",
        (),
        "This Idempotency-Key stands for an accepted bid of another amount; a new bid needs a new key.",
    )
    LOT_NOT_OPEN = (
        "lot-not-open",
        Kind.CONFLICT,
        "The lot is not open",
        ("status",),
        "The lot takes no bids now: it is {status}.",
    )
    MAXIMA_OFF = (
        "maxima-off",
        Kind.CONFLICT,
        "The lot takes no maxima",
        (),
        "The lot's terms have no automatic bids; send amount_fen.",
    )
    NO_MAXIMUM = (
        "no-maximum",
        Kind.CONFLICT,
        "No maximum to withdraw",
        (),
        "You have no maximum on this lot; one ends as soon as you do not lead any more.",
    )
    ABOVE_CAP = (
        "above-cap",
        Kind.CONFLICT,
        "Above the cap",
        ("cap_fen",),
        "The lot is capped at {cap_fen}; bid that to end it.",
    )
    ALREADY_LEADING = (
        "already-leading",
        Kind.CONFLICT,
        "Already leading",
        (),
        "You lead already; this bid would not raise what you have offered.",
    )
    MAXIMUM_TOO_LOW = (
        "maximum-too-low",
        Kind.CONFLICT,
        "Maximum below the price",
        ("least_fen",),
        "You lead at {least_fen}; your maximum can be that or more.",
    )
    BID_TOO_LOW = "bid-too-low", Kind.CONFLICT, "Bid too low", ("minimum_fen",), "Bid at least {minimum_fen}."
    OFF_GRID = (
        "off-grid",
        Kind.CONFLICT,
        "Not a whole number of increments",
        ("minimum_fen",),
        "Bids go up in whole increments from the start price; the next is {minimum_fen}.",
    )
    JUMP_TOO_LARGE = (
        "jump-too-large",
        Kind.CONFLICT,
        "Jump too large",
        ("maximum_fen",),
        "One bid may go up to {maximum_fen} now.",
    )
    OVER_LIMIT = (
        "over-limit",
        Kind.CONFLICT,
        "Over the bidder's limit",
        ("limit_fen",),
        "Your deposit lets you bid up to {limit_fen} on this lot.",
    )
    OVER_PURSE = (
        "over-purse",
        Kind.CONFLICT,
        "Over the bidder's purse",
        ("available_fen",),
        "Your deposit leaves you {available_fen} to bid with in this sale.",
    )


class ProblemCode(Code):
    """Why anything else is refused; the sentence of each is given where it is raised."""

    SALE_UNKNOWN = "sale-unknown", Kind.NOT_FOUND, "No such sale", ("sale_id",)
    LOT_UNKNOWN = "lot-unknown", Kind.NOT_FOUND, "No such lot", ("lot_id",)
    BID_UNKNOWN = "bid-unknown", Kind.NOT_FOUND, "No such bid", ("seq",)
    PRESET_UNKNOWN = "preset-unknown", Kind.INVALID, "No such preset", ("preset", "known")
    TERMS_INVALID = "terms-invalid", Kind.INVALID, "Terms invalid", ("problems", "contradictions")
    WRONG_STATUS = (
        "wrong-status",
        Kind.CONFLICT,
        "Not possible in the lot's status",
        ("status", "allowed", "ended_at_ms"),
    )
    SCHEDULE_INVALID = "schedule-invalid", Kind.CONFLICT, "Schedule invalid"
    PAST_HARD_STOP = "past-hard-stop", Kind.CONFLICT, "Past the hard stop", ("ends_at_ms", "hard_stop_at_ms")
    REVIEW_LIMIT_TOO_LOW = "review-limit-too-low", Kind.CONFLICT, "Review limit too low", ("price_fen",)
    TERMS_NOT_ACCEPTED = "terms-not-accepted", Kind.CONFLICT, "Terms not accepted"
    DEPOSIT_TOO_LOW = "deposit-too-low", Kind.CONFLICT, "Deposit too low", ("minimum_fen",)
    DEPOSIT_TOO_HIGH = "deposit-too-high", Kind.CONFLICT, "Deposit too high", ("maximum_fen",)
    DEPOSIT_DECLINED = "deposit-declined", Kind.CONFLICT, "Deposit declined", ("failure", "amount_fen")
    DEPOSIT_NOT_NEEDED = "deposit-not-needed", Kind.CONFLICT, "No further deposit needed"
    BIDDER_BARRED = "bidder-barred", Kind.CONFLICT, "Barred from this lot", ("until_ms", "cause")
    BIDDER_NOT_BLOCKED = "bidder-not-blocked", Kind.CONFLICT, "Not blocked", ("bidder_id",)
    BIDDER_UNKNOWN = "bidder-unknown", Kind.NOT_FOUND, "No such bidder", ("bidder_id",)
    REGISTRATION_CLOSED = "registration-closed", Kind.CONFLICT, "Registration closed", ("status", "allowed")
    PADDLE_DIFFERS = "paddle-differs", Kind.CONFLICT, "Admitted with another paddle"
    BID_ALREADY_VOID = "bid-already-void", Kind.CONFLICT, "Bid already void", ("seq",)
    LEDGER_MOVED = "ledger-moved", Kind.CONFLICT, "The lot changed meanwhile", ("at_seq",)
    SALE_EXISTS = "sale-exists", Kind.CONFLICT, "Sale exists", ("sale_id",)
    LOT_LIST_INVALID = "lot-list-invalid", Kind.INVALID, "List of lots not acceptable", ("reason", "value")
    TITLES_EXIST = "titles-exist", Kind.CONFLICT, "Titles exist in the sale", ("titles",)
    SALE_ID_INVALID = "sale-id-invalid", Kind.INVALID, "Not an id for a sale"
    USERNAME_INVALID = "username-invalid", Kind.INVALID, "Not a user name"
    USERNAME_TAKEN = "username-taken", Kind.CONFLICT, "User name taken"
    PASSWORD_INVALID = "password-invalid", Kind.INVALID, "Password not accepted"
    CREDENTIALS_WRONG = "credentials-wrong", Kind.UNAUTHENTICATED, "User name or password wrong"
    ACCOUNT_UNKNOWN = "account-unknown", Kind.NOT_FOUND, "No such account"
    ACCOUNT_DISABLED = "account-disabled", Kind.CONFLICT, "Account disabled"
    SESSION_UNKNOWN = "session-unknown", Kind.NOT_FOUND, "No such session"
    SECOND_FACTOR_MISSING = "second-factor-missing", Kind.CONFLICT, "No authenticator set up"
    SECOND_FACTOR_NOT_USED = "second-factor-not-used", Kind.CONFLICT, "No second factor for this account"
    CODE_REQUIRED = "code-required", Kind.CONFLICT, "A code is required"
    CODE_WRONG = "code-wrong", Kind.CONFLICT, "Code wrong or used"
    AWARD_UNKNOWN = "award-unknown", Kind.NOT_FOUND, "No such award"
    OPERATION_UNKNOWN = "operation-unknown", Kind.NOT_FOUND, "No such payment operation"
    EXCEPTION_UNKNOWN = "exception-unknown", Kind.NOT_FOUND, "No such exception"
    EXCEPTION_CLOSED = "exception-closed", Kind.CONFLICT, "Exception closed already", ("closed_by", "closed_at_ms")
    PAYMENT_DISPUTED = "payment-disputed", Kind.CONFLICT, "A payment was taken back", ("amount_fen", "reversal_status")
    OFFER_UNKNOWN = "offer-unknown", Kind.NOT_FOUND, "No such offer"
    SETTLEMENT_UNKNOWN = "settlement-unknown", Kind.NOT_FOUND, "No settlement of this lot", ("lot_id",)
    WRONG_STATE = "wrong-state", Kind.CONFLICT, "Not possible in the settlement's state", ("state", "allowed")
    PAYMENT_METHOD_MISSING = "payment-method-missing", Kind.INVALID, "Payment method missing", ("field",)
    PAYMENT_METHOD_UNKNOWN = "payment-method-unknown", Kind.NOT_FOUND, "No such payment method"
    PAYMENT_METHOD_UNCONFIRMED = "payment-method-unconfirmed", Kind.CONFLICT, "Payment method not confirmed"
    PAYMENT_METHOD_IN_USE = "payment-method-in-use", Kind.CONFLICT, "Payment method in use"
    CONFIRMATION_UNKNOWN = "confirmation-unknown", Kind.NOT_FOUND, "No such payment to confirm"
    PAYMENT_DECLINED = "payment-declined", Kind.CONFLICT, "Payment declined", ("failure", "charged_fen")
    PAYMENT_PENDING = "payment-pending", Kind.CONFLICT, "A payment is under way"
    PAYMENT_TOO_SMALL = (
        "payment-too-small",
        Kind.CONFLICT,
        "Less than can be charged",
        ("amount_fen", "minimum_fen"),
    )
    PAYMENT_LATE = "payment-late", Kind.CONFLICT, "The time to pay is over", ("pay_by_ms", "default_at_ms", "now_ms")
    OFFER_OVER = "offer-over", Kind.CONFLICT, "The offer is over", ("offer_status", "expires_at_ms", "now_ms")
    NOBODY_TO_OFFER = "nobody-to-offer", Kind.CONFLICT, "Nobody left to offer it to"
    DELIVERY_CENTRE_UNKNOWN = (
        "delivery-centre-unknown",
        Kind.INVALID,
        "No such delivery centre",
        ("delivery_centres",),
    )
    HANDOVER_NOT_OVERDUE = "handover-not-overdue", Kind.CONFLICT, "The buyer has time to fetch it", ("fetch_by_ms",)
    STORAGE_FEE_OWED = "storage-fee-owed", Kind.CONFLICT, "A storage fee is owed", ("amount_fen",)
    DELIVERY_CENTRE_MISSING = "delivery-centre-missing", Kind.CONFLICT, "No delivery centre chosen"
    SAME_PERSON = "same-person", Kind.CONFLICT, "Needs a second person", ("asked_by", "asked_at_ms", "expires_at_ms")
    SAME_SESSION = "same-session", Kind.CONFLICT, "Needs another session", ("asked_by", "asked_at_ms", "expires_at_ms")
    ACT_PENDING = (
        "act-pending",
        Kind.CONFLICT,
        "Another act waits for a second person",
        ("pending_id", "act", "asked_by", "expires_at_ms"),
    )
    PENDING_UNKNOWN = "pending-unknown", Kind.NOT_FOUND, "No such request"
    APPROVAL_WAITING = (
        "approval-waiting",
        Kind.CONFLICT,
        "Another person has requested this",
        ("pending_id", "asked_by", "asked_at_ms", "expires_at_ms"),
    )
    RELISTED_LOT_FIRST = (
        "relisted-lot-first",
        Kind.CONFLICT,
        "The lot that it was relisted as comes first",
        ("lot_id", "state"),
    )
    CLAIM_COLLECTED = "claim-collected", Kind.CONFLICT, "Its claim was paid in part", ("lot_id",)
    CLAIM_EXCEEDED = "claim-exceeded", Kind.CONFLICT, "More than is claimed", ("amount_fen",)
    RECEIPT_USED = "receipt-used", Kind.CONFLICT, "Receipt recorded with another amount", ("amount_fen",)
    BANK_RECEIPT_UNKNOWN = "bank-receipt-unknown", Kind.NOT_FOUND, "No such bank receipt"
    NOTHING_UNMATCHED = "nothing-unmatched", Kind.CONFLICT, "The receipt is matched or returned already"
    TRANSFER_UNKNOWN = "transfer-unknown", Kind.NOT_FOUND, "No such outgoing transfer"
    BANK_REFERENCE_USED = "bank-reference-used", Kind.CONFLICT, "Bank reference recorded with other facts", ("field",)
    VALUE_DATE_INVALID = "value-date-invalid", Kind.INVALID, "Not a value date", ("field",)
    ALREADY_EXTENDED = "already-extended", Kind.CONFLICT, "The time to pay was extended already", ("pay_by_ms",)
    STATEMENT_INVALID = "statement-invalid", Kind.INVALID, "Statement cannot be read", ("reason",)
    MAPPING_UNKNOWN = "mapping-unknown", Kind.NOT_FOUND, "No such mapping", ("mapping",)
    MAPPING_EXISTS = "mapping-exists", Kind.CONFLICT, "The name is a preset's", ("mapping",)
    NO_CLAIM = "no-claim", Kind.CONFLICT, "Nothing is claimed", ("lot_id",)
    RECEIPT_INVALID = "receipt-invalid", Kind.INVALID, "Receipt not from here", ("field",)
    CLAIM_UNKNOWN = "claim-unknown", Kind.NOT_FOUND, "No such claim"
    CLAIM_DECIDED = "claim-decided", Kind.CONFLICT, "Claim decided already", ("claim_status",)
    CLAIMS_UNDECIDED = "claims-undecided", Kind.CONFLICT, "Claims wait for a decision", ("lot_id", "claims")
    RECORD_NOT_PUBLISHED = "record-not-published", Kind.CONFLICT, "Record not published", ("status",)
    NOTHING_HELD = "nothing-held", Kind.CONFLICT, "No settlement is held", ("lot_id",)
    PROVIDER_UNKNOWN = "provider-unknown", Kind.NOT_FOUND, "No such payment provider", ("provider",)
    NOTICE_REFUSED = "notice-refused", Kind.UNAUTHENTICATED, "Notice not accepted"
    PAYMENTS_AWAY = "payments-away", Kind.UNAVAILABLE, "The payment provider does not respond", ("retry_after_s",)
    LEDGER_AWAY = "ledger-away", Kind.UNAVAILABLE, "The bid ledger does not respond", ("retry_after_s",)
    LEDGER_FULL = "ledger-full", Kind.UNAVAILABLE, "The bid ledger's memory is nearly used up", ("retry_after_s",)
    LEDGER_CHANGED = "ledger-changed", Kind.UNAVAILABLE, "The bid ledger is being recovered", ("retry_after_s",)
    BOOKS_AWAY = "books-away", Kind.UNAVAILABLE, "The database does not respond", ("retry_after_s",)
    OUTCOME_UNKNOWN = "outcome-unknown", Kind.UNAVAILABLE, "Outcome unknown", ("retry_after_s",)
    OVER_CAPACITY = "over-capacity", Kind.BUSY, "Over capacity", ("retry_after_s",)
    TOO_MANY_BIDS = "too-many-bids", Kind.BUSY, "Too many bids of one bidder", ("retry_after_s",)
    TOO_MANY_SIGN_INS = "too-many-sign-ins", Kind.BUSY, "Too many sign-ins", ("retry_after_s",)
    WRONG_SHARDS = "wrong-shards", Kind.UNAVAILABLE, "The ledger has another number of shards", ("shards", "layout")
