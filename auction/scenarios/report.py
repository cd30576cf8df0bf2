"""The results of the no-show: as plain data for `--json`, and as tables, side by side, for people."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from auction.console.verification import money_as_mapping, money_line
from auction.domain.money import yuan
from auction.domain.proof import PROMISES
from auction.scenarios.no_show import BALANCE_TIMES, BOUGHT, DEFAULTED, END, HAMMER, NoShow
from auction.scenarios.price_path import FIRST_MINUTE_MS, FOUR_HOURS_MS, SIXTEEN_MINUTES_MS
from auction.scenarios.transfers import TransferPayment

_BALANCE_HEADINGS = {
    HAMMER: "after the award",
    DEFAULTED: "after the default",
    BOUGHT: "after the payment",
    END: "at the end",
}


def as_mapping(result: NoShow) -> dict[str, Any]:
    """The results as plain data; the same seed gives the same, `seconds` excepted."""
    bidding, award, bought, split, resale = result.bidding, result.award, result.bought, result.split, result.resale
    return {
        "preset": result.preset,
        "lot_ids": result.lot_ids,
        "bidders": result.bidders,
        "planned_bids": bidding.planned,
        "accepted_bids": bidding.accepted,
        "refused_bids": dict(sorted(bidding.refused.items())),
        "price_after_first_minute_fen": bidding.price_at(FIRST_MINUTE_MS),
        "price_after_sixteen_minutes_fen": bidding.price_at(SIXTEEN_MINUTES_MS),
        "stopped_at_ms": bidding.stopped_at_ms,
        "reviews": [
            {
                "at_ms": one.at_ms,
                "price_fen": one.price_fen,
                "paddle": one.paddle,
                "deposit_fen": one.deposit_fen,
                "next_review_fen": one.next_review_fen,
            }
            for one in bidding.reviews
        ],
        "top_ups": bidding.top_ups,
        "topped_up_fen": bidding.topped_up_fen,
        "held_fen": result.held_fen,
        "hammer_price_fen": award and award.price_fen,
        "winner_paddle": award and award.paddle,
        "forfeited_fen": result.forfeited_fen,
        "offers": [
            {
                "paddle": offer.paddle,
                "price_fen": offer.price_fen,
                "own_bid_fen": offer.own_bid_fen,
                "status": offer.status,
            }
            for offer in result.offers
        ],
        "resold": resale
        and {
            "lot_id": resale.lot_id,
            "price_fen": resale.price_fen,
            "paddle": resale.paddle,
            "bids": resale.bids,
            "defaulter": resale.defaulter,
        },
        "bought": bought and {"source": bought.source, "price_fen": bought.price_fen, "paddle": bought.paddle},
        "transfers": result.payment and _transfers(result.payment),
        "waterfall": split
        and {
            "cost_fen": split.cost_fen,
            "gap_fen": split.gap_fen,
            "commission_fen": split.commission_fen,
            "rest_fen": split.rest_fen,
            "rest_to": split.rest_to,
            "unmet_fen": split.unmet_fen,
        },
        "liability": result.terms.settlement.default_liability,
        "claim_fen": result.default.claim_fen if result.default else 0,
        "claim_under_shortfall_fen": result.claim_under_shortfall_fen,
        "seller_fen": result.seller_fen,
        "balances": {
            when: {str(account): fen for account, fen in sorted(found.items())}
            for when, found in result.balances.items()
        },
        "breaches": [breach.what for breach in result.verdict.breaches],
        "money": money_as_mapping(result.money),
        "seconds": round(result.seconds, 3),
    }


def _transfers(payment: TransferPayment) -> dict[str, Any]:
    received = [{"bank_reference": one.reference, "amount_fen": one.amount_fen} for one in payment.received]
    return {
        "payment_reference": payment.reference,
        "received": received,
        "returned_fen": -sum(one.amount_fen for one in payment.returned),
        "bank_fen": payment.bank_fen,
        "journal_fen": payment.journal_fen,
    }


def print_report(console: Console, results: Sequence[NoShow], *, seed: int) -> None:
    """Print the results side by side, the journal of each, and whether everything holds.

    Fits a terminal of 80 columns by breaking lines between words, and uses up to 120.
    """
    title = Text.assemble(
        ("The no-show\n", "bold"),
        "A launch edition with a list price of 89,900 yuan, from 1 yuan, open for four hours. "
        "On 22 October 2025 it closed at 78,193,399 yuan, and the winner did not pay.\n",
        "Here the winner pays, by bank transfers.\n" if any(result.payment for result in results) else "",
        (
            f"The bids are generated from seed {seed} along the published prices; servers and rules are real.",
            "dim",
        ),
    )
    console.print(Panel(title, border_style="cyan", padding=(0, 1)), soft_wrap=False)
    console.print(_comparison(results, console.width), soft_wrap=False)
    for result in results:
        console.print(_journal(result, console.width), soft_wrap=False)
    for result in results:
        _print_verdict(console, result)


def _comparison(results: Sequence[NoShow], columns: int) -> RenderableType:
    """A column of facts for each result, on a terminal of so many columns."""
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", padding=(0, 1), show_edge=False)
    # less the margins, the padding of each cell, and the gaps between cells
    available = columns - 2 - 2 * (len(results) + 1) - len(results)
    name_width = min(36, available * 3 // 8)
    table.add_column("in yuan", width=name_width, header_style="dim", overflow="fold")
    for result in results:
        width = min(42, (available - name_width) // len(results))
        table.add_column(result.preset, justify="right", width=width, overflow="fold")
    pays = any(result.payment for result in results)
    for heading, facts in _PAID_SECTIONS if pays else _SECTIONS:
        table.add_row(Text(heading, "bold cyan"))
        for name, fact in facts:
            table.add_row(Text(name, "dim"), *(Text(fact(result)) for result in results))
        table.add_section()
    return Padding(table, (1, 0, 1, 1))


def _yuan(fen: int) -> str:
    return yuan(fen).removesuffix(".00")


def _refused(result: NoShow) -> str:
    refused = result.bidding.refused
    return "\n".join(f"{count:,} {code}" for code, count in refused.most_common()) or "none"


def _reviews(result: NoShow) -> str:
    if not result.bidding.reviews:
        return "no limit" if result.terms.review_above_fen is None else "not reached"
    return "\n".join(
        f"held at {_yuan(one.price_fen)}: paddle {one.paddle}, deposit {_yuan(one.deposit_fen)}; "
        f"resumed, next review at {_yuan(one.next_review_fen)}"
        for one in result.bidding.reviews
    )


def _path(result: NoShow) -> str:
    if result.bidding.stopped_at_ms is None:
        return "followed to its end"
    return f"stopped after {result.bidding.stopped_at_ms / 1000:.0f} s: no bidder went further"


def _top_ups(result: NoShow) -> str:
    if not result.bidding.top_ups:
        return "none"
    return f"{result.bidding.top_ups} for {_yuan(result.bidding.topped_up_fen)}"


def _hammer_price(result: NoShow) -> str:
    return f"{_yuan(result.award.price_fen)} to paddle {result.award.paddle}" if result.award else "not sold"


def _forfeited(result: NoShow) -> str:
    price_fen = result.award.price_fen if result.award else 0
    percent = 100 * result.forfeited_fen / price_fen if price_fen else 0
    return f"{_yuan(result.forfeited_fen)} ({percent:.4f}% of the price)"


def _offers(result: NoShow) -> str:
    if not result.offers:
        depth = result.terms.settlement.cascade.depth
        return "nobody: the terms have no offers" if depth == 0 else "nobody: no runner-up qualified"
    return "\n".join(f"paddle {one.paddle} at {_yuan(one.price_fen)}: {one.status}" for one in result.offers)


def _resale(result: NoShow) -> str:
    if result.resale is None:
        return "no"
    return f"as {result.resale.lot_id} at {_yuan(result.resale.price_fen)}"


def _defaulter(result: NoShow) -> str:
    return "-" if result.resale is None else f"refused: {result.resale.defaulter}"


def _bought(result: NoShow) -> str:
    if result.bought is None:
        return "nobody"
    return f"paddle {result.bought.paddle} for {_yuan(result.bought.price_fen)}"


def _payment_reference(result: NoShow) -> str:
    return result.payment.reference if result.payment else "-"


def _received(result: NoShow) -> str:
    return "\n".join(_yuan(one.amount_fen) for one in result.payment.received) if result.payment else "-"


def _sent_back(result: NoShow) -> str:
    return "\n".join(_yuan(-one.amount_fen) for one in result.payment.returned) if result.payment else "-"


def _at_the_bank(result: NoShow) -> str:
    return _yuan(result.payment.bank_fen) if result.payment else "-"


def _in_the_journal(result: NoShow) -> str:
    return _yuan(result.payment.journal_fen) if result.payment else "-"


def _part(name: str) -> Callable[[NoShow], str]:
    return lambda result: _yuan(getattr(result.split, name)) if result.split else "0"


def _rest(result: NoShow) -> str:
    return (
        f"{_yuan(result.split.rest_fen)} to the {result.split.rest_to}"
        if result.split and result.split.rest_fen
        else "0"
    )


def _claim(result: NoShow) -> str:
    claim_fen = result.default.claim_fen if result.default else 0
    return f"{_yuan(claim_fen)} ({result.terms.settlement.default_liability})"


_SECTIONS: tuple[tuple[str, tuple[tuple[str, Callable[[NoShow], str]], ...]], ...] = (
    (
        "The sale",
        (
            ("bidders", lambda result: f"{result.bidders}"),
            ("bids accepted", lambda result: f"{result.bidding.accepted:,} of {result.bidding.planned:,} planned"),
            ("bids refused", _refused),
            ("after the first minute", lambda result: _yuan(result.bidding.price_at(FIRST_MINUTE_MS))),
            ("after sixteen minutes", lambda result: _yuan(result.bidding.price_at(SIXTEEN_MINUTES_MS))),
            ("after four hours", lambda result: _yuan(result.bidding.price_at(FOUR_HOURS_MS))),
            ("review by staff", _reviews),
            ("price path", _path),
            ("deposits topped up", _top_ups),
            ("deposits held in all", lambda result: _yuan(result.held_fen)),
            ("hammer price", _hammer_price),
        ),
    ),
    (
        "The winner does not pay",
        (
            ("forfeited", _forfeited),
            ("offered to", _offers),
            ("resold", _resale),
            ("the defaulter registers again", _defaulter),
            ("paid and collected by", _bought),
        ),
    ),
    (
        "Who receives what",
        (
            ("from the deposit: costs", _part("cost_fen")),
            ("from the deposit: price gap", _part("gap_fen")),
            ("from the deposit: commissions", _part("commission_fen")),
            ("from the deposit: the rest", _rest),
            ("the seller receives in all", lambda result: _yuan(result.seller_fen)),
            ("not covered by the deposit", _part("unmet_fen")),
            ("claimed from the defaulter", _claim),
            ("the claim under shortfall", lambda result: _yuan(result.claim_under_shortfall_fen)),
        ),
    ),
)


_PAID_SECTIONS: tuple[tuple[str, tuple[tuple[str, Callable[[NoShow], str]], ...]], ...] = (
    _SECTIONS[0],
    (
        "The winner pays",
        (
            ("payment reference", _payment_reference),
            ("received by transfer", _received),
            ("sent back: a wrong digit", _sent_back),
            ("on the account, says the bank", _at_the_bank),
            ("on the account, says the journal", _in_the_journal),
            ("paid and collected by", _bought),
            ("the seller receives in all", lambda result: _yuan(result.seller_fen)),
        ),
    ),
)


def _journal(result: NoShow, columns: int) -> RenderableType:
    """The balances of this sale at each time; an account without any is left out."""
    times = [when for when in BALANCE_TIMES if when in result.balances]
    rows: dict[str, list[int]] = defaultdict(lambda: [0] * len(times))
    for position, when in enumerate(times):
        for of_account, fen in result.balances[when].items():
            rows[str(of_account)][position] = fen
    table = Table(box=box.SIMPLE_HEAD, header_style="dim", padding=(0, 1, 0, 0), show_edge=False)
    # less the margins, the padding of each cell, and the gaps between cells
    available = columns - 2 - (len(times) + 1) - len(times)
    amount_width = min(18, (available - available // 5) // max(1, len(times)))
    name_width = min(30, available - amount_width * len(times))
    table.add_column("account, in yuan, debit above 0", width=name_width, overflow="fold")
    for when in times:
        table.add_column(_BALANCE_HEADINGS[when], justify="right", width=amount_width, overflow="fold")
    for account, found in sorted(rows.items()):
        if any(found):
            # with spaces, so that a narrow column breaks it between words
            table.add_row(account.replace("_", " "), *(_yuan(fen) if fen else Text("0", "dim") for fen in found))
    return Padding(Group(Text(f"The journal under {result.preset}", "bold cyan"), table), (0, 0, 1, 1))


def _print_verdict(console: Console, result: NoShow) -> None:
    checked = f"{result.verdict.events:,} events, {result.verdict.bids:,} bids"
    if result.verdict.breaches:
        first = result.verdict.breaches[0]
        promise = f"promise {first.promise} ({PROMISES[first.promise]}) is broken: {first.what}"
    else:
        promise = f"all promises held ({checked})"
    sentence = f"{result.preset}: {promise}. {money_line(result.money)}. {result.seconds:.1f} s"
    console.print(sentence, style="bold green" if result.sound else "bold red", markup=False, soft_wrap=False)
