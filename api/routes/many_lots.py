"""Routes for staff who run many lots: the list with its changes, and the same act on several lots at once."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from api.bids.idempotency import optional_key
from api.http.auth import Ops, Staff
from api.http.openapi import AGREEMENT, AWAY, SIGNED_IN, WRITE, problems
from api.http.problems import problem_of
from api.routes.dependencies import Confirmed, Context
from api.schemas.bulk_acts import (
    BulkExtendRequest,
    BulkOpenRequest,
    BulkReasonRequest,
    BulkRequest,
    BulkResponse,
    BulkResumeRequest,
    BulkScheduleRequest,
)
from api.schemas.pending_acts import PendingActResponse
from api.schemas.public import SaleResponse
from api.schemas.staff import StaffSalesResponse
from auction.books.approvals import Approval
from auction.domain.errors import NotFound, ProblemCode
from auction.domain.text import is_id
from auction.services.catalogue import bulk_acts, lots, two_person_acts
from auction.services.catalogue.bulk_acts import Target
from auction.services.catalogue.lot_changes import sales_since
from auction.services.catalogue.lot_series import SeriesTimes
from auction.services.catalogue.lot_views import LotView
from auction.services.catalogue.two_person_acts import StaffCall
from auction.services.change_log import REVISION_LENGTH_MAX, REVISION_PATTERN
from auction.services.context import AppContext
from auction.services.second_person import Confirmation

router = APIRouter(prefix="/ops", tags=["ops"])

ActionKey = Annotated[str, Depends(optional_key)]
Since = Annotated[
    str | None,
    Query(
        pattern=REVISION_PATTERN,
        max_length=REVISION_LENGTH_MAX,
        description="The `revision` of an earlier answer: only what changed after it is sent.",
    ),
]
_EACH = problems(*AGREEMENT, *SIGNED_IN, *WRITE)


@router.get("/lots", responses=problems(*SIGNED_IN, *AWAY))
async def list_staff_sales(context: Context, _reader: Staff, since: Since = None) -> StaffSalesResponse:
    """All sales with their lots, drafts and reserves included; or with `since` what changed after an earlier answer."""
    changed = await sales_since(context, since)
    return StaffSalesResponse(
        now_ms=await context.ledger.now_ms(),
        revision=changed.revision,
        complete=changed.is_complete,
        sales=[SaleResponse.of(sale, to_staff=True) for sale in changed.sales],
        pending=[PendingActResponse.of(one) for one in await two_person_acts.all_waiting(context)],
    )


@router.post("/bulk/schedule", responses=_EACH)
async def schedule_lots(
    context: Context, ops: Ops, asked: BulkScheduleRequest, confirmation: Confirmed
) -> BulkResponse:
    """Schedule drafts, one after the other or at once; each for itself."""
    times = _times(asked)

    async def act(target: Target, _shown: Confirmation) -> LotView:
        opens_at_ms, closes_at_ms = times.of(target.place)
        return await lots.schedule_lot(
            context, target.lot_id, opens_at_ms=opens_at_ms, closes_at_ms=closes_at_ms, actor=ops.subject
        )

    return await _each(context, asked, act, ops.subject, confirmation)


@router.post("/bulk/reschedule", responses=_EACH)
async def reschedule_lots(
    context: Context, ops: Ops, asked: BulkScheduleRequest, confirmation: Confirmed
) -> BulkResponse:
    """Give scheduled lots other times before they open; each for itself."""
    times = _times(asked)

    async def act(target: Target, _shown: Confirmation) -> LotView:
        opens_at_ms, closes_at_ms = times.of(target.place)
        return await two_person_acts.reschedule_lot(
            context, target.lot_id, opens_at_ms=opens_at_ms, closes_at_ms=closes_at_ms, actor=ops.subject
        )

    return await _each(context, asked, act, ops.subject, confirmation)


@router.post("/bulk/open", responses=_EACH)
async def open_lots(context: Context, ops: Ops, asked: BulkOpenRequest, confirmation: Confirmed) -> BulkResponse:
    """Open drafts or scheduled lots now; each for itself."""

    async def act(target: Target, _shown: Confirmation) -> LotView:
        return await lots.open_lot(
            context,
            target.lot_id,
            closes_at_ms=asked.closes_at_ms,
            duration_ms=asked.duration_ms,
            actor=ops.subject,
        )

    return await _each(context, asked, act, ops.subject, confirmation)


@router.post("/bulk/pause", responses=_EACH)
async def pause_lots(
    context: Context, ops: Ops, asked: BulkReasonRequest, key: ActionKey, confirmation: Confirmed
) -> BulkResponse:
    """Pause bidding on lots; each for itself."""

    async def act(target: Target, _shown: Confirmation) -> LotView:
        return await lots.pause_lot(context, target.lot_id, reason=asked.reason, actor=ops.subject, action_key=key)

    return await _each(context, asked, act, ops.subject, confirmation)


@router.post("/bulk/resume", responses=_EACH)
async def resume_lots(
    context: Context, ops: Ops, asked: BulkResumeRequest, key: ActionKey, confirmation: Confirmed
) -> BulkResponse:
    """Resume paused or held lots; each for itself."""

    async def act(target: Target, _shown: Confirmation) -> LotView:
        return await two_person_acts.resume_lot(
            context, target.lot_id, review_above_fen=asked.review_above_fen, actor=ops.subject, action_key=key
        )

    return await _each(context, asked, act, ops.subject, confirmation)


@router.post("/bulk/extend", responses=_EACH)
async def extend_lots(
    context: Context, ops: Ops, asked: BulkExtendRequest, key: ActionKey, confirmation: Confirmed
) -> BulkResponse:
    """Extend open or paused lots; each for itself, with two persons after its first bid."""

    async def act(target: Target, shown: Confirmation) -> LotView | Approval:
        call = StaffCall(ops.subject, asked.reason, key, target.agrees_to, shown)
        return await two_person_acts.extend_lot(
            context, target.lot_id, call, by_ms=asked.by_ms, moves_hard_stop=asked.move_hard_stop
        )

    return await _each(context, asked, act, ops.subject, confirmation)


@router.post("/bulk/close", responses=_EACH)
async def close_lots(
    context: Context, ops: Ops, asked: BulkReasonRequest, key: ActionKey, confirmation: Confirmed
) -> BulkResponse:
    """Close open or paused lots before their end; each for itself, with two persons."""

    async def act(target: Target, shown: Confirmation) -> LotView | Approval:
        call = StaffCall(ops.subject, asked.reason, key, target.agrees_to, shown)
        return await two_person_acts.close_lot(context, target.lot_id, call)

    return await _each(context, asked, act, ops.subject, confirmation)


def _times(asked: BulkScheduleRequest) -> SeriesTimes:
    return SeriesTimes(asked.opens_at_ms, asked.duration_ms, asked.every_ms)


async def _each(
    context: AppContext,
    asked: BulkRequest,
    act: Callable[[Target, Confirmation], Awaitable[LotView | Approval]],
    actor: str,
    confirmation: Confirmation,
) -> BulkResponse:
    async def checked(target: Target, shown: Confirmation) -> LotView | Approval:
        if not is_id(target.lot_id):
            raise NotFound(ProblemCode.LOT_UNKNOWN, f"There is no lot {target.lot_id[:64]!r}.")
        return await act(target, shown)

    outcomes = await bulk_acts.act_on_each(context, asked.targets(), checked, actor=actor, confirmation=confirmation)
    return BulkResponse.of(outcomes, lambda error: problem_of(error).content())
