"""How a no-show is told: as plain data for `--json`, and side by side for people."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from auction.cli.verify import money_line, money_summary
from auction.domain.money import yuan
from auction.domain.proof import PROMISES
from auction.scenarios.no_show import BOUGHT, DEFAULTED, END, HAMMER, MOMENTS, NoShow
from auction.scenarios.price_path import FIRST_MINUTE_MS, FOUR_HOURS_MS, SIXTEEN_MINUTES_MS

_MOMENT_WORDS = {
    HAMMER: "after the hammer",
    DEFAULTED: "after the default",
    BOUGHT: "with the car paid",
    END: "at the end",
}


def as_mapping(told: NoShow) -> dict[str, Any]:
    """One no-show as plain data; the same seed tells the same but for `seconds`."""
    course, award, bought, split, resold = told.course, told.award, told.bought, told.split, told.resold
    return {
        "preset": told.preset,
        "lot_ids": told.lot_ids,
        "bidders": told.bidders,
        "planned_bids": course.planned,
        "accepted_bids": course.accepted,
        "refused_bids": dict(sorted(course.refused.items())),
        "price_after_first_minute_fen": course.price_at(FIRST_MINUTE_MS),
        "price_after_sixteen_minutes_fen": course.price_at(SIXTEEN_MINUTES_MS),
        "stopped_at_ms": course.stopped_at_ms,
        "reviews": [
            {
                "at_ms": one.at_ms,
                "price_fen": one.price_fen,
                "paddle": one.paddle,
                "deposit_fen": one.deposit_fen,
                "next_review_fen": one.next_review_fen,
            }
            for one in course.reviews
        ],
        "top_ups": course.top_ups,
        "topped_up_fen": course.topped_up_fen,
        "held_fen": told.held_fen,
        "hammer_price_fen": award and award.price_fen,
        "winner_paddle": award and award.paddle,
        "forfeited_fen": told.forfeited_fen,
        "offers": [
            {
                "paddle": offer.paddle,
                "price_fen": offer.price_fen,
                "own_bid_fen": offer.own_bid_fen,
                "status": offer.status,
            }
            for offer in told.offers
        ],
        "resold": resold
        and {
            "lot_id": resold.lot_id,
            "price_fen": resold.price_fen,
            "paddle": resold.paddle,
            "bids": resold.bids,
            "defaulter": resold.defaulter,
        },
        "bought": bought and {"source": bought.source, "price_fen": bought.price_fen, "paddle": bought.paddle},
        "waterfall": split
        and {
            "cost_fen": split.cost_fen,
            "gap_fen": split.gap_fen,
            "commission_fen": split.commission_fen,
            "rest_fen": split.rest_fen,
            "rest_to": split.rest_to,
            "unmet_fen": split.unmet_fen,
        },
        "liability": told.terms.settlement.default_liability,
        "claim_fen": told.default.claim_fen if told.default else 0,
        "claim_under_shortfall_fen": told.claim_under_shortfall_fen,
        "seller_fen": told.seller_fen,
        "balances": {
            moment: {str(account): fen for account, fen in sorted(found.items())}
            for moment, found in told.balances.items()
        },
        "breaches": [breach.what for breach in told.verdict.breaches],
        "money": money_summary(told.money),
        "seconds": round(told.seconds, 3),
    }


def show(console: Console, runs: Sequence[NoShow], *, seed: int) -> None:
    """The runs side by side, their journals, and whether everything holds."""
    title = Text.assemble(
        ("The no-show\n", "bold"),
        "A launch edition with a list price of 89,900 yuan, from 1 yuan, four hours long. "
        "On 22 October 2025 it closed at 78,193,399 yuan, and the winner was silent.\n",
        (f"The bids are made from seed {seed} along the published prices; servers, books and rules are real.", "dim"),
    )
    console.print(Panel(title, border_style="cyan", padding=(0, 1)), soft_wrap=False)
    console.print(_chapters(runs), soft_wrap=False)
    for told in runs:
        console.print(_journal(told), soft_wrap=False)
    for told in runs:
        _verdict(console, told)


def _chapters(runs: Sequence[NoShow]) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", padding=(0, 1), show_edge=False)
    table.add_column("in yuan", min_width=30, header_style="dim")
    for told in runs:
        table.add_column(told.preset, justify="right", min_width=24, max_width=42)
    for heading, facts in _CHAPTERS:
        table.add_row(Text(heading, "bold cyan"))
        for name, fact in facts:
            table.add_row(Text(name, "dim"), *(Text(fact(told)) for told in runs))
        table.add_section()
    return Padding(table, (1, 0, 1, 1))


def _yuan(fen: int) -> str:
    return yuan(fen).removesuffix(".00")


def _refused(told: NoShow) -> str:
    refused = told.course.refused
    return "\n".join(f"{count:,} {code}" for code, count in refused.most_common()) or "none"


def _reviews(told: NoShow) -> str:
    if not told.course.reviews:
        return "no limit" if told.terms.review_above_fen is None else "not reached"
    return "\n".join(
        f"held at {_yuan(one.price_fen)}: paddle {one.paddle} had put {_yuan(one.deposit_fen)} down; "
        f"resumed, to be looked at again at {_yuan(one.next_review_fen)}"
        for one in told.course.reviews
    )


def _end_of_the_path(told: NoShow) -> str:
    if told.course.stopped_at_ms is None:
        return "went to its end"
    return f"stopped after {told.course.stopped_at_ms / 1000:.0f} s: nobody's money went further"


def _top_ups(told: NoShow) -> str:
    if not told.course.top_ups:
        return "none asked for"
    return f"{told.course.top_ups} for {_yuan(told.course.topped_up_fen)}"


def _hammer(told: NoShow) -> str:
    return f"{_yuan(told.award.price_fen)} to paddle {told.award.paddle}" if told.award else "not sold"


def _forfeited(told: NoShow) -> str:
    price_fen = told.award.price_fen if told.award else 0
    percent = 100 * told.forfeited_fen / price_fen if price_fen else 0
    return f"{_yuan(told.forfeited_fen)} ({percent:.4f}% of the price)"


def _offers(told: NoShow) -> str:
    if not told.offers:
        depth = told.terms.settlement.cascade.depth
        return "nobody: the terms ask no runner-up" if depth == 0 else "nobody could be asked"
    return "\n".join(f"paddle {one.paddle} at {_yuan(one.price_fen)}: {one.status}" for one in told.offers)


def _resold(told: NoShow) -> str:
    if told.resold is None:
        return "not needed"
    return f"as {told.resold.lot_id} at {_yuan(told.resold.price_fen)}"


def _defaulter(told: NoShow) -> str:
    return "-" if told.resold is None else f"turned away: {told.resold.defaulter}"


def _bought(told: NoShow) -> str:
    if told.bought is None:
        return "nobody"
    return f"paddle {told.bought.paddle} for {_yuan(told.bought.price_fen)}"


def _part(name: str) -> Callable[[NoShow], str]:
    return lambda told: _yuan(getattr(told.split, name)) if told.split else "0"


def _rest(told: NoShow) -> str:
    return f"{_yuan(told.split.rest_fen)} to the {told.split.rest_to}" if told.split and told.split.rest_fen else "0"


def _claim(told: NoShow) -> str:
    claim_fen = told.default.claim_fen if told.default else 0
    return f"{_yuan(claim_fen)} ({told.terms.settlement.default_liability})"


_CHAPTERS: tuple[tuple[str, tuple[tuple[str, Callable[[NoShow], str]], ...]], ...] = (
    (
        "The sale",
        (
            ("bidders", lambda told: f"{told.bidders}"),
            ("bids accepted", lambda told: f"{told.course.accepted:,} of {told.course.planned:,} planned"),
            ("bids refused", _refused),
            ("after the first minute", lambda told: _yuan(told.course.price_at(FIRST_MINUTE_MS))),
            ("after sixteen minutes", lambda told: _yuan(told.course.price_at(SIXTEEN_MINUTES_MS))),
            ("after four hours", lambda told: _yuan(told.course.price_at(FOUR_HOURS_MS))),
            ("review by staff", _reviews),
            ("the price path", _end_of_the_path),
            ("deposits topped up", _top_ups),
            ("deposits held by all", lambda told: _yuan(told.held_fen)),
            ("the hammer", _hammer),
        ),
    ),
    (
        "The winner is silent",
        (
            ("forfeited", _forfeited),
            ("offered to", _offers),
            ("sold again", _resold),
            ("the defaulter at the resale", _defaulter),
            ("bought, paid and fetched by", _bought),
        ),
    ),
    (
        "Who got what",
        (
            ("from the deposit: costs", _part("cost_fen")),
            ("from the deposit: price gap", _part("gap_fen")),
            ("from the deposit: commissions", _part("commission_fen")),
            ("from the deposit: the rest", _rest),
            ("the seller got in all", lambda told: _yuan(told.seller_fen)),
            ("not covered by the deposit", _part("unmet_fen")),
            ("claimed of the defaulter", _claim),
            ("it would be, under shortfall", lambda told: _yuan(told.claim_under_shortfall_fen)),
        ),
    ),
)


def _journal(told: NoShow) -> RenderableType:
    """The balances of this sale at each moment; an account that is empty all along is left out."""
    moments = [moment for moment in MOMENTS if moment in told.balances]
    rows: dict[str, list[int]] = defaultdict(lambda: [0] * len(moments))
    for place, moment in enumerate(moments):
        for of_account, fen in told.balances[moment].items():
            rows[str(of_account)][place] = fen
    table = Table(box=box.SIMPLE_HEAD, header_style="dim", padding=(0, 1), show_edge=False)
    table.add_column("account, debit above 0, in yuan", min_width=30)
    for moment in moments:
        table.add_column(_MOMENT_WORDS[moment], justify="right", min_width=17)
    for account, found in sorted(rows.items()):
        if any(found):
            table.add_row(account, *(_yuan(fen) if fen else Text("0", "dim") for fen in found))
    return Padding(Group(Text(f"The journal under {told.preset}", "bold cyan"), table), (0, 0, 1, 1))


def _verdict(console: Console, told: NoShow) -> None:
    checked = f"{told.verdict.events:,} events, {told.verdict.bids:,} bids"
    if told.verdict.breaches:
        first = told.verdict.breaches[0]
        promise = f"promise {first.promise} ({PROMISES[first.promise]}) is broken: {first.what}"
    else:
        promise = f"all promises held ({checked})"
    sentence = f"{told.preset}: {promise}. {money_line(told.money)}. {told.seconds:.1f} s"
    console.print(sentence, style="bold green" if told.sound else "bold red", markup=False)
