"""Requests and responses of the staff page: lots, event logs, health, presets, checks of terms."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Self

from pydantic import BaseModel, Field

from api.schemas.pending_acts import PendingActResponse
from api.schemas.public import SaleResponse, TermsResponse
from api.schemas.requests import Fen, RequestModel
from api.schemas.text import IdReference
from auction.books.catalogue import LotRecord
from auction.domain.events import BidPlaced, Event
from auction.domain.terms import Terms, terms_as_mapping
from auction.presets import Preset
from auction.services.catalogue.event_log import EventPage, LoggedEvent
from auction.services.catalogue.terms_check import TermsChecked
from auction.services.verification.archive_lag import ArchiveLag
from auction.services.verification.readiness import Readiness

_WITHHELD_FIELDS = frozenset({"key", "amount_fen", "ceiling_fen"})
"""The bidder's idempotency key; and amounts, which in proxy lots are maxima (in direct lots the price is the same)."""
_OF_EVERY_EVENT = frozenset({"seq", "epoch"})
"""Fields of `restored` that say again what every event has."""
_RENAMED_FIELDS = {"bidder_id": "bidder", "leader_id": "leader_bidder", "leader_paddle": "leader"}


class StaffSalesResponse(BaseModel):
    """Sales with their lots, drafts included, newest sale first, at `now_ms` by the ledger's clock."""

    now_ms: int
    revision: str = Field(description="`since` of the next request.")
    complete: bool = Field(description="False: only what changed after `since`; sales with lots that changed, or new.")
    sales: list[SaleResponse]
    pending: list[PendingActResponse] = Field(description="Acts that wait for a second person, oldest first.")


class SeriesLotResponse(BaseModel):
    """A lot of a series; the times are null for a draft."""

    lot_id: str
    title: str
    opens_at_ms: int | None
    closes_at_ms: int | None


class SeriesResponse(BaseModel):
    """The lots that were created, by number."""

    lots: list[SeriesLotResponse]

    @classmethod
    def of(cls, records: Sequence[LotRecord]) -> Self:
        """The response for these lots."""
        return cls(
            lots=[
                SeriesLotResponse(
                    lot_id=one.lot_id, title=one.title, opens_at_ms=one.opens_at_ms, closes_at_ms=one.closes_at_ms
                )
                for one in records
            ]
        )


class EventResponse(BaseModel):
    """One event of a lot's ledger; fields that its kind does not have are left out."""

    seq: int
    epoch: int
    at_ms: int
    kind: str = Field(
        description=(
            "scheduled, admitted, opened, bid, held, paused, interrupted, resumed, extended, voided, closed, void, "
            "frozen, restored"
        )
    )
    by: str | None = Field(None, description="The member of staff who did it; empty: the rules.")
    reason: str | None = None
    bidder: str | None = Field(None, description="The bidder's id.")
    paddle: int | None = None
    price_fen: int | None = Field(None, description="The price after the event.")
    leading: bool | None = None
    bid_seq: int | None = Field(None, description="Sequence number of the voided bid.")
    leader: int | None = Field(None, description="Paddle of the leading bidder after the event; 0: none.")
    leader_bidder: str | None = None
    limit_fen: int | None = Field(None, description="-1: none.")
    purse_fen: int | None = Field(None, description="-1: none.")
    opens_at_ms: int | None = None
    ends_at_ms: int | None = None
    hard_stop_at_ms: int | None = Field(None, description="0: none.")
    remaining_ms: int | None = None
    from_ms: int | None = Field(None, description="Of an interruption: since when bids could not be decided.")
    to_ms: int | None = Field(None, description="Until when.")
    until_ms: int | None = Field(None, description="Lots that end by then are paused.")
    review_above_fen: int | None = Field(None, description="0: no limit from here on.")
    outcome: str | None = Field(None, description="sold, no-bids or reserve-unmet.")
    cause: str | None = Field(
        None, description="Of an end: time, cap or staff; of a freeze: forked, incomplete, damaged or behind."
    )
    status: str | None = Field(None, description="The lot's status after it was restored: paused or scheduled.")
    archived_seq: int | None = Field(None, description="The last archived entry, from which the lot was restored.")
    lost_to_seq: int | None = Field(
        None, description="The last entry that was acknowledged and is lost; 0: none known."
    )
    terms_sha256: str | None = None

    @classmethod
    def of(cls, logged: LoggedEvent) -> Self:
        """The response for an event, without maxima."""
        event = logged.event
        return cls(seq=logged.seq, epoch=logged.epoch, at_ms=logged.at_ms, kind=event.kind, **_fields_of_kind(event))


def _fields_of_kind(event: Event) -> dict[str, Any]:
    """The fields that events of this kind have, by the names that they have in the response."""
    found = {
        _RENAMED_FIELDS.get(field.name, field.name): getattr(event, field.name)
        for field in fields(event)
        if field.name not in _WITHHELD_FIELDS | _OF_EVERY_EVENT
    }
    if isinstance(event, BidPlaced):
        found["leading"] = event.leading == 1
    return found


class EventsResponse(BaseModel):
    """A page of a lot's events, newest first. `next_before_seq` left out: the last page."""

    events: list[EventResponse]
    next_before_seq: int | None = None

    @classmethod
    def of(cls, page: EventPage) -> Self:
        """The response for a page of the log."""
        return cls(events=[EventResponse.of(event) for event in page.events], next_before_seq=page.next_before_seq)


class ArchiveResponse(BaseModel):
    """Age of the oldest ledger entry that is not archived yet, and the number of shards with such entries."""

    behind_ms: int
    shards: int


class HealthResponse(BaseModel):
    """Each part: "ok", or what is wrong with it. `archive` null: unknown while a server is unavailable."""

    ready: bool
    ledger: str
    books: str
    migrations: str
    ledger_memory: str
    shards_stopped: list[int] = Field(description="Shards for which every call is refused until `auction restore`.")
    lots_frozen: list[str] = Field(description="Lots on which nothing is decided until `auction restore`.")
    archive: ArchiveResponse | None

    @classmethod
    def of(cls, readiness: Readiness, lag: ArchiveLag | None) -> Self:
        """The response for a check."""
        return cls(
            ready=readiness.ready,
            ledger=readiness.ledger,
            books=readiness.books,
            migrations=readiness.migrations,
            ledger_memory=readiness.ledger_memory,
            shards_stopped=list(readiness.shards_stopped),
            lots_frozen=list(readiness.lots_frozen),
            archive=None if lag is None else ArchiveResponse(behind_ms=lag.behind_ms, shards=lag.shards),
        )


class PresetLabelResponse(BaseModel):
    """What a preset is called in one language, and what it is for."""

    name: str
    description: str


class PresetResponse(BaseModel):
    """A preset: complete terms, and what the staff page shows of it."""

    name: str
    labels: dict[str, PresetLabelResponse] = Field(description="By language tag: en, zh-CN.")
    order: int = Field(description="Position in lists, ascending.")
    default_duration_ms: int = Field(description="How long bidding usually lasts.")
    terms: TermsResponse

    @classmethod
    def of(cls, preset: Preset, terms: Terms) -> Self:
        """A preset with the terms that a lot would get from it."""
        return cls(
            name=preset.name,
            labels={
                language: PresetLabelResponse(name=label.name, description=label.description)
                for language, label in preset.labels.items()
            },
            order=preset.order,
            default_duration_ms=preset.default_duration_ms,
            terms=terms_as_mapping(terms),
        )


class PresetsResponse(BaseModel):
    """Every preset, in order."""

    presets: list[PresetResponse]


class TermsCheckRequest(RequestModel):
    """Terms to check; they may contradict themselves."""

    preset: IdReference | None = Field(None, examples=["jd-flash"])
    list_price_fen: Fen | None = Field(None, examples=[8_990_000])
    terms: dict[str, Any] | None = Field(
        None, description="Laid over the preset's.", examples=[{"start_price_fen": 100, "cap_fen": 50}]
    )


class ContradictionResponse(BaseModel):
    """One thing wrong with terms: the field to correct, a code, the sentence in English, and the facts of the code."""

    field: str
    code: str
    detail: str
    facts: dict[str, int | str]


class TermsCheckedResponse(BaseModel):
    """The complete terms, or every contradiction in them."""

    terms: TermsResponse | None
    contradictions: list[ContradictionResponse]

    @classmethod
    def of(cls, checked: TermsChecked) -> Self:
        """The response for a check of terms."""
        return cls(
            terms=None if checked.terms is None else dict(checked.terms),
            contradictions=[
                ContradictionResponse(field=one.field, code=str(one.code), detail=one.sentence(), facts=dict(one.facts))
                for one in checked.contradictions
            ],
        )
