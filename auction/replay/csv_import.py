"""Reads recorded auctions from CSV: every row is checked, by line, before anything is done with any of them.

Columns (others are ignored): auction_id, item, bid_day, bidder, max_bid_cents, start_price_cents, final_price_cents.
One row is one bid; cents stand where fen stand elsewhere. An auction's start price is that of its first row (sites
let sellers change it until the first bid, and some recordings show both).
"""

import csv
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from auction.domain.money import FEN_MAX

COLUMNS = (
    "auction_id",
    "item",
    "bid_day",
    "bidder",
    "max_bid_cents",
    "start_price_cents",
    "final_price_cents",
)
TEXT_LENGTH_MAX = 64


class RecordingInvalid(Exception):
    """A row, or the whole file, is not a recording; says which line and what was expected."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(f"line {line}: {what}")
        self.line = line


@dataclass(frozen=True, slots=True)
class RecordedBid:
    """One recorded bid: when (days from the opening), whose, and the maximum they entered, in cents."""

    line: int
    day: float
    bidder: str
    amount_cents: int


@dataclass(frozen=True, slots=True)
class RecordedAuction:
    """One recorded auction with its bids in time order; prices in cents."""

    auction_id: str
    item: str
    start_cents: int
    final_cents: int
    bids: tuple[RecordedBid, ...]


def read_recording(lines: Iterable[str]) -> list[RecordedAuction]:
    """The auctions of a recording, in the order of their first rows. Raises RecordingInvalid."""
    reader = csv.DictReader(lines, strict=True)
    try:
        return _read(reader)
    except csv.Error as error:
        raise RecordingInvalid(reader.line_num, f"not CSV: {error}") from error


def _read(reader: "csv.DictReader[str]") -> list[RecordedAuction]:
    missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        raise RecordingInvalid(1, f"the header must name {', '.join(COLUMNS)}; missing: {', '.join(missing)}")
    facts: dict[str, tuple[str, int, int]] = {}
    bids: dict[str, list[RecordedBid]] = {}
    for row in reader:
        line = reader.line_num
        if None in row or None in row.values():
            raise RecordingInvalid(line, f"must have as many fields as the header, {len(reader.fieldnames or ())}")
        auction_id = _text(row, "auction_id", line)
        start = _cents(row, "start_price_cents", line)
        final = _cents(row, "final_price_cents", line)
        first = facts.setdefault(auction_id, (row["item"], start, final))
        if first[2] != final:
            raise RecordingInvalid(line, f"auction {auction_id} has the final price {final} here, {first[2]} before")
        bids.setdefault(auction_id, []).append(
            RecordedBid(line, _day(row, line), _text(row, "bidder", line), _cents(row, "max_bid_cents", line))
        )
    if not facts:
        raise RecordingInvalid(2, "the recording has no bids")
    return [
        RecordedAuction(auction_id, *facts[auction_id], tuple(sorted(found, key=lambda bid: bid.day)))
        for auction_id, found in bids.items()
    ]


def _text(row: Mapping[str, str], column: str, line: int) -> str:
    value = row[column].strip()
    if not 1 <= len(value) <= TEXT_LENGTH_MAX or not value.isprintable():
        raise RecordingInvalid(
            line, f"{column} must be 1 to {TEXT_LENGTH_MAX} printable characters, got {value[:80]!r}"
        )
    return value


def _cents(row: Mapping[str, str], column: str, line: int) -> int:
    value = row[column].strip()
    if not (value.isascii() and value.isdigit()) or len(value) > 20 or not 1 <= int(value) <= FEN_MAX:
        raise RecordingInvalid(
            line, f"{column} must be a whole number of cents from 1 to {FEN_MAX}, got {value[:80]!r}"
        )
    return int(value)


def _day(row: Mapping[str, str], line: int) -> float:
    try:
        day = float(row["bid_day"])
    except ValueError:
        day = math.nan
    if not (math.isfinite(day) and day >= 0):
        raise RecordingInvalid(line, f"bid_day must be a number of days from the opening, got {row['bid_day'][:80]!r}")
    return day
