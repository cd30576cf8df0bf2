"""What happens to payments on the sandbox's file, and the notification of each outcome that is queued there.

Called inside a transaction of the file, at a given time.
"""

import random
import secrets
from dataclasses import replace

from auction.domain.provider_event_states import ProviderEventType
from auction.domain.states import FailureCode, OperationKind
from auction.payments.gateway import Notice, Reply, ReplyStatus
from auction.payments.sandbox import confirmations, notices, rules
from auction.payments.sandbox.answers import new_notice_id, new_ref, reply_of
from auction.payments.sandbox.file import OperationRequest, SandboxFile, SandboxOperation
from auction.payments.sandbox.rules import Behaviour, PaymentState, SandboxPayment, Timings, UnaskedStep


class SandboxEvents:
    """Decides what is due, confirmed, or done by nobody here, and queues the notifications.

    `copies`: how often each notification comes; `chance`: puts them in a random order.
    """

    def __init__(self, timings: Timings, *, copies: int = 1, chance: random.Random | None = None) -> None:
        self.timings = timings
        self._copies = copies
        self._chance = chance

    def decide_unconfirmed(
        self, file: SandboxFile, operation_id: str, failure: FailureCode | None, now_ms: int
    ) -> None:
        """Decide a hold or charge that waits for its card's owner; any other stays as it is."""
        if (found := confirmations.unconfirmed(file, operation_id)) is None:
            return
        operation, outcome = confirmations.decided(*found, failure, now_ms, self.timings)
        self.keep(file, outcome.payment or found[1], now_ms)
        file.settle_operation(operation)
        self.announce(file, operation, now_ms)

    def catch_up(self, file: SandboxFile, now_ms: int) -> None:
        """Apply what became due since the last call."""
        for operation in file.settling_operations(now_ms):
            settled_at_ms = operation.settles_at_ms or now_ms
            done = replace(operation, status=ReplyStatus.SUCCEEDED)
            payment = file.payment(operation.ref)
            if payment is not None:
                outcome = rules.settle_payment(payment, settled_at_ms, self.timings)
                self.keep(file, outcome.payment or payment, settled_at_ms)
                done = replace(operation, status=outcome.status, failure=outcome.failure, moved_fen=outcome.moved_fen)
            file.settle_operation(done)
            self.announce(file, done, settled_at_ms)
        for refund in file.failing_refunds(now_ms):
            if (payment := file.payment(refund.request.about)) is not None:
                back = rules.refund_comes_back(payment, refund.moved_fen or 0)
                file.keep_payment(back.payment or payment)
                failed = replace(refund, status=back.status, failure=back.failure, moved_fen=None)
                file.settle_operation(failed)
                self.announce(file, failed, refund.settles_at_ms or now_ms)
        for payment in file.lapsed_payments(now_ms):
            file.keep_payment(replace(payment, state=PaymentState.EXPIRED))
            if (hold := file.operation(payment.operation_id)) is not None:
                self.announce(file, hold, payment.expires_at_ms or now_ms, ProviderEventType.HOLD_EXPIRED)
        for ref, step, due_at_ms in file.take_steps(now_ms):
            if (payment := file.payment(ref)) is not None:
                self._do_unasked(file, payment, step, due_at_ms)

    def keep(self, file: SandboxFile, payment: SandboxPayment, now_ms: int) -> None:
        """Store a payment, and plan what its card does to it in its new state."""
        before = file.payment(payment.ref)
        file.keep_payment(payment)
        step = rules.unasked_step(payment)
        if step is not None and (before is None or before.state is not payment.state):
            file.plan_step(payment.ref, step, due_at_ms=now_ms + self.timings.slow_ms)

    def _do_unasked(self, file: SandboxFile, payment: SandboxPayment, step: UnaskedStep, at_ms: int) -> None:
        """Do what nobody here has asked for, and queue a notification of it."""
        ref = payment.ref
        match step:
            case UnaskedStep.CANCEL:
                done, kind, told = rules.release(payment), OperationKind.RELEASE, ProviderEventType.HOLD_CANCELLED
            case UnaskedStep.CAPTURE:
                done = rules.capture(payment, payment.amount_fen)
                kind, told = OperationKind.CAPTURE, ProviderEventType.HOLD_CAPTURED
            case UnaskedStep.REFUND:
                self._refund_unasked(file, payment, at_ms)
                return
            case _:
                self._dispute(file, payment, step, at_ms)
                return
        if done.payment is not None and done.status is ReplyStatus.SUCCEEDED:
            self.keep(file, done.payment, at_ms)
            reply = Reply(ReplyStatus.SUCCEEDED, ref, amount_fen=done.moved_fen)
            self._queue(
                file, Notice(new_notice_id(), None, kind, ref, reply, told, opening_id=payment.operation_id), at_ms
            )

    def _refund_unasked(self, file: SandboxFile, payment: SandboxPayment, at_ms: int) -> None:
        left_fen = payment.captured_fen - payment.refunded_fen
        if left_fen == 0:
            return
        ref = new_ref(OperationKind.REFUND)
        file.keep_payment(replace(payment, refunded_fen=payment.captured_fen))
        request = OperationRequest(f"unasked-{ref}", OperationKind.REFUND, payment.ref, left_fen)
        file.add_operation(SandboxOperation(request, ref, ReplyStatus.SUCCEEDED, moved_fen=left_fen))
        reply = Reply(ReplyStatus.SUCCEEDED, ref, amount_fen=left_fen)
        told = ProviderEventType.REFUNDED
        self._queue(file, Notice(new_notice_id(), None, OperationKind.REFUND, ref, reply, told, payment.ref), at_ms)

    def _dispute(self, file: SandboxFile, payment: SandboxPayment, step: UnaskedStep, at_ms: int) -> None:
        known = file.dispute_of(payment.ref)
        left_fen = payment.captured_fen - payment.refunded_fen
        dispute, amount_fen, _ = known or (f"sbd_{secrets.token_hex(12)}", left_fen, False)
        if amount_fen == 0:
            return
        if step is UnaskedStep.DISPUTE:
            told, is_won = ProviderEventType.DISPUTE_OPENED, False
            file.plan_step(payment.ref, UnaskedStep.DECIDE, due_at_ms=at_ms + self.timings.slow_ms)
        else:
            is_won = payment.behaviour is Behaviour.DISPUTE_WON
            told = ProviderEventType.DISPUTE_WON if is_won else ProviderEventType.DISPUTE_LOST
        file.keep_dispute(dispute, payment.ref, amount_fen, is_won=is_won)
        reply = Reply(ReplyStatus.SUCCEEDED, dispute, amount_fen=amount_fen)
        self._queue(file, Notice(new_notice_id(), None, None, dispute, reply, told, payment.ref), at_ms)

    def announce(
        self,
        file: SandboxFile,
        operation: SandboxOperation,
        at_ms: int,
        told: ProviderEventType = ProviderEventType.OUTCOME,
    ) -> None:
        """Queue a notification of an operation's outcome."""
        request, reply = operation.request, reply_of(file, operation)
        self._queue(
            file, Notice(new_notice_id(), request.operation_id, request.kind, operation.ref, reply, told), at_ms
        )

    def _queue(self, file: SandboxFile, notice: Notice, at_ms: int) -> None:
        body = notices.encode_notice(notice)
        for _ in range(self._copies):
            place = self._chance.random() if self._chance else 0.0
            file.queue_notice(body, due_at_ms=at_ms, place=place)
