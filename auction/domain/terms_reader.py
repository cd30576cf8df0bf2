"""Reads terms from plain data (a preset's TOML, a request's JSON) and returns everything wrong with them at once."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar, cast

from auction.domain.contradictions import Contradiction, ContradictionCode
from auction.domain.deposits import DepositBand, DepositPolicy, FlatDeposit, LadderDeposit, NoDeposit, PurseDeposit
from auction.domain.errors import TermsInvalid
from auction.domain.money import BPS, FEN_MAX
from auction.domain.terms import (
    Bidding,
    Cascade,
    Increment,
    MaxJump,
    SettlementTerms,
    SoftClose,
    Terms,
    contradictions,
    contradictions_of_new,
)
from auction.domain.waterfall import ORDER, Liability, RestTo, Step

T = TypeVar("T")

MS_MAX = 366 * 86_400_000
"""The longest duration in terms: a leap year."""
BANDS_MAX = 64
"""The most bands in an increment table or a deposit ladder."""
REQUIRED = object()


class Section:
    """One table of the terms being read; adds what is wrong to `found` instead of stopping at the first."""

    def __init__(self, data: object, path: str, found: list[Contradiction]) -> None:
        self.path = path
        self.found = found
        self.seen: set[str] = set()
        self.is_table = isinstance(data, Mapping)
        self.data: Mapping[str, Any] = data if isinstance(data, Mapping) else {}
        if not self.is_table:
            self.add(path or "terms", ContradictionCode.NOT_A_TABLE, given=_shown(data))

    def add(self, path: str, code: ContradictionCode, **facts: int | str) -> None:
        """Record what is wrong with the field at `path`."""
        self.found.append(Contradiction(path, code, facts))

    def path_of(self, field: str) -> str:
        """The full path of a field of this table, such as `soft_close.window_ms`."""
        return f"{self.path}.{field}" if self.path else field

    def take(self, field: str, default: object) -> Any:
        """The raw value, or the default; a required field that is missing is recorded."""
        self.seen.add(field)
        if field in self.data:
            return self.data[field]
        if default is REQUIRED and self.is_table:
            self.add(self.path_of(field), ContradictionCode.MISSING)
        return default

    def whole(self, field: str, low: int, high: int, default: object = REQUIRED) -> int:
        """A whole number within low..high."""
        value = self.take(field, default)
        if type(value) is int and low <= value <= high:
            return value
        if value is not REQUIRED:
            code = ContradictionCode.NOT_IN_RANGE
            self.add(self.path_of(field), code, least=low, most=high, given=_shown(value))
        return low

    def whole_or_none(self, field: str, low: int, high: int, default: int | None = None) -> int | None:
        """A whole number within low..high, or nothing."""
        if self.take(field, default) is None:
            return None
        return self.whole(field, low, high, default)

    def flag(self, field: str, default: bool) -> bool:
        """True or false."""
        value = self.take(field, default)
        if isinstance(value, bool):
            return value
        self.add(self.path_of(field), ContradictionCode.NOT_A_BOOLEAN, given=_shown(value))
        return default

    def choice(self, field: str, allowed: Sequence[str], default: object = REQUIRED) -> str:
        """One of the allowed words."""
        value = self.take(field, default)
        if isinstance(value, str) and value in allowed:
            return value
        if value is not REQUIRED:
            self._refuse_choice(field, "one of", allowed, value)
        return allowed[0]

    def words(self, field: str, allowed: Sequence[str], default: Sequence[str]) -> tuple[str, ...]:
        """A list of allowed words in the order given, at most as many as there are."""
        value = self.take(field, default)
        if isinstance(value, (list, tuple)) and len(value) <= len(allowed) and all(word in allowed for word in value):
            return tuple(value)
        self._refuse_choice(field, "a list of", allowed, value)
        return tuple(default)

    def section(self, field: str, read: Callable[["Section"], T]) -> T | None:
        """A nested table, or nothing."""
        value = self.take(field, None)
        if value is None:
            return None
        inner = Section(value, self.path_of(field), self.found)
        result = read(inner)
        inner.refuse_unknown()
        return result

    def rows(self, field: str, read: Callable[["Section"], T]) -> tuple[T, ...]:
        """A list of at least one and at most BANDS_MAX tables."""
        value = self.take(field, REQUIRED)
        if value is REQUIRED:
            return ()
        if not isinstance(value, Sequence) or isinstance(value, str) or not 1 <= len(value) <= BANDS_MAX:
            self.add(self.path_of(field), ContradictionCode.NOT_A_LIST, least=1, most=BANDS_MAX, given=_shown(value))
            return ()
        found = []
        for number, row in enumerate(value):
            inner = Section(row, f"{self.path_of(field)}[{number}]", self.found)
            found.append(read(inner))
            inner.refuse_unknown()
        return tuple(found)

    def refuse_unknown(self) -> None:
        """Record every field of the table that was not read."""
        for field in sorted(map(str, set(self.data) - self.seen)):
            self.add(self.path_of(field), ContradictionCode.UNKNOWN_FIELD, known=", ".join(sorted(self.seen)))

    def _refuse_choice(self, field: str, count: str, allowed: Sequence[str], value: object) -> None:
        code = ContradictionCode.NOT_A_CHOICE
        self.add(self.path_of(field), code, count=count, allowed=", ".join(allowed), given=_shown(value))


def read_terms(data: Mapping[str, Any]) -> Terms:
    """Terms from plain data; raises TermsInvalid with every malformed field, or else with every contradiction."""
    found: list[Contradiction] = []
    section = Section(data, "", found)
    terms = Terms(
        bidding=Bidding(section.choice("bidding", [str(b) for b in Bidding])),
        start_price_fen=section.whole("start_price_fen", 1, FEN_MAX),
        increments=section.rows("increments", _increment),
        on_grid=section.flag("on_grid", default=False),
        max_jump=section.section("max_jump", _max_jump),
        reserve_fen=section.whole_or_none("reserve_fen", 1, FEN_MAX),
        cap_fen=section.whole_or_none("cap_fen", 1, FEN_MAX),
        review_above_fen=section.whole_or_none("review_above_fen", 1, FEN_MAX),
        soft_close=section.section("soft_close", _soft_close),
        deposit=section.section("deposit", _deposit) or NoDeposit(),
        settlement=section.section("settlement", _settlement) or SettlementTerms(),
        auto_bids=section.flag("auto_bids", default=False),
    )
    section.refuse_unknown()
    if not found:
        found = contradictions(terms)
    if found:
        raise TermsInvalid(found)
    return terms


def read_new_terms(data: Mapping[str, Any]) -> Terms:
    """Terms of a new lot: as `read_terms`, and raises TermsInvalid for what only terms agreed to before may say."""
    terms = read_terms(data)
    found = contradictions_of_new(terms)
    if found:
        raise TermsInvalid(found)
    return terms


def merge_terms(base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """A preset with a lot's own fields laid over it: `soft_close` and `settlement` field by field, the rest whole."""
    merged = dict(base)
    for field, value in override.items():
        below = merged.get(field)
        if (
            field in ("soft_close", "settlement", "cascade")
            and isinstance(below, Mapping)
            and isinstance(value, Mapping)
        ):
            merged[field] = merge_terms(below, value)
        else:
            merged[field] = value
    return merged


def _increment(row: Section) -> Increment:
    return Increment(row.whole("from_fen", 0, FEN_MAX), row.whole("step_fen", 1, FEN_MAX))


def _max_jump(section: Section) -> MaxJump:
    jump = MaxJump(
        steps=section.whole_or_none("steps", 1, 1_000_000),
        percent=section.whole_or_none("percent", 1, 10_000),
        fen=section.whole_or_none("fen", 1, FEN_MAX),
    )
    if jump == MaxJump() and section.is_table:
        section.add(section.path, ContradictionCode.JUMP_EMPTY)
    return jump


def _soft_close(section: Section) -> SoftClose:
    return SoftClose(
        window_ms=section.whole("window_ms", 1, MS_MAX),
        extension_ms=section.whole("extension_ms", 1, MS_MAX),
        hard_stop_ms=section.whole_or_none("hard_stop_ms", 1, MS_MAX),
    )


def _deposit(section: Section) -> DepositPolicy:
    policy = section.choice("policy", ("none", "flat", "ladder", "purse"))
    if policy == "flat":
        return FlatDeposit(section.whole("amount_fen", 1, FEN_MAX))
    if policy == "ladder":
        return LadderDeposit(section.rows("bands", _deposit_band))
    if policy == "purse":
        return PurseDeposit(section.whole("multiplier", 1, 1000), section.whole("amount_fen", 1, FEN_MAX // 1000))
    return NoDeposit()


def _deposit_band(row: Section) -> DepositBand:
    return DepositBand(row.whole("deposit_fen", 1, FEN_MAX), row.whole_or_none("limit_fen", 1, FEN_MAX))


def _settlement(section: Section) -> SettlementTerms:
    plain = SettlementTerms()
    liability = section.choice("default_liability", ("deposit_only", "shortfall", "percent"), plain.default_liability)
    exhausted = section.choice("when_exhausted", ("relist", "unsold"), plain.when_exhausted)
    rest_to = section.choice("rest_to", ("house", "seller"), plain.rest_to)
    return SettlementTerms(
        payment_window_ms=section.whole("payment_window_ms", 1, MS_MAX, plain.payment_window_ms),
        grace_ms=section.whole("grace_ms", 0, MS_MAX, plain.grace_ms),
        buyer_fee_bps=section.whole("buyer_fee_bps", 0, BPS, plain.buyer_fee_bps),
        seller_commission_bps=section.whole("seller_commission_bps", 0, BPS, plain.seller_commission_bps),
        default_liability=cast(Liability, liability),
        percent_bps=section.whole_or_none("percent_bps", 1, BPS),
        cascade=section.section("cascade", _cascade) or Cascade(),
        when_exhausted=cast(Literal["relist", "unsold"], exhausted),
        waterfall=cast(tuple[Step, ...], section.words("waterfall", ORDER, plain.waterfall)),
        rest_to=cast(RestTo, rest_to),
        resale_window_ms=section.whole("resale_window_ms", 1, MS_MAX, plain.resale_window_ms),
        reauction_cost_fen=section.whole("reauction_cost_fen", 0, FEN_MAX, plain.reauction_cost_fen),
        decision_window_ms=section.whole("decision_window_ms", 0, MS_MAX, plain.decision_window_ms),
        cure_ms=section.whole("cure_ms", 0, MS_MAX, plain.cure_ms),
        handover_window_ms=section.whole("handover_window_ms", 1, MS_MAX, plain.handover_window_ms),
        storage_fee_fen=section.whole("storage_fee_fen", 0, FEN_MAX, plain.storage_fee_fen),
    )


def _cascade(section: Section) -> Cascade:
    plain = Cascade()
    return Cascade(
        depth=section.whole("depth", 0, 3, plain.depth),
        price=cast(Literal["clean", "own_bid"], section.choice("price", ("clean", "own_bid"), plain.price)),
        floor_percent=section.whole("floor_percent", 0, 100, plain.floor_percent),
        offer_window_ms=section.whole("offer_window_ms", 1, MS_MAX, plain.offer_window_ms),
        floor_fen=section.whole_or_none("floor_fen", 1, FEN_MAX),
    )


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
