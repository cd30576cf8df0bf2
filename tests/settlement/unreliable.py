"""A payment provider whose line is bad: it may not hear a call, or its answer may get lost on the way back."""

from collections.abc import Callable, Mapping
from typing import Literal

from auction.domain.states import OperationKind
from auction.payments.gateway import GatewayAway, Notice, Reply
from auction.payments.sandbox import SandboxGateway

Fault = Literal["before", "after"]
"""Before the effect: nothing was done. After it: everything was, and nobody was told."""


class UnreliableGateway:
    """The sandbox behind a line that `fault` decides about, call by call; None: this one goes through."""

    provider = "sandbox"
    default_payment_method = SandboxGateway.default_payment_method

    def __init__(self, sandbox: SandboxGateway, fault: Callable[[OperationKind], Fault | None]) -> None:
        self._sandbox = sandbox
        self.charge_limits = sandbox.charge_limits
        self.accepts_tokens = sandbox.accepts_tokens
        self.publishable_key = sandbox.publishable_key
        self.start_saving = sandbox.start_saving
        self.saved_card = sandbox.saved_card
        self.forget_card = sandbox.forget_card
        self.open_confirmation = sandbox.open_confirmation
        self.answer_confirmation = sandbox.answer_confirmation
        self.cancel = sandbox.cancel
        self._fault = fault

    async def prepare(
        self, operation_id: str, kind: OperationKind, *, amount_fen: int, payment_method: str, payer: str, attempt: int
    ) -> Reply | None:
        del operation_id, kind, amount_fen, payment_method, payer, attempt
        return None

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
        fault = self._not_heard(OperationKind.HOLD)
        reply = await self._sandbox.hold(
            operation_id,
            amount_fen=amount_fen,
            payment_method=payment_method,
            payer=payer,
            ref=ref,
            on_session=on_session,
        )
        return _answered(reply, fault)

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
        fault = self._not_heard(OperationKind.CHARGE)
        reply = await self._sandbox.charge(
            operation_id,
            amount_fen=amount_fen,
            payment_method=payment_method,
            payer=payer,
            ref=ref,
            on_session=on_session,
        )
        return _answered(reply, fault)

    async def capture(self, operation_id: str, *, ref: str, amount_fen: int) -> Reply:
        fault = self._not_heard(OperationKind.CAPTURE)
        return _answered(await self._sandbox.capture(operation_id, ref=ref, amount_fen=amount_fen), fault)

    async def release(self, operation_id: str, *, ref: str) -> Reply:
        fault = self._not_heard(OperationKind.RELEASE)
        return _answered(await self._sandbox.release(operation_id, ref=ref), fault)

    async def refund(self, operation_id: str, *, ref: str, amount_fen: int) -> Reply:
        fault = self._not_heard(OperationKind.REFUND)
        return _answered(await self._sandbox.refund(operation_id, ref=ref, amount_fen=amount_fen), fault)

    async def look_up(self, operation_id: str, kind: OperationKind, ref: str | None) -> Reply | None:
        fault = self._not_heard(kind)
        reply = await self._sandbox.look_up(operation_id, kind, ref)
        if fault is not None:
            raise GatewayAway("the answer got lost")
        return reply

    def read_notice(self, body: bytes, headers: Mapping[str, str], now_s: float) -> Notice:
        return self._sandbox.read_notice(body, headers, now_s)

    async def close(self) -> None:
        await self._sandbox.close()

    def _not_heard(self, kind: OperationKind) -> Fault | None:
        fault = self._fault(kind)
        if fault == "before":
            raise GatewayAway("nobody heard the call")
        return fault


def _answered(reply: Reply, fault: Fault | None) -> Reply:
    if fault is not None:
        raise GatewayAway("the answer got lost")
    return reply
