"""The errors that services raise, each with a stable code shared by HTTP, live frames, metrics and docs.

The tree::

    AuctionError                code, detail, facts; what services raise
    ├── TermsInvalid            the terms are malformed or contradict themselves; facts["problems"] names each
    ├── WrongStatus             the lot is not in a status that allows the action
    ├── WrongState              the lot's settlement is not in a state that allows the action
    ├── NotFound                no such sale, lot, bid, preset, award or offer
    ├── RequestRefused          well-formed, yet against a rule (registration, scheduling, voiding, ...)
    └── Unavailable             a server does not respond; nothing was decided, or the outcome is unknown
        ├── LedgerAway          nothing was sent: safe to try again
        │   ├── LedgerFault     the ledger answered with an error
        │   ├── LedgerLate      the ledger took the call up after its caller had given up
        │   └── LedgerChanged   the ledger is not the one that was checked: nothing is decided until it is restored
        ├── BooksAway           the database does not respond
        ├── PaymentsAway        the payment provider does not respond; the request is kept and repeated
        ├── OutcomeUnknown      sent, no answer: try again with the same idempotency key
        ├── OverCapacity        too many bids wait for this lot in this process
        ├── TooManyBids         one bidder sends more bids than a bidder may
        └── TooManySignIns      more sign-ins wait than are worked on, or a password was wrong too often

A refused bid is no exception but a value: `auction.domain.bidding.Refused` with a `RefusalCode`. The codes, with their
titles and the names of their facts, are rows of `auction.domain.codes`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from auction.domain.codes import Code, Kind, ProblemCode, RefusalCode
from auction.domain.contradictions import Contradiction

__all__ = [
    "AuctionError",
    "BooksAway",
    "Code",
    "Kind",
    "LedgerAway",
    "LedgerChanged",
    "LedgerFault",
    "LedgerLate",
    "NotFound",
    "OutcomeUnknown",
    "OverCapacity",
    "PaymentsAway",
    "ProblemCode",
    "RefusalCode",
    "RequestRefused",
    "TermsInvalid",
    "TooManyBids",
    "TooManySignIns",
    "Unavailable",
    "WrongState",
    "WrongStatus",
]


class AuctionError(Exception):
    """Base of all refusals: a stable code, a sentence in English, and facts for programs."""

    def __init__(self, code: str, detail: str, facts: Mapping[str, Any] | None = None) -> None:
        super().__init__(detail)
        self.code = str(code)
        self.detail = detail
        self.facts: dict[str, Any] = dict(facts or {})


class TermsInvalid(AuctionError):
    """Terms that are malformed or contradict themselves; everything that is wrong is named, not only the first.

    `subject` says which terms are meant, where several were read. Facts: `problems`, a sentence for each contradiction;
    `contradictions`, the same as data.
    """

    def __init__(self, contradictions: Sequence[Contradiction], subject: str | None = None) -> None:
        prefix = f"{subject}: " if subject else ""
        problems = [prefix + one.sentence() for one in contradictions]
        facts = {"problems": problems, "contradictions": [_as_mapping(one) for one in contradictions]}
        super().__init__(ProblemCode.TERMS_INVALID, "; ".join(problems), facts)
        self.contradictions = tuple(contradictions)


def _as_mapping(one: Contradiction) -> dict[str, Any]:
    return {"field": one.field, "code": str(one.code), "detail": one.sentence(), "facts": dict(one.facts)}


class WrongStatus(AuctionError):
    """The lot's status does not allow the action; facts: status, allowed, and ended_at_ms where the lot is archived.

    `ended_at_ms` (UTC ms) is given for a lot that has left the ledger.
    """

    def __init__(self, action: str, status: str, allowed: Sequence[str], *, ended_at_ms: int | None = None) -> None:
        detail = f"The lot is {status}; to {action} it must be {' or '.join(allowed)}."
        facts: dict[str, Any] = {"status": status, "allowed": list(allowed)}
        if ended_at_ms is not None:
            detail += f" It ended at {ended_at_ms} (UTC ms), was archived, and has left the ledger."
            facts["ended_at_ms"] = ended_at_ms
        super().__init__(ProblemCode.WRONG_STATUS, detail, facts)


class WrongState(AuctionError):
    """The lot's settlement does not allow the action, perhaps since another call changed it; facts: state, allowed."""

    def __init__(self, action: str, state: str, allowed: Sequence[str]) -> None:
        super().__init__(
            ProblemCode.WRONG_STATE,
            f"The lot's settlement is {state}; to {action}, it must be {' or '.join(allowed)}.",
            {"state": state, "allowed": list(allowed)},
        )


class NotFound(AuctionError):
    """No such sale, lot, bid, preset, award or offer."""


class RequestRefused(AuctionError):
    """Well-formed, yet against a rule."""


class Unavailable(AuctionError):
    """A server does not respond; facts: retry_after_s, how many seconds to wait before the next attempt."""

    def __init__(self, code: str, detail: str, retry_after_s: int = 1) -> None:
        super().__init__(code, detail, {"retry_after_s": retry_after_s})


class LedgerAway(Unavailable):
    """The ledger does not respond and nothing was changed."""

    def __init__(self, detail: str = "The bid ledger does not respond; nothing was changed. Try again.") -> None:
        super().__init__(ProblemCode.LEDGER_AWAY, detail)


class LedgerFault(LedgerAway):
    """The ledger answered with an error, not a decision: a key of the wrong type, memory or disk full, loading."""


class LedgerLate(LedgerAway):
    """The ledger took the call up after its caller had given up, and changed nothing."""

    def __init__(self) -> None:
        super().__init__("The bid ledger was too slow to take the call; nothing was changed. Try again.")


class LedgerChanged(LedgerAway):
    """The ledger's server holds another or an older ledger than the one that was checked; nothing was changed."""

    def __init__(
        self, detail: str = "The bid ledger is being recovered after a fault; nothing is decided until it is checked."
    ) -> None:
        Unavailable.__init__(self, ProblemCode.LEDGER_CHANGED, detail, retry_after_s=10)


class BooksAway(Unavailable):
    """The database does not respond and nothing was changed."""

    def __init__(self, detail: str = "The database does not respond; nothing was changed. Try again.") -> None:
        super().__init__(ProblemCode.BOOKS_AWAY, detail)


class PaymentsAway(Unavailable):
    """The payment provider does not respond; the request is stored and sent again until it answers."""

    def __init__(
        self,
        detail: str = "The payment provider does not respond. The request is kept and sent again.",
    ) -> None:
        super().__init__(ProblemCode.PAYMENTS_AWAY, detail, retry_after_s=5)


class OutcomeUnknown(Unavailable):
    """The call was sent and no answer came: whether it took effect is not known."""

    def __init__(
        self,
        detail: str = "No answer from the ledger; the bid may have been taken. Retry with the same Idempotency-Key.",
    ) -> None:
        super().__init__(ProblemCode.OUTCOME_UNKNOWN, detail)


class OverCapacity(Unavailable):
    """More bids wait for this lot, or more requests in all, than this process accepts."""

    def __init__(self, waiting: int, what: str = "bids wait for this lot") -> None:
        super().__init__(
            ProblemCode.OVER_CAPACITY,
            f"{waiting:,} {what} here; nothing was done. Try again; a bid with the same Idempotency-Key.",
        )


class TooManySignIns(Unavailable):
    """More sign-ins wait than are worked on, or an account's password was wrong too often; `why` says which."""

    def __init__(self, why: str, retry_after_s: int) -> None:
        super().__init__(
            ProblemCode.TOO_MANY_SIGN_INS, f"Too many sign-ins: {why}. Try again later.", retry_after_s=retry_after_s
        )


class TooManyBids(Unavailable):
    """One bidder sends more bids than a bidder may; `why` says what the bound is."""

    def __init__(self, why: str, retry_after_s: int) -> None:
        super().__init__(
            ProblemCode.TOO_MANY_BIDS,
            f"Too many bids: {why}. Nothing was sent; retry with the same Idempotency-Key.",
            retry_after_s=retry_after_s,
        )
