"""Reads a bank's MT940 statement (SWIFT's customer statement message) into receipts.

Nothing has to be mapped, as its fields have fixed places: `:61:` is a line (value date, credit or debit, amount, the
bank's reference after `//`), `:86:` says who paid and what for, in numbered parts (`?20`, `?32`), in parts with names
(`/NAME/`, `/REMI/`) or as text. What is wrong in a line is said of that line. Reading touches nothing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from auction.domain.currency import Currency
from auction.services.bank.statement_reader import (
    RawLine,
    Statement,
    StatementLine,
    checked_lines,
    decoded,
    invalid,
)
from auction.services.csv_text import minor_units

_STARTS = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*(?:\{1:|:20:)")
_TAG = re.compile(r":([0-9]{2}[A-Z]?):(.*)", re.DOTALL)
_ENTRY = re.compile(
    r"(?P<date>[0-9]{6})(?:[0-9]{4})?(?P<mark>R?[CD])[A-Z]?(?P<amount>[0-9]{1,15},[0-9]{0,3})"
    r"[NFS][A-Z0-9]{3}(?P<own>[^\n]*?)(?://(?P<bank>[^\n]*))?(?:\n.*)?",
    re.DOTALL,
)
_BALANCE = re.compile(r"[CD][0-9]{6}([A-Z]{3})[0-9,]+")
_NUMBERED = re.compile(r"\?([0-9]{2})")
_NAMED = re.compile(r"/(NAME|ORDP|BENM|REMI|IBAN|ACCW|EREF|CNTP|PREF|TRCD|ISDT|SVCL|ID|BIC)/")
_NO_REFERENCE = ("NONREF", "")
_CREDITS = ("C", "RD")
"""Money that came in: a credit, or a debit that was reversed."""
_OPENING, _LINE, _DETAILS = ("60F", "60M"), "61", "86"


def is_mt940(raw: bytes) -> bool:
    """Whether a file is such a statement, and not CSV."""
    return _STARTS.match(raw[:200]) is not None


def read_mt940(raw: bytes, currency: Currency) -> Statement:
    """The transfers of a statement that came in. Raises RequestRefused(statement-invalid) where it cannot be read.

    Also where it is in another currency than the house's.
    """
    text, encoding = decoded(raw)
    entries: list[_Entry] = []
    for number, tag, value in _fields(text):
        if tag in _OPENING:
            _check_currency(value, currency, number)
        elif tag == _LINE:
            entries.append(_Entry(number, value))
        elif tag == _DETAILS and entries and not entries[-1].is_over:
            entries[-1].details = value
        elif entries:
            # what follows a balance is about the statement
            entries[-1].is_over = True
    if not entries and ":62" not in text:
        raise invalid("The statement has neither lines (:61:) nor a closing balance (:62F:).", "mt940")
    outgoing = 0
    raw_lines = []
    for entry in entries:
        line = _raw_line(entry, currency)
        if line is None:
            outgoing += 1
        else:
            raw_lines.append(line)
    lines: list[StatementLine] = checked_lines(raw_lines)
    return Statement(lines, outgoing, encoding)


@dataclass
class _Entry:
    number: int
    """Its line in the file, from 1."""
    text: str
    details: str = ""
    is_over: bool = field(default=False)


def _fields(text: str) -> Iterator[tuple[int, str, str]]:
    """Each field with the number of its first line: (line, tag, value); values go on until the next tag."""
    current: tuple[int, str, list[str]] | None = None
    for number, line in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), start=1):
        found = _TAG.match(line)
        if found is not None:
            if current is not None:
                yield current[0], current[1], "\n".join(current[2])
            current = (number, found[1], [found[2]])
        elif line.startswith(("-", "{")) and line.strip("-") in {"", "}"}:
            # the end of a message
            continue
        elif current is not None and not line.startswith("{"):
            current[2].append(line)
    if current is not None:
        yield current[0], current[1], "\n".join(current[2])


def _check_currency(balance: str, currency: Currency, number: int) -> None:
    found = _BALANCE.match(balance)
    if found is None:
        raise invalid(f"Line {number} is no balance of MT940.", "mt940")
    if found[1] != currency.code:
        raise invalid(f"The statement is in {found[1]}; this house's accounts are in {currency.code}.", "currency")


def _raw_line(entry: _Entry, currency: Currency) -> RawLine | None:
    """What a line says; None: money that went out."""
    found = _ENTRY.fullmatch(entry.text.rstrip("\n"))
    if found is None:
        return RawLine(entry.number, {"amount": entry.text.partition("\n")[0]}, None)
    if found["mark"] not in _CREDITS:
        return None
    bank, own = (found["bank"] or "").strip(), found["own"].strip()
    details = _details(entry.details)
    values = {
        "amount": found["amount"],
        "value_date": _day(found["date"]),
        "bank_reference": next((one for one in (bank, own) if one not in _NO_REFERENCE), ""),
        **details,
    }
    whole, _, part = found["amount"].partition(",")
    return RawLine(entry.number, values, minor_units(whole, part, currency))


def _day(digits: str) -> str:
    """A day YYMMDD as YYYY-MM-DD; where there is no such day, what was written."""
    try:
        return date(2000 + int(digits[:2]), int(digits[2:4]), int(digits[4:])).isoformat()
    except ValueError:
        return f"YYMMDD {digits}"


def _details(text: str) -> dict[str, str]:
    """Who paid, from which account, and what for."""
    joined = text.replace("\n", "")
    numbered = _parts(joined, _NUMBERED)
    if numbered:
        return {
            "payer_name": _together(numbered, ("32", "33"), " "),
            "payer_account": numbered.get("31", ""),
            "remittance": _together(numbered, tuple(f"{part:02d}" for part in (*range(20, 30), *range(60, 64))), " "),
        }
    named = _parts(joined, _NAMED)
    if named:
        counterparty = [one.strip() for one in named.get("CNTP", "").split("/")]
        name = named.get("NAME") or named.get("ORDP") or (counterparty[2] if len(counterparty) > 2 else "")
        return {
            "payer_name": name.strip("/ "),
            "payer_account": (named.get("IBAN") or counterparty[0]).strip("/ "),
            "remittance": named.get("REMI", "").strip("/ "),
        }
    # free text: its first line is who paid, as far as anybody can say
    first, _, rest = text.partition("\n")
    return {"payer_name": first.strip(), "payer_account": "", "remittance": rest.replace("\n", " ").strip()}


def _parts(text: str, marks: re.Pattern[str]) -> dict[str, str]:
    """Mark -> what follows it until the next one; of equal marks all, in order."""
    found: dict[str, str] = {}
    places = list(marks.finditer(text))
    ends = [*(place.start() for place in places[1:]), len(text)]
    for place, end in zip(places, ends, strict=False):
        value = text[place.end() : end].strip()
        found[place[1]] = f"{found[place[1]]} {value}" if place[1] in found else value
    return found


def _together(parts: dict[str, str], names: tuple[str, ...], between: str) -> str:
    return between.join(parts[name] for name in names if parts.get(name))
