"""A payment provider of our own, for demonstrations, tests and drills: it moves no real money and loses none.

Nowhere on a bid's way. It stands beside the house as a real provider would: a file of its own, never the books;
notices that a courier carries. What its cards do is in `sandbox_rules`, what it remembers in `sandbox_file`.
Nothing runs in the background: what fell due since the last call (slow operations, holds that run out) is caught up
at the start of every call, as of the moment it fell due.
"""

import asyncio
import random
import secrets
import sqlite3
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from auction.domain.states import FailureCode, OperationKind
from auction.payments import sandbox_notices, sandbox_rules
from auction.payments.gateway import GatewayAway, Notice, OperationReused, Reply, ReplyStatus, check_operation
from auction.payments.sandbox_file import Movements, OperationRequest, SandboxFile, SandboxOperation
from auction.payments.sandbox_rules import Behaviour, PaymentState, SandboxOutcome, SandboxPayment, Timings

REDELIVER_AFTER_MS = 5_000
"""A notice that was handed out and not reported delivered is due again after so long."""
_PREFIXES = {OperationKind.HOLD: "sbh_", OperationKind.CHARGE: "sbc_", OperationKind.REFUND: "sbr_"}
_OPENING = (OperationKind.HOLD, OperationKind.CHARGE)
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class DueNotice:
    """A notice ready to be posted: body and headers as they are, signed a moment ago."""

    id: int
    body: bytes
    headers: dict[str, str]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class SandboxGateway:
    """The provider. With `duplicate` every notice comes twice; with `shuffle` (a seed) they come in any order."""

    provider = "sandbox"

    def __init__(
        self,
        path: Path,
        *,
        notice_secret: str,
        clock_ms: Callable[[], int] = _now_ms,
        timings: Timings | None = None,
        duplicate: bool = False,
        shuffle: int | None = None,
    ) -> None:
        if not notice_secret:
            raise ValueError("the sandbox signs its notices with a secret; it is empty")
        self._path = path
        self._secret = notice_secret
        self._clock_ms = clock_ms
        self._timings = timings or Timings()
        self._copies = 2 if duplicate else 1
        self._chance = None if shuffle is None else random.Random(shuffle)  # noqa: S311 - an order, not a secret
        # one thread, so one connection: SQLite lets one writer in at a time anyway
        self._thread = ThreadPoolExecutor(1, "sandbox-payments")
        self._opened: SandboxFile | None = None
        self._closed = False

    async def hold(self, operation_id: str, *, amount_fen: int, payment_method: str, payer: str) -> Reply:
        """See `PaymentGateway`."""
        return await self._perform(
            OperationRequest(operation_id, OperationKind.HOLD, "", amount_fen, payment_method, payer), amount_fen
        )

    async def charge(self, operation_id: str, *, amount_fen: int, payment_method: str, payer: str) -> Reply:
        """See `PaymentGateway`."""
        return await self._perform(
            OperationRequest(operation_id, OperationKind.CHARGE, "", amount_fen, payment_method, payer), amount_fen
        )

    async def capture(self, operation_id: str, *, ref: str, amount_fen: int) -> Reply:
        """See `PaymentGateway`."""
        return await self._perform(OperationRequest(operation_id, OperationKind.CAPTURE, ref, amount_fen), amount_fen)

    async def release(self, operation_id: str, *, ref: str) -> Reply:
        """See `PaymentGateway`."""
        return await self._perform(OperationRequest(operation_id, OperationKind.RELEASE, ref))

    async def refund(self, operation_id: str, *, ref: str, amount_fen: int) -> Reply:
        """See `PaymentGateway`."""
        return await self._perform(OperationRequest(operation_id, OperationKind.REFUND, ref, amount_fen), amount_fen)

    async def look_up(self, operation_id: str, kind: OperationKind, ref: str | None = None) -> Reply | None:  # noqa: ARG002 - the id is enough here
        """See `PaymentGateway`."""

        def found(file: SandboxFile, now_ms: int) -> Reply | None:  # noqa: ARG001 - every turn is given the time
            operation = file.operation(operation_id)
            return _reply(file, operation) if operation and operation.asked.kind is kind else None

        return await self._turn(found)

    def read_notice(self, body: bytes, headers: Mapping[str, str], now_s: float) -> Notice | None:
        """See `PaymentGateway`. Every genuine notice of the sandbox is about something of ours."""
        return sandbox_notices.read(body, headers, self._secret, now_s)

    async def close(self) -> None:
        """See `PaymentGateway`."""

        if not self._closed:
            self._closed = True
            await asyncio.get_running_loop().run_in_executor(self._thread, self._let_go)
            self._thread.shutdown()

    async def due_notices(self, limit: int) -> list[DueNotice]:
        """What a courier should post now, at most so many; what it does not report delivered is due again later."""

        def taken(file: SandboxFile, now_ms: int) -> list[DueNotice]:
            due = file.take_notices(limit, now_ms=now_ms, again_at_ms=now_ms + REDELIVER_AFTER_MS)
            headers = [sandbox_notices.signed(body, self._secret, now_ms / 1000) for _, body in due]
            return [DueNotice(number, body, head) for (number, body), head in zip(due, headers, strict=True)]

        return await self._turn(taken)

    async def notice_delivered(self, notice: int) -> None:
        """The notice of that id (`DueNotice.id`) has arrived; it does not come again."""
        await self._turn(lambda file, _: file.drop_notice(notice))

    async def movements(self) -> Movements:
        """The provider's money in total, to be compared with the books."""
        return await self._turn(lambda file, _: file.movements())

    async def balance_fen(self) -> int:
        """What the house received and did not give back."""
        return (await self.movements()).cash_fen

    def __repr__(self) -> str:
        return f"SandboxGateway({str(self._path)!r})"

    async def _turn(self, step: Callable[[SandboxFile, int], _Answer]) -> _Answer:
        """Take a step in one transaction, on the sandbox's thread, after what fell due; GatewayAway where it cannot."""

        def taken() -> _Answer:
            try:
                if self._opened is None:
                    self._opened = SandboxFile(self._path)
                with self._opened.turn():
                    # the time is read inside the turn: whoever is later has the later time
                    now_ms = self._clock_ms()
                    self._catch_up(self._opened, now_ms)
                    return step(self._opened, now_ms)
            except (sqlite3.OperationalError, OSError) as fault:
                # a connection that failed halfway may still be in its transaction
                self._let_go()
                raise GatewayAway(f"the sandbox's file does not answer: {type(fault).__name__}") from fault

        return await asyncio.get_running_loop().run_in_executor(self._thread, taken)

    def _let_go(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    async def _perform(self, asked: OperationRequest, amount_fen: int | None = None) -> Reply:
        check_operation(asked.operation_id, amount_fen)

        def performed(file: SandboxFile, now_ms: int) -> tuple[Reply, bool]:
            if (operation := file.operation(asked.operation_id)) is not None:
                if operation.asked != asked:
                    raise OperationReused(f"operation {asked.operation_id} was something else before")
                return _reply(file, operation), False
            outcome = self._outcome(file, asked, now_ms)
            operation = SandboxOperation(
                asked,
                _ref(asked, outcome),
                outcome.status,
                outcome.failure,
                outcome.moved_fen,
                outcome.settles_at_ms,
            )
            if outcome.payment:
                file.keep_payment(outcome.payment)
            file.add_operation(operation)
            if outcome.status is not ReplyStatus.PENDING:
                self._announce(file, operation, now_ms)
            lost = outcome.payment is not None and outcome.payment.behaviour is Behaviour.NO_ANSWER
            return _reply(file, operation), lost

        reply, lost = await self._turn(performed)
        if lost:
            raise GatewayAway("the sandbox's answer got lost")
        return reply

    def _outcome(self, file: SandboxFile, asked: OperationRequest, now_ms: int) -> SandboxOutcome:
        if asked.kind in _OPENING:
            payment = _opening(asked)
            return sandbox_rules.opened(payment, now_ms, self._timings) if payment else sandbox_rules.unknown()
        payment = file.payment(asked.about)
        if payment is None:
            return sandbox_rules.unknown()
        if asked.kind is OperationKind.CAPTURE:
            return sandbox_rules.captured(payment, asked.asked_fen)
        if asked.kind is OperationKind.RELEASE:
            return sandbox_rules.released(payment)
        return sandbox_rules.refunded(payment, asked.asked_fen, now_ms, self._timings)

    def _catch_up(self, file: SandboxFile, now_ms: int) -> None:
        """Do what fell due since the last call."""
        for operation in file.settling_operations(now_ms):
            settled_at_ms = operation.settles_at_ms or now_ms
            done = replace(operation, status=ReplyStatus.SUCCEEDED)
            payment = file.payment(operation.ref)
            if payment is not None:
                outcome = sandbox_rules.settled(payment, settled_at_ms, self._timings)
                file.keep_payment(outcome.payment or payment)
                done = replace(operation, status=outcome.status, failure=outcome.failure, moved_fen=outcome.moved_fen)
            file.settle_operation(done)
            self._announce(file, done, settled_at_ms)
        for payment in file.lapsed_payments(now_ms):
            file.keep_payment(replace(payment, state=PaymentState.EXPIRED))
            if (hold := file.operation(payment.operation_id)) is not None:
                self._announce(file, hold, payment.expires_at_ms or now_ms)

    def _announce(self, file: SandboxFile, operation: SandboxOperation, at_ms: int) -> None:
        """Queue a notice of what an operation came to."""
        asked, reply = operation.asked, _reply(file, operation)
        number = f"sbn_{secrets.token_hex(8)}"
        body = sandbox_notices.written(Notice(number, asked.operation_id, asked.kind, operation.ref, reply))
        for _ in range(self._copies):
            place = self._chance.random() if self._chance else 0.0
            file.queue_notice(body, due_at_ms=at_ms, place=place)


def _opening(asked: OperationRequest) -> SandboxPayment | None:
    """The payment that a hold or charge begins with; None: there is no such card."""
    behaviour = sandbox_rules.behaviour_of(asked.payment_method)
    if behaviour is None:
        return None
    return SandboxPayment(
        ref=_new_ref(asked.kind),
        operation_id=asked.operation_id,
        kind=asked.kind,
        state=PaymentState.PENDING,
        amount_fen=asked.asked_fen,
        behaviour=behaviour,
        instrument=sandbox_rules.instrument_of(asked.payment_method, asked.payer),
    )


def _ref(asked: OperationRequest, outcome: SandboxOutcome) -> str:
    """The provider's id of what an operation made; where it made nothing, of what it was about."""
    if outcome.payment is None:
        return asked.about
    return _new_ref(asked.kind) if asked.kind is OperationKind.REFUND else outcome.payment.ref


def _new_ref(kind: OperationKind) -> str:
    return _PREFIXES[kind] + secrets.token_hex(12)


def _reply(file: SandboxFile, operation: SandboxOperation) -> Reply:
    reply = Reply(operation.status, operation.ref, failure=operation.failure, amount_fen=operation.moved_fen)
    payment = file.payment(operation.ref) if operation.asked.kind in _OPENING else None
    if payment is None:
        return reply
    reply = replace(reply, instrument=payment.instrument, expires_at_ms=payment.expires_at_ms)
    if payment.state is PaymentState.EXPIRED:
        return replace(reply, status=ReplyStatus.FAILED, failure=FailureCode.EXPIRED, amount_fen=None)
    return reply
