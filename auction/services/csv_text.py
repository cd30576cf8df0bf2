"""Reads CSV as offices send it: any usual encoding and delimiter, cells as spreadsheets write them, amounts in yuan."""

import csv
import re
import unicodedata
from collections.abc import Iterator
from io import StringIO

from auction.domain.currency import CNY, Currency

ENCODINGS = ("utf-8-sig", "gb18030")
"""Tried in this order; GB18030 reads GBK and GB2312 too."""
DELIMITERS = (",", "\t", ";")
_AMOUNT = re.compile(r"[+-]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]{1,2})?")


class NotCsv(ValueError):
    """A text that is no CSV from some line on; the sentence names the line."""


def decode_text(raw: bytes) -> tuple[str, str]:
    """The text and its encoding. Raises UnicodeDecodeError where it is in none of the usual ones."""
    encodings = ("utf-16",) if raw[:2] in {b"\xff\xfe", b"\xfe\xff"} else ENCODINGS
    for encoding in encodings[:-1]:
        try:
            return raw.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    return raw.decode(encodings[-1]), encodings[-1]


def read_rows(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Rows that hold anything, each with the number of its first line. Raises NotCsv."""
    reader = csv.reader(StringIO(text.replace("\x00", ""), newline=""), delimiter=delimiter)
    first = 1
    try:
        for row in reader:
            cells = [_cell(one) for one in row]
            if any(cells):
                yield first, cells
            first = reader.line_num + 1
    except csv.Error as error:
        raise NotCsv(f"Line {first} is not CSV: {error}.") from None


def read_amount_fen(value: str, currency: Currency = CNY) -> int | None:
    """An amount in minor units of the currency, an empty one as 0; None where it is none."""
    plain = unicodedata.normalize("NFKC", value).replace(" ", "").removeprefix("¥").removesuffix("元")
    if plain in {"", "-", "--"}:
        return 0
    if not _AMOUNT.fullmatch(plain):
        return None
    whole, _, part = plain.lstrip("+-").replace(",", "").partition(".")
    fen = minor_units(whole[:20], part, currency)
    return -fen if fen is not None and plain.startswith("-") else fen


def minor_units(whole: str, part: str, currency: Currency) -> int | None:
    """The digits before and after the decimal sign as minor units; None where the currency has fewer decimals."""
    digits = part.rstrip("0")
    return None if len(digits) > currency.exponent else int(whole + digits.ljust(currency.exponent, "0"))


def _cell(value: str) -> str:
    """A value without what makes a spreadsheet take it as text."""
    value = value.strip().strip("\ufeff")
    if value.startswith('="') and value.endswith('"'):
        value = value[2:-1]
    return value.lstrip("'`").strip()
