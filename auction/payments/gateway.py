"""The interface to payment providers: the Protocol `PaymentGateway`, and the types that its methods take and return.

Not used while bidding: deposits are held before it, and everything else happens after the close. The payment services
call it; nothing here knows lots or the database.

The caller gives each operation an id, its idempotency key: a repeated request gives the same Reply, with its current
status where it was pending. Times are UTC milliseconds, amounts whole fen.

A call has one of three results:

    Reply         the provider has decided, or will: succeeded, pending, failed (with a code)
    GatewayAway   the outcome is not known: repeat the request under the same operation id, or `look_up`
    ValueError    the request is wrong, by a mistake of the program (`OperationReused`: its id belongs to another one)
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, runtime_checkable

from auction.domain.charge_limits import ChargeLimits
from auction.domain.money import is_amount
from auction.domain.provider_event_states import ProviderEventType
from auction.domain.states import OperationKind

OPERATION_ID_LENGTH_MAX = 120
"""The longest operation id, in visible ASCII characters; the provider's idempotency key."""
NOTICE_TOLERANCE_S = 300
"""The largest accepted difference between a notice's signed time and ours, in seconds; it bounds replays."""
NOTICE_LENGTH_MAX = 256 * 1024
"""The longest notice that is read, in bytes."""
_VISIBLE_ASCII = re.compile("[!-~]+")


class ReplyStatus(StrEnum):
    """The status of an operation. Succeeded and failed are final."""

    SUCCEEDED = "succeeded"
    PENDING = "pending"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Reply:
    """A provider's answer about one operation.

    `ref` is the provider's id of the hold, charge or refund; a capture or release has its hold's. Empty where the
    provider made none. `failure` is set if and only if the operation failed. A hold that has expired is reported as
    failed with "expired" from then on, though it succeeded before.
    """

    status: ReplyStatus
    ref: str
    failure: str | None = None
    expires_at_ms: int | None = None
    """Holds: when the authorisation expires."""
    instrument: str | None = None
    """Holds and charges: a fingerprint of the card or account, the same for every use of it."""
    amount_fen: int | None = None
    """The amount that the operation held, charged, captured, released or refunded."""
    is_prepared: bool = False
    """Pending holds and charges: nothing is taken before `hold` or `charge` is called with this `ref`."""
    requires_action: bool = False
    """Pending holds and charges: the card's owner has to confirm it with their bank (`open_confirmation`)."""

    def __post_init__(self) -> None:
        if (self.failure is not None) != (self.status is ReplyStatus.FAILED):
            raise ValueError(f"a {self.status} reply with failure {self.failure!r}")


@dataclass(frozen=True, slots=True)
class Notice:
    """A provider's notification that something has changed. It may come twice, late, or before an older one.

    A pending reply to an operation only says that something changed: look the operation up.
    """

    notice_id: str
    operation_id: str | None
    """None: an operation that was started elsewhere, such as on the provider's own pages."""
    kind: OperationKind | None
    """None: a dispute, or nothing of ours."""
    ref: str
    """The provider's id of what it is about: a hold, charge, refund or dispute."""
    reply: Reply
    type: ProviderEventType = ProviderEventType.OUTCOME
    payment_ref: str | None = None
    """The hold or charge of a refund or dispute."""
    opening_id: str | None = None
    """Our id of the hold that it is about, where the provider repeats it."""


NOTHING = Reply(ReplyStatus.PENDING, "")
"""The reply of notices that are about nothing of ours."""


@dataclass(frozen=True, slots=True)
class DueNotice:
    """A notice that a provider has ready for delivery: body and headers as they would be posted, signed just now."""

    id: int
    body: bytes
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class CardSetup:
    """A card that is being saved. The page confirms it at the provider with `client_secret`, its owner present."""

    setup_ref: str
    customer: str
    """The provider's id of the payer, whom the house owns."""
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Confirmation:
    """How far a hold or charge is that its card's owner confirms, and what the provider's own dialog is opened with."""

    reply: Reply
    client_secret: str | None = field(default=None, repr=False)
    """For the page of the owner alone, and stored nowhere; None: nothing is asked of them, or the house has a form."""


@dataclass(frozen=True, slots=True)
class SavedCard:
    """A card that its owner has saved: as payments name it, and as people know it."""

    customer: str
    payment_method: str
    instrument: str
    brand: str
    last4: str
    exp_month: int | None = None
    exp_year: int | None = None


class GatewayAway(Exception):
    """No answer, or an unusable one: whether the operation was done is not known."""


class AnswerRefused(GatewayAway):
    """An answer that does not match the request: another currency, another amount."""


class OperationReused(ValueError):
    """The operation id was used before for another request; nothing was done."""


class NoticeRefused(Exception):
    """The notice is not the provider's, too old or unreadable. The text never quotes it."""


def header_of(headers: Mapping[str, str], name: str) -> str:
    """A header's value, by its name in any case; empty where it is missing."""
    return next((text for key, text in headers.items() if key.lower() == name.lower()), "")


def check_operation(operation_id: str, amount_fen: int | None = None) -> None:
    """Raises ValueError for an operation id or amount that no provider accepts."""
    if not 1 <= len(operation_id) <= OPERATION_ID_LENGTH_MAX or not _VISIBLE_ASCII.fullmatch(operation_id):
        raise ValueError(f"an operation id is 1 to {OPERATION_ID_LENGTH_MAX} visible ASCII characters")
    if amount_fen is not None and not is_amount(amount_fen):
        raise ValueError(f"{amount_fen!r} is no amount in fen")


class PaymentGateway(Protocol):
    """A payment provider. Every method that moves money is idempotent by `operation_id`, and may raise GatewayAway."""

    @property
    def provider(self) -> str:
        """Its name, as in the registry and in the database."""
        ...

    @property
    def charge_limits(self) -> ChargeLimits:
        """The least and the most that it holds or charges at once, in the house's currency."""
        ...

    @property
    def default_payment_method(self) -> str | None:
        """The payment method of requests that name none; None: every request has to name one."""
        ...

    @property
    def accepts_tokens(self) -> bool:
        """Whether a request may name a method of its own; else it names one that its bidder has saved."""
        ...

    @property
    def publishable_key(self) -> str | None:
        """What pages open the provider's own form with; None: the house shows a form of its own."""
        ...

    async def start_saving(self, *, payer: str, customer: str | None) -> CardSetup:
        """Begin to save a card of a payer; `customer`: the provider's id of them, None: they have none yet."""
        ...

    async def saved_card(self, setup_ref: str, *, payer: str, card: str | None) -> SavedCard | None:
        """The card that a setup has saved; None: there is no such setup, or it is not confirmed.

        `card`: what was chosen in a form of the house's own; providers with their own form ignore it.
        """
        ...

    async def forget_card(self, payment_method: str) -> None:
        """Take a saved card from its customer; one that is not there any more is forgotten already."""
        ...

    async def prepare(
        self, operation_id: str, kind: OperationKind, *, amount_fen: int, payment_method: str, payer: str, attempt: int
    ) -> Reply | None:
        """Make the object of a hold or charge without taking anything; None: this provider has no such step.

        `attempt` counts how often the operation was requested: a provider that stores a fault under a request's key,
        and would repeat it for a day, is asked under another key at the next attempt.

        Where the reply `is_prepared`, the caller stores its `ref` before calling `hold` or `charge` with it. Those are
        then about that object, however often they are repeated; others that were made meanwhile take nothing.
        """
        ...

    async def hold(
        self,
        operation_id: str,
        *,
        amount_fen: int,
        payment_method: str,
        payer: str,
        ref: str | None = None,
        on_session: bool = False,
    ) -> Reply:
        """Authorise the amount on the payer's card, to be captured or released before `expires_at_ms`.

        `on_session`: the payer asks for it themselves, and can confirm it with their bank. A reply that
        `requires_action` waits for that, or for `cancel`; so does one whose payer is not there.
        """
        ...

    async def charge(
        self,
        operation_id: str,
        *,
        amount_fen: int,
        payment_method: str,
        payer: str,
        ref: str | None = None,
        on_session: bool = False,
    ) -> Reply:
        """Charge the amount at once. `ref` and `on_session` as in `hold`; `ref` None: it is made now."""
        ...

    async def open_confirmation(
        self, operation_id: str, kind: OperationKind, *, ref: str, payment_method: str
    ) -> Confirmation:
        """Have a hold or charge that `requires_action` wait for its payer, who is there now; how far it is."""
        ...

    async def cancel(self, operation_id: str, kind: OperationKind, *, ref: str) -> Reply:
        """End a hold or charge that is not decided: what became of it, as it may have been decided meanwhile."""
        ...

    async def capture(self, operation_id: str, *, ref: str, amount_fen: int) -> Reply:
        """Capture an amount of a hold, once; the rest is released."""
        ...

    async def release(self, operation_id: str, *, ref: str) -> Reply:
        """Release a whole hold. Succeeds as well where it was released before."""
        ...

    async def refund(self, operation_id: str, *, ref: str, amount_fen: int) -> Reply:
        """Refund an amount of a charge or of a captured hold; in total never more than was taken."""
        ...

    async def look_up(self, operation_id: str, kind: OperationKind, ref: str | None) -> Reply | None:
        """The outcome of an operation; None: the provider does not know it.

        `ref` is the hold or charge that the operation refers to: for a capture, release or refund the one it was given,
        for a hold or charge its own where it is known.
        """
        ...

    def read_notice(self, body: bytes, headers: Mapping[str, str], now_s: float) -> Notice:
        """The notice in a request, after checking its signature.

        `now_s` is UTC in seconds; names of headers are matched in any case. Raises NoticeRefused.
        """
        ...

    async def close(self) -> None:
        """Close connections and files."""
        ...


@runtime_checkable
class HouseConfirmation(Protocol):
    """A provider without a dialog of its own: the house's page shows a form that stands in for the bank's."""

    async def answer_confirmation(self, operation_id: str, *, confirmed: bool) -> None:
        """Decide a hold or charge that `requires_action` as its card's owner does; a decided one stays as it is."""
        ...


@runtime_checkable
class NoticeQueue(Protocol):
    """A provider that posts no notices itself: the cashier collects them."""

    async def due_notices(self, limit: int) -> list[DueNotice]:
        """Notices to deliver now, at most `limit`; one that is not confirmed is due again later."""
        ...

    async def notice_delivered(self, notice: int) -> None:
        """Confirm the notice with that id (`DueNotice.id`): it is not due again."""
        ...
