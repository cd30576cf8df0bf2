"""Reads a bank's CSV statement into receipts: any usual encoding and delimiter, titles before the headings, totals.

What is wrong in a line is said of that line, with its number in the file; the other lines count all the same. Reading
touches nothing.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from auction.books.bank_receipts import ReceiptFacts
from auction.domain.currency import CNY, Currency
from auction.domain.errors import ProblemCode, RequestRefused
from auction.domain.money import is_amount
from auction.domain.text import ACCOUNT_NUMBER, NAME, REMITTANCE, is_visible_ascii
from auction.services.bank.statement_columns import REQUIRED, StatementColumns, normal_heading
from auction.services.csv_text import DELIMITERS, NotCsv, decode_text, read_amount_fen, read_rows

LINES_MAX = 1_000
"""Transfers that came in, of one statement."""
HEADING_LINES_MAX = 30
"""So many lines are looked at for the headings."""
REFERENCE_LENGTH_MAX = 64
_DATE = re.compile(
    r"([0-9]{4})[-/.年]?([0-9]{1,2})[-/.月]?([0-9]{1,2})日?(?![0-9])|([0-9]{4})([0-9]{2})([0-9]{2})[0-9]{6}"
)
_TOTALS = ("合计", "总计", "小计", "本页", "total")


class LineError(StrEnum):
    """What is wrong with a line; the pages have a text for each."""

    AMOUNT = "amount"
    DATE = "date"
    REFERENCE = "reference"
    PAYER = "payer"
    REPEATED = "repeated"
    """The same bank reference stands in an earlier line."""


@dataclass(frozen=True, slots=True)
class StatementLine:
    """A line about a transfer that came in: its facts, or what is wrong with which value."""

    number: int
    """In the file, from 1."""
    facts: ReceiptFacts | None
    error: LineError | None = None
    value: str = ""
    """The value that is wrong."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement as it was read."""

    lines: Sequence[StatementLine]
    outgoing: int
    """Lines about money that went out, which are left alone."""
    encoding: str


def read_statement(raw: bytes, columns: StatementColumns, currency: Currency = CNY) -> Statement:
    """The transfers of a statement that came in. Raises RequestRefused(statement-invalid) where it cannot be read.

    `currency` is that of its amounts: of the yen, which has no decimals, whole yen are read.
    """
    text, encoding = decoded(raw)
    for delimiter in DELIMITERS:
        try:
            rows = list(read_rows(text, delimiter))
        except NotCsv as error:
            raise invalid(f"The statement: {error}", "csv") from None
        for place, (_, row) in enumerate(rows[:HEADING_LINES_MAX]):
            found = _places(row, columns)
            if all(found[field] for field in REQUIRED):
                lines, outgoing = _lines(rows[place + 1 :], found, currency)
                return Statement(lines, outgoing, encoding)
    wanted = "; ".join(f"{field}: {' or '.join(getattr(columns, field)) or 'no column named'}" for field in REQUIRED)
    raise invalid(f"No line among the first {HEADING_LINES_MAX} has a column for each of these: {wanted}.", "columns")


def decoded(raw: bytes) -> tuple[str, str]:
    """A statement as text, and its encoding. Raises RequestRefused(statement-invalid)."""
    try:
        return decode_text(raw)
    except UnicodeDecodeError:
        detail = "The statement must be CSV or MT940 text in UTF-8, GBK or GB18030."
        raise invalid(detail, "encoding") from None


def invalid(detail: str, reason: str) -> RequestRefused:
    """That a statement cannot be read, and why."""
    return RequestRefused(ProblemCode.STATEMENT_INVALID, detail, {"reason": reason})


def _places(row: Sequence[str], columns: StatementColumns) -> dict[str, list[int]]:
    """Field -> the places of its columns in a row of headings."""
    headings = [normal_heading(cell) for cell in row]
    found = {}
    for field, names in columns.as_mapping().items():
        wanted = [normal_heading(name) for name in names]
        places = [headings.index(name) for name in wanted if name in headings]
        found[field] = places if field == "remittance" else places[:1]
    return found


@dataclass(frozen=True, slots=True)
class RawLine:
    """A line about money that came in, as the file has it: text by field, and the amount in fen; None: it is none."""

    number: int
    values: Mapping[str, str]
    amount_fen: int | None


def _lines(
    rows: Sequence[tuple[int, list[str]]], places: dict[str, list[int]], currency: Currency
) -> tuple[list[StatementLine], int]:
    raw_lines: list[RawLine] = []
    outgoing = 0
    for number, row in rows:
        if row[0].casefold().startswith(_TOTALS):
            continue
        values = {
            field: " ".join(dict.fromkeys(row[place] for place in some if place < len(row) and row[place]))
            for field, some in places.items()
        }
        amount_fen = read_amount_fen(values["amount"], currency)
        if amount_fen is not None and amount_fen <= 0:
            outgoing += 1
            continue
        raw_lines.append(RawLine(number, values, amount_fen))
    return checked_lines(raw_lines), outgoing


def checked_lines(raw_lines: Iterable[RawLine]) -> list[StatementLine]:
    """The lines with their facts, or what is wrong with them. Raises RequestRefused(statement-invalid): too many."""
    lines: list[StatementLine] = []
    seen: set[str] = set()
    for raw in raw_lines:
        line = _line(raw.number, raw.values, raw.amount_fen)
        reference = "" if line.facts is None else line.facts.bank_reference
        if reference in seen:
            line = StatementLine(raw.number, None, LineError.REPEATED, reference)
        elif reference:
            seen.add(reference)
        lines.append(line)
        if len(lines) > LINES_MAX:
            raise invalid(f"A statement may have at most {LINES_MAX:,} lines that came in; divide it.", "lines")
    return lines


def _line(number: int, values: Mapping[str, str], amount_fen: int | None) -> StatementLine:
    if amount_fen is None or not is_amount(amount_fen):
        return StatementLine(number, None, LineError.AMOUNT, values["amount"][:100])
    value_date = _value_date(values["value_date"])
    if value_date is None:
        return StatementLine(number, None, LineError.DATE, values["value_date"][:100])
    reference = re.sub(r"\s", "", unicodedata.normalize("NFKC", values["bank_reference"]))
    if not is_visible_ascii(reference, 1, REFERENCE_LENGTH_MAX):
        return StatementLine(number, None, LineError.REFERENCE, values["bank_reference"][:100])
    payer = NAME.sanitise(values["payer_name"], "")
    if not payer:
        return StatementLine(number, None, LineError.PAYER, values["payer_name"][:100])
    return StatementLine(
        number,
        ReceiptFacts(
            bank_reference=reference,
            amount_fen=amount_fen,
            value_date=value_date,
            payer_name=payer,
            payer_account=ACCOUNT_NUMBER.sanitise(values["payer_account"], ""),
            remittance=REMITTANCE.sanitise(values["remittance"], ""),
        ),
    )


def _value_date(value: str) -> str | None:
    """A day as YYYY-MM-DD, a time after it left out; None where it is none."""
    match = _DATE.match(unicodedata.normalize("NFKC", value))
    if match is None:
        return None
    year, month, day = (int(one) for one in match.groups() if one is not None)
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return None
