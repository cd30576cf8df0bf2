"""What the house asks of a payment provider, and how one answers: the Protocol that the sandbox and Stripe implement.

Nowhere on a bid's way: deposits are held before bidding, and everything else happens after the hammer. The service
of payments calls this; nothing here knows of books or lots.

An operation is named by the caller (`operation_id`), and naming it again never does it again: the same operation gives
the same Reply, with the status of now where it was pending. Times are UTC milliseconds, amounts whole fen.

Three outcomes of a call, never confused:

    Reply         the provider knows, or will: succeeded, pending, failed (with a code)
    GatewayAway   nothing is known; ask again with the same operation id, or `look_up`
    ValueError    the call itself was wrong: a fault in our program (`OperationReused`: its id belongs to another call)
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from auction.domain.money import is_amount
from auction.domain.states import OperationKind

OPERATION_ID_LENGTH_MAX = 120
"""The longest operation id, in visible ASCII characters; a provider keeps it as its idempotency key."""
NOTICE_TOLERANCE_S = 300
"""How far a notice's signed time may be from ours; beyond it is a replay, or a clock that is wrong."""
NOTICE_LENGTH_MAX = 256 * 1024
"""The longest notice looked at, in bytes."""
_VISIBLE_ASCII = re.compile("[!-~]+")


class ReplyStatus(StrEnum):
    """How far an operation is. Succeeded and failed are final."""

    SUCCEEDED = "succeeded"
    PENDING = "pending"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Reply:
    """What a provider says of one operation.

    `ref` is the provider's id of the hold, charge or refund; a capture or release carries its hold's. Empty where the
    provider never made one. `failure` is set if and only if the operation failed. A hold that ran out reads as failed
    with "expired" from then on, though it once succeeded.
    """

    status: ReplyStatus
    ref: str
    failure: str | None = None
    expires_at_ms: int | None = None
    """Holds: when the money comes free by itself."""
    instrument: str | None = None
    """Holds and charges: a fingerprint of the card or account, the same wherever it is used."""
    amount_fen: int | None = None
    """What the operation moved: held, charged, captured, released or refunded."""

    def __post_init__(self) -> None:
        if (self.failure is not None) != (self.status is ReplyStatus.FAILED):
            raise ValueError(f"a {self.status} reply with failure {self.failure!r}")


@dataclass(frozen=True, slots=True)
class Notice:
    """A provider's word, unasked, that an operation moved on. It may come twice, late, or before an older one.

    A reply that is pending says no more than that it moved: look it up.
    """

    notice_id: str
    operation_id: str | None
    """None: an operation that somebody started elsewhere, such as in the provider's own pages."""
    kind: OperationKind
    ref: str
    reply: Reply


class GatewayAway(Exception):
    """No answer, or one that says nothing: whether the operation was done is not known."""


class AnswerRefused(GatewayAway):
    """An answer that cannot be about what was asked: another currency, another amount. It is not believed."""


class OperationReused(ValueError):
    """The operation id was used before, for something else; nothing was done."""


class NoticeRefused(Exception):
    """The notice is not the provider's, too old, unreadable, or in another currency; the text never repeats it."""


def header_of(headers: Mapping[str, str], name: str) -> str:
    """A header's value, whatever the case of its name; empty: it is not there."""
    return next((text for key, text in headers.items() if key.lower() == name.lower()), "")


def check_operation(operation_id: str, amount_fen: int | None = None) -> None:
    """ValueError for an operation id or amount that no provider would take."""
    if not 1 <= len(operation_id) <= OPERATION_ID_LENGTH_MAX or not _VISIBLE_ASCII.fullmatch(operation_id):
        raise ValueError(f"an operation id is 1 to {OPERATION_ID_LENGTH_MAX} visible ASCII characters")
    if amount_fen is not None and not is_amount(amount_fen):
        raise ValueError(f"{amount_fen!r} is no amount in fen")


class PaymentGateway(Protocol):
    """A payment provider. Every method that moves money is idempotent by `operation_id`; each may raise GatewayAway."""

    @property
    def provider(self) -> str:
        """Its name in the books: "sandbox" or "stripe"."""
        ...

    async def hold(self, operation_id: str, *, amount_fen: int, payment_method: str, payer: str) -> Reply:
        """Set the amount aside on the payer's card, to be captured or released until `expires_at_ms`."""
        ...

    async def charge(self, operation_id: str, *, amount_fen: int, payment_method: str, payer: str) -> Reply:
        """Take the amount at once."""
        ...

    async def capture(self, operation_id: str, *, ref: str, amount_fen: int) -> Reply:
        """Take so much of a hold, once; the rest of it comes free."""
        ...

    async def release(self, operation_id: str, *, ref: str) -> Reply:
        """Let a hold go, whole. What is free already stays free: that succeeds too."""
        ...

    async def refund(self, operation_id: str, *, ref: str, amount_fen: int) -> Reply:
        """Give back so much of a charge or of what was captured from a hold; in sum never more than was taken."""
        ...

    async def look_up(self, operation_id: str, kind: OperationKind, ref: str | None) -> Reply | None:
        """What became of an operation; None: the provider never heard of it.

        `ref` is the hold or charge that the operation is about: for a capture, release or refund the one it was given,
        for a hold or charge its own where it is known.
        """
        ...

    def read_notice(self, body: bytes, headers: Mapping[str, str], now_s: float) -> Notice | None:
        """A notice, once its signature is checked; None: genuine, and about nothing of ours. NoticeRefused otherwise.

        Names of headers are matched without regard to case.
        """
        ...

    async def close(self) -> None:
        """Let go of connections and files."""
        ...
