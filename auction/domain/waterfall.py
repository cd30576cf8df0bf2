"""The waterfall: who is paid from a forfeited deposit, in which order, and what the defaulter still owes after it.

Amounts in fen. Source: domain rules, "Settlement"; the order, who gets the rest, and the liability are terms.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from auction.domain.money import share

Step = Literal["cost", "gap", "commission"]
RestTo = Literal["house", "seller"]
Liability = Literal["deposit_only", "shortfall", "percent"]

ORDER: tuple[Step, ...] = ("cost", "gap", "commission")
"""The order unless the terms set another: cost of the re-auction, price gap, commissions of the first sale. What is
left after them is the rest."""


@dataclass(frozen=True, slots=True)
class Need:
    """The loss by a default, in fen: the re-auction's cost, the seller's price gap, the lost commissions."""

    cost_fen: int
    gap_fen: int
    commission_fen: int

    def __post_init__(self) -> None:
        if min(self.cost_fen, self.gap_fen, self.commission_fen) < 0:
            raise ValueError(f"no part of a loss is below 0, got {self}")

    @property
    def total_fen(self) -> int:
        """The sum of the parts, in fen."""
        return self.cost_fen + self.gap_fen + self.commission_fen


def needs(
    *,
    hammer_price_fen: int,
    resale_price_fen: int | None,
    cost_fen: int,
    commission_fen: int,
    recovered_fen: int = 0,
    agreed_gap_fen: int = 0,
) -> Need:
    """Compute the loss by a default.

    The gap is the price defaulted on less the price of the resale, at least 0. Without a resale (None) no gap is
    proven: it is what the terms agree on for that case, `agreed_gap_fen`. `recovered_fen` is what later defaulters on
    the same lot have paid of the gap: the seller's loss is made good once. What they only owe is not recovered: cash
    comes before claims. `commission_fen`: buyer's fee and seller's commission of the first sale. ValueError for an
    amount below 0.
    """
    if recovered_fen < 0:
        raise ValueError(f"a recovered amount is not below 0: {recovered_fen}")
    lost_fen = agreed_gap_fen if resale_price_fen is None else hammer_price_fen - resale_price_fen
    return Need(cost_fen, max(0, lost_fen - recovered_fen), commission_fen)


def agreed_gap_fen(*, liability: Liability, percent_bps: int | None, hammer_price_fen: int) -> int:
    """The price gap that terms agree on for a lot that nobody buys, in fen.

    Under `percent` that part of the price, rounded down; under the other liabilities the seller, who still has the
    lot, has lost nothing.
    """
    if liability != "percent" or percent_bps is None:
        return 0
    return share(hammer_price_fen, percent_bps)


@dataclass(frozen=True, slots=True)
class Split:
    """A forfeited deposit divided, in fen; `unmet_fen` is the loss it did not cover, and no part of the deposit."""

    cost_fen: int
    gap_fen: int
    commission_fen: int
    rest_fen: int
    rest_to: RestTo
    unmet_fen: int

    @property
    def forfeited_fen(self) -> int:
        """The divided deposit: the sum of its parts, in fen."""
        return self.cost_fen + self.gap_fen + self.commission_fen + self.rest_fen

    @property
    def seller_fen(self) -> int:
        """The seller's part: the price gap, and the rest where the terms give it to them, in fen."""
        return self.gap_fen + (self.rest_fen if self.rest_to == "seller" else 0)


def split(forfeited_fen: int, need: Need, order: Sequence[str] = ORDER, rest_to: RestTo = "house") -> Split:
    """Divide a deposit: each step of `order` takes up to what it needs, and the rest goes to `rest_to`.

    The parts sum to the deposit. ValueError for a deposit below 0, and where `order` is not cost, gap and commission,
    each once.
    """
    if forfeited_fen < 0:
        raise ValueError(f"a forfeited deposit is not below 0: {forfeited_fen}")
    if sorted(order) != sorted(ORDER):
        raise ValueError(f"a waterfall pays cost, gap and commission, each once; got {', '.join(order)}")
    wanted = {"cost": need.cost_fen, "gap": need.gap_fen, "commission": need.commission_fen}
    paid: dict[str, int] = {}
    left_fen = forfeited_fen
    for step in order:
        paid[step] = min(left_fen, wanted[step])
        left_fen -= paid[step]
    return Split(
        cost_fen=paid["cost"],
        gap_fen=paid["gap"],
        commission_fen=paid["commission"],
        rest_fen=left_fen,
        rest_to=rest_to,
        unmet_fen=need.total_fen - (forfeited_fen - left_fen),
    )


def claim_fen(
    split: Split, *, liability: Liability, percent_bps: int | None, hammer_price_fen: int, claimed_fen: int = 0
) -> int:
    """What the defaulter still owes after the waterfall, in fen, under the liability of the terms.

    `claimed_fen` of what is unmet is claimed from later defaulters already. `deposit_only`: nothing. `shortfall`: all
    that is unmet. `percent`: what is unmet, but with the forfeited deposit at most that share of the hammer price,
    rounded down; ValueError without `percent_bps`, which such terms always have.
    """
    unmet_fen = max(0, split.unmet_fen - claimed_fen)
    if liability == "deposit_only":
        return 0
    if liability == "shortfall":
        return unmet_fen
    if percent_bps is None:
        raise ValueError("a liability of a percentage needs percent_bps")
    return min(unmet_fen, max(0, share(hammer_price_fen, percent_bps) - split.forfeited_fen))


@dataclass(frozen=True, slots=True)
class Unmet:
    """What of a loss was not paid when the waterfall ran, in fen; `loss_fen`: the whole price gap of the default."""

    cost_fen: int
    gap_fen: int
    commission_fen: int
    loss_fen: int

    def after(self, paid: "Share") -> "Unmet":
        """What is unmet after a payment."""
        return Unmet(
            self.cost_fen - paid.cost_fen,
            self.gap_fen - paid.gap_fen,
            self.commission_fen - paid.commission_fen,
            self.loss_fen,
        )


@dataclass(frozen=True, slots=True)
class Share:
    """What one default's loss gets of a collected claim, in fen."""

    cost_fen: int = 0
    gap_fen: int = 0
    commission_fen: int = 0

    @property
    def total_fen(self) -> int:
        """The sum of the parts, in fen."""
        return self.cost_fen + self.gap_fen + self.commission_fen


def unmet(need: Need, split: Split, *, loss_fen: int) -> Unmet:
    """What a waterfall left unmet."""
    return Unmet(
        need.cost_fen - split.cost_fen,
        need.gap_fen - split.gap_fen,
        need.commission_fen - split.commission_fen,
        loss_fen,
    )


def share_collected(
    amount_fen: int, losses: Sequence[tuple[Unmet, Sequence[str]]], *, gap_paid_fen: int
) -> list[Share]:
    """Divide a collected claim over losses with their terms' orders: that of its default first, then earlier ones.

    The seller is paid no more than the price gap: `gap_paid_fen` is what all defaulters have paid of it. What no loss
    needs is the amount less the sum of the shares, and goes where the rest of a deposit goes.
    """
    shares = []
    left_fen = amount_fen
    for loss, order in losses:
        gap_fen = min(loss.gap_fen, max(0, loss.loss_fen - gap_paid_fen))
        wanted = {"cost": loss.cost_fen, "gap": gap_fen, "commission": loss.commission_fen}
        paid: dict[str, int] = {}
        for step in order:
            paid[step] = min(left_fen, wanted[step])
            left_fen -= paid[step]
        gap_paid_fen += paid["gap"]
        shares.append(Share(paid["cost"], paid["gap"], paid["commission"]))
    return shares
