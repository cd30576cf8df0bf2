"""The bodies of the staff page: the desk's lots, a lot's event log, the house's health, terms as they are checked."""

from dataclasses import fields
from typing import Any, Self

from pydantic import BaseModel, Field

from api.schemas.public import SaleResponse, TermsResponse
from api.schemas.requests import Fen, RequestModel
from api.schemas.text import IdReference
from auction.domain.events import BidPlaced, Event
from auction.services.catalogue.event_log import EventPage, LoggedEvent
from auction.services.catalogue.terms_check import TermsChecked
from auction.services.verification.archive_lag import ArchiveLag
from auction.services.verification.readiness import Readiness

_NEVER_SHOWN = frozenset({"key", "amount_fen", "ceiling_fen"})
"""In proxy lots a maximum, which nobody sees; in direct lots the price says the same. And a bidder's own key."""
_OWN_NAMES = {"bidder_id": "bidder", "leader_id": "leader_bidder", "leader_paddle": "leader"}


class DeskResponse(BaseModel):
    """Every sale with its lots as staff see them, newest sale first, at `now_ms` by the ledger's clock."""

    now_ms: int
    sales: list[SaleResponse]


class EventResponse(BaseModel):
    """One event of a lot's ledger in plain fields; a field that its kind does not have is left out."""

    seq: int
    epoch: int
    at_ms: int
    kind: str = Field(
        description="scheduled, admitted, opened, bid, held, paused, resumed, extended, voided, closed, void"
    )
    by: str | None = Field(None, description="Who of the staff; empty: the rules themselves.")
    reason: str | None = None
    bidder: str | None = Field(None, description="The bidder's id, for staff only.")
    paddle: int | None = None
    price_fen: int | None = Field(None, description="The price after it.")
    leading: bool | None = None
    bid_seq: int | None = Field(None, description="The bid that was declared void.")
    leader: int | None = Field(None, description="The paddle that leads after it; 0: nobody.")
    leader_bidder: str | None = None
    limit_fen: int | None = Field(None, description="-1: none.")
    purse_fen: int | None = Field(None, description="-1: none.")
    opens_at_ms: int | None = None
    ends_at_ms: int | None = None
    hard_stop_at_ms: int | None = Field(None, description="0: none.")
    remaining_ms: int | None = None
    review_above_fen: int | None = Field(None, description="0: none from here.")
    outcome: str | None = Field(None, description="sold, no-bids or reserve-unmet.")
    cause: str | None = Field(None, description="time, cap or staff.")
    terms_sha256: str | None = None

    @classmethod
    def of(cls, happening: LoggedEvent) -> Self:
        """An event of the ledger; never a maximum."""
        event = happening.event
        return cls(
            seq=happening.seq, epoch=happening.epoch, at_ms=happening.at_ms, kind=event.kind, **_plain_fields(event)
        )


def _plain_fields(event: Event) -> dict[str, Any]:
    plain = {
        _OWN_NAMES.get(field.name, field.name): getattr(event, field.name)
        for field in fields(event)
        if field.name not in _NEVER_SHOWN
    }
    if isinstance(event, BidPlaced):
        plain["leading"] = event.leading == 1
    return plain


class EventsResponse(BaseModel):
    """A lot's events, newest first; `next_before_seq` left out: there are no older ones of those asked for."""

    events: list[EventResponse]
    next_before_seq: int | None = None

    @classmethod
    def of(cls, page: EventPage) -> Self:
        """A page of the log."""
        return cls(events=[EventResponse.of(one) for one in page.events], next_before_seq=page.next_before_seq)


class ArchiveResponse(BaseModel):
    """How old the oldest entry is that is not written down, and on how many shards some wait."""

    behind_ms: int
    shards: int


class HealthResponse(BaseModel):
    """Each part: "ok", or what is wrong with it. `archive` null: it cannot be told while a server is away."""

    ready: bool
    ledger: str
    books: str
    migrations: str
    archive: ArchiveResponse | None

    @classmethod
    def of(cls, readiness: Readiness, lag: ArchiveLag | None) -> Self:
        """What was found."""
        return cls(
            ready=readiness.ready,
            ledger=readiness.ledger,
            books=readiness.books,
            migrations=readiness.migrations,
            archive=None if lag is None else ArchiveResponse(behind_ms=lag.behind_ms, shards=lag.shards),
        )


class PresetResponse(BaseModel):
    """ReadyzResponse-made terms, complete."""

    name: str
    terms: TermsResponse


class PresetsResponse(BaseModel):
    """Every preset, by name."""

    presets: list[PresetResponse]


class TermsCheckRequest(RequestModel):
    """Terms in the making. Anything may be wrong with them: that is what is asked."""

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
    """The terms a lot would have, or everything wrong with them."""

    terms: TermsResponse | None
    contradictions: list[ContradictionResponse]

    @classmethod
    def of(cls, checked: TermsChecked) -> Self:
        """What the rules say."""
        return cls(
            terms=None if checked.terms is None else dict(checked.terms),
            contradictions=[
                ContradictionResponse(field=one.field, code=str(one.code), detail=one.sentence(), facts=dict(one.facts))
                for one in checked.contradictions
            ],
        )
