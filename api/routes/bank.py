"""Routes for finance: what came in at the house's bank, which awards it pays, and what is sent back."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.http.auth import Finance, MoneyReader
from api.http.openapi import AGREEMENT, SIGNED_IN, WRITE, Responses, problems
from api.routes.dependencies import Confirmed, Context, ReceiptId, TransferId
from api.schemas.bank import (
    BankReceiptRequest,
    BankReceiptResponse,
    BankReceiptsResponse,
    ConfirmationRequest,
    MatchRequest,
    OutgoingTransferResponse,
    OutgoingTransfersResponse,
    ReturnRequest,
    SendRequest,
)
from api.schemas.requests import ReasonRequest
from api.schemas.text import SearchText
from auction.books.bank_receipts import ReceiptFacts
from auction.domain.errors import NotFound, ProblemCode
from auction.services.bank import outgoing_transfers, receipts, views
from auction.services.context import AppContext

router = APIRouter(prefix="/ops", tags=["finance"])

_READING = problems(*SIGNED_IN, ProblemCode.BOOKS_AWAY)
_RECEIPT = (ProblemCode.BANK_RECEIPT_UNKNOWN, ProblemCode.NOTHING_UNMATCHED, ProblemCode.WRONG_STATE)
_TRANSFER = (ProblemCode.TRANSFER_UNKNOWN, ProblemCode.WRONG_STATE)
Limit = Annotated[int, Query(ge=1, le=500)]
Open = Annotated[bool, Query(alias="open", description="Only what somebody has to do something about.")]
Date = Annotated[str | None, Query(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", description="As YYYY-MM-DD.")]


def _two_persons(model: type[BankReceiptResponse] | type[OutgoingTransferResponse]) -> Responses:
    return {202: {"model": model, "description": "Recorded; another person has to ask for the same."}}


async def _receipt(context: AppContext, receipt_id: int) -> BankReceiptResponse:
    found = await views.show_receipt(context, receipt_id)
    return BankReceiptResponse.of(found.rows[0])


async def _transfer(context: AppContext, transfer_id: str) -> OutgoingTransferResponse:
    found = await views.show_transfer(context, transfer_id)
    if not found.rows:
        raise NotFound(ProblemCode.TRANSFER_UNKNOWN, f"There is no outgoing transfer {transfer_id}.")
    return OutgoingTransferResponse.of(found.rows[0])


@router.get("/receipts/bank", responses=_READING)
async def list_receipts(
    context: Context,
    reader: MoneyReader,
    *,
    only_open: Open = False,
    q: Annotated[SearchText, Query()] = "",
    from_date: Date = None,
    to_date: Date = None,
    limit: Limit = 200,
) -> BankReceiptsResponse:
    """Transfers that came in, the latest first. `q` is looked for in reference, payer and remittance text."""
    found = await views.list_receipts(
        context, only_open=only_open, text=q, from_date=from_date, to_date=to_date, limit=limit
    )
    await context.reading_log.record_names(context.books, reader, "bank receipts", found.names)
    return BankReceiptsResponse.of(found)


@router.post(
    "/receipts/bank",
    status_code=201,
    responses={
        200: {"model": BankReceiptResponse, "description": "It was booked before."},
        **_two_persons(BankReceiptResponse),
        **problems(
            ProblemCode.BANK_REFERENCE_USED,
            ProblemCode.VALUE_DATE_INVALID,
            ProblemCode.SAME_PERSON,
            *AGREEMENT,
            ProblemCode.LOT_UNKNOWN,
            ProblemCode.SETTLEMENT_UNKNOWN,
            *SIGNED_IN,
            *WRITE,
        ),
    },
)
async def book_receipt(
    context: Context, finance: Finance, told: BankReceiptRequest, response: Response, *, confirmation: Confirmed
) -> BankReceiptResponse:
    """Book a transfer that came in. It pays the award whose payment reference its remittance text holds.

    The same bank reference books nothing twice. From 10,000 yuan on another person has to enter the same.
    """
    facts = ReceiptFacts(**told.model_dump())
    entered = await receipts.book_receipt(context, facts, actor=finance.subject, confirmation=confirmation)
    if entered.waiting is not None:
        response.status_code = 202
    elif not entered.is_new:
        response.status_code = 200
    return await _receipt(context, entered.receipt.receipt_id)


@router.post(
    "/receipts/bank/{receipt_id}/match",
    responses=problems(
        *_RECEIPT,
        ProblemCode.AWARD_UNKNOWN,
        ProblemCode.PAYMENT_PENDING,
        ProblemCode.LOT_UNKNOWN,
        ProblemCode.SETTLEMENT_UNKNOWN,
        *SIGNED_IN,
        *WRITE,
    ),
)
async def match_receipt(
    context: Context, finance: Finance, receipt_id: ReceiptId, which: MatchRequest
) -> BankReceiptResponse:
    """Match what is unmatched of a receipt to a due award, up to what is due of it."""
    await receipts.match_receipt(context, receipt_id, which.award, actor=finance.subject)
    return await _receipt(context, receipt_id)


@router.post("/receipts/bank/{receipt_id}/return", responses=problems(*_RECEIPT, *SIGNED_IN, *WRITE))
async def return_receipt(
    context: Context, finance: Finance, receipt_id: ReceiptId, how: ReturnRequest
) -> BankReceiptResponse:
    """Ask for what is unmatched of a receipt to be sent back to who paid it."""
    await receipts.return_receipt(
        context, receipt_id, actor=finance.subject, reason=how.reason, payee_account=how.payee_account
    )
    return await _receipt(context, receipt_id)


@router.get("/transfers", responses=_READING)
async def list_transfers(
    context: Context, reader: MoneyReader, *, only_open: Open = False, limit: Limit = 200
) -> OutgoingTransfersResponse:
    """Receipts that are sent back, the latest first."""
    found = await views.list_transfers(context, only_open=only_open, limit=limit)
    await context.reading_log.record_names(context.books, reader, "transfers", found.names)
    return OutgoingTransfersResponse.of(found)


@router.post(
    "/transfers/{transfer_id}/sent",
    responses=_two_persons(OutgoingTransferResponse)
    | problems(
        *_TRANSFER,
        ProblemCode.SAME_PERSON,
        ProblemCode.APPROVAL_WAITING,
        ProblemCode.PENDING_UNKNOWN,
        *AGREEMENT,
        *SIGNED_IN,
        *WRITE,
    ),
)
async def record_sent(
    context: Context,
    finance: Finance,
    transfer_id: TransferId,
    response: Response,
    which: SendRequest | None = None,
    *,
    confirmation: Confirmed,
) -> OutgoingTransferResponse:
    """Record that a transfer is being sent at the bank. From 10,000 yuan on it needs two persons."""
    agrees_to = None if which is None else which.pending_id
    waiting = await outgoing_transfers.record_sent(
        context, transfer_id, actor=finance.subject, agrees_to=agrees_to, confirmation=confirmation
    )
    if waiting is not None:
        response.status_code = 202
    return await _transfer(context, transfer_id)


@router.post(
    "/transfers/{transfer_id}/confirmed",
    responses=problems(*_TRANSFER, ProblemCode.BANK_REFERENCE_USED, ProblemCode.VALUE_DATE_INVALID, *SIGNED_IN, *WRITE),
)
async def record_confirmed(
    context: Context, finance: Finance, transfer_id: TransferId, told: ConfirmationRequest
) -> OutgoingTransferResponse:
    """Record that the bank has done a transfer."""
    await outgoing_transfers.record_confirmed(
        context,
        transfer_id,
        bank_reference=told.bank_reference,
        value_date=told.value_date,
        actor=finance.subject,
    )
    return await _transfer(context, transfer_id)


@router.post("/transfers/{transfer_id}/failed", responses=problems(*_TRANSFER, *SIGNED_IN, *WRITE))
async def record_failed(
    context: Context, finance: Finance, transfer_id: TransferId, reason: ReasonRequest
) -> OutgoingTransferResponse:
    """Record that the bank refused a transfer; it is to be sent again."""
    await outgoing_transfers.record_failed(context, transfer_id, reason=reason.reason, actor=finance.subject)
    return await _transfer(context, transfer_id)
