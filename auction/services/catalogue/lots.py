"""Staff actions on sales and lots, from creating to voiding them. Off the bid's way.

Drafts are in the database only. Scheduling stores the final terms there, then enters the lot in the ledger, which
decides every later action; its events name who acted and why. An action repeated under the same `action_key` changes
nothing. `install_scheduled_lots` repeats an entry that a crash
prevented.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from auction.books import audit, catalogue, settlements
from auction.books.catalogue import DRAFT, LotRecord, Sale
from auction.books.unit_of_work import Transaction
from auction.domain.edge import STOPPED_MS_MIN
from auction.domain.errors import LedgerChanged, NotFound, ProblemCode, RequestRefused, WrongState, WrongStatus
from auction.domain.lot import ADMITTING, ENDABLE, LASTS_MS_MAX, STOPPED, LotStatus, schedule
from auction.domain.pricing import LeadingBid, leading_without
from auction.domain.recovery import SEQ_STEP
from auction.domain.states import SettlementState
from auction.domain.terms import Terms, terms_as_mapping
from auction.domain.terms_reader import merge_terms, read_new_terms, read_terms
from auction.domain.text import SALE_ID_LENGTH_MAX, is_sale_id
from auction.ledger.keys import lot_id_of
from auction.ledger.replies import Snapshot
from auction.presets import load_preset
from auction.services.catalogue.lot_views import LotView, lot_record, show_lot, view_after
from auction.services.catalogue.visibility import STAFF
from auction.services.context import AppContext
from auction.services.lot_log import read_bids

_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


async def create_sale(context: AppContext, *, title: str, actor: str, sale_id: str | None = None) -> Sale:
    """Create a sale, with a random id unless one is given. Raises RequestRefused(sale-id-invalid, sale-exists)."""
    sale_id = sale_id or "s" + "".join(secrets.choice(_LETTERS) for _ in range(9))
    if not is_sale_id(sale_id):
        raise RequestRefused(
            ProblemCode.SALE_ID_INVALID,
            "A sale's id is lower-case letters and digits, with single hyphens between them, "
            f"at most {SALE_ID_LENGTH_MAX} characters.",
        )
    async with context.books.transaction() as tx:
        sale = await catalogue.add_sale(tx, sale_id=sale_id, title=title, actor=actor)
        await audit.record_action(tx, actor=actor, action="create-sale", sale_id=sale_id)
    return sale


async def create_lot(
    context: AppContext,
    *,
    sale_id: str,
    title: str,
    actor: str,
    list_price_fen: int | None = None,
    preset: str | None = None,
    terms: Mapping[str, Any] | None = None,
) -> LotView:
    """Create a draft with a preset's terms overridden by `terms`, or with `terms` alone.

    A preset may set its review limit from the list price, unless `terms` has one.
    Raises TermsInvalid, NotFound(sale-unknown, preset-unknown).
    """
    base = load_preset(preset, list_price_fen) if preset is not None else {}
    agreed = read_new_terms(merge_terms(base, terms or {}))
    async with context.books.transaction() as tx:
        number = await catalogue.next_lot_number(tx, sale_id)
        record = await catalogue.add_lot(
            tx,
            lot_id=lot_id_of(sale_id, number),
            sale_id=sale_id,
            number=number,
            title=title,
            list_price_fen=list_price_fen,
            preset=preset,
            terms=terms_as_mapping(agreed),
            actor=actor,
        )
        await audit.record_action(tx, actor=actor, action="create-lot", sale_id=sale_id, lot_id=record.lot_id)
    return await show_lot(context, record.lot_id, STAFF)


async def edit_draft(
    context: AppContext,
    lot_id: str,
    *,
    actor: str,
    title: str,
    list_price_fen: int | None,
    terms: Mapping[str, Any],
) -> LotView:
    """Replace title, list price and terms of a draft; terms that are left out stay. The same again changes nothing.

    Raises TermsInvalid, WrongStatus, NotFound.
    """
    async with context.books.transaction() as tx:
        before = await catalogue.lock_lot(tx, lot_id)
        if before.status != DRAFT:
            raise WrongStatus("edit it", before.status, (DRAFT,))
        agreed = terms_as_mapping(read_new_terms(merge_terms(before.terms, terms)))
        after = await catalogue.change_draft(tx, lot_id, title=title, list_price_fen=list_price_fen, terms=agreed)
        changed = {
            name: {"before": getattr(before, name), "after": getattr(after, name)}
            for name in ("title", "list_price_fen")
            if getattr(before, name) != getattr(after, name)
        }
        for name, value in after.terms.items():
            if before.terms.get(name) != value:
                changed[f"terms.{name}"] = {"before": before.terms.get(name), "after": value}
        if changed:
            await audit.record_action(
                tx, actor=actor, action="edit-lot", sale_id=after.sale_id, lot_id=lot_id, details=changed
            )
    return await show_lot(context, lot_id, STAFF)


async def schedule_lot(context: AppContext, lot_id: str, *, opens_at_ms: int, closes_at_ms: int, actor: str) -> LotView:
    """Store a draft's final terms and enter it in the ledger; the clerk opens and closes it.

    Raises WrongStatus, WrongState, RequestRefused(schedule-invalid), TermsInvalid, NotFound.
    """
    await lot_record(context, lot_id)
    await require_sound_times(context, opens_at_ms, closes_at_ms)
    return await view_after(context, await _schedule(context, lot_id, opens_at_ms, closes_at_ms, actor))


async def reschedule_lot(
    context: AppContext, lot_id: str, *, opens_at_ms: int, closes_at_ms: int, actor: str
) -> LotView:
    """Give a scheduled lot other times before it opens; the ledger decides whether that was in time.

    The same times change nothing. Raises WrongStatus, RequestRefused(schedule-invalid), NotFound.
    """
    async with acting_on(context, lot_id, "reschedule it", (LotStatus.SCHEDULED,)):
        await require_sound_times(context, opens_at_ms, closes_at_ms)
        snapshot = await context.ledger.reschedule(lot_id, opens_at_ms=opens_at_ms, ends_at_ms=closes_at_ms, by=actor)
    return await view_after(context, snapshot)


async def require_sound_times(context: AppContext, opens_at_ms: int, closes_at_ms: int) -> None:
    """Raises RequestRefused(schedule-invalid) for times that no lot can have."""
    now_ms = await context.ledger.now_ms()
    if not opens_at_ms < closes_at_ms:
        raise _schedule_invalid(f"closes_at_ms {closes_at_ms} must be after opens_at_ms {opens_at_ms}.")
    if closes_at_ms <= now_ms:
        raise _schedule_invalid(f"closes_at_ms {closes_at_ms} must be in the future; it is {now_ms} now.")
    if closes_at_ms > now_ms + LASTS_MS_MAX:
        raise _schedule_invalid(f"closes_at_ms {closes_at_ms} must be within a year of {now_ms}.")


async def _schedule(context: AppContext, lot_id: str, opens_at_ms: int, closes_at_ms: int, actor: str) -> Snapshot:
    async with context.books.transaction() as tx:
        draft = await catalogue.lock_lot(tx, lot_id)
        if draft.status != DRAFT:
            raise WrongStatus("schedule it", draft.status, (DRAFT,))
        if draft.relisted_from is not None:
            before = await settlements.find(tx, draft.relisted_from)
            if before is not None and before.state is SettlementState.VOID:
                raise WrongState("sell the lot that it was relisted as", before.state, [SettlementState.RELISTED])
        record = await freeze(
            tx, draft, read_terms(draft.terms), opens_at_ms=opens_at_ms, closes_at_ms=closes_at_ms, actor=actor
        )
    return await install(context, record)


async def freeze(
    tx: Transaction, draft: LotRecord, terms: Terms, *, opens_at_ms: int, closes_at_ms: int, actor: str
) -> LotRecord:
    """Store a draft's final terms and times; it enters the ledger once this is committed (`install`)."""
    record = await catalogue.freeze_terms(
        tx,
        draft.lot_id,
        terms=terms_as_mapping(terms),
        terms_sha256=terms.sha256(),
        opens_at_ms=opens_at_ms,
        closes_at_ms=closes_at_ms,
    )
    await audit.record_action(
        tx,
        actor=actor,
        action="schedule-lot",
        sale_id=record.sale_id,
        lot_id=record.lot_id,
        details={"opens_at_ms": opens_at_ms, "closes_at_ms": closes_at_ms, "terms_sha256": terms.sha256()},
    )
    return record


async def install(context: AppContext, record: LotRecord) -> Snapshot:
    """Enter a scheduled lot in the ledger; again changes nothing. Raises RequestRefused(schedule-invalid)."""
    terms = read_terms(record.terms)
    if record.opens_at_ms is None or record.closes_at_ms is None:
        raise ValueError(f"lot {record.lot_id} is scheduled without times")
    first = schedule(terms, opens_at_ms=record.opens_at_ms, ends_at_ms=record.closes_at_ms)
    return await context.ledger.schedule(
        record.lot_id,
        terms,
        opens_at_ms=first.opens_at_ms,
        ends_at_ms=first.ends_at_ms,
        hard_stop_at_ms=first.hard_stop_at_ms,
    )


async def install_scheduled_lots(context: AppContext) -> list[str]:
    """Enter scheduled lots in the ledger that are not there yet; returns their ids."""
    async with context.books.reading() as tx:
        waiting = await catalogue.lots_to_install(tx)
    installed = []
    for record in waiting:
        try:
            if await context.ledger.read(record.lot_id) is None:
                await install(context, record)
                installed.append(record.lot_id)
        except LedgerChanged:
            continue  # its shard is stopped; those of other shards go on
    return installed


async def open_lot(
    context: AppContext, lot_id: str, *, actor: str, closes_at_ms: int | None = None, duration_ms: int | None = None
) -> LotView:
    """Open a draft or scheduled lot now, until `closes_at_ms` (UTC ms) or for `duration_ms`, exactly one of the two.

    Raises WrongStatus, WrongState, RequestRefused(schedule-invalid), TermsInvalid, NotFound.
    """
    record = await lot_record(context, lot_id)
    now_ms = await context.ledger.now_ms()
    if (closes_at_ms is None) == (duration_ms is None):
        raise _schedule_invalid("Give closes_at_ms or duration_ms, one of the two.")
    ends_at_ms = closes_at_ms if closes_at_ms is not None else now_ms + (duration_ms or 0)
    if not now_ms < ends_at_ms <= now_ms + LASTS_MS_MAX:
        raise _schedule_invalid(
            f"The end must be in the future and within a year; it is {now_ms} now, got {ends_at_ms}."
        )
    if record.status == DRAFT:
        scheduled = await _schedule(context, lot_id, now_ms, ends_at_ms, actor)
        # the clerk may open it first; either way with the end that was asked for
        _, opened = await context.ledger.open_due(lot_id, by=actor)
        return await view_after(context, opened or scheduled)
    async with acting_on(context, lot_id, "open it", (LotStatus.SCHEDULED,)):
        snapshot = await context.ledger.open_now(lot_id, ends_at_ms=ends_at_ms, by=actor)
    return await view_after(context, snapshot)


async def pause_lot(context: AppContext, lot_id: str, *, reason: str, actor: str, action_key: str = "") -> LotView:
    """Pause an open lot; the remaining time is kept. Raises WrongStatus, NotFound."""
    async with acting_on(context, lot_id, "pause it", (LotStatus.OPEN,)):
        snapshot = await context.ledger.pause(lot_id, reason=reason, by=actor, action_key=action_key)
    return await view_after(context, snapshot)


async def resume_lot(
    context: AppContext, lot_id: str, *, actor: str, review_above_fen: int | None = None, action_key: str = ""
) -> LotView:
    """Resume a paused or held lot; `review_above_fen`: a new review limit above the price, 0: none, None: as before.

    Raises WrongStatus, NotFound, RequestRefused(review-limit-too-low).
    """
    async with acting_on(context, lot_id, "resume it", STOPPED):
        known = await context.ledger.read(lot_id)
        if known is not None and known.seq >= SEQ_STEP and known.status in STOPPED:
            # restored, perhaps a moment ago
            await _stopped_for_long_enough(context, lot_id, "resume it")
        resumed = await context.ledger.resume(
            lot_id, review_above_fen=review_above_fen, by=actor, action_key=action_key
        )
    return await view_after(context, resumed)


async def extend_lot(
    context: AppContext,
    lot_id: str,
    *,
    by_ms: int,
    moves_hard_stop: bool = False,
    reason: str,
    actor: str,
    action_key: str = "",
) -> LotView:
    """Move the end of an open or paused lot by `by_ms`, at most to a year from now.

    The end does not pass the hard stop, unless that moves by as much.
    Raises WrongStatus, NotFound, RequestRefused(schedule-invalid, past-hard-stop).
    """
    async with acting_on(context, lot_id, "extend it", ENDABLE):
        extended = await context.ledger.extend(
            lot_id, by_ms=by_ms, moves_hard_stop=moves_hard_stop, reason=reason, by=actor, action_key=action_key
        )
    return await view_after(context, extended)


async def close_lot(context: AppContext, lot_id: str, *, reason: str, actor: str, action_key: str = "") -> LotView:
    """Close an open or paused lot before its end. Raises WrongStatus, NotFound."""
    async with acting_on(context, lot_id, "close it", ENDABLE):
        snapshot = await context.ledger.close_now(lot_id, reason=reason, by=actor, action_key=action_key)
    return await view_after(context, snapshot)


async def void_lot(context: AppContext, lot_id: str, *, reason: str, actor: str, action_key: str = "") -> LotView:
    """Void a lot that has not closed. Raises WrongStatus, NotFound."""
    async with acting_on(context, lot_id, "void it", ADMITTING):
        snapshot = await context.ledger.void(lot_id, reason=reason, by=actor, action_key=action_key)
    return await view_after(context, snapshot)


async def void_bid(
    context: AppContext, lot_id: str, seq: int, *, reason: str, actor: str, action_key: str = ""
) -> LotView:
    """Void one bid of a paused or held lot: the lot is folded again without it and begins a new epoch.

    Raises WrongStatus, NotFound(bid-unknown), RequestRefused(bid-already-void, ledger-moved).
    """
    async with acting_on(context, lot_id, "void a bid of it", STOPPED):
        if action_key and (done := await _restated_before(context, lot_id, action_key)) is not None:
            return await view_after(context, done)
        snapshot = await _stopped_for_long_enough(context, lot_id, "void a bid of it")
    bids = await read_bids(context, lot_id, until_seq=snapshot.seq)
    if seq in bids.voided:
        raise RequestRefused(ProblemCode.BID_ALREADY_VOID, f"The bid at seq {seq} is void already.", {"seq": seq})
    if seq not in bids.accepted:
        raise NotFound(ProblemCode.BID_UNKNOWN, f"Lot {lot_id} has no bid at seq {seq}.", {"seq": seq})
    terms = read_terms((await lot_record(context, lot_id)).terms)
    leading = LeadingBid(snapshot.price_fen, snapshot.leader_id, snapshot.leader_paddle, snapshot.ceiling_fen)
    leading = leading_without(terms, leading, bids.not_voided(), seq)
    restated = await context.ledger.restate(
        lot_id,
        at_seq=snapshot.seq,
        voided_seq=seq,
        leading=leading,
        reason=reason,
        by=actor,
        action_key=action_key,
    )
    return await view_after(context, restated)


async def _stopped_for_long_enough(context: AppContext, lot_id: str, action: str) -> Snapshot:
    """The state of a lot once it has been paused or held for STOPPED_MS_MIN, so that no process refuses bids on it by
    what was before (`auction.domain.edge`). Raises WrongStatus, NotFound.
    """
    before = await _stopped(context, lot_id, action)
    while True:
        await asyncio.sleep(STOPPED_MS_MIN / 1000)
        now = await _stopped(context, lot_id, action)
        # a lot that was resumed in between has a later end
        if now.ends_at_ms == before.ends_at_ms:
            return now
        before = now


async def _stopped(context: AppContext, lot_id: str, action: str) -> Snapshot:
    snapshot = await context.ledger.read(lot_id)
    if snapshot is None:
        raise NotFound(ProblemCode.LOT_UNKNOWN, f"The ledger does not know lot {lot_id}.")
    if snapshot.status not in STOPPED:
        raise WrongStatus(action, str(snapshot.status), STOPPED)
    return snapshot


async def _restated_before(context: AppContext, lot_id: str, action_key: str) -> Snapshot | None:
    """The lot where a bid of it was voided under this key before; None where none was."""
    try:
        # no lot is at seq 0: nothing is done but what was done
        return await context.ledger.restate(
            lot_id, at_seq=0, voided_seq=1, leading=LeadingBid(), reason="", by="", action_key=action_key
        )
    except (WrongStatus, RequestRefused):
        return None


@asynccontextmanager
async def acting_on(
    context: AppContext, lot_id: str, action: str, allowed: tuple[LotStatus, ...]
) -> AsyncIterator[None]:
    """An act on a lot in the ledger. Raises NotFound for an unknown lot, WrongStatus for a draft or an archived one."""
    record = await lot_record(context, lot_id)
    if record.status == DRAFT:
        raise WrongStatus(action, DRAFT, allowed)
    async with context.ended_lots.known_as_ended(context.books, lot_id, action, allowed):
        yield


def _schedule_invalid(detail: str) -> RequestRefused:
    return RequestRefused(ProblemCode.SCHEDULE_INVALID, detail)
