"""The bodies of answers for finance and auditors: the board, a lot's story, the journal. In fen and UTC ms."""

from typing import Any, Self

from pydantic import BaseModel, Field

from auction.books.audit import StaffAction
from auction.books.defaults import Approval, Default
from auction.books.deposits import Deposit
from auction.books.journal import PostedEntry
from auction.books.operations import Operation
from auction.books.settlements import Award, Step
from auction.services.settlement.finance_views import SettlementDetail, SettlementList, SettlementRow


class ApprovalResponse(BaseModel):
    """An act that waits for a second person."""

    action: str = Field(description="void, default or writeoff.")
    reason: str
    asked_by: str
    asked_at_ms: int
    expires_at_ms: int

    @classmethod
    def of(cls, approval: Approval) -> Self:
        """A request of the books."""
        return cls(**{name: getattr(approval, name) for name in cls.model_fields})


class SettlementResponse(BaseModel):
    """A lot on the board."""

    lot_id: str
    sale_id: str
    title: str
    state: str
    outcome: str
    hammer_price_fen: int | None
    paddle: int | None = Field(description="Of the award in force, or the last one.")
    bidder: str | None
    price_fen: int | None
    due_fen: int
    held_fen: int
    forfeited_fen: int
    claim_fen: int
    deadline_at_ms: int | None = Field(description="When it moves on by itself.")
    delivery_centre: str | None
    relisted_as: str | None
    relisted_from: str | None
    waiting_operations: int
    stuck: list[str]
    approvals: list[ApprovalResponse]
    changed_at_ms: int

    @classmethod
    def of(cls, row: SettlementRow) -> Self:
        """A row of the board."""
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
            deadline_at_ms=settlement.deadline_at_ms,
            delivery_centre=None if award is None else award.delivery_centre,
            relisted_as=settlement.relisted_as,
            relisted_from=row.record.relisted_from,
            waiting_operations=row.waiting_operations,
            stuck=list(row.stuck),
            approvals=[ApprovalResponse.of(approval) for approval in row.approvals],
            changed_at_ms=settlement.changed_at_ms,
        )


class SettlementListResponse(BaseModel):
    """Settlements, the nearest deadline first, and how many are in each state."""

    now_ms: int
    counts: dict[str, int]
    names: dict[str, str] = Field(description="Id of a bidder or of staff -> their name.")
    settlements: list[SettlementResponse]

    @classmethod
    def of(cls, board: SettlementList) -> Self:
        """The board."""
        return cls(
            now_ms=board.now_ms,
            counts=dict(board.counts),
            names=dict(board.names),
            settlements=[SettlementResponse.of(row) for row in board.rows],
        )


class StepResponse(BaseModel):
    """A step on a lot's way from hammer to handover."""

    step: str
    state: str
    actor: str
    at_ms: int
    reason: str | None
    details: dict[str, Any]

    @classmethod
    def of(cls, step: Step) -> Self:
        """A step of the books."""
        return cls(**{name: getattr(step, name) for name in cls.model_fields})


class LineResponse(BaseModel):
    """One side of an entry: debit above 0, credit below."""

    account: str
    amount_fen: int
    bidder: str | None


class EntryResponse(BaseModel):
    """A journal entry."""

    entry_id: int
    key: str
    kind: str
    lot_id: str
    cause: str
    cause_ref: str
    at_ms: int
    lines: list[LineResponse]

    @classmethod
    def of(cls, entry: PostedEntry) -> Self:
        """An entry of the books."""
        lines = [
            LineResponse(account=str(line.account), amount_fen=line.amount_fen, bidder=line.bidder_id)
            for line in entry.lines
        ]
        return cls(lines=lines, **{name: getattr(entry, name) for name in cls.model_fields if name != "lines"})


class JournalResponse(BaseModel):
    """A page of the journal in the order of writing; `next_after_id` null: there is no more."""

    entries: list[EntryResponse]
    next_after_id: int | None


class AwardHistoryResponse(BaseModel):
    """An award, as finance sees it."""

    award_id: str
    bidder_id: str
    paddle: int
    source: str
    status: str
    price_fen: int
    fee_fen: int
    received_fen: int
    awarded_at_ms: int
    pay_by_ms: int
    default_at_ms: int
    paid_at_ms: int | None
    delivery_centre: str | None
    settled_at_ms: int | None

    @classmethod
    def of(cls, award: Award) -> Self:
        """An award of the books."""
        return cls(**{name: getattr(award, name) for name in cls.model_fields})


class DefaultResponse(BaseModel):
    """A default: what was forfeited, who got it, what is claimed."""

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
    written_off: bool
    resolved_at_ms: int | None

    @classmethod
    def of(cls, default: Default) -> Self:
        """A default of the books."""
        return cls(**{name: getattr(default, name) for name in cls.model_fields})


class OperationResponse(BaseModel):
    """Something asked of the payment provider."""

    operation_id: str
    kind: str
    bidder_id: str
    amount_fen: int
    status: str
    provider_ref: str | None
    failure: str | None
    attempts: int
    created_at_ms: int
    resolved_at_ms: int | None

    @classmethod
    def of(cls, operation: Operation) -> Self:
        """An operation of the books."""
        return cls(**{name: getattr(operation, name) for name in cls.model_fields})


class DepositHistoryResponse(BaseModel):
    """A deposit, as finance sees it."""

    deposit_id: str
    bidder_id: str
    method: str
    amount_fen: int
    captured_fen: int | None
    status: str
    disposition: str | None
    release_by_ms: int | None
    expires_at_ms: int | None
    why: str | None

    @classmethod
    def of(cls, deposit: Deposit) -> Self:
        """A deposit of the books."""
        same = cls.model_fields.keys() - {"why"}
        return cls(why=deposit.reason, **{name: getattr(deposit, name) for name in same})


class OfferHistoryResponse(BaseModel):
    """An offer, as finance sees it."""

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


class SettlementDetailResponse(BaseModel):
    """Everything about one lot after the hammer."""

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
    balances: dict[str, int] = Field(description="Account -> balance in fen, debit above 0.")
    names: dict[str, str] = Field(description="Id of a bidder or of staff -> their name.")

    @classmethod
    def of(cls, story: SettlementDetail) -> Self:
        """A lot's story."""
        offers = [
            OfferHistoryResponse(**{name: getattr(offer, name) for name in OfferHistoryResponse.model_fields})
            for offer in story.offers
        ]
        return cls(
            now_ms=story.now_ms,
            settlement=SettlementResponse.of(story.row),
            terms=dict(story.row.record.terms.get("settlement", {})),
            awards=[AwardHistoryResponse.of(award) for award in story.awards],
            offers=offers,
            defaults=[DefaultResponse.of(default) for default in story.defaults],
            deposits=[DepositHistoryResponse.of(deposit) for deposit in story.deposits],
            operations=[OperationResponse.of(operation) for operation in story.operations],
            steps=[StepResponse.of(step) for step in story.steps],
            entries=[EntryResponse.of(entry) for entry in story.entries],
            balances={str(account): amount for account, amount in story.balances.items()},
            names=dict(story.names),
        )


class StaffActionResponse(BaseModel):
    """Who of the staff did what, and why."""

    action_id: int
    actor: str
    action: str
    sale_id: str | None
    lot_id: str | None
    reason: str | None
    details: dict[str, Any]
    at_ms: int

    @classmethod
    def of(cls, action: StaffAction) -> Self:
        """An act of the books."""
        return cls(**{name: getattr(action, name) for name in cls.model_fields})


class AuditResponse(BaseModel):
    """Acts of staff, newest first; `next_before_id` null: there are no older ones."""

    actions: list[StaffActionResponse]
    next_before_id: int | None


class InvariantResponse(BaseModel):
    """A rule of money, and where it is broken."""

    name: str
    rule: str
    broken: list[str]


class InvariantsResponse(BaseModel):
    """Every rule of money, checked now."""

    holds: bool
    invariants: list[InvariantResponse]


class WebhookResponse(BaseModel):
    """Whether a provider's notice was about something of ours."""

    taken: bool
