"""How much a payment provider takes at once, and how a sum is charged within that. Amounts in fen.

A sum above the most is charged in parts, one after the other. A rest below the least is joined with what a deposit
would have paid, and waived where nothing is there to join it with.
"""

from dataclasses import dataclass

from auction.domain.money import FEN_MAX, FEN_MIN


@dataclass(frozen=True, slots=True)
class ChargeLimits:
    """The least and the most that a provider holds or charges at once; `max_fen` is at least twice `min_fen`."""

    min_fen: int = FEN_MIN
    max_fen: int = FEN_MAX

    def __post_init__(self) -> None:
        if not FEN_MIN <= self.min_fen <= self.max_fen // 2 <= FEN_MAX:
            raise ValueError(f"charges from {self.min_fen} to {self.max_fen} fen cannot be split")

    def first_part_fen(self, sum_fen: int) -> int:
        """The first charge of a sum of at least `min_fen`: all of it, or so much that the rest can be charged too."""
        if sum_fen <= self.max_fen:
            return sum_fen
        return min(self.max_fen, sum_fen - self.min_fen)

    def parts(self, sum_fen: int) -> int:
        """How many charges a sum takes."""
        return max(1, -(-sum_fen // self.max_fen))

    def sum_to_charge_fen(self, due_fen: int, secured_fen: int) -> int:
        """What to charge of what is due where deposits can pay `secured_fen` of it; 0: nothing can be charged.

        It is what the deposits do not cover, and never below `min_fen`: then the deposits pay the less.
        """
        missing_fen = max(0, due_fen - secured_fen)
        if missing_fen == 0 or due_fen < self.min_fen:
            return 0
        return max(missing_fen, self.min_fen)


UNLIMITED = ChargeLimits()
"""Any amount at once."""
