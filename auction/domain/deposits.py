"""How much a bidder must deposit, and how high it lets them bid: flat, ladder, purse or none.

Bidding power never exceeds what is held: these functions compute the limit, the ledger's script enforces it.
Source: domain rules, "Deposits".
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from auction.domain.money import FEN_MAX
from auction.domain.states import DepositPolicyKind

PURSE_FEN_MAX = 900 * FEN_MAX
"""The largest purse, in fen: just below 2**53, so that the ledger counts with it exactly."""


@dataclass(frozen=True, slots=True)
class Power:
    """Bidding power in fen: on this lot (`limit_fen`, None: no limit), over the sale (`purse_fen`, None: no purse).

    `held_fen` is what is held behind a purse: each lot takes its share of it (`share_fen`).
    """

    limit_fen: int | None = None
    purse_fen: int | None = None
    held_fen: int | None = None


def share_fen(amount_fen: int, *, held_fen: int, purse_fen: int) -> int:
    """What a lot at an amount takes of what is held behind a purse, in fen, rounded up; nothing of an empty purse."""
    return -(-amount_fen * held_fen // purse_fen) if purse_fen else 0


def highest_bid_fen(left_fen: int, *, held_fen: int, purse_fen: int) -> int:
    """The highest bid whose share fits into what other lots have left of what is held, in fen."""
    return left_fen * purse_fen // held_fen if held_fen > 0 and left_fen > 0 else 0


@dataclass(frozen=True, slots=True)
class NoDeposit:
    """Anyone who accepts the terms may bid any amount."""

    kind: ClassVar = DepositPolicyKind.NONE

    def minimum_fen(self) -> int:
        """The smallest deposit that admits to bidding, in fen."""
        return 0

    def power(self, held_fen: int) -> Power:
        """The bidding power of a held amount, in fen."""
        del held_fen
        return Power()

    def as_mapping(self) -> dict[str, Any]:
        """The policy as plain data, as in the terms."""
        return {"policy": str(self.kind)}


@dataclass(frozen=True, slots=True)
class FlatDeposit:
    """One amount admits to the lot, and there is no limit."""

    kind: ClassVar = DepositPolicyKind.FLAT
    amount_fen: int

    def minimum_fen(self) -> int:
        """The smallest deposit that admits to bidding, in fen."""
        return self.amount_fen

    def power(self, held_fen: int) -> Power:
        """The bidding power of a held amount, in fen."""
        del held_fen
        return Power()

    def as_mapping(self) -> dict[str, Any]:
        """The policy as plain data, as in the terms."""
        return {"policy": str(self.kind), "amount_fen": self.amount_fen}


@dataclass(frozen=True, slots=True)
class DepositBand:
    """Holding at least `deposit_fen` allows bids up to `limit_fen` (None: any)."""

    deposit_fen: int
    limit_fen: int | None


@dataclass(frozen=True, slots=True)
class LadderDeposit:
    """Bands: the limit is that of the highest band that the held amount covers; topping up raises it."""

    kind: ClassVar = DepositPolicyKind.LADDER
    bands: tuple[DepositBand, ...]

    def minimum_fen(self) -> int:
        """The smallest deposit that admits to bidding, in fen."""
        return self.bands[0].deposit_fen

    def power(self, held_fen: int) -> Power:
        """The bidding power of a held amount, in fen; none below the first band."""
        limit: int | None = 0
        for band in self.bands:
            if held_fen < band.deposit_fen:
                break
            limit = band.limit_fen
        return Power(limit_fen=limit)

    def as_mapping(self) -> dict[str, Any]:
        """The policy as plain data, as in the terms."""
        bands = [{"deposit_fen": band.deposit_fen, "limit_fen": band.limit_fen} for band in self.bands]
        return {"policy": str(self.kind), "bands": bands}


@dataclass(frozen=True, slots=True)
class PurseDeposit:
    """The held amount times `multiplier` is the limit for all lots of the sale that are led or won, together.

    A lot takes its share of what is held from the leading bid until its award has ended.
    """

    kind: ClassVar = DepositPolicyKind.PURSE
    multiplier: int
    amount_fen: int

    def minimum_fen(self) -> int:
        """The smallest deposit that admits to bidding, in fen."""
        return self.amount_fen

    def power(self, held_fen: int) -> Power:
        """The bidding power of a held amount, in fen."""
        return Power(purse_fen=min(held_fen * self.multiplier, PURSE_FEN_MAX), held_fen=held_fen)

    def as_mapping(self) -> dict[str, Any]:
        """The policy as plain data, as in the terms."""
        return {"policy": str(self.kind), "multiplier": self.multiplier, "amount_fen": self.amount_fen}


DepositPolicy = NoDeposit | FlatDeposit | LadderDeposit | PurseDeposit
