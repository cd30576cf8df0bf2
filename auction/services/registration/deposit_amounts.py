"""How large the deposits of registrations and top-ups are, and what is refused of them. Nothing is stored here."""

from auction.domain.currency import Currency
from auction.domain.deposits import Power
from auction.domain.errors import ProblemCode, RequestRefused
from auction.domain.money import FEN_MAX
from auction.services.context import AppContext


def deposit_to_hold(minimum_fen: int, wanted_fen: int | None, held_fen: int, currency: Currency) -> int:
    """How much a registration holds, in fen: what is missing of the minimum, or more if wanted; 0: no deposit.

    `held_fen` is held already: a purse for another lot of the sale serves for this one too.
    """
    missing_fen = max(0, minimum_fen - held_fen)
    if wanted_fen is None:
        return missing_fen
    if wanted_fen < missing_fen:
        raise RequestRefused(
            ProblemCode.DEPOSIT_TOO_LOW,
            f"The deposit for this lot is at least {currency.text(missing_fen)}; {currency.text(wanted_fen)} was "
            "offered.",
            {"minimum_fen": missing_fen},
        )
    if minimum_fen == 0:
        return 0
    if held_fen + wanted_fen > FEN_MAX:
        raise RequestRefused(
            ProblemCode.DEPOSIT_TOO_HIGH,
            f"The deposits on a sale are limited to {currency.text(FEN_MAX)}.",
            {"maximum_fen": FEN_MAX - held_fen},
        )
    return wanted_fen


def check_holdable(context: AppContext, amount_fen: int) -> None:
    """Raises RequestRefused(deposit-too-low, deposit-too-high) for what the provider does not hold at once; 0 is."""
    limits = context.gateway.charge_limits
    if 0 < amount_fen < limits.min_fen:
        raise RequestRefused(
            ProblemCode.DEPOSIT_TOO_LOW,
            f"The payment provider holds at least {context.money.text(limits.min_fen)}; put down that much.",
            {"minimum_fen": limits.min_fen},
        )
    if amount_fen > limits.max_fen:
        raise RequestRefused(
            ProblemCode.DEPOSIT_TOO_HIGH,
            f"The payment provider holds at most {context.money.text(limits.max_fen)} at once; raise "
            "the deposit afterwards.",
            {"maximum_fen": limits.max_fen},
        )


def check_top_up(power: Power, held_fen: int, amount_fen: int, currency: Currency) -> None:
    """Raises RequestRefused(deposit-too-high, deposit-not-needed) for a top-up beside what is held."""
    if held_fen + amount_fen > FEN_MAX:
        raise RequestRefused(
            ProblemCode.DEPOSIT_TOO_HIGH,
            f"The deposits on a sale are limited to {currency.text(FEN_MAX)}.",
            {"maximum_fen": FEN_MAX - held_fen},
        )
    if power == Power():
        raise RequestRefused(
            ProblemCode.DEPOSIT_NOT_NEEDED, "A larger deposit would not raise your limit on this lot: you have none."
        )
