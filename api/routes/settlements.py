"""Routes for finance: settlements of closed lots, and the decisions that people make about them."""

from collections.abc import Awaitable
from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.http.auth import Finance, MoneyReader
from api.http.openapi import AGREEMENT, SIGNED_IN, WRITE, Responses, problems
from api.routes.dependencies import Confirmed, Context, LotId
from api.schemas.finance import SettlementDetailResponse, SettlementListResponse
from api.schemas.requests import (
    SEQ_MAX,
    ClaimPaymentRequest,
    ExtendRequest,
    HandoverConfirmation,
    OperationRequest,
    ReasonRequest,
    RelistRequest,
    StaffCentreRequest,
    TwoPersonRequest,
)
from api.schemas.text import SearchText
from auction.books.approvals import Approval
from auction.books.settlement_search import SettlementFilter
from auction.domain.errors import ProblemCode
from auction.domain.states import SettlementState
from auction.services.bank import payment_extension
from auction.services.context import AppContext
from auction.services.settlement import (
    claim_collection,
    finance_views,
    handover,
    payment_corrections,
    payment_default,
    relists,
    runner_up_offers,
    voids,
    waterfall,
)

router = APIRouter(prefix="/ops/settlements", tags=["finance"])

_TWO_PERSONS: Responses = {
    202: {"model": SettlementDetailResponse, "description": "Recorded; another person has to approve it."}
}
_SECOND_PERSON = (ProblemCode.SAME_PERSON, ProblemCode.APPROVAL_WAITING, ProblemCode.PENDING_UNKNOWN, *AGREEMENT)
_SEARCH = "A part of the lot's id or title, of a winner's id or name; a paddle, or a payment reference."
_LOT = (ProblemCode.LOT_UNKNOWN, ProblemCode.SETTLEMENT_UNKNOWN)


def _action_problems(*codes: ProblemCode) -> Responses:
    return problems(*_LOT, ProblemCode.WRONG_STATE, *codes, *SIGNED_IN, *WRITE)


async def _detail(context: AppContext, lot_id: str) -> SettlementDetailResponse:
    return SettlementDetailResponse.of(await finance_views.show_settlement(context, lot_id))


async def _detail_after(
    context: AppContext, lot_id: str, response: Response, action: Awaitable[Approval | None]
) -> SettlementDetailResponse:
    """Does what may need a second person: answers 202 where it now waits for approval."""
    if await action is not None:
        response.status_code = 202
    return await _detail(context, lot_id)


@router.get("", responses=problems(*SIGNED_IN, ProblemCode.BOOKS_AWAY))
async def list_settlements(
    context: Context,
    reader: MoneyReader,
    *,
    state: Annotated[SettlementState | None, Query()] = None,
    q: Annotated[SearchText, Query(description=_SEARCH)] = "",
    from_ms: Annotated[int | None, Query(ge=0, le=SEQ_MAX, description="Begun then or later, UTC ms.")] = None,
    to_ms: Annotated[int | None, Query(ge=0, le=SEQ_MAX, description="Begun before then, UTC ms.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 200,
) -> SettlementListResponse:
    """Settlements of closed lots, the nearest deadline first."""
    which = SettlementFilter(q, from_ms, to_ms)
    found = await finance_views.list_settlements(context, which=which, state=state, limit=limit)
    await context.reading_log.record_names(context.books, reader, "settlements", found.names)
    return SettlementListResponse.of(found)


@router.get("/{lot_id}", responses=problems(*_LOT, *SIGNED_IN, ProblemCode.BOOKS_AWAY))
async def show_settlement(context: Context, reader: MoneyReader, lot_id: LotId) -> SettlementDetailResponse:
    """A lot's settlement, with its steps, deposits, payments and journal entries."""
    found = await _detail(context, lot_id)
    await context.reading_log.record_names(context.books, reader, "settlement", found.names, lot_id=lot_id)
    return found


@router.post(
    "/{lot_id}/default",
    responses=_TWO_PERSONS | _action_problems(*_SECOND_PERSON, ProblemCode.PAYMENT_PENDING),
)
async def declare_default(
    context: Context,
    finance: Finance,
    lot_id: LotId,
    reason: TwoPersonRequest,
    response: Response,
    *,
    confirmation: Confirmed,
) -> SettlementDetailResponse:
    """Declare a default before the deadline; the deposit is forfeited. Needs two persons."""
    action = payment_default.default_by_staff(
        context,
        lot_id,
        actor=finance.subject,
        reason=reason.reason,
        agrees_to=reason.pending_id,
        confirmation=confirmation,
    )
    return await _detail_after(context, lot_id, response, action)


@router.post("/{lot_id}/offer", responses=_action_problems(ProblemCode.NOBODY_TO_OFFER))
async def offer(context: Context, finance: Finance, lot_id: LotId) -> SettlementDetailResponse:
    """Offer a defaulted lot to the next runner-up."""
    await runner_up_offers.offer_by_staff(context, lot_id, actor=finance.subject)
    return await _detail(context, lot_id)


@router.post("/{lot_id}/relist", responses=_action_problems())
async def relist(
    context: Context, finance: Finance, lot_id: LotId, how: RelistRequest | None = None
) -> SettlementDetailResponse:
    """Create a new draft that replaces a defaulted lot, and from which the defaulter is barred."""
    cost_fen = None if how is None else how.cost_fen
    await relists.relist_by_staff(context, lot_id, actor=finance.subject, cost_fen=cost_fen)
    return await _detail(context, lot_id)


@router.post("/{lot_id}/extend", responses=_action_problems())
async def extend_decision(
    context: Context, finance: Finance, lot_id: LotId, how: ExtendRequest
) -> SettlementDetailResponse:
    """Take more time to decide about a defaulted lot before it moves on by itself."""
    await runner_up_offers.extend_decision(context, lot_id, by_ms=how.by_ms, actor=finance.subject, reason=how.reason)
    return await _detail(context, lot_id)


@router.post("/{lot_id}/extend-payment", responses=_action_problems(ProblemCode.ALREADY_EXTENDED))
async def extend_payment(
    context: Context, finance: Finance, lot_id: LotId, reason: ReasonRequest
) -> SettlementDetailResponse:
    """Give the winner 72 hours more to pay, once, as a bank transfer is on its way."""
    await payment_extension.extend_payment(context, lot_id, actor=finance.subject, reason=reason.reason)
    return await _detail(context, lot_id)


@router.post("/{lot_id}/seller-repaid", responses=_action_problems(ProblemCode.NO_CLAIM))
async def seller_repaid(
    context: Context, finance: Finance, lot_id: LotId, reason: ReasonRequest
) -> SettlementDetailResponse:
    """Record that the seller has paid back what they owe since the lot was declared void; name the receipt."""
    await voids.record_seller_repaid(context, lot_id, actor=finance.subject, reason=reason.reason)
    return await _detail(context, lot_id)


@router.post("/{lot_id}/abandon", responses=_action_problems(ProblemCode.OPERATION_UNKNOWN))
async def abandon_payment(
    context: Context, finance: Finance, lot_id: LotId, which: OperationRequest
) -> SettlementDetailResponse:
    """Give up a payment without an answer: it fails once the provider is known not to have it."""
    await payment_corrections.abandon_operation(
        context, lot_id, which.operation_id, actor=finance.subject, reason=which.reason
    )
    return await _detail(context, lot_id)


@router.post(
    "/{lot_id}/refunded-otherwise",
    responses=_TWO_PERSONS
    | _action_problems(ProblemCode.OPERATION_UNKNOWN, *_SECOND_PERSON, ProblemCode.PAYMENT_PENDING),
)
async def refunded_otherwise(
    context: Context,
    finance: Finance,
    lot_id: LotId,
    which: OperationRequest,
    response: Response,
    *,
    confirmation: Confirmed,
) -> SettlementDetailResponse:
    """Record that a refund which keeps failing was paid in another way; name the reference. Needs two persons."""
    action = payment_corrections.record_refund_otherwise(
        context,
        lot_id,
        which.operation_id,
        actor=finance.subject,
        reason=which.reason,
        agrees_to=which.pending_id,
        confirmation=confirmation,
    )
    return await _detail_after(context, lot_id, response, action)


@router.post(
    "/{lot_id}/claim-collected",
    responses=_TWO_PERSONS
    | _action_problems(ProblemCode.NO_CLAIM, ProblemCode.CLAIM_EXCEEDED, ProblemCode.RECEIPT_USED, *_SECOND_PERSON),
)
async def collect_claim(
    context: Context,
    finance: Finance,
    lot_id: LotId,
    paid: ClaimPaymentRequest,
    response: Response,
    *,
    confirmation: Confirmed,
) -> SettlementDetailResponse:
    """Record that a defaulter has paid a part of the claim. From 10,000 yuan on it needs two persons."""
    action = claim_collection.collect_claim(
        context,
        lot_id,
        paid.default_id,
        amount_fen=paid.amount_fen,
        reference=paid.reference,
        actor=finance.subject,
        agrees_to=paid.pending_id,
        confirmation=confirmation,
    )
    return await _detail_after(context, lot_id, response, action)


@router.post(
    "/{lot_id}/handover-confirmed",
    responses=_action_problems(
        ProblemCode.DELIVERY_CENTRE_MISSING, ProblemCode.PAYMENT_DISPUTED, ProblemCode.STORAGE_FEE_OWED
    ),
)
async def confirm_handover(
    context: Context, finance: Finance, lot_id: LotId, how: HandoverConfirmation | None = None
) -> SettlementDetailResponse:
    """Confirm that the buyer has collected the lot; the seller is paid. A lot fetched late may owe a storage fee."""
    storage = None if how is None else handover.StoragePayment(how.storage_fee_paid_fen, how.reason)
    await handover.confirm_handover(context, lot_id, actor=finance.subject, storage=storage)
    return await _detail(context, lot_id)


@router.post(
    "/{lot_id}/centre",
    responses=_action_problems(ProblemCode.DELIVERY_CENTRE_UNKNOWN, ProblemCode.HANDOVER_NOT_OVERDUE),
)
async def choose_centre(
    context: Context, finance: Finance, lot_id: LotId, where: StaffCentreRequest
) -> SettlementDetailResponse:
    """Choose where a paid lot is collected that its buyer has not fetched in time."""
    await handover.choose_centre_by_staff(
        context, lot_id, delivery_centre=where.delivery_centre, actor=finance.subject, reason=where.reason
    )
    return await _detail(context, lot_id)


@router.post("/{lot_id}/writeoff", responses=_TWO_PERSONS | _action_problems(*_SECOND_PERSON, ProblemCode.NO_CLAIM))
async def write_off(
    context: Context,
    finance: Finance,
    lot_id: LotId,
    reason: TwoPersonRequest,
    response: Response,
    *,
    confirmation: Confirmed,
) -> SettlementDetailResponse:
    """Write off the claim against a defaulter. Needs two persons."""
    action = waterfall.write_off(
        context,
        lot_id,
        actor=finance.subject,
        reason=reason.reason,
        agrees_to=reason.pending_id,
        confirmation=confirmation,
    )
    return await _detail_after(context, lot_id, response, action)


@router.post(
    "/{lot_id}/void",
    responses=_TWO_PERSONS
    | _action_problems(
        *_SECOND_PERSON,
        ProblemCode.PAYMENT_PENDING,
        ProblemCode.RELISTED_LOT_FIRST,
        ProblemCode.CLAIM_COLLECTED,
    ),
)
async def void(
    context: Context,
    finance: Finance,
    lot_id: LotId,
    reason: TwoPersonRequest,
    response: Response,
    *,
    confirmation: Confirmed,
) -> SettlementDetailResponse:
    """Declare a closed lot void before it is settled; everybody is refunded. Needs two persons."""
    action = voids.void_settlement(
        context,
        lot_id,
        actor=finance.subject,
        reason=reason.reason,
        agrees_to=reason.pending_id,
        confirmation=confirmation,
    )
    return await _detail_after(context, lot_id, response, action)
