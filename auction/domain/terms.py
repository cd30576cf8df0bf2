"""The terms a lot is sold under: their shape, their fingerprint, and every contradiction in them.

Terms are checked and frozen when a lot is scheduled; their SHA-256 is the first fact in the lot's ledger.
Source: domain rules ("Deciding a bid", "Deposits", "SettlementTerms") and the public surface (`terms`).
"""

import hashlib
import json
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any, Literal

from auction.domain.contradictions import Contradiction, ContradictionCode
from auction.domain.deposits import DepositPolicy, LadderDeposit
from auction.domain.money import FEN_MAX
from auction.domain.waterfall import ORDER, Liability, RestTo, Step


class Bidding(StrEnum):
    """Direct: the price is the bid. Proxy: the bid is a maximum and the price follows the runner-up."""

    DIRECT = "direct"
    PROXY = "proxy"


@dataclass(frozen=True, slots=True)
class Increment:
    """From this price on (fen), a bid must be at least this much (fen) above it."""

    from_fen: int
    step_fen: int


@dataclass(frozen=True, slots=True)
class MaxJump:
    """How far above the price one bid may go: the largest of the parts that are given."""

    steps: int | None = None
    percent: int | None = None
    fen: int | None = None

    def above(self, price_fen: int, step_fen: int) -> int:
        """The jump allowed at that price, in fen; a percentage is rounded down."""
        allowed = [self.fen or 0]
        if self.steps is not None:
            allowed.append(self.steps * step_fen)
        if self.percent is not None:
            allowed.append(price_fen * self.percent // 100)
        return max(allowed)


@dataclass(frozen=True, slots=True)
class SoftClose:
    """A bid with less than `window_ms` left moves the end to `extension_ms` after it.

    `hard_stop_ms` is how far past the scheduled end this may go, in ms; None: without limit.
    """

    window_ms: int
    extension_ms: int
    hard_stop_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Cascade:
    """To how many runners-up a defaulted lot is offered (`depth`), at which price, and down to which floor.

    The floor is `floor_percent` of the hammer price or `floor_fen`, whichever is higher. The clean price of new terms
    needs the amount: a part of a hammer price that nobody will pay is no measure.
    """

    depth: int = 0
    price: Literal["clean", "own_bid"] = "clean"
    floor_percent: int = 0
    offer_window_ms: int = 86_400_000
    floor_fen: int | None = None


@dataclass(frozen=True, slots=True)
class SettlementTerms:
    """What follows the close: payment window and grace (ms), fees (bps of the price), liability of a defaulter.

    A forfeited deposit pays `waterfall` in its order, then `rest_to`, once the resale is handed over or
    `resale_window_ms` after the default; `reauction_cost_fen` is the cost of selling the lot again that is charged to
    the deposit. `decision_window_ms` is the time that staff have after a default before the lot moves on by itself.
    `cure_ms` is the time that a winner gets, once, where the house fails to collect the deposit that was to pay.
    A paid lot is fetched within `handover_window_ms`; each day that begins after it costs `storage_fee_fen`.
    """

    payment_window_ms: int = 86_400_000
    grace_ms: int = 0
    buyer_fee_bps: int = 0
    seller_commission_bps: int = 0
    default_liability: Liability = "deposit_only"
    percent_bps: int | None = None
    cascade: Cascade = Cascade()
    when_exhausted: Literal["relist", "unsold"] = "relist"
    waterfall: tuple[Step, ...] = ORDER
    rest_to: RestTo = "house"
    resale_window_ms: int = 30 * 86_400_000
    reauction_cost_fen: int = 0
    decision_window_ms: int = 0
    cure_ms: int = 2 * 86_400_000
    handover_window_ms: int = 30 * 86_400_000
    storage_fee_fen: int = 0

    @property
    def cascade_ms(self) -> int:
        """How long after a default the last runner-up may still pay, in ms."""
        one_ms = self.cascade.offer_window_ms + self.payment_window_ms + self.grace_ms
        return self.grace_ms + self.cascade.depth * one_ms


LATER_IN_SETTLEMENT = (
    "waterfall",
    "rest_to",
    "resale_window_ms",
    "reauction_cost_fen",
    "decision_window_ms",
    "cure_ms",
    "handover_window_ms",
    "storage_fee_fen",
)
LATER_IN_CASCADE = ("floor_fen",)
"""Fields added after the first terms were frozen: at their defaults they are left out of the fingerprint.

So terms frozen before keep their fingerprint when they are read again.
"""
LATER = ("auto_bids",)


@dataclass(frozen=True, slots=True)
class Terms:
    """All a bidder agrees to. Amounts in fen, times in ms. `reserve_fen` is never shown to the public."""

    bidding: Bidding
    start_price_fen: int
    increments: tuple[Increment, ...]
    on_grid: bool
    max_jump: MaxJump | None
    reserve_fen: int | None
    cap_fen: int | None
    review_above_fen: int | None
    soft_close: SoftClose | None
    deposit: DepositPolicy
    settlement: SettlementTerms
    auto_bids: bool = False
    """Whether bidders of a direct lot may set a secret maximum up to which the ledger bids for them."""

    @property
    def highest_fen(self) -> int:
        """The most that a bid may be, in fen: the cap, or what the ledger takes at all."""
        return FEN_MAX if self.cap_fen is None else self.cap_fen

    def step_at(self, price_fen: int) -> int:
        """The increment in force at a price, in fen."""
        step = self.increments[0].step_fen
        for band in self.increments:
            if band.from_fen > price_fen:
                break
            step = band.step_fen
        return step

    def sha256(self) -> str:
        """The fingerprint of these terms: SHA-256 over their canonical JSON, in hex."""
        data = terms_as_mapping(self)
        settlement, plain = data["settlement"], _plain(SettlementTerms())
        for name in LATER:
            if not data[name]:
                del data[name]
        for name in LATER_IN_CASCADE:
            if settlement["cascade"][name] == plain["cascade"][name]:
                del settlement["cascade"][name]
        for name in LATER_IN_SETTLEMENT:
            if settlement[name] == plain[name]:
                del settlement[name]
        text = json.dumps(data, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def terms_as_mapping(terms: Terms, *, public: bool = False) -> dict[str, Any]:
    """Terms as plain JSON data, in the shape of the public surface; `public` leaves the reserve out."""
    data: dict[str, Any] = _plain(terms)
    data["deposit"] = terms.deposit.as_mapping()
    if public:
        del data["reserve_fen"]
    return data


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    return str(value) if isinstance(value, StrEnum) else value


def contradictions(terms: Terms) -> list[Contradiction]:
    """Every way in which well-formed terms contradict themselves; empty where they are sound."""
    return [
        *_price_contradictions(terms),
        *_settlement_contradictions(terms),
        *_step_contradictions(terms),
        *_deposit_contradictions(terms),
    ]


def contradictions_of_new(terms: Terms) -> list[Contradiction]:
    """What terms of a new lot must not say, though terms that bidders agreed to before may: those are kept as agreed.

    `terms` are well-formed and do not contradict themselves.
    """
    found = []
    settlement, cascade = terms.settlement, terms.settlement.cascade
    if settlement.resale_window_ms < settlement.cascade_ms:
        windows = {
            "resale_ms": settlement.resale_window_ms,
            "cascade_ms": settlement.cascade_ms,
            "depth": cascade.depth,
        }
        found.append(Contradiction("settlement.resale_window_ms", ContradictionCode.RESALE_UNDER_CASCADE, windows))
    if cascade.depth and cascade.price == "clean" and cascade.floor_fen is None:
        found.append(Contradiction("settlement.cascade.floor_fen", ContradictionCode.CLEAN_WITHOUT_FLOOR, {}))
    return found


def _price_contradictions(terms: Terms) -> list[Contradiction]:
    found = []
    start, reserve, cap, review = terms.start_price_fen, terms.reserve_fen, terms.cap_fen, terms.review_above_fen
    if reserve is not None and reserve < start:
        facts = {"reserve_fen": reserve, "start_fen": start}
        found.append(Contradiction("reserve_fen", ContradictionCode.RESERVE_UNDER_START, facts))
    if cap is not None and cap < start:
        facts = {"cap_fen": cap, "start_fen": start}
        found.append(Contradiction("cap_fen", ContradictionCode.CAP_UNDER_START, facts))
    if cap is not None and reserve is not None and cap < reserve:
        facts = {"cap_fen": cap, "reserve_fen": reserve}
        found.append(Contradiction("cap_fen", ContradictionCode.CAP_UNDER_RESERVE, facts))
    if review is not None and review < start:
        facts = {"review_fen": review, "start_fen": start}
        found.append(Contradiction("review_above_fen", ContradictionCode.REVIEW_UNDER_START, facts))
    if review is not None and cap is not None and review > cap:
        facts = {"review_fen": review, "cap_fen": cap}
        found.append(Contradiction("review_above_fen", ContradictionCode.REVIEW_ABOVE_CAP, facts))
    soft = terms.soft_close
    if soft is not None and soft.hard_stop_ms is not None and soft.hard_stop_ms < soft.extension_ms:
        facts = {"hard_stop_ms": soft.hard_stop_ms, "extension_ms": soft.extension_ms}
        found.append(Contradiction("soft_close.hard_stop_ms", ContradictionCode.HARD_STOP_UNDER_EXTENSION, facts))
    if terms.auto_bids and terms.bidding is Bidding.PROXY:
        found.append(Contradiction("auto_bids", ContradictionCode.AUTO_BIDS_IN_PROXY, {}))
    return found


def _settlement_contradictions(terms: Terms) -> list[Contradiction]:
    found = []
    settlement, cascade, cap = terms.settlement, terms.settlement.cascade, terms.cap_fen
    if (settlement.default_liability == "percent") != (settlement.percent_bps is not None):
        found.append(Contradiction("settlement.percent_bps", ContradictionCode.PERCENT_ALONE, {}))
    if sorted(settlement.waterfall) != sorted(ORDER):
        names = {"allowed": ", ".join(ORDER), "given": ", ".join(settlement.waterfall)}
        found.append(Contradiction("settlement.waterfall", ContradictionCode.WATERFALL_NOT_EACH_ONCE, names))
    if settlement.resale_window_ms < settlement.payment_window_ms:
        windows = {"resale_ms": settlement.resale_window_ms, "payment_ms": settlement.payment_window_ms}
        found.append(Contradiction("settlement.resale_window_ms", ContradictionCode.RESALE_UNDER_PAYMENT, windows))
    if cascade.depth and cascade.floor_fen is not None and cap is not None and cascade.floor_fen > cap:
        prices = {"floor_fen": cascade.floor_fen, "cap_fen": cap}
        found.append(Contradiction("settlement.cascade.floor_fen", ContradictionCode.FLOOR_ABOVE_CAP, prices))
    return found


def _step_contradictions(terms: Terms) -> list[Contradiction]:
    found = []
    bands, start = terms.increments, terms.start_price_fen
    if bands[0].from_fen > start:
        facts = {"from_fen": bands[0].from_fen, "start_fen": start}
        found.append(Contradiction("increments", ContradictionCode.INCREMENTS_GAP, facts))
    for lower, upper in pairwise(bands):
        if upper.from_fen <= lower.from_fen:
            facts = {"from_fen": upper.from_fen, "previous_fen": lower.from_fen}
            found.append(Contradiction("increments", ContradictionCode.INCREMENTS_FALL, facts))
    jump = terms.max_jump
    if jump is None:
        return found
    if terms.bidding is Bidding.PROXY:
        found.append(Contradiction("max_jump", ContradictionCode.JUMP_IN_PROXY, {}))
    for band in bands:
        base = max(band.from_fen, start)
        allowed = jump.above(base, band.step_fen)
        if allowed < band.step_fen:
            facts = {"allowed_fen": allowed, "price_fen": base, "step_fen": band.step_fen}
            found.append(Contradiction("max_jump", ContradictionCode.JUMP_TOO_SMALL, facts))
    return found


def _deposit_contradictions(terms: Terms) -> list[Contradiction]:
    if not isinstance(terms.deposit, LadderDeposit):
        return []
    found = []
    bands = terms.deposit.bands
    for lower, upper in pairwise(bands):
        if upper.deposit_fen <= lower.deposit_fen:
            facts = {"deposit_fen": upper.deposit_fen, "previous_fen": lower.deposit_fen}
            found.append(Contradiction("deposit.bands", ContradictionCode.BANDS_DEPOSIT_FALLS, facts))
        if lower.limit_fen is None:
            found.append(Contradiction("deposit.bands", ContradictionCode.BANDS_OPEN_EARLY, {}))
        elif upper.limit_fen is not None and upper.limit_fen <= lower.limit_fen:
            facts = {"limit_fen": upper.limit_fen, "previous_fen": lower.limit_fen}
            found.append(Contradiction("deposit.bands", ContradictionCode.BANDS_LIMIT_FALLS, facts))
    first = bands[0].limit_fen
    if first is not None and first < terms.start_price_fen:
        facts = {"limit_fen": first, "start_fen": terms.start_price_fen}
        found.append(Contradiction("deposit.bands", ContradictionCode.BANDS_UNDER_START, facts))
    return found
