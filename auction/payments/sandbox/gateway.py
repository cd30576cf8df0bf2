"""The sandbox's gateway: performs operations on its file and queues a notification of each outcome.

Nothing runs in the background: what became due since the last call (pending operations, expired holds) is applied at
the start of every call, with the time at which it became due.
"""

import asyncio
import hashlib
import hmac
import random
import sqlite3
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from auction.domain.charge_limits import UNLIMITED, ChargeLimits
from auction.domain.states import FailureCode, OperationKind
from auction.payments.gateway import (
    Confirmation,
    DueNotice,
    GatewayAway,
    Notice,
    OperationReused,
    Reply,
    ReplyStatus,
    check_operation,
)
from auction.payments.registry import ProviderConfig
from auction.payments.sandbox import notices, rules
from auction.payments.sandbox.answers import OPENING, opening_of, ref_of, reply_of
from auction.payments.sandbox.cards import SandboxCards
from auction.payments.sandbox.events import SandboxEvents
from auction.payments.sandbox.file import Movements, OperationRequest, SandboxFile, SandboxOperation
from auction.payments.sandbox.rules import (
    Behaviour,
    SandboxOutcome,
    Timings,
)

FILE_NAME = "sandbox-payments.sqlite3"
"""The sandbox's file in the data directory."""
REDELIVER_AFTER_MS = 5_000
"""A notification that was collected and not confirmed is due again after so long."""
_NOTICE_KEY = b"flash-auction: notices of the sandbox, version 1"
_Answer = TypeVar("_Answer")


def open_gateway(config: ProviderConfig) -> "SandboxGateway":
    """The sandbox on its file in the data directory; the key that signs its notices is derived from the secret."""
    notice_secret = hmac.digest(config.secret.encode(), _NOTICE_KEY, hashlib.sha256).hex()
    return SandboxGateway(config.data_dir / FILE_NAME, notice_secret=notice_secret, limits=config.limits)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class SandboxGateway(SandboxCards):
    """See `PaymentGateway`, `HouseConfirmation` and `NoticeQueue`.

    `limits`: the least and the most that it takes at once.
    For tests: with `duplicate` every notification comes twice; with `shuffle` (a seed) they come in a random order.
    """

    provider = "sandbox"
    default_payment_method = str(Behaviour.OK)
    accepts_tokens = True
    publishable_key = None

    def __init__(
        self,
        path: Path,
        *,
        notice_secret: str,
        clock_ms: Callable[[], int] = _now_ms,
        timings: Timings | None = None,
        duplicate: bool = False,
        shuffle: int | None = None,
        limits: ChargeLimits = UNLIMITED,
    ) -> None:
        if not notice_secret:
            raise ValueError("the secret that the sandbox signs its notices with is empty")
        self.charge_limits = limits
        self._path = path
        self._secret = notice_secret
        self._clock_ms = clock_ms
        chance = None if shuffle is None else random.Random(shuffle)  # noqa: S311 - an order, not a secret
        self._events = SandboxEvents(timings or Timings(), copies=2 if duplicate else 1, chance=chance)
        # one thread, so one connection: SQLite lets one writer in at a time anyway
        self._thread = ThreadPoolExecutor(1, "sandbox-payments")
        self._opened: SandboxFile | None = None
        self._closed = False

    async def prepare(
        self, operation_id: str, kind: OperationKind, *, amount_fen: int, payment_method: str, payer: str, attempt: int
    ) -> None:
        """See `PaymentGateway`: there is no such step here."""

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
        """See `PaymentGateway`: a card that wants its owner wants them each time."""
        del ref, on_session
        return await self._perform(
            OperationRequest(operation_id, OperationKind.HOLD, "", amount_fen, payment_method, payer), amount_fen
        )

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
        """See `PaymentGateway`."""
        del ref, on_session
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

    async def open_confirmation(
        self, operation_id: str, kind: OperationKind, *, ref: str, payment_method: str
    ) -> Confirmation:
        """See `PaymentGateway`: the form is the house's."""
        del ref, payment_method
        return Confirmation(await self._known(operation_id, kind))

    async def answer_confirmation(self, operation_id: str, *, confirmed: bool) -> None:
        """See `HouseConfirmation`."""
        failure = None if confirmed else FailureCode.AUTHENTICATION_FAILED
        await self._transact(lambda file, now_ms: self._events.decide_unconfirmed(file, operation_id, failure, now_ms))

    async def cancel(self, operation_id: str, kind: OperationKind, *, ref: str) -> Reply:
        """See `PaymentGateway`."""
        del ref
        failure = FailureCode.AUTHENTICATION_MISSING
        await self._transact(lambda file, now_ms: self._events.decide_unconfirmed(file, operation_id, failure, now_ms))
        return await self._known(operation_id, kind)

    async def look_up(self, operation_id: str, kind: OperationKind, ref: str | None = None) -> Reply | None:  # noqa: ARG002 - the id is enough here
        """See `PaymentGateway`."""

        def found(file: SandboxFile, now_ms: int) -> Reply | None:  # noqa: ARG001 - every turn is given the time
            operation = file.operation(operation_id)
            return reply_of(file, operation) if operation and operation.request.kind is kind else None

        return await self._transact(found)

    async def _known(self, operation_id: str, kind: OperationKind) -> Reply:
        known = await self.look_up(operation_id, kind)
        if known is None:
            raise GatewayAway(f"the sandbox does not know {operation_id}")
        return known

    def read_notice(self, body: bytes, headers: Mapping[str, str], now_s: float) -> Notice:
        """See `PaymentGateway`."""
        return notices.read_notice(body, headers, self._secret, now_s)

    async def close(self) -> None:
        """See `PaymentGateway`."""

        if not self._closed:
            self._closed = True
            await asyncio.get_running_loop().run_in_executor(self._thread, self._close_file)
            self._thread.shutdown()

    async def due_notices(self, limit: int) -> list[DueNotice]:
        """See `NoticeQueue`."""

        def taken(file: SandboxFile, now_ms: int) -> list[DueNotice]:
            due = file.take_notices(limit, now_ms=now_ms, again_at_ms=now_ms + REDELIVER_AFTER_MS)
            headers = [notices.signed_headers(body, self._secret, now_ms / 1000) for _, body in due]
            return [DueNotice(number, body, head) for (number, body), head in zip(due, headers, strict=True)]

        return await self._transact(taken)

    async def notice_delivered(self, notice: int) -> None:
        """See `NoticeQueue`."""
        await self._transact(lambda file, _: file.drop_notice(notice))

    async def movements(self) -> Movements:
        """Totals of what the sandbox holds and has moved, for reconciliation with the journal."""
        return await self._transact(lambda file, _: file.movements())

    async def balance_fen(self) -> int:
        """Received and not refunded, in fen."""
        return (await self.movements()).cash_fen

    def __repr__(self) -> str:
        return f"SandboxGateway({str(self._path)!r})"

    async def _transact(self, step: Callable[[SandboxFile, int], _Answer]) -> _Answer:
        """Run a step in one transaction on the sandbox's thread, after what became due. Raises GatewayAway."""

        def taken() -> _Answer:
            try:
                if self._opened is None:
                    self._opened = SandboxFile(self._path)
                with self._opened.transaction():
                    # the time is read inside the transaction: a later one has a later time
                    now_ms = self._clock_ms()
                    self._events.catch_up(self._opened, now_ms)
                    return step(self._opened, now_ms)
            except (sqlite3.OperationalError, OSError) as fault:
                # a connection that failed may still be in its transaction
                self._close_file()
                raise GatewayAway(f"the sandbox's file cannot be used: {type(fault).__name__}") from fault

        return await asyncio.get_running_loop().run_in_executor(self._thread, taken)

    def _close_file(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    async def _perform(self, request: OperationRequest, amount_fen: int | None = None) -> Reply:
        check_operation(request.operation_id, amount_fen)

        def performed(file: SandboxFile, now_ms: int) -> tuple[Reply, bool]:
            if (operation := file.operation(request.operation_id)) is not None:
                if operation.request != request:
                    raise OperationReused(f"operation {request.operation_id} was another request before")
                return reply_of(file, operation), False
            outcome = self._outcome(file, request, now_ms)
            operation = SandboxOperation(
                request,
                ref_of(request, outcome),
                outcome.status,
                outcome.failure,
                outcome.moved_fen,
                outcome.settles_at_ms,
            )
            if outcome.payment:
                self._events.keep(file, outcome.payment, now_ms)
            file.add_operation(operation)
            if outcome.status is not ReplyStatus.PENDING:
                self._events.announce(file, operation, now_ms)
            lost = outcome.payment is not None and outcome.payment.behaviour is Behaviour.NO_ANSWER
            return reply_of(file, operation), lost

        reply, lost = await self._transact(performed)
        if lost:
            raise GatewayAway("the sandbox's answer was lost")
        return reply

    def _outcome(self, file: SandboxFile, request: OperationRequest, now_ms: int) -> SandboxOutcome:
        if request.kind in OPENING:
            if failure := rules.outside_limits(request.asked_fen, self.charge_limits):
                return SandboxOutcome(ReplyStatus.FAILED, None, failure=failure)
            payment = opening_of(request)
            return rules.open_payment(payment, now_ms, self._events.timings) if payment else rules.not_found()
        payment = file.payment(request.about)
        if payment is None:
            return rules.not_found()
        if request.kind is OperationKind.CAPTURE:
            if request.asked_fen < self.charge_limits.min_fen:
                return SandboxOutcome(ReplyStatus.FAILED, payment, failure=FailureCode.AMOUNT_TOO_SMALL)
            return rules.capture(payment, request.asked_fen)
        if request.kind is OperationKind.RELEASE:
            return rules.release(payment)
        dispute = file.dispute_of(payment.ref)
        if dispute is not None and not dispute[2]:
            # as other providers do: what was taken back already is not refunded
            return SandboxOutcome(ReplyStatus.FAILED, payment, failure=FailureCode.NOT_READY)
        return rules.refund(payment, request.asked_fen, now_ms, self._events.timings)
