"""The reference that a winner writes on a bank transfer, so that it is matched to the award it pays.

It is a structured creditor reference (ISO 11649): `RF`, two check digits, and the award's number in eight digits, such
as `RF78 0000 0123`. The check digits are ISO 7064 mod 97-10: one wrong character, or two that are exchanged, never make
another valid reference. It is recognised inside a remittance text however a bank or a person has spaced it.
"""

import re
import unicodedata
from dataclasses import dataclass

NUMBER_MAX = 99_999_999
_LETTERS = "271500"
"""The letters RF as numbers, and the place of the check digits."""
_IN_TEXT = re.compile(r"RF((?:[\W_]{0,2}[0-9]){10})(?![0-9])")


@dataclass(frozen=True, slots=True)
class BankAccount:
    """The house's account that winners transfer to; shown to them as it is written here."""

    holder: str
    number: str
    bank: str


def reference_of(number: int) -> str:
    """The reference of an award by its number, without spaces. ValueError where the number is out of range."""
    if not 1 <= number <= NUMBER_MAX:
        raise ValueError(f"an award's number is from 1 to {NUMBER_MAX}, got {number}")
    check = 98 - int(f"{number:08d}{_LETTERS}") % 97
    return f"RF{check:02d}{number:08d}"


def grouped(reference: str) -> str:
    """A reference in groups of four, as people read it."""
    return " ".join(reference[start : start + 4] for start in range(0, len(reference), 4))


def numbers_in(text: str) -> list[int]:
    """The numbers of the awards whose valid references are in a text, each once, in their order."""
    plain = unicodedata.normalize("NFKC", text).upper()
    found = []
    for match in _IN_TEXT.finditer(plain):
        digits = re.sub(r"[^0-9]", "", match[1])
        number = int(digits[2:])
        if number and reference_of(number) == f"RF{digits}" and number not in found:
            found.append(number)
    return found
