"""Which texts are accepted as names, titles, reasons and ids: one rule, over HTTP and on the command line alike.

An accepted text is in Unicode's normalisation form C and holds only characters that print: no control character, line
break or tab, no space but the ordinary one (U+0020), no bidirectional control, no zero-width character or joiner,
nothing unassigned or for private use. That is PRECIS' free-form class (RFC 8264) without its other spaces. Whatever
else goes with a text (a receipt, a token, a line of a log, a cell of a spreadsheet) can rely on it.
"""

import contextlib
import re
import unicodedata
from dataclasses import dataclass

_IGNORABLE_RANGES = (
    # ignorable by default, thus without a glyph of their own, though Python counts them as printable
    (0x034F, 0x034F),  # combining grapheme joiner
    (0x115F, 0x1160),  # Hangul fillers
    (0x17B4, 0x17B5),  # Khmer inherent vowels
    (0x180B, 0x180F),  # Mongolian variation selectors
    (0x3164, 0x3164),  # Hangul filler
    (0xFE00, 0xFE0F),  # variation selectors
    (0xFFA0, 0xFFA0),  # half-width Hangul filler
    (0xE0100, 0xE01EF),  # variation selectors of ideographs
)
_IGNORABLE = frozenset(chr(code) for first, last in _IGNORABLE_RANGES for code in range(first, last + 1))
_COMPOSED_OF_MAX = 4
"""The most characters that form C composes into one."""

ID_LENGTH_MAX = 64
SALE_ID_LENGTH_MAX = 48
"""Leaves room for a lot's number behind it."""
ID_PATTERN = "^[a-z0-9]+(-[a-z0-9]+)*$"
_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


class TextRefused(ValueError):
    """A text against the rule. Its sentence goes on after the text's name: "must have at most 100 characters"."""


@dataclass(frozen=True, slots=True)
class TextRule:
    """How long a text is, in characters (code points) after normalisation. Which characters, is the same for all."""

    length_min: int
    length_max: int

    def accept(self, text: str) -> str:
        """The text in form C. Raises TextRefused with the first thing that is wrong."""
        # far too long: not worth normalising, which takes time that grows faster than the text
        if len(text) > self.length_max * _COMPOSED_OF_MAX:
            raise self._too_long()
        text = unicodedata.normalize("NFC", text)
        for character in text:
            if not _is_visible(character) and character != " ":
                raise TextRefused(
                    f"must not contain {_described(character)}: only visible characters and the ordinary space are "
                    "allowed"
                )
        if len(text) < self.length_min:
            raise TextRefused(f"must have at least {_characters(self.length_min)}")
        if text and not text.strip():
            raise TextRefused("must hold more than blanks")
        if len(text) > self.length_max:
            raise self._too_long()
        return text

    def sanitise(self, text: str, fallback: str) -> str:
        """An accepted text as near to a stored one as can be: blanks of any kind become ordinary spaces, what does not
        print is left out, what is too long is cut. Where too little is left, the fallback, which must be accepted.
        """
        with contextlib.suppress(TextRefused):
            return self.accept(text)
        spaced = "".join(" " if character.isspace() else character for character in text)
        visible = "".join(character for character in spaced if character == " " or _is_visible(character))
        kept = unicodedata.normalize("NFC", visible).strip()[: self.length_max].strip()
        return kept if len(kept) >= self.length_min else fallback

    def _too_long(self) -> TextRefused:
        return TextRefused(f"must have at most {_characters(self.length_max)}")


NAME = TextRule(1, 100)
TITLE = TextRule(1, 200)
REASON = TextRule(3, 500)
USERNAME = TextRule(1, 64)
ID_REFERENCE = TextRule(1, ID_LENGTH_MAX)
"""An id that is looked up: what nothing can be called is refused, what nothing is called is not found."""
VERIFIED_IDENTITY = TextRule(1, 200)
DELIVERY_CENTRE = TextRule(1, 100)
ACCOUNT_NUMBER = TextRule(0, 40)
REMITTANCE = TextRule(0, 500)
SIGN_IN_CODE = TextRule(0, 40)
SEARCH = TextRule(0, 100)
"""What is looked for."""


def is_id(text: str) -> bool:
    """True for a well-formed sale or lot id: lower-case letters, digits and single hyphens, at most 64."""
    return len(text) <= ID_LENGTH_MAX and _ID.fullmatch(text) is not None


def is_sale_id(text: str) -> bool:
    """True for an id that a new sale may have: well formed, and its lots' ids will be too."""
    return len(text) <= SALE_ID_LENGTH_MAX and is_id(text)


def is_visible_ascii(text: str, length_min: int, length_max: int) -> bool:
    """True for so many characters from ! to ~: no space, no control, nothing beyond ASCII."""
    return length_min <= len(text) <= length_max and text.isascii() and text.isprintable() and " " not in text


def _is_visible(character: str) -> bool:
    return character.isprintable() and character != " " and character not in _IGNORABLE


def _described(character: str) -> str:
    name = unicodedata.name(character, "")
    return f"U+{ord(character):04X}" + (f" ({name})" if name else "")


def _characters(count: int) -> str:
    return "1 character" if count == 1 else f"{count} characters"
