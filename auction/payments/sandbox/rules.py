"""What the sandbox's test cards do: pure functions from a payment and a request to an outcome; no file, no clock.

A payment method names a behaviour and, after a colon, a card: "sandbox-ok:card7" and "sandbox-declines:card7" are the
same instrument. Without a colon each payer has one card of their own.
"""

import hashlib
from dataclasses import dataclass, replace
from enum import StrEnum

from auction.domain.charge_limits import ChargeLimits
from auction.domain.states import FailureCode, OperationKind
from auction.payments.gateway import ReplyStatus


class Behaviour(StrEnum):
    """What a test card does; its value is the payment method."""

    OK = "sandbox-ok"
    DECLINES = "sandbox-declines"
    INSUFFICIENT = "sandbox-insufficient"
    SLOW = "sandbox-slow"
    """Holds, charges and refunds are pending at first, and succeed after a delay."""
    SLOW_DECLINES = "sandbox-slow-declines"
    """Holds and charges are pending at first, and are declined after a delay."""
    CAPTURE_FAILS = "sandbox-capture-fails"
    REFUND_FAILS_ONCE = "sandbox-refund-fails-once"
    """The first refund of a payment fails; another operation id then succeeds."""
    REFUND_FAILS_LATE = "sandbox-refund-fails-late"
    """The first refund of a payment succeeds, and fails after a delay; another operation id then succeeds."""
    EXPIRES = "sandbox-expires"
    """Holds run out after seconds."""
    CANCELLED = "sandbox-cancelled"
    """Holds are cancelled after a delay, as on a provider's own pages."""
    CAPTURED = "sandbox-captured"
    """Holds are captured after a delay, as on a provider's own pages."""
    REFUNDED = "sandbox-refunded"
    """What was charged or captured is refunded after a delay, as on a provider's own pages."""
    DISPUTE_WON = "sandbox-dispute-won"
    """What was charged or captured is disputed after a delay, and the house wins after another one."""
    DISPUTE_LOST = "sandbox-dispute-lost"
    """What was charged or captured is disputed after a delay, and the house loses after another one."""
    THREE_D_SECURE = "sandbox-3ds"
    """Holds and charges wait for the card's owner, who confirms or declines in a form of the house's."""
    NO_ANSWER = "sandbox-no-answer"
    """Every operation is done, and the answer to its first request is lost."""


class PaymentState(StrEnum):
    """Where a payment stands. Captured, released, expired, charged and failed are final."""

    PENDING = "pending"
    UNCONFIRMED = "unconfirmed"
    """Waits for the card's owner."""
    HELD = "held"
    CAPTURED = "captured"
    RELEASED = "released"
    EXPIRED = "expired"
    CHARGED = "charged"
    FAILED = "failed"


class UnaskedStep(StrEnum):
    """What happens to a payment without an operation of ours."""

    CANCEL = "cancel"
    CAPTURE = "capture"
    REFUND = "refund"
    DISPUTE = "dispute"
    DECIDE = "decide"


@dataclass(frozen=True, slots=True)
class Timings:
    """How long holds last and pending operations take."""

    hold_ms: int = 7 * 86_400_000
    short_hold_ms: int = 5_000
    slow_ms: int = 3_000


@dataclass(frozen=True, slots=True)
class SandboxPayment:
    """A hold or a charge. `refunded_fen` includes pending refunds."""

    ref: str
    operation_id: str
    kind: OperationKind
    state: PaymentState
    amount_fen: int
    behaviour: Behaviour
    instrument: str
    captured_fen: int = 0
    refunded_fen: int = 0
    refunds_failed: int = 0
    expires_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class SandboxOutcome:
    """What an operation leads to: its status, the amount it moves, and the payment afterwards (None: there is none)."""

    status: ReplyStatus
    payment: SandboxPayment | None
    moved_fen: int | None = None
    failure: FailureCode | None = None
    settles_at_ms: int | None = None
    """Pending: when it is decided."""


_DECLINED = {
    Behaviour.DECLINES: FailureCode.CARD_DECLINED,
    Behaviour.INSUFFICIENT: FailureCode.INSUFFICIENT_FUNDS,
}
_SLOW = (Behaviour.SLOW, Behaviour.SLOW_DECLINES)
_TAKEN = (PaymentState.CAPTURED, PaymentState.CHARGED)
_UNASKED = {
    (Behaviour.CANCELLED, PaymentState.HELD): UnaskedStep.CANCEL,
    (Behaviour.CAPTURED, PaymentState.HELD): UnaskedStep.CAPTURE,
    **{
        (behaviour, state): step
        for state in _TAKEN
        for behaviour, step in (
            (Behaviour.REFUNDED, UnaskedStep.REFUND),
            (Behaviour.DISPUTE_WON, UnaskedStep.DISPUTE),
            (Behaviour.DISPUTE_LOST, UnaskedStep.DISPUTE),
        )
    },
}
# a hold in such a state can be neither captured nor released
_NO_LONGER_HELD = {
    PaymentState.PENDING: FailureCode.NOT_READY,
    PaymentState.UNCONFIRMED: FailureCode.NOT_READY,
    PaymentState.FAILED: FailureCode.NOT_READY,
    PaymentState.CHARGED: FailureCode.ALREADY_CAPTURED,
    PaymentState.CAPTURED: FailureCode.ALREADY_CAPTURED,
    PaymentState.RELEASED: FailureCode.ALREADY_RELEASED,
    PaymentState.EXPIRED: FailureCode.EXPIRED,
}


def behaviour_of(payment_method: str) -> Behaviour | None:
    """The behaviour that a payment method names; None: there is no such card."""
    name = payment_method.partition(":")[0]
    return Behaviour(name) if name in tuple(map(str, Behaviour)) else None


def instrument_of(payment_method: str, payer: str) -> str:
    """The card's fingerprint, the same for every use of the card."""
    _, named, card = payment_method.partition(":")
    return "sandbox_" + hashlib.sha256((f"card {card}" if named else f"payer {payer}").encode()).hexdigest()[:16]


def outside_limits(amount_fen: int, limits: ChargeLimits) -> FailureCode | None:
    """Why an amount is not held or charged at once; None: it is."""
    if amount_fen < limits.min_fen:
        return FailureCode.AMOUNT_TOO_SMALL
    return FailureCode.AMOUNT_TOO_LARGE if amount_fen > limits.max_fen else None


def open_payment(payment: SandboxPayment, now_ms: int, timings: Timings) -> SandboxOutcome:
    """Start a new hold or charge, given as pending."""
    if failure := _DECLINED.get(payment.behaviour):
        return _failed(failure, replace(payment, state=PaymentState.FAILED))
    if payment.behaviour is Behaviour.THREE_D_SECURE:
        return SandboxOutcome(ReplyStatus.PENDING, replace(payment, state=PaymentState.UNCONFIRMED))
    if payment.behaviour in _SLOW:
        return SandboxOutcome(ReplyStatus.PENDING, payment, payment.amount_fen, settles_at_ms=now_ms + timings.slow_ms)
    return settle_payment(payment, now_ms, timings)


def settle_payment(payment: SandboxPayment, now_ms: int, timings: Timings) -> SandboxOutcome:
    """Decide a pending hold or charge."""
    if payment.behaviour is Behaviour.SLOW_DECLINES:
        return _failed(FailureCode.CARD_DECLINED, replace(payment, state=PaymentState.FAILED))
    if payment.kind is OperationKind.CHARGE:
        return _done(replace(payment, state=PaymentState.CHARGED, captured_fen=payment.amount_fen), payment.amount_fen)
    lasts_ms = timings.short_hold_ms if payment.behaviour is Behaviour.EXPIRES else timings.hold_ms
    return _done(replace(payment, state=PaymentState.HELD, expires_at_ms=now_ms + lasts_ms), payment.amount_fen)


def end_unconfirmed(payment: SandboxPayment, failure: FailureCode) -> SandboxOutcome:
    """Fail a hold or charge that its card's owner has not confirmed."""
    return _failed(failure, replace(payment, state=PaymentState.FAILED))


def capture(payment: SandboxPayment, amount_fen: int) -> SandboxOutcome:
    """Capture an amount of a hold; the rest is released."""
    if failure := _NO_LONGER_HELD.get(payment.state):
        return _failed(failure, payment)
    if amount_fen > payment.amount_fen:
        return _failed(FailureCode.AMOUNT_TOO_LARGE, payment)
    if payment.behaviour is Behaviour.CAPTURE_FAILS:
        return _failed(FailureCode.CAPTURE_FAILED, payment)
    return _done(replace(payment, state=PaymentState.CAPTURED, captured_fen=amount_fen), amount_fen)


def release(payment: SandboxPayment) -> SandboxOutcome:
    """Release a hold."""
    if payment.state is PaymentState.RELEASED:
        return _done(payment, payment.amount_fen)
    if failure := _NO_LONGER_HELD.get(payment.state):
        return _failed(failure, payment)
    return _done(replace(payment, state=PaymentState.RELEASED), payment.amount_fen)


def refund(payment: SandboxPayment, amount_fen: int, now_ms: int, timings: Timings) -> SandboxOutcome:
    """Refund an amount of what was charged or captured."""
    if payment.state not in _TAKEN:
        return _failed(FailureCode.NOT_READY, payment)
    if payment.refunded_fen + amount_fen > payment.captured_fen:
        return _failed(FailureCode.AMOUNT_TOO_LARGE, payment)
    if payment.behaviour is Behaviour.REFUND_FAILS_ONCE and payment.refunds_failed == 0:
        return _failed(FailureCode.REFUND_FAILED, replace(payment, refunds_failed=1))
    after = replace(payment, refunded_fen=payment.refunded_fen + amount_fen)
    if payment.behaviour is Behaviour.SLOW:
        return SandboxOutcome(ReplyStatus.PENDING, after, amount_fen, settles_at_ms=now_ms + timings.slow_ms)
    if payment.behaviour is Behaviour.REFUND_FAILS_LATE and payment.refunds_failed == 0:
        return SandboxOutcome(ReplyStatus.SUCCEEDED, after, amount_fen, settles_at_ms=now_ms + timings.slow_ms)
    return _done(after, amount_fen)


def unasked_step(payment: SandboxPayment) -> UnaskedStep | None:
    """What will happen to a payment without an operation of ours, now that it has this state; None: nothing."""
    return _UNASKED.get((payment.behaviour, payment.state))


def refund_comes_back(payment: SandboxPayment, amount_fen: int) -> SandboxOutcome:
    """A refund that had succeeded fails: the amount is there again."""
    left_fen = payment.refunded_fen - amount_fen
    return _failed(
        FailureCode.REFUND_FAILED, replace(payment, refunded_fen=left_fen, refunds_failed=payment.refunds_failed + 1)
    )


def not_found() -> SandboxOutcome:
    """There is no such hold, charge or card."""
    return _failed(FailureCode.NOT_FOUND, None)


def _done(payment: SandboxPayment, moved_fen: int) -> SandboxOutcome:
    return SandboxOutcome(ReplyStatus.SUCCEEDED, payment, moved_fen)


def _failed(failure: FailureCode, payment: SandboxPayment | None) -> SandboxOutcome:
    return SandboxOutcome(ReplyStatus.FAILED, payment, failure=failure)
