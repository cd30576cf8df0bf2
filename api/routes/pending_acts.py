"""Routes of acts that wait for a second person of staff."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel

from api.http.auth import Ops, Staff
from api.http.openapi import AWAY, SIGNED_IN, WRITE, problems
from api.routes.dependencies import Context
from api.schemas.pending_acts import PendingActResponse
from api.schemas.requests import SEQ_MAX
from auction.domain.errors import ProblemCode
from auction.services.catalogue import two_person_acts

router = APIRouter(prefix="/ops/pending", tags=["ops"])

PendingId = Annotated[int, Path(ge=1, le=SEQ_MAX, examples=[1])]


class PendingActsResponse(BaseModel):
    """Every act on a lot that waits for a second person, oldest first."""

    pending: list[PendingActResponse]


@router.get("", responses=problems(*SIGNED_IN, *AWAY))
async def list_pending(context: Context, _reader: Staff) -> PendingActsResponse:
    """Acts that wait for a second person."""
    found = await two_person_acts.all_waiting(context)
    return PendingActsResponse(pending=[PendingActResponse.of(one) for one in found])


@router.delete("/{pending_id}", status_code=204, responses=problems(ProblemCode.PENDING_UNKNOWN, *SIGNED_IN, *WRITE))
async def withdraw_pending(context: Context, ops: Ops, pending_id: PendingId) -> None:
    """Withdraw a request, whoever made it."""
    await two_person_acts.withdraw(context, pending_id, actor=ops.subject)
