"""What Hypothesis may draw: sound terms of every shape, and commands in words that mean something at any moment.

An amount is drawn as "the minimum, one more" and becomes fen only when its turn comes: every edge stays near, and a
shrunken example still says what it was about.
"""

from dataclasses import dataclass, replace
from typing import Literal

from hypothesis import strategies as st

from auction.domain.bidding import Admission, highest_jump_fen
from auction.domain.deposits import DepositPolicy, FlatDeposit, NoDeposit, PurseDeposit, highest_bid_fen
from auction.domain.money import FEN_MAX
from auction.domain.terms import Bidding, Increment, MaxJump, SettlementTerms, SoftClose, Terms, contradictions
from tests.model.ledger_model import LedgerModel

BIDDERS = ("ada", "bo", "cai", "dee", "zoë")
PADDLES = {name: number for number, name in enumerate(BIDDERS, start=1)}
UNITS = (1, 3, 100, 10**6, 10**10)
"""Terms are drawn small and made large: edges stay near, and amounts reach the 14 digits Lua cannot print."""

Base = Literal["minimum", "price", "ceiling", "cap", "jump", "limit", "available", "reserve", "review", "zero", "most"]
BASES: tuple[Base, ...] = (
    "minimum",
    "price",
    "ceiling",
    "cap",
    "jump",
    "limit",
    "available",
    "reserve",
    "review",
    "zero",
    "most",
)


@dataclass(frozen=True)
class Near:
    """An amount: so many increments and fen from a landmark of the lot, for one bidder."""

    base: Base
    steps: int = 0
    fen: int = 0

    def on(self, context: LedgerModel, lot_id: str, bidder: str) -> int:
        """The amount in fen, within what a bid may be."""
        amount = self._landmark(context, lot_id, bidder) + self.fen
        entry = context.lots.get(lot_id)
        if entry is not None:
            amount += self.steps * entry.lot.terms.step_at(entry.lot.price_fen)
        return max(1, min(FEN_MAX, amount))

    def _landmark(self, context: LedgerModel, lot_id: str, bidder: str) -> int:
        entry = context.lots.get(lot_id)
        if entry is None or self.base == "zero":
            return 0
        lot, terms, admission = entry.lot, entry.lot.terms, context.admission_of(lot_id, bidder)
        landmarks: dict[str, int | None] = {
            "minimum": lot.minimum_fen(),
            "price": lot.price_fen,
            "ceiling": lot.ceiling_fen,
            "cap": terms.cap_fen,
            "jump": highest_jump_fen(lot),
            "limit": admission.limit_fen if admission else None,
            "available": _available_fen(admission) if admission else None,
            "reserve": terms.reserve_fen,
            "review": lot.review_above_fen,
            "most": FEN_MAX,
        }
        return landmarks[self.base] or lot.minimum_fen()


def _available_fen(admission: Admission) -> int:
    held_fen, purse_fen = admission.held_fen or 0, admission.purse_fen or 0
    return highest_bid_fen(held_fen - admission.other_shares_fen, held_fen=held_fen, purse_fen=purse_fen)


@dataclass(frozen=True)
class Ask:
    """One bid of a batch: a fresh one, or one made of an earlier bid on the lot (counted from the last)."""

    bidder: str
    amount: Near
    again: int | None = None
    twist: Literal["same", "amount", "bidder"] = "same"
    is_maximum: bool = False
    withdraws: bool = False


edges = st.builds(Near, st.sampled_from(BASES), steps=st.just(0), fen=st.sampled_from([0, 1, -1]))
rises = st.builds(Near, st.just("minimum"), steps=st.integers(0, 4), fen=st.just(0))
anywhere = st.builds(Near, st.sampled_from(BASES), steps=st.integers(-2, 12), fen=st.integers(-25, 400))
amounts = st.one_of(rises, edges, anywhere)

bidders = st.sampled_from((*BIDDERS[:4] * 3, BIDDERS[4]))
"""Nobody but `admit` lets the last one in."""
fresh = st.builds(Ask, bidders, amounts)
rising = st.builds(Ask, bidders, rises)
again = st.builds(
    Ask, bidders, amounts, again=st.integers(0, 6), twist=st.sampled_from(["same", "same", "amount", "bidder"])
)
maxima = st.one_of(
    st.builds(Near, st.just("minimum"), steps=st.integers(0, 12), fen=st.just(0)),
    st.builds(Near, st.just("ceiling"), steps=st.integers(-1, 2), fen=st.integers(-1, 1)),
    amounts,
)
offers = st.builds(
    Ask, bidders, maxima, is_maximum=st.just(True), withdraws=st.sampled_from([False, False, False, False, True])
)
asks = st.one_of(rising, fresh, fresh, again, offers)


@st.composite
def any_terms(draw: st.DrawFn) -> Terms:
    """Sound terms of every shape: direct or proxy, bands, grid, cap, reserve, review, soft close, jumps, deposits."""
    bidding = draw(st.sampled_from(list(Bidding)))
    start = draw(st.integers(1, 60))
    cap = draw(st.none() | st.integers(start, start + 900))
    top = cap or start + 900
    bands_at = sorted(draw(st.sets(st.integers(start + 1, start + 400), max_size=3)))
    steps = draw(st.lists(st.integers(1, 30), min_size=4, max_size=4))
    bands = tuple(Increment(at, step) for at, step in zip([0, *bands_at], steps, strict=False))
    terms = Terms(
        bidding=bidding,
        start_price_fen=start,
        increments=bands,
        on_grid=draw(st.booleans()),
        max_jump=draw(st.none() | _jumps(max(steps))) if bidding is Bidding.DIRECT else None,
        reserve_fen=draw(st.none() | st.integers(start, top)),
        cap_fen=cap,
        review_above_fen=draw(st.none() | st.integers(start, top)),
        soft_close=draw(st.none() | _soft_closes() | _soft_closes()),
        deposit=draw(_deposits()),
        settlement=SettlementTerms(),
        auto_bids=bidding is Bidding.DIRECT and draw(st.sampled_from([True, True, False])),
    )
    terms = _times(terms, draw(st.sampled_from(UNITS)))
    assert contradictions(terms) == []
    return terms


@st.composite
def _jumps(draw: st.DrawFn, widest_step: int) -> MaxJump:
    kinds = draw(st.sets(st.sampled_from(["steps", "percent", "fen"]), min_size=1))
    if kinds == {"percent"}:
        kinds = {"percent", "steps"}  # a percentage alone may be less than a step: terms that contradict themselves
    return MaxJump(
        steps=draw(st.integers(1, 12)) if "steps" in kinds else None,
        percent=draw(st.integers(1, 400)) if "percent" in kinds else None,
        fen=draw(st.integers(widest_step, 500)) if "fen" in kinds else None,
    )


@st.composite
def _soft_closes(draw: st.DrawFn) -> SoftClose:
    extension = draw(st.integers(1, 120))
    return SoftClose(
        window_ms=draw(st.integers(1, 120)),
        extension_ms=extension,
        hard_stop_ms=draw(st.none() | st.integers(extension, extension + 60)),
    )


def _deposits() -> st.SearchStrategy[DepositPolicy]:
    return st.sampled_from([NoDeposit(), PurseDeposit(10, 100), FlatDeposit(100), PurseDeposit(3, 1)])


def _times(terms: Terms, unit: int) -> Terms:
    """The same terms with every amount multiplied."""

    def scaled(amount: int | None) -> int | None:
        return None if amount is None else amount * unit

    jump = terms.max_jump
    return replace(
        terms,
        start_price_fen=terms.start_price_fen * unit,
        increments=tuple(Increment(band.from_fen * unit, band.step_fen * unit) for band in terms.increments),
        max_jump=None if jump is None else replace(jump, fen=scaled(jump.fen)),
        reserve_fen=scaled(terms.reserve_fen),
        cap_fen=scaled(terms.cap_fen),
        review_above_fen=scaled(terms.review_above_fen),
    )
