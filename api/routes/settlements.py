"""What finance does after the hammer: the board, one lot's story, and the steps that people decide."""

from collections.abc import Awaitable
from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.http.auth import Finance, MoneyReader
from api.http.openapi import SIGNED_IN, WRITE, Responses, problems
from api.routes.dependencies import Context, LotId
from api.schemas.finance import SettlementDetailResponse, SettlementListResponse
from api.schemas.requests import ReasonRequest, RelistRequest
from auction.books.defaults import Approval
from auction.domain.errors import ProblemCode
from auction.domain.states import SettlementState
from auction.services.context import AppContext
from auction.services.settlement import (
    finance_views,
    handover,
    payment_default,
    relists,
    runner_up_offers,
    voids,
    waterfall,
)

router = APIRouter(prefix="/ops/settlements", tags=["finance"])

_WAITS = "Asked for; another person has to agree."
_TWO_PERSONS: Responses = {202: {"model": SettlementDetailResponse, "description": _WAITS}}
_LOT = (ProblemCode.LOT_UNKNOWN, ProblemCode.SETTLEMENT_UNKNOWN)


def _acting(*codes: ProblemCode) -> Responses:
    return problems(*_LOT, ProblemCode.WRONG_STATE, *codes, *SIGNED_IN, *WRITE)


async def _story(context: AppContext, lot_id: str) -> SettlementDetailResponse:
    return SettlementDetailResponse.of(await finance_views.show_settlement(context, lot_id))


async def _when_two_agree(
    context: AppContext, lot_id: str, response: Response, act: Awaitable[Approval | None]
) -> SettlementDetailResponse:
    if await act is not None:
        response.status_code = 202
    return await _story(context, lot_id)


@router.get("", responses=problems(*SIGNED_IN, ProblemCode.BOOKS_AWAY))
async def list_settlements(
    context: Context,
    _reader: MoneyReader,
    state: Annotated[SettlementState | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 200,
) -> SettlementListResponse:
    """Every lot after the hammer, the nearest deadline first."""
    return SettlementListResponse.of(
        await finance_views.list_settlements(context, state=None if state is None else str(state), limit=limit)
    )


@router.get("/{lot_id}", responses=problems(*_LOT, *SIGNED_IN, ProblemCode.BOOKS_AWAY))
async def show_settlement(context: Context, _reader: MoneyReader, lot_id: LotId) -> SettlementDetailResponse:
    """One lot's settlement: its steps, its money, its journal."""
    return await _story(context, lot_id)


@router.post(
    "/{lot_id}/default",
    responses=_TWO_PERSONS | _acting(ProblemCode.SAME_PERSON, ProblemCode.PAYMENT_PENDING),
)
async def declare_default(
    context: Context, finance: Finance, lot_id: LotId, reason: ReasonRequest, response: Response
) -> SettlementDetailResponse:
    """Declare that the winner does not pay, before their time is over; the deposit is forfeited. Two persons."""
    act = payment_default.default_by_staff(context, lot_id, actor=finance.subject, reason=reason.reason)
    return await _when_two_agree(context, lot_id, response, act)


@router.post("/{lot_id}/offer", responses=_acting(ProblemCode.NOBODY_TO_OFFER))
async def offer(context: Context, finance: Finance, lot_id: LotId) -> SettlementDetailResponse:
    """Offer a defaulted lot to the next runner-up now."""
    await runner_up_offers.offer_by_staff(context, lot_id, actor=finance.subject)
    return await _story(context, lot_id)


@router.post("/{lot_id}/relist", responses=_acting())
async def relist(
    context: Context, finance: Finance, lot_id: LotId, how: RelistRequest | None = None
) -> SettlementDetailResponse:
    """Sell a defaulted lot again: a new draft, linked to this lot; its defaulter is barred from it."""
    cost_fen = None if how is None else how.cost_fen
    await relists.relist_by_staff(context, lot_id, actor=finance.subject, cost_fen=cost_fen)
    return await _story(context, lot_id)


@router.post("/{lot_id}/handover-confirmed", responses=_acting(ProblemCode.DELIVERY_CENTRE_MISSING))
async def confirm_handover(context: Context, finance: Finance, lot_id: LotId) -> SettlementDetailResponse:
    """The winner has fetched the lot: the seller is paid."""
    await handover.confirm_handover(context, lot_id, actor=finance.subject)
    return await _story(context, lot_id)


@router.post("/{lot_id}/writeoff", responses=_TWO_PERSONS | _acting(ProblemCode.SAME_PERSON, ProblemCode.NO_CLAIM))
async def write_off(
    context: Context, finance: Finance, lot_id: LotId, reason: ReasonRequest, response: Response
) -> SettlementDetailResponse:
    """Give up what a defaulter owes. Two persons."""
    act = waterfall.write_off(context, lot_id, actor=finance.subject, reason=reason.reason)
    return await _when_two_agree(context, lot_id, response, act)


@router.post(
    "/{lot_id}/void",
    responses=_TWO_PERSONS | _acting(ProblemCode.SAME_PERSON, ProblemCode.PAYMENT_PENDING),
)
async def void(
    context: Context, finance: Finance, lot_id: LotId, reason: ReasonRequest, response: Response
) -> SettlementDetailResponse:
    """Undo a closed lot before it is settled: everybody gets their money back. Two persons."""
    act = voids.void_settlement(context, lot_id, actor=finance.subject, reason=reason.reason)
    return await _when_two_agree(context, lot_id, response, act)
