"""Reads recorded auctions from CSV; every row is checked before any auction is replayed.

Columns (others are ignored): auction_id, item, bid_day, bidder, max_bid_cents, start_price_cents, final_price_cents.
One row is one bid; cents are used as fen are elsewhere. The start price of an auction is that of its first row (sites
let sellers change it until the first bid, and some recordings show both).
"""

import csv
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from auction.domain.money import FEN_MAX
from auction.domain.text import TextRefused, TextRule

COLUMNS = (
    "auction_id",
    "item",
    "bid_day",
    "bidder",
    "max_bid_cents",
    "start_price_cents",
    "final_price_cents",
)
ID = TextRule(1, 64)
"""The rule for auction ids and bidders."""
ITEM = TextRule(0, 100)
"""Becomes the lot's title, with the auction's id after it."""
_SHOWN_CHARACTERS_MAX = 80


class RecordingInvalid(Exception):
    """A file is not a recording; the text names the line, what is wrong there, and what is allowed."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(f"line {line}: {what}")
        self.line = line


@dataclass(frozen=True, slots=True)
class RecordedBid:
    """One recorded bid: when it was made (days since the opening), by whom, and the maximum entered, in cents."""

    line: int
    day: float
    bidder: str
    amount_cents: int


@dataclass(frozen=True, slots=True)
class RecordedAuction:
    """One recorded auction with its bids in order of time; prices in cents."""

    auction_id: str
    item: str
    start_cents: int
    final_cents: int
    bids: tuple[RecordedBid, ...]


def read_file(file: Path) -> list[RecordedAuction]:
    """The auctions of a recording in UTF-8, in the order of their first rows. Raises RecordingInvalid, OSError."""
    # bytes that are not UTF-8 become lone surrogates, so that their line can be named
    with file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as lines:
        return read_recording(lines)


def read_recording(lines: Iterable[str]) -> list[RecordedAuction]:
    """The auctions of a recording, in the order of their first rows. Raises RecordingInvalid."""
    text_lines = _TextLines(lines)
    try:
        return _read(csv.DictReader(text_lines, strict=True))
    except csv.Error as error:
        raise RecordingInvalid(text_lines.number, f"this is not CSV ({error})") from error


class _TextLines:
    """Gives the lines one by one; raises RecordingInvalid at the first that is not text."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self.number = 0
        """Of the last line given."""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.number += 1
        for character in line:
            if "\udc80" <= character <= "\udcff":
                byte = ord(character) - 0xDC00
                raise RecordingInvalid(
                    self.number, f"the byte 0x{byte:02x} is not valid UTF-8: the file must be saved as UTF-8 text"
                )
        if "\0" in line:
            raise RecordingInvalid(self.number, "a NUL character (U+0000) is not allowed: the file must be text")
        return line


def _read(reader: "csv.DictReader[str]") -> list[RecordedAuction]:
    missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        raise RecordingInvalid(1, f"the header must name {', '.join(COLUMNS)}; missing: {', '.join(missing)}")
    facts: dict[str, tuple[str, int, int]] = {}
    bids: dict[str, list[RecordedBid]] = {}
    for row in reader:
        line = reader.line_num
        if None in row or None in row.values():
            raise RecordingInvalid(
                line, f"a row must have as many fields as the header, {len(reader.fieldnames or ())}"
            )
        auction_id = _text(row, "auction_id", ID, line)
        start = _cents(row, "start_price_cents", line)
        final = _cents(row, "final_price_cents", line)
        item = _text(row, "item", ITEM, line)
        first = facts.setdefault(auction_id, (item, start, final))
        if first[2] != final:
            raise RecordingInvalid(
                line,
                f"auction {auction_id} has the final price {final} here and {first[2]} before: it must be the same in "
                "all rows of an auction",
            )
        bids.setdefault(auction_id, []).append(
            RecordedBid(line, _day(row, line), _text(row, "bidder", ID, line), _cents(row, "max_bid_cents", line))
        )
    if not facts:
        raise RecordingInvalid(2, "there are no bids: a recording has a row for each bid below the header")
    return [
        RecordedAuction(auction_id, *facts[auction_id], tuple(sorted(found, key=lambda bid: bid.day)))
        for auction_id, found in bids.items()
    ]


def _text(row: Mapping[str, str], column: str, rule: TextRule, line: int) -> str:
    value = row[column].strip()
    try:
        return rule.accept(value)
    except TextRefused as refused:
        raise RecordingInvalid(line, f"{column} {refused}, got {_shown(value)}") from None


def _cents(row: Mapping[str, str], column: str, line: int) -> int:
    value = row[column].strip()
    if not (value.isascii() and value.isdigit()) or len(value) > 20 or not 1 <= int(value) <= FEN_MAX:
        raise RecordingInvalid(
            line, f"{column} must be a whole number of cents from 1 to {FEN_MAX}, got {_shown(value)}"
        )
    return int(value)


def _day(row: Mapping[str, str], line: int) -> float:
    try:
        day = float(row["bid_day"])
    except ValueError:
        day = math.nan
    if not (math.isfinite(day) and day >= 0):
        raise RecordingInvalid(
            line, f"bid_day must be a number of days since the opening, 0 or more, got {_shown(row['bid_day'])}"
        )
    return day


def _shown(value: str) -> str:
    """A wrong value, quoted and not too long."""
    return repr(value if len(value) <= _SHOWN_CHARACTERS_MAX else f"{value[:_SHOWN_CHARACTERS_MAX]}...")
