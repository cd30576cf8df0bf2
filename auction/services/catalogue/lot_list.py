"""Reads a list of lots, a CSV file, line by line: what each lot would be, or what is wrong in which column.

Reading touches nothing. docs/lot_list.md describes the columns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from auction.domain.currency import CNY, Currency
from auction.domain.errors import ProblemCode, RequestRefused, TermsInvalid
from auction.domain.lot import LASTS_MS_MAX
from auction.domain.money import is_amount
from auction.domain.terms_reader import merge_terms, read_new_terms
from auction.domain.text import TITLE, TextRefused
from auction.presets import load_preset, preset_names
from auction.services.catalogue.new_lots import NewLot
from auction.services.csv_text import DELIMITERS, NotCsv, decode_text, read_amount_fen, read_rows

LINES_MAX = 300
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "title": ("名称", "标题", "拍品名称"),
    "preset": ("规则模板", "模板"),
    "list_price": ("指导价", "厂商指导价"),
    "start_price": ("起拍价",),
    "step": ("加价幅度",),
    "reserve": ("保留价",),
    "cap": ("封顶价",),
    "review_above": ("核查价",),
    "deposit": ("保证金",),
    "opens_at": ("开拍时间",),
    "closes_at": ("结束时间",),
}
"""The columns, and what else their headings may be called; `title` must be there."""
_TIME_FORMATS = ("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S")
_ZONED_FORMATS = tuple(f"{one}%z" for one in _TIME_FORMATS)


class CellError(StrEnum):
    """What is wrong with a value; the pages have a text for each."""

    MISSING = "missing"
    TEXT = "text"
    AMOUNT = "amount"
    PRESET = "preset"
    TIME = "time"
    SKIPPED = "skipped"
    """A change of clocks skips this time."""
    DOUBLED = "doubled"
    """A change of clocks repeats this time: it needs an offset."""
    ALONE = "alone"
    """One of the two times without the other."""
    ORDER = "order"
    """The end is not after the opening, is over, or is more than a year ahead."""
    TERMS = "terms"
    """The terms contradict themselves; `contradictions` says how."""
    REPEATED = "repeated"
    """An earlier line has this title."""
    EXISTS = "exists"
    """The sale has a lot with this title."""


@dataclass(frozen=True, slots=True)
class WrongCell:
    """One thing that is wrong in a line: the column, the value, and the contradictions where they are terms."""

    column: str
    error: CellError
    value: str = ""
    contradictions: Sequence[Any] = ()


@dataclass(slots=True)
class ListedLot:
    """A line of the list: its number in the file from 1, the lot it stands for, and what is wrong with it."""

    line: int
    title: str
    lot: NewLot | None = None
    wrong: list[WrongCell] = field(default_factory=list)


def read_lot_list(
    raw: bytes, *, preset: str | None, zone: str, now_ms: int, currency: Currency = CNY
) -> list[ListedLot]:
    """The lots of a list; `preset` is for lines without one, `zone` (IANA) for times without an offset.

    Raises RequestRefused(lot-list-invalid) where it cannot be read at all, NotFound(preset-unknown).
    """
    if preset is not None:
        load_preset(preset)
    clocks = _zone(zone)
    places, rows = _table(raw)
    if len(rows) > LINES_MAX:
        raise _invalid("lines", f"A list may have at most {LINES_MAX} lots; this has {len(rows)}. Divide it.")
    found: list[ListedLot] = []
    seen: set[str] = set()
    for line, row in rows:
        values = {name: row[place] if place < len(row) else "" for name, place in places.items()}
        listed = _Line(line, values, preset, clocks, now_ms, currency).read()
        if listed.title in seen:
            listed.wrong.append(WrongCell("title", CellError.REPEATED, listed.title))
        seen.add(listed.title)
        found.append(listed)
    return found


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise _invalid("zone", f"There is no time zone {name[:64]!r}; give one such as Asia/Shanghai.") from None


def _table(raw: bytes) -> tuple[dict[str, int], list[tuple[int, list[str]]]]:
    """Column -> its place, and the rows below the headings."""
    try:
        text, _ = decode_text(raw)
    except UnicodeDecodeError:
        raise _invalid("encoding", "The list must be CSV text in UTF-8, GBK or GB18030.") from None
    unknown: list[str] = []
    for delimiter in DELIMITERS:
        try:
            rows = list(read_rows(text, delimiter))
        except NotCsv as error:
            raise _invalid("csv", str(error)) from None
        if not rows:
            raise _invalid("empty", "The list is empty.")
        places, unknown = _places(rows[0][1])
        if "title" in places:
            break
    else:
        raise _invalid("columns", "The first line must name the columns; there is none called title.")
    if unknown:
        allowed = ", ".join(COLUMNS)
        detail = f"Line 1 has a column {unknown[0][:60]!r} that is unknown or named twice; there are {allowed}."
        raise _invalid("columns", detail, unknown[0][:60])
    if len(rows) == 1:
        raise _invalid("empty", "The list has column headings, but no lots.")
    return places, rows[1:]


def _places(headings: Sequence[str]) -> tuple[dict[str, int], list[str]]:
    known = {other: name for name, others in COLUMNS.items() for other in (name, name.replace("_", " "), *others)}
    places: dict[str, int] = {}
    unknown = []
    for place, heading in enumerate(headings):
        name = known.get(heading.casefold().replace("-", "_"))
        if name is None or name in places:
            if heading:
                unknown.append(heading)
        else:
            places[name] = place
    return places, unknown


def _invalid(reason: str, detail: str, value: str = "") -> RequestRefused:
    return RequestRefused(ProblemCode.LOT_LIST_INVALID, detail, {"reason": reason, "value": value})


class _Line:
    """Reads one line."""

    def __init__(  # noqa: PLR0917 - a line and what it is read with
        self,
        line: int,
        values: Mapping[str, str],
        preset: str | None,
        clocks: ZoneInfo,
        now_ms: int,
        currency: Currency,
    ) -> None:
        self._currency = currency
        self._values = values
        self._preset = values.get("preset") or preset
        self._clocks = clocks
        self._now_ms = now_ms
        self._listed = ListedLot(line, values["title"][:200])

    def read(self) -> ListedLot:
        listed = self._listed
        try:
            listed.title = TITLE.accept(self._values["title"])
        except TextRefused:
            self._wrong("title", CellError.TEXT if self._values["title"] else CellError.MISSING)
        if self._preset is None:
            self._wrong("preset", CellError.MISSING)
        elif self._preset not in preset_names():
            self._wrong("preset", CellError.PRESET)
        amounts = {name: self._amount(name) for name in COLUMNS if name in _OF_AMOUNTS}
        times = self._times()
        if listed.wrong:
            return listed
        try:
            base = load_preset(self._preset, amounts["list_price"]) if self._preset else {}
            terms = read_new_terms(merge_terms(base, _terms_of(amounts)))
        except TermsInvalid as invalid:
            listed.wrong.append(WrongCell("terms", CellError.TERMS, "", tuple(invalid.contradictions)))
            return listed
        listed.lot = NewLot(listed.title, terms, amounts["list_price"], self._preset, times)
        return listed

    def _wrong(self, column: str, error: CellError) -> None:
        self._listed.wrong.append(WrongCell(column, error, self._values.get(column, "")[:100]))

    def _amount(self, column: str) -> int | None:
        text = self._values.get(column, "")
        if not text:
            return None
        fen = read_amount_fen(text, self._currency)
        if fen is None or not is_amount(fen):
            self._wrong(column, CellError.AMOUNT)
            return None
        return fen

    def _times(self) -> tuple[int, int] | None:
        given = {name: self._values.get(name, "") for name in ("opens_at", "closes_at")}
        if not any(given.values()):
            return None
        missing = [name for name, text in given.items() if not text]
        for name in missing:
            self._wrong(name, CellError.ALONE)
        moments = {name: self._moment(name, text) for name, text in given.items() if text}
        opens_at_ms, closes_at_ms = moments.get("opens_at"), moments.get("closes_at")
        if opens_at_ms is None or closes_at_ms is None:
            return None
        if not max(opens_at_ms, self._now_ms) < closes_at_ms <= self._now_ms + LASTS_MS_MAX:
            self._wrong("closes_at", CellError.ORDER)
            return None
        return opens_at_ms, closes_at_ms

    def _moment(self, column: str, text: str) -> int | None:
        plain = text.replace("/", "-")
        for form in _ZONED_FORMATS:
            if (exact := _parsed(plain, form)) is not None:
                return _ms(exact)
        local = next((found for form in _TIME_FORMATS if (found := _parsed(plain, form)) is not None), None)
        if local is None:
            self._wrong(column, CellError.TIME)
            return None
        first, second = (local.replace(tzinfo=self._clocks, fold=fold) for fold in (0, 1))
        if first.astimezone(UTC).astimezone(self._clocks).replace(tzinfo=None) != local:
            self._wrong(column, CellError.SKIPPED)
            return None
        if first.utcoffset() != second.utcoffset():
            self._wrong(column, CellError.DOUBLED)
            return None
        return _ms(first)


_OF_AMOUNTS = ("list_price", "start_price", "step", "reserve", "cap", "review_above", "deposit")


def _parsed(text: str, form: str) -> datetime | None:
    try:
        return datetime.strptime(text, form)  # noqa: DTZ007 - the caller says of which zone it is
    except ValueError:
        return None


def _ms(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _terms_of(amounts: Mapping[str, int | None]) -> dict[str, Any]:
    terms: dict[str, Any] = {
        term: amounts[column]
        for column, term in (
            ("start_price", "start_price_fen"),
            ("reserve", "reserve_fen"),
            ("cap", "cap_fen"),
            ("review_above", "review_above_fen"),
        )
        if amounts[column] is not None
    }
    if amounts["step"] is not None:
        terms["increments"] = [{"from_fen": 0, "step_fen": amounts["step"]}]
    if amounts["deposit"] is not None:
        terms["deposit"] = {"policy": "flat", "amount_fen": amounts["deposit"]}
    return terms
