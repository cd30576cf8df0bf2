"""Receives what a payment provider tells, stores every verified event once, and has it applied or left to a person.

Beside the bid's way. An event is stored first; then it is decided in the transaction that changes what it is about. One
whose payment has no outcome itself yet waits, and is tried again (`process_waiting`, called by the cashier). A repeated
event changes nothing, and one out of order changes nothing that a later one has decided.
"""

from collections.abc import Mapping
from dataclasses import asdict

import structlog

from auction.books import bidders, operations, provider_events
from auction.books.operations import Operation
from auction.books.provider_events import TRIES_MAX, ProviderEvent
from auction.books.unit_of_work import Transaction
from auction.domain.errors import AuctionError, NotFound, ProblemCode, RequestRefused, Unavailable
from auction.domain.provider_event_states import ExceptionReason, ProviderEventStatus, ProviderEventType
from auction.payments.gateway import Notice, NoticeRefused, Reply, ReplyStatus
from auction.services.context import AppContext
from auction.services.payments.gateway_calls import came_back, resolve
from auction.services.provider_events import disputes, holds, refunds
from auction.services.provider_events.decision import APPLIED, HARMLESS, WAITS, Decision, exceptional
from auction.services.provider_events.payment import LockedPayment, lock_payment
from auction.services.registration.power_sync import sync_power, unsynced

log = structlog.get_logger()

WAITING_AT_ONCE = 100
UNMATCHED_TRIES = 3
"""After so many tries an event about an unknown payment is an exception."""
_HOLDS = (ProviderEventType.HOLD_CANCELLED, ProviderEventType.HOLD_EXPIRED)
_REFUNDS = (ProviderEventType.REFUNDED, ProviderEventType.REFUND_FAILED)
_NEVER_APPLIED = {
    ProviderEventType.OTHER: HARMLESS,
    ProviderEventType.OTHER_CURRENCY: exceptional(ExceptionReason.OTHER_CURRENCY),
}


async def receive_notice(context: AppContext, provider: str, body: bytes, headers: Mapping[str, str]) -> bool:
    """Store what a provider tells, and apply it; False: genuine, and about no operation of ours.

    Raises NotFound(provider-unknown), RequestRefused(notice-refused), BooksAway.
    """
    gateway = context.gateway_of(provider)
    if gateway is None:
        raise NotFound(
            ProblemCode.PROVIDER_UNKNOWN,
            f"Payments here go through {context.gateway.provider}.",
            {"provider": provider[:64]},
        )
    now_ms = context.clock_ms()
    try:
        notice = gateway.read_notice(body, headers, now_ms / 1000)
    except NoticeRefused as error:
        raise RequestRefused(ProblemCode.NOTICE_REFUSED, f"The notice is not accepted: {error}.") from None
    async with context.books.transaction() as tx:
        event = await _store(tx, provider, notice, body, now_ms)
        if event.status is ProviderEventStatus.RECEIVED:
            event = await _decide_at_once(tx, event)
    if event.status is ProviderEventStatus.RECEIVED:
        event = await _process(context, event)
    return event.lot_id is not None


async def process_waiting(context: AppContext) -> int:
    """Try events again that could not be decided; how many were decided. Raises BooksAway."""
    async with context.books.transaction() as tx:
        due = await provider_events.claim_due(tx, now_ms=context.clock_ms(), limit=WAITING_AT_ONCE)
    done = 0
    for number in due:
        async with context.books.transaction() as tx:
            event = await provider_events.lock(tx, number)
        if event is not None and event.status is ProviderEventStatus.RECEIVED:
            done += (await _process(context, event)).status is not ProviderEventStatus.RECEIVED
    return done


async def _store(tx: Transaction, provider: str, notice: Notice, body: bytes, now_ms: int) -> ProviderEvent:
    return await provider_events.store(
        tx,
        provider=provider,
        event_id=notice.notice_id,
        type=notice.type,
        kind=notice.kind,
        operation_id=notice.operation_id,
        opening_id=notice.opening_id,
        ref=notice.ref,
        payment_ref=notice.payment_ref,
        amount_fen=notice.reply.amount_fen,
        reply=asdict(notice.reply),
        body=body,
        at_ms=now_ms,
    )


async def _decide_at_once(tx: Transaction, event: ProviderEvent) -> ProviderEvent:
    """Decide an event that changes nothing: most tell what the answer to a request has told before."""
    if (decision := _NEVER_APPLIED.get(event.type)) is not None:
        return await _record(tx, event, decision)
    if event.type is not ProviderEventType.OUTCOME:
        return event
    found = await _operation_of(tx, event)
    if found is None:
        return await _record(tx, event, exceptional(ExceptionReason.UNMATCHED))
    if found.is_resolved and not came_back(found, _reply(event)):
        return await _record(tx, event, HARMLESS, found)
    return event


async def _operation_of(tx: Transaction, event: ProviderEvent) -> Operation | None:
    if event.kind is None:
        return None
    return await operations.find_by_notice(
        tx, provider=event.provider, operation_id=event.operation_id, kind=event.kind, ref=event.ref
    )


async def _process(context: AppContext, event: ProviderEvent) -> ProviderEvent:
    """Decide an event. One that fails with an error nobody expected is an exception; it delays no other."""
    try:
        if event.type is ProviderEventType.OUTCOME:
            return await _apply_outcome(context, event)
        return await _apply(context, event)
    except Unavailable:
        raise
    except Exception:
        log.exception("provider_event_not_applied", number=event.event_number)
        async with context.books.transaction() as tx:
            return await _record(tx, event, exceptional(ExceptionReason.FAULT))


async def _apply_outcome(context: AppContext, event: ProviderEvent) -> ProviderEvent:
    """Record the outcome of an operation; told again after a crash, it changes nothing."""
    async with context.books.reading() as tx:
        found = await _operation_of(tx, event)
    if found is not None:
        await resolve(context, found.operation_id, _reply(event))
    async with context.books.transaction() as tx:
        return await _record(tx, event, APPLIED if found else exceptional(ExceptionReason.UNMATCHED), found)


async def _apply(context: AppContext, event: ProviderEvent) -> ProviderEvent:
    """Apply what nobody here has asked for, in one transaction; then send changed bidding power to the ledger."""
    async with context.books.transaction() as tx:
        locked = await provider_events.lock(tx, event.event_number)
        if locked is None or locked.status is not ProviderEventStatus.RECEIVED:
            return locked or event
        opening = await provider_events.find_opening(
            tx, provider=event.provider, operation_id=event.opening_id, ref=event.payment_ref or event.ref
        )
        if opening is None:
            # perhaps the answer that tells its ref is on its way
            unmatched = exceptional(ExceptionReason.UNMATCHED) if locked.tries >= UNMATCHED_TRIES else WAITS
            return await _record(tx, event, unmatched)
        payment = await lock_payment(tx, opening)
        decision = await _apply_to(context, tx, event, payment)
        if decision is WAITS and locked.tries >= TRIES_MAX:
            decision = exceptional(ExceptionReason.UNDECIDED)
        event = await _record(tx, event, decision, payment.opening)
    if decision is APPLIED:
        await _send_power(context, payment.opening.bidder_id)
    return event


async def _apply_to(context: AppContext, tx: Transaction, event: ProviderEvent, payment: LockedPayment) -> Decision:
    if not payment.opening.is_resolved:
        return WAITS
    if event.type in _HOLDS:
        return await holds.apply_end(context, tx, event, payment)
    if event.type is ProviderEventType.HOLD_CAPTURED:
        return await holds.apply_capture(context, tx, event, payment)
    if event.type in _REFUNDS:
        return await refunds.apply(context, tx, event, payment)
    return await disputes.apply(context, tx, event, payment)


async def _send_power(context: AppContext, bidder_id: str) -> None:
    """Send every change of a bidder's power to the ledger; what cannot be sent now, the clerk sends."""
    async with context.books.reading() as tx:
        changed = unsynced(await bidders.registrations_of(tx, bidder_id))
    for registration in changed:
        try:
            await sync_power(context, registration.lot_id, bidder_id)
        except AuctionError as error:
            log.info("power_sync_delayed", lot=registration.lot_id, reason=error.code)


async def _record(
    tx: Transaction, event: ProviderEvent, decision: Decision, about: Operation | None = None
) -> ProviderEvent:
    if decision is WAITS:
        return event
    log.info("provider_event_decided", number=event.event_number, type=event.type, status=decision.status)
    return await provider_events.decide(
        tx,
        event.event_number,
        decision.status,
        reason=decision.reason,
        lot_id=None if about is None else about.lot_id,
        bidder_id=None if about is None else about.bidder_id,
    )


def _reply(event: ProviderEvent) -> Reply:
    return Reply(**{**event.reply, "status": ReplyStatus(event.reply["status"])})
