"""What finance does after the hammer: the board, one lot's story, and the steps that people decide."""

from collections.abc import Awaitable
from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.auth import Finance, MoneyReader
from api.finance_answers import BoardShown, StoryShown
from api.openapi import SIGNED_IN, WRITE, Responses, problems
from api.routes.wanted import LotId, TheHouse
from api.schemas import Reasoned, Relisting
from auction.books.defaults import Approval
from auction.domain.errors import ProblemCode
from auction.domain.settlement import SettlementState
from auction.services.house import House
from auction.services.settlement import board, cascading, defaulting, handover, relisting, sharing, voiding

router = APIRouter(prefix="/ops/settlements", tags=["finance"])

_WAITS = "Asked for; another person has to agree."
_TWO_PERSONS: Responses = {202: {"model": StoryShown, "description": _WAITS}}
_LOT = (ProblemCode.LOT_UNKNOWN, ProblemCode.SETTLEMENT_UNKNOWN)


def _acting(*codes: ProblemCode) -> Responses:
    return problems(*_LOT, ProblemCode.WRONG_STATE, *codes, *SIGNED_IN, *WRITE)


async def _story(house: House, lot_id: str) -> StoryShown:
    return StoryShown.of(await board.show_story(house, lot_id))


async def _when_two_agree(house: House, lot_id: str, response: Response, act: Awaitable[Approval | None]) -> StoryShown:
    if await act is not None:
        response.status_code = 202
    return await _story(house, lot_id)


@router.get("", responses=problems(*SIGNED_IN, ProblemCode.BOOKS_AWAY))
async def show_board(
    house: TheHouse,
    _reader: MoneyReader,
    state: Annotated[SettlementState | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 200,
) -> BoardShown:
    """Every lot after the hammer, the nearest deadline first."""
    return BoardShown.of(await board.show_board(house, state=None if state is None else str(state), limit=limit))


@router.get("/{lot_id}", responses=problems(*_LOT, *SIGNED_IN, ProblemCode.BOOKS_AWAY))
async def show_story(house: TheHouse, _reader: MoneyReader, lot_id: LotId) -> StoryShown:
    """One lot's settlement: its steps, its money, its journal."""
    return await _story(house, lot_id)


@router.post(
    "/{lot_id}/default",
    responses=_TWO_PERSONS | _acting(ProblemCode.SAME_PERSON, ProblemCode.PAYMENT_PENDING),
)
async def declare_default(
    house: TheHouse, finance: Finance, lot_id: LotId, why: Reasoned, response: Response
) -> StoryShown:
    """Declare that the winner does not pay, before their time is over; the deposit is forfeited. Two persons."""
    act = defaulting.default_by_staff(house, lot_id, actor=finance.subject, reason=why.reason)
    return await _when_two_agree(house, lot_id, response, act)


@router.post("/{lot_id}/offer", responses=_acting(ProblemCode.NOBODY_TO_OFFER))
async def offer(house: TheHouse, finance: Finance, lot_id: LotId) -> StoryShown:
    """Offer a defaulted lot to the next runner-up now."""
    await cascading.offer_by_staff(house, lot_id, actor=finance.subject)
    return await _story(house, lot_id)


@router.post("/{lot_id}/relist", responses=_acting())
async def relist(house: TheHouse, finance: Finance, lot_id: LotId, how: Relisting | None = None) -> StoryShown:
    """Sell a defaulted lot again: a new draft, linked to this lot; its defaulter is barred from it."""
    cost_fen = None if how is None else how.cost_fen
    await relisting.relist_by_staff(house, lot_id, actor=finance.subject, cost_fen=cost_fen)
    return await _story(house, lot_id)


@router.post("/{lot_id}/handover-confirmed", responses=_acting(ProblemCode.DELIVERY_CENTRE_MISSING))
async def confirm_handover(house: TheHouse, finance: Finance, lot_id: LotId) -> StoryShown:
    """The winner has fetched the lot: the seller is paid."""
    await handover.confirm_handover(house, lot_id, actor=finance.subject)
    return await _story(house, lot_id)


@router.post("/{lot_id}/writeoff", responses=_TWO_PERSONS | _acting(ProblemCode.SAME_PERSON, ProblemCode.NO_CLAIM))
async def write_off(house: TheHouse, finance: Finance, lot_id: LotId, why: Reasoned, response: Response) -> StoryShown:
    """Give up what a defaulter owes. Two persons."""
    act = sharing.write_off(house, lot_id, actor=finance.subject, reason=why.reason)
    return await _when_two_agree(house, lot_id, response, act)


@router.post(
    "/{lot_id}/void",
    responses=_TWO_PERSONS | _acting(ProblemCode.SAME_PERSON, ProblemCode.PAYMENT_PENDING),
)
async def void(house: TheHouse, finance: Finance, lot_id: LotId, why: Reasoned, response: Response) -> StoryShown:
    """Undo a closed lot before it is settled: everybody gets their money back. Two persons."""
    act = voiding.void_settlement(house, lot_id, actor=finance.subject, reason=why.reason)
    return await _when_two_agree(house, lot_id, response, act)
