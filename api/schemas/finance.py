"""Responses for finance about closed lots: awards, offers, defaults, deposits, operations. In fen and UTC ms."""

from collections.abc import Collection
from dataclasses import asdict
from typing import Any, Self

from pydantic import BaseModel, Field

from api.schemas.journal import EntryResponse
from api.schemas.records import RecordResponse
from auction.books.approvals import Approval
from auction.books.defaults import Default
from auction.books.deposits import Deposit
from auction.books.faults import Fault
from auction.books.operations import Operation
from auction.books.settlements import Award, Offer, SettlementStep
from auction.domain.payment_reference import grouped
from auction.services.settlement.finance_views import SettlementDetail, SettlementList, SettlementRow


class ApprovalResponse(RecordResponse):
    """An action that needs the approval of a second person."""

    pending_id: int
    action: str = Field(description="void, default, writeoff, refund-otherwise, collect or one about the bank.")
    subject: str | None = Field(description="The operation, receipt or transfer that it is about; null: the lot.")
    reason: str
    asked_by: str
    asked_at_ms: int
    expires_at_ms: int

    @classmethod
    def of(cls, approval: Approval) -> Self:
        """The response for an approval."""
        return cls.of_record(approval, pending_id=approval.approval_id)


class SettlementResponse(BaseModel):
    """The settlement of a lot, in a row."""

    lot_id: str
    sale_id: str
    title: str
    state: str
    outcome: str
    hammer_price_fen: int | None
    paddle: int | None = Field(description="Of the current award, or of the last one.")
    bidder: str | None
    price_fen: int | None
    due_fen: int
    held_fen: int
    forfeited_fen: int
    claim_fen: int
    seller_owes_fen: int = Field(description="Paid to the seller of money that the house has lost since.")
    fetch_by_ms: int | None = Field(description="Until when a paid lot is to be fetched.")
    storage_fee_fen: int = Field(description="What its buyer owes by now for fetching it late.")
    disputed_fen: int = Field(description="Taken back by the provider for disputes that are not decided.")
    deadline_at_ms: int | None = Field(description="When the next step happens by itself.")
    payment_reference: str | None = Field(description="Of that award, for bank transfers.")
    payment_extended: bool = Field(description="Its winner got more time, as a transfer was on its way.")
    delivery_centre: str | None
    relisted_as: str | None
    relisted_from: str | None
    waiting_operations: int
    stuck: list[str]
    approvals: list[ApprovalResponse]
    changed_at_ms: int

    @classmethod
    def of(cls, row: SettlementRow) -> Self:
        """The response for a settlement."""
        settlement, award = row.settlement, row.award
        return cls(
            lot_id=settlement.lot_id,
            sale_id=row.record.sale_id,
            title=row.record.title,
            state=settlement.state,
            outcome=settlement.outcome,
            hammer_price_fen=settlement.hammer_price_fen,
            paddle=None if award is None else award.paddle,
            bidder=None if award is None else award.bidder_id,
            price_fen=None if award is None else award.price_fen,
            due_fen=row.due_fen,
            held_fen=row.held_fen,
            forfeited_fen=row.forfeited_fen,
            claim_fen=row.claim_fen,
            seller_owes_fen=row.seller_owes_fen,
            fetch_by_ms=row.fetch_by_ms,
            storage_fee_fen=row.storage_fee_fen,
            disputed_fen=row.disputed_fen,
            deadline_at_ms=settlement.deadline_at_ms,
            payment_reference=None if award is None else grouped(award.payment_reference),
            payment_extended=award is not None and award.transfer_until_ms is not None,
            delivery_centre=None if award is None else award.delivery_centre,
            relisted_as=settlement.relisted_as,
            relisted_from=row.record.relisted_from,
            waiting_operations=row.waiting_operations,
            stuck=list(row.stuck),
            approvals=[ApprovalResponse.of(approval) for approval in row.approvals],
            changed_at_ms=settlement.changed_at_ms,
        )


class FaultResponse(BaseModel):
    """Something that could not be processed and is set aside with its error; it is tried again by itself."""

    stage: str = Field(description="opening, deadline, collecting, waterfall, payment or notice.")
    item_id: str
    lot_id: str = Field(description="Empty where it belongs to no lot.")
    error: str
    count: int
    first_at_ms: int
    last_at_ms: int
    next_try_at_ms: int

    @classmethod
    def of(cls, fault: Fault) -> Self:
        """The response for a fault."""
        return cls(**asdict(fault))


class SettlementListResponse(BaseModel):
    """Settlements, the nearest deadline first, and how many there are in each state."""

    now_ms: int
    faults: list[FaultResponse] = Field(description="What is set aside, the latest first.")
    counts: dict[str, int]
    names: dict[str, str] = Field(description="Id of a bidder or of a member of staff -> name.")
    settlements: list[SettlementResponse]

    @classmethod
    def of(cls, found: SettlementList) -> Self:
        """The response for a list of settlements."""
        return cls(
            now_ms=found.now_ms,
            faults=[FaultResponse.of(fault) for fault in found.faults],
            counts=dict(found.counts),
            names=dict(found.names),
            settlements=[SettlementResponse.of(row) for row in found.rows],
        )


class StepResponse(RecordResponse):
    """A step of a settlement."""

    step: str
    state: str
    actor: str
    at_ms: int
    reason: str | None
    details: dict[str, Any]

    @classmethod
    def of(cls, step: SettlementStep) -> Self:
        """The response for a step."""
        return cls.of_record(step, details=dict(step.details))


class AwardHistoryResponse(RecordResponse):
    """An award of the lot."""

    award_id: str
    bidder_id: str
    paddle: int
    source: str
    status: str
    price_fen: int
    fee_fen: int
    received_fen: int
    waived_fen: int = Field(description="A rest that the provider could not charge, and the house bears.")
    awarded_at_ms: int
    pay_by_ms: int
    default_at_ms: int
    payment_reference: str = Field(description="What the winner writes on a bank transfer.")
    transfer_until_ms: int | None = Field(description="End of the extension for a transfer on its way.")
    paid_at_ms: int | None
    delivery_centre: str | None
    settled_at_ms: int | None

    @classmethod
    def of(cls, award: Award) -> Self:
        """The response for an award."""
        return cls.of_record(award)


class OfferHistoryResponse(RecordResponse):
    """An offer of the lot to a runner-up."""

    offer_id: str
    bidder_id: str
    paddle: int
    number: int
    status: str
    price_fen: int
    own_bid_fen: int
    offered_at_ms: int
    expires_at_ms: int
    answered_at_ms: int | None

    @classmethod
    def of(cls, offer: Offer) -> Self:
        """The response for an offer."""
        return cls.of_record(offer)


class DefaultResponse(RecordResponse):
    """A default: what was forfeited, how it was distributed, and what is claimed."""

    default_id: str
    bidder_id: str
    price_fen: int
    cause: str = Field(description="deadline, refusal or staff.")
    status: str = Field(description="collecting, collected, resolved or returned.")
    at_ms: int
    resolve_by_ms: int
    cost_fen: int
    forfeited_fen: int
    resale_lot_id: str | None
    resale_price_fen: int | None
    split: dict[str, Any] | None
    claim_fen: int
    collected_fen: int = Field(description="How much of the claim was paid.")
    claim_left_fen: int = Field(description="What is still owed of it.")
    written_off: bool
    resolved_at_ms: int | None

    @classmethod
    def of(cls, default: Default) -> Self:
        """The response for a default."""
        return cls.of_record(default, split=None if default.split is None else dict(default.split))


class DepositHistoryResponse(RecordResponse):
    """A deposit for the lot."""

    deposit_id: str
    bidder_id: str
    method: str
    amount_fen: int
    captured_fen: int | None
    shared_fen: int = Field(description="How much of a purse the shares of lots took.")
    part_of: str | None = Field(description="The purse that this share of the lot was taken out of.")
    status: str
    disposition: str | None
    kept_as_runner_up: bool = Field(description="It stays held, as the lot may still be offered to the bidder.")
    expires_at_ms: int | None
    why: str | None

    @classmethod
    def of(cls, deposit: Deposit, runners_up: Collection[str]) -> Self:
        """The response for a deposit; `runners_up` are the bidders whom the lot may still be offered to."""
        is_kept = deposit.is_available and deposit.bidder_id in runners_up
        return cls.of_record(deposit, why=deposit.reason, kept_as_runner_up=is_kept)


class OperationResponse(RecordResponse):
    """A request to the payment provider."""

    operation_id: str
    kind: str
    bidder_id: str
    amount_fen: int
    status: str
    provider_ref: str | None
    failure: str | None
    abandon_asked_at_ms: int | None = Field(description="When staff gave it up: it is only looked up since.")
    attempts: int
    created_at_ms: int
    resolved_at_ms: int | None

    @classmethod
    def of(cls, operation: Operation) -> Self:
        """The response for an operation."""
        return cls.of_record(operation)


class SettlementDetailResponse(BaseModel):
    """Everything about the settlement of one lot."""

    now_ms: int
    settlement: SettlementResponse
    terms: dict[str, Any] = Field(description="The settlement part of the terms.")
    awards: list[AwardHistoryResponse]
    offers: list[OfferHistoryResponse]
    defaults: list[DefaultResponse]
    deposits: list[DepositHistoryResponse]
    operations: list[OperationResponse]
    steps: list[StepResponse]
    entries: list[EntryResponse]
    balances: dict[str, int] = Field(description="Account -> balance in fen, debit positive.")
    delivery_centres: list[str] = Field(description="Where lots can be collected.")
    names: dict[str, str] = Field(description="Id of a bidder or of a member of staff -> name.")

    @classmethod
    def of(cls, detail: SettlementDetail) -> Self:
        """The response for a lot's settlement."""
        return cls(
            now_ms=detail.now_ms,
            settlement=SettlementResponse.of(detail.row),
            terms=dict(detail.row.record.terms.get("settlement", {})),
            awards=[AwardHistoryResponse.of(award) for award in detail.awards],
            offers=[OfferHistoryResponse.of(offer) for offer in detail.offers],
            defaults=[DefaultResponse.of(default) for default in detail.defaults],
            deposits=[DepositHistoryResponse.of(deposit, detail.runners_up) for deposit in detail.deposits],
            operations=[OperationResponse.of(operation) for operation in detail.operations],
            steps=[StepResponse.of(step) for step in detail.steps],
            entries=[EntryResponse.of(entry) for entry in detail.entries],
            balances={str(account): amount for account, amount in detail.balances.items()},
            delivery_centres=list(detail.delivery_centres),
            names=dict(detail.names),
        )


class WebhookResponse(BaseModel):
    """Whether a provider's notice was about an operation of this system."""

    taken: bool
