"""The demo's sale: four lots, their terms, and a price path shaped like that of 22 October 2025.

Times are those of a demo at speed 1, which compresses four hours into three minutes; a higher speed shortens them all.
Amounts in fen, times in ms.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

YUAN = 100
SALE_ID = "launch"
SALE_TITLE = "首发日闪拍 · Launch-day flash auction"

RECORD_FEN = 78_193_399 * YUAN
"""The closing price of the car on 22 October 2025."""
LIST_PRICE_FEN = 89_900 * YUAN
SCHEDULED_AHEAD_MS = 3_600_000
"""How far ahead the lots are scheduled; the demo's staff open them when all bots are registered."""
WINDOW_MS_MIN = 2_000
"""The shortest soft-close extension, payment window and offer window, however fast the demo."""
OPEN_WITHOUT_BOTS_MS = 30 * 60_000
"""How long the lots are open in a demo without bots."""


@dataclass(frozen=True, slots=True)
class PricePath:
    """A price over time, interpolated between points on a logarithmic scale. Points: (ms since the opening, fen)."""

    points: Sequence[tuple[float, int]]

    def at(self, elapsed_ms: float) -> int:
        """The price at a time, in fen."""
        if elapsed_ms <= self.points[0][0]:
            return self.points[0][1]
        for (from_ms, from_fen), (to_ms, to_fen) in pairwise(self.points):
            if elapsed_ms <= to_ms:
                part = (elapsed_ms - from_ms) / (to_ms - from_ms)
                return round(math.exp(math.log(from_fen) + part * (math.log(to_fen) - math.log(from_fen))))
        return self.points[-1][1]

    def at_speed(self, speed: float) -> "PricePath":
        """The same path with its times divided by `speed`."""
        return PricePath([(at_ms / speed, price_fen) for at_ms, price_fen in self.points])


@dataclass(frozen=True, slots=True)
class Jump:
    """The largest jump that the preset allows one bid: so many fen or percent above the price, whichever is more."""

    fen: int
    percent: int


@dataclass(frozen=True, slots=True)
class DemoDeadlines:
    """The payment window, the grace after it, how long two runners-up have to answer, and the least price."""

    pay_ms: int
    grace_ms: int
    offer_ms: int
    floor_fen: int

    def terms_at_speed(self, speed: float) -> dict[str, Any]:
        """The settlement terms that replace the preset's."""
        pay_ms, grace_ms, offer_ms = (
            max(WINDOW_MS_MIN, round(ms / speed)) for ms in (self.pay_ms, self.grace_ms, self.offer_ms)
        )
        cascade = {"depth": 2, "price": "clean", "offer_window_ms": offer_ms, "floor_fen": self.floor_fen}
        return {
            "payment_window_ms": pay_ms,
            "grace_ms": grace_ms,
            "decision_window_ms": 0,
            "cascade": cascade,
            "when_exhausted": "relist",
        }


@dataclass(frozen=True, slots=True)
class LotPlan:
    """A lot of the demo. `path` is None where each bot has a maximum of its own (proxy bidding)."""

    title: str
    preset: str
    list_price_fen: int | None
    open_ms: int
    path: PricePath | None = None
    soft_close_ms: int | None = None
    """Soft-close window and extension; the hard stop is at three times as much."""
    jump: Jump | None = None
    guest_deposit_fen: int | None = None
    """The guests' deposit; None: the smallest that the terms ask for."""
    terms: Mapping[str, Any] = field(default_factory=dict)
    deadlines: DemoDeadlines | None = None
    """Short settlement deadlines, so that a default can be watched; None: the preset's own, days long."""

    def terms_without_bots(self) -> dict[str, Any]:
        """The terms that replace the preset's in a demo without bots."""
        return {} if self.deadlines is None else {"settlement": self.deadlines.terms_at_speed(1)}

    def terms_at_speed(self, speed: float) -> dict[str, Any]:
        """The terms that replace the preset's in a demo with bots."""
        terms = dict(self.terms)
        if self.deadlines is not None:
            terms["settlement"] = self.deadlines.terms_at_speed(speed)
        if self.soft_close_ms is not None:
            window_ms = max(WINDOW_MS_MIN, round(self.soft_close_ms / speed))
            terms["soft_close"] = {"window_ms": window_ms, "extension_ms": window_ms, "hard_stop_ms": 3 * window_ms}
        return terms


CAR = LotPlan(
    title="No. 001 首发限量版 · Launch edition",
    preset="jd-flash",
    list_price_fen=LIST_PRICE_FEN,
    open_ms=150_000,
    # past 800,000 in the first minute, 10 million, and the last bids in the soft close
    path=PricePath(
        (
            (0, 1 * YUAN),
            (12_000, 60_000 * YUAN),
            (40_000, 800_000 * YUAN),
            (90_000, 10_000_000 * YUAN),
            (140_000, 52_000_000 * YUAN),
            (165_000, RECORD_FEN),
        )
    ),
    soft_close_ms=20_000,
)
GUARDED = LotPlan(
    title="No. 002 首发限量版 · Guarded terms",
    preset="guarded-flash",
    list_price_fen=LIST_PRICE_FEN,
    open_ms=120_000,
    # the review limit of 449,500 yuan lies on the way: the lot is held there until staff resume it
    path=PricePath(
        (
            (0, 1 * YUAN),
            (30_000, 30_000 * YUAN),
            (80_000, 452_000 * YUAN),
            (115_000, 618_000 * YUAN),
        )
    ),
    soft_close_ms=15_000,
    jump=Jump(fen=10 * YUAN, percent=10),
    # allows a million yuan
    guest_deposit_fen=50_000 * YUAN,
)
MODEL = LotPlan(
    title="1:18 签名车模 · Signed model, by proxy",
    preset="ebay-proxy",
    list_price_fen=1_299 * YUAN,
    open_ms=100_000,
    terms={"start_price_fen": 99 * YUAN},
)
EARLY = LotPlan(
    title="优先提车权 · First delivery, settled in two minutes",
    preset="jd-flash",
    list_price_fen=2_000 * YUAN,
    open_ms=35_000,
    path=PricePath(((0, 1 * YUAN), (8_000, 2_000 * YUAN), (25_000, 14_000 * YUAN), (40_000, 26_000 * YUAN))),
    soft_close_ms=5_000,
    deadlines=DemoDeadlines(pay_ms=20_000, grace_ms=10_000, offer_ms=25_000, floor_fen=1_000 * YUAN),
)
"""Closes early and far above its list price: its winner does not pay, and no runner-up accepts."""
LOTS = (CAR, GUARDED, MODEL, EARLY)
