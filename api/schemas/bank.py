"""Requests and responses about the house's bank: receipts, what they pay, what is sent back. In fen and UTC ms."""

from typing import Annotated, Self

from pydantic import BaseModel, Field

from api.schemas.finance import ApprovalResponse
from api.schemas.records import RecordResponse
from api.schemas.requests import Fen, PendingId, ReasonRequest, RequestModel
from api.schemas.text import AccountNumber, Name, Remittance
from auction.domain.payment_reference import grouped
from auction.services.bank.proposals import Proposal
from auction.services.bank.views import MatchedPart, ReceiptList, ReceiptRow, TransferList, TransferRow

BankReference = Annotated[
    str,
    Field(
        min_length=1,
        max_length=64,
        pattern=r"^[!-~]+$",
        description="The bank's own number of the transfer.",
        examples=["G4312700012345C"],
    ),
]
ValueDate = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
        description="The day that the bank counts it from.",
        examples=["2025-10-24"],
    ),
]


class BankReceiptRequest(RequestModel):
    """A transfer that came in, as the bank's statement tells it."""

    bank_reference: BankReference
    amount_fen: Fen = Field(examples=[1_000_000_000])
    value_date: ValueDate
    payer_name: Name = Field(examples=["李四"])
    payer_account: AccountNumber = Field("", examples=["6222 0202 0001 1234 567"])
    remittance: Remittance = Field("", description="What the payer wrote.", examples=["RF78 0000 0123"])


class MatchRequest(RequestModel):
    """The award that a receipt pays."""

    award: Annotated[
        str,
        Field(
            min_length=1,
            max_length=100,
            pattern=r"^[ -~]*[!-~][ -~]*$",
            description="Its id, or its payment reference.",
            examples=["RF78 0000 0123"],
        ),
    ]


class ReturnRequest(ReasonRequest):
    """Why what is unmatched of a receipt is sent back, and where to."""

    payee_account: AccountNumber | None = Field(None, description="Left out: the account that it came from.")


class SendRequest(RequestModel):
    """The request that the second person agrees to."""

    pending_id: PendingId


class ConfirmationRequest(RequestModel):
    """What the bank says of an outgoing transfer that it has done."""

    bank_reference: BankReference
    value_date: ValueDate


class ReceiptPartResponse(BaseModel):
    """A part of a receipt that pays an award."""

    award_id: str
    lot_id: str
    title: str
    amount_fen: int
    at_ms: int

    @classmethod
    def of(cls, part: MatchedPart) -> Self:
        """The response for a part."""
        match = part.match
        return cls(
            award_id=match.award_id,
            lot_id=part.lot_id,
            title=part.title,
            amount_fen=match.amount_fen,
            at_ms=match.at_ms,
        )


class ProposalResponse(BaseModel):
    """The award that a receipt may pay."""

    award_id: str
    lot_id: str
    title: str
    paddle: int
    bidder: str
    payment_reference: str
    status: str = Field(description="due, paid, settled, defaulted or void.")
    missing_fen: int = Field(description="What has not been received of it yet, deposits included.")
    by: str = Field(description="reference: its reference is in the remittance text; amount: just so much is missing.")

    @classmethod
    def of(cls, proposal: Proposal) -> Self:
        """The response for a proposal."""
        award = proposal.award
        return cls(
            award_id=award.award_id,
            lot_id=award.lot_id,
            title=proposal.title,
            paddle=award.paddle,
            bidder=award.bidder_id,
            payment_reference=grouped(award.payment_reference),
            status=award.status,
            missing_fen=award.due_fen,
            by=proposal.by,
        )


class BankReceiptResponse(RecordResponse):
    """A transfer that came in."""

    receipt_id: int
    bank_reference: str
    status: str = Field(description="waiting: a second person has to enter the same; booked.")
    amount_fen: int
    matched_fen: int
    returned_fen: int = Field(description="Sent back, or to be sent back, without having paid an award.")
    unmatched_fen: int
    value_date: str
    payer_name: str
    payer_account: str
    remittance: str
    source: str = Field(description="The statement that it was imported from; empty: entered by hand.")
    entered_by: str
    entered_at_ms: int
    booked_by: str | None
    booked_at_ms: int | None
    parts: list[ReceiptPartResponse]
    approval: ApprovalResponse | None
    proposal: ProposalResponse | None

    @classmethod
    def of(cls, row: ReceiptRow) -> Self:
        """The response for a receipt."""
        return cls.of_record(
            row.receipt,
            parts=[ReceiptPartResponse.of(part) for part in row.parts],
            approval=None if row.approval is None else ApprovalResponse.of(row.approval),
            proposal=None if row.proposal is None else ProposalResponse.of(row.proposal),
        )


class BankReceiptsResponse(BaseModel):
    """Receipts, the latest first, and what is at the bank."""

    now_ms: int
    bank_fen: int = Field(description="What came in less what was sent back.")
    unmatched_fen: int = Field(description="In suspense, of all receipts.")
    payable_fen: int = Field(description="To be sent back, not confirmed by the bank.")
    names: dict[str, str] = Field(description="Id of a bidder or of a member of staff -> name.")
    receipts: list[BankReceiptResponse]

    @classmethod
    def of(cls, found: ReceiptList) -> Self:
        """The response for a list of receipts."""
        return cls(
            now_ms=found.now_ms,
            bank_fen=found.bank_fen,
            unmatched_fen=found.unmatched_fen,
            payable_fen=found.payable_fen,
            names=dict(found.names),
            receipts=[BankReceiptResponse.of(row) for row in found.rows],
        )


class OutgoingTransferResponse(RecordResponse):
    """A receipt, or a part of it, that is sent back."""

    transfer_id: str
    receipt_id: int
    award_id: str | None
    lot_id: str = Field(description="Empty where it had paid no award.")
    title: str
    amount_fen: int
    payee_name: str
    payee_account: str
    why: str = Field(description="default, void or unmatched.")
    reason: str | None
    status: str = Field(description="asked, sent, confirmed or failed.")
    attempts: int
    asked_at_ms: int
    sent_by: str | None
    sent_at_ms: int | None
    bank_reference: str | None
    value_date: str | None
    failure: str | None
    resolved_at_ms: int | None
    approval: ApprovalResponse | None

    @classmethod
    def of(cls, row: TransferRow) -> Self:
        """The response for an outgoing transfer."""
        approval = None if row.approval is None else ApprovalResponse.of(row.approval)
        return cls.of_record(row.transfer, title=row.title, approval=approval)


class OutgoingTransfersResponse(BaseModel):
    """Outgoing transfers, the latest first."""

    now_ms: int
    names: dict[str, str] = Field(description="Id of a bidder or of a member of staff -> name.")
    transfers: list[OutgoingTransferResponse]

    @classmethod
    def of(cls, found: TransferList) -> Self:
        """The response for a list of outgoing transfers."""
        return cls(
            now_ms=found.now_ms,
            names=dict(found.names),
            transfers=[OutgoingTransferResponse.of(row) for row in found.rows],
        )
