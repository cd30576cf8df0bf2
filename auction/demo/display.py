"""The demo's output: a live table on a terminal, plain lines elsewhere, and the results at the end."""

import math
import time
from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from auction.demo.api_client import CallCounts
from auction.demo.lot_table import LotLine, LotTable, now_ms
from auction.demo.report import Result
from auction.domain.money import yuan

_BARS = "▁▂▃▄▅▆▇█"
_STATUS_STYLES = {
    "scheduled": "dim",
    "open": "bold green",
    "held": "bold black on yellow",
    "paused": "bold black on yellow",
    "closed": "bold cyan",
    "void": "bold red",
}
_OUTCOMES = {"sold": "[bold green]sold[/]", "no-bids": "[dim]no bids[/]", "reserve-unmet": "[yellow]reserve unmet[/]"}


class Display:
    """The live table; rich renders it a few times a second."""

    def __init__(self, table: LotTable, counts: CallCounts, bots: int) -> None:
        self._table = table
        self._counts = counts
        self._bots = bots

    def __rich__(self) -> RenderableType:
        """The lots, the price of the first over time, the counts of bids, and the latest news."""
        parts: list[RenderableType] = [Padding(self._lots(), (1, 1))]
        first = next(iter(self._table.lots.values()))
        if first.scheduled.plan.path is not None and len(first.prices) > 1:
            parts.append(Padding(_sparkline(first), (0, 1)))
        if self._bots:
            parts.append(Padding(counts_text(self._counts, self._bots), (1, 1, 0, 1)))
        if self._table.news:
            parts.append(Padding(self._news(), (1, 1, 0, 1)))
        return Group(*parts)

    def _lots(self) -> Table:
        table = Table(
            box=box.SIMPLE_HEAD, expand=True, header_style="dim", padding=(0, 1, 0, 0), show_edge=False, pad_edge=False
        )
        table.add_column("lot", no_wrap=True, overflow="ellipsis", ratio=1)
        table.add_column("status", no_wrap=True, min_width=9)
        for name, width in (("price, yuan", 13), ("leader", 6), ("bids", 5), ("bids/s", 6), ("left", 5), ("ext.", 4)):
            table.add_column(name, justify="right", no_wrap=True, min_width=width)
        for lot in self._table.lots.values():
            table.add_row(
                Text.assemble((lot.lot_id, "bold"), "\n", (lot.scheduled.plan.title, "dim")),
                Text(lot.status, _STATUS_STYLES.get(lot.status, "")),
                Text(yuan(lot.price_fen) if lot.bids else "-", "bold"),
                Text(f"#{lot.leader}" if lot.leader else "-", "magenta" if lot.leader else "dim"),
                f"{lot.bids:,}",
                f"{lot.bids_a_second:,.0f}" if lot.status == "open" else "",
                _time_left(lot),
                f"{lot.extensions}" if lot.extensions else "",
            )
        return table

    def _news(self) -> Text:
        lines = [f"{_clock(at_s * 1000)}  {sentence}" for at_s, sentence in self._table.news]
        return Text("\n".join(lines), "dim", no_wrap=True, overflow="ellipsis")


def _time_left(lot: LotLine) -> Text:
    if lot.status == "scheduled":
        return Text("soon", "dim")
    if lot.status == "open":
        left_ms = max(0.0, lot.ends_at_ms - now_ms())
        return Text(_clock(left_ms), "bold red" if left_ms < 10_000 else "")
    return Text(_clock(lot.remaining_ms) if lot.remaining_ms else "", "dim")


def _clock(ms: float) -> str:
    minutes, seconds = divmod(int(ms / 1000), 60)
    return f"{minutes}:{seconds:02d}"


def _sparkline(lot: LotLine, width: int = 54) -> Text:
    """The price over time, on a logarithmic scale."""
    first_ms, last_ms = lot.prices[0][0], lot.prices[-1][0]
    column_ms = max(1.0, (last_ms - first_ms) / width)
    logs = [math.log(price_fen) for _, price_fen in lot.prices]
    bottom, reach = min(logs), max(max(logs) - min(logs), 0.1)
    bars: dict[int, str] = {}
    for (at_ms, _), log in zip(lot.prices, logs, strict=True):
        height = (log - bottom) / reach
        bars[min(width - 1, int((at_ms - first_ms) / column_ms))] = _BARS[min(7, int(height * 8))]
    drawn, last = "", _BARS[0]
    for column in range(width):
        last = bars.get(column, last)
        drawn += last
    return Text.assemble((drawn, "green"), (f" {lot.lot_id}, log scale", "dim"))


def counts_text(counts: CallCounts, bots: int) -> Text:
    """How the bids of all bots were answered."""
    refusals = ", ".join(f"{code} {count:,}" for code, count in counts.refused.most_common(4))
    text = Text.assemble(
        (f"{bots} bots", "bold"),
        "   ",
        (f"{counts.accepted:,} accepted", "green"),
        "   ",
        (f"{counts.refused.total():,} refused", "yellow"),
        "   ",
        (f"{counts.retried:,} retried ({counts.repeated:,} had been accepted already)", "dim"),
        (f"\nrefused: {refusals}" if refusals else "", "dim"),
    )
    if counts.failed:
        text.append(f"   {counts.failed.total():,} failed ({', '.join(counts.failed)})", "bold red")
    return text


def plain_line(table: LotTable) -> str:
    """The state of the lots, in one line."""
    lots = []
    for lot in table.lots.values():
        facts = [lot.lot_id, lot.status, yuan(lot.price_fen), f"{lot.bids:,} bids"]
        if lot.leader:
            facts.insert(3, f"paddle {lot.leader}")
        if lot.status == "open":
            facts += [f"{lot.bids_a_second:.0f}/s", f"{_clock(max(0.0, lot.ends_at_ms - now_ms()))} left"]
        if lot.extensions:
            facts.append(f"{lot.extensions} extensions")
        lots.append(" ".join(facts))
    return f"{_clock((time.monotonic() - table.started_s) * 1000):>5}  " + " | ".join(lots)


def results_table(results: Sequence[Result]) -> Table:
    """How each lot ended, as a table."""
    table = Table(box=box.SIMPLE_HEAD, header_style="dim", padding=(0, 1), show_edge=False)
    for name in ("lot", "result"):
        table.add_column(name, overflow="fold")
    for name in ("price, yuan", "winner", "bids", "ext."):
        table.add_column(name, justify="right", overflow="fold")
    for result in results:
        table.add_row(
            Text(result.lot_id, "bold"),
            _OUTCOMES.get(result.outcome, result.outcome),
            Text(yuan(result.hammer_price_fen) if result.hammer_price_fen else "-", "bold"),
            Text(f"#{result.winner_paddle}" if result.winner_paddle else "-", "magenta"),
            f"{result.bids:,}",
            f"{result.extensions}",
        )
    return table


def result_line(result: Result) -> str:
    """How a lot ended, in one line."""
    if result.hammer_price_fen is None:
        return f"{result.lot_id}  {result.outcome}, {result.bids:,} bids"
    return (
        f"{result.lot_id}  {result.outcome} at {yuan(result.hammer_price_fen)} yuan to paddle {result.winner_paddle}, "
        f"{result.bids:,} bids, {result.extensions} extensions"
    )
