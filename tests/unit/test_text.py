import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from api.schemas.text import VISIBLE_PATTERN
from auction.domain.text import ID_PATTERN, NAME, TextRefused, TextRule, is_id, is_sale_id, is_visible_ascii

# what no text may hold, with what the refusal calls it; the tests of the API send each of them into every field
UNACCEPTABLE = {
    "\0": "U+0000",
    "\t": "U+0009",
    "\n": "U+000A",
    "\r": "U+000D",
    "\x1b": "U+001B",
    "\x7f": "U+007F",
    "\x85": "U+0085",
    "\xa0": "U+00A0 (NO-BREAK SPACE)",
    "\xad": "U+00AD (SOFT HYPHEN)",
    "\u034f": "U+034F (COMBINING GRAPHEME JOINER)",
    "\u061c": "U+061C (ARABIC LETTER MARK)",
    "\u115f": "U+115F (HANGUL CHOSEONG FILLER)",
    "\u1680": "U+1680 (OGHAM SPACE MARK)",
    "\u180e": "U+180E (MONGOLIAN VOWEL SEPARATOR)",
    "\u2003": "U+2003 (EM SPACE)",
    "\u200b": "U+200B (ZERO WIDTH SPACE)",
    "\u200c": "U+200C (ZERO WIDTH NON-JOINER)",
    "\u200d": "U+200D (ZERO WIDTH JOINER)",
    "\u200e": "U+200E (LEFT-TO-RIGHT MARK)",
    "\u200f": "U+200F (RIGHT-TO-LEFT MARK)",
    "\u2028": "U+2028 (LINE SEPARATOR)",
    "\u202a": "U+202A (LEFT-TO-RIGHT EMBEDDING)",
    "\u202e": "U+202E (RIGHT-TO-LEFT OVERRIDE)",
    "\u2060": "U+2060 (WORD JOINER)",
    "\u2066": "U+2066 (LEFT-TO-RIGHT ISOLATE)",
    "\u2069": "U+2069 (POP DIRECTIONAL ISOLATE)",
    "\u3000": "U+3000 (IDEOGRAPHIC SPACE)",
    "\u3164": "U+3164 (HANGUL FILLER)",
    "\ue000": "U+E000",
    "\ufe0f": "U+FE0F (VARIATION SELECTOR-16)",
    "\ufeff": "U+FEFF (ZERO WIDTH NO-BREAK SPACE)",
    "\uffff": "U+FFFF",
    "\U000e0041": "U+E0041 (TAG LATIN CAPITAL LETTER A)",
    "\U000e0100": "U+E0100 (VARIATION SELECTOR-17)",
    "\U0010ffff": "U+10FFFF",
}
ANY_TEXT = st.text(st.characters(codec=None), max_size=130)


@pytest.mark.parametrize(
    "text", ["Ann", "王小明", "Ann 安娜-O'Neil, Jr. (2)", "مريم", "🍎 №1", "x" * 100, "𠮷" * 100, " a "]
)
def test_what_people_are_called_is_accepted_as_it_is(text):
    assert NAME.accept(text) == text


@pytest.mark.parametrize("character", [*UNACCEPTABLE, "\ud800"], ids=lambda character: f"{ord(character):04x}")
def test_a_character_that_does_not_show_is_refused_wherever_it_stands_and_named(character):
    for text in (f"a{character}b", f"{character}ab", f"ab{character}"):
        with pytest.raises(TextRefused) as refused:
            NAME.accept(text)
        named = UNACCEPTABLE.get(character, "U+D800")
        assert str(refused.value).startswith(f"must not contain {named}: only visible characters")


def test_a_name_is_the_same_whichever_way_its_accents_were_typed():
    assert NAME.accept("Rene\u0301") == "Ren\xe9"
    assert NAME.accept("e\u0301" * 100) == "\xe9" * 100


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("", "must have at least 3 characters"),
        ("ab", "must have at least 3 characters"),
        ("e\u0301e", "must have at least 3 characters"),
        ("   ", "must hold more than blanks"),
        ("abcdef", "must have at most 5 characters"),
        ("a" * 100_000, "must have at most 5 characters"),
        # this letter is two characters in form C
        ("\u0958\u0958\u0958", "must have at most 5 characters"),
    ],
)
def test_a_text_has_as_many_characters_as_its_rule_says(text, sentence):
    with pytest.raises(TextRefused) as refused:
        TextRule(3, 5).accept(text)

    assert str(refused.value) == sentence


def test_one_character_is_told_as_one():
    with pytest.raises(TextRefused, match=r"at least 1 character$"):
        NAME.accept("")


@given(ANY_TEXT)
def test_what_is_accepted_prints_and_is_accepted_again_unchanged(text):
    try:
        accepted = NAME.accept(text)
    except TextRefused:
        return
    assert accepted.isprintable()
    assert unicodedata.is_normalized("NFC", accepted)
    assert unicodedata.normalize("NFC", text) == accepted
    assert NAME.accept(accepted) == accepted
    assert NAME.sanitise(accepted, "nobody") == accepted.strip()
    assert re.fullmatch(VISIBLE_PATTERN, accepted)


@given(ANY_TEXT)
@example("\u202e")
@example("a" * 99 + " b")
@example("\xa0\u3000\t")
def test_a_sanitised_text_is_always_accepted(text):
    sanitised = NAME.sanitise(text, "nobody")

    assert NAME.accept(sanitised) == sanitised


@pytest.mark.parametrize(
    "stored, shown",
    [
        ("王\u3000小明", "王 小明"),
        ("Ann\xa0Lee", "Ann Lee"),
        ("Ann\tLee\n", "Ann Lee"),
        ("A\u200dn\u202en", "Ann"),
        ("Rene\u0301", "Ren\xe9"),
        ("\u200b\u3164", "ann"),
        ("", "ann"),
        ("x" * 150, "x" * 100),
    ],
)
def test_a_stored_name_is_sanitised_to_the_nearest_accepted_one(stored, shown):
    assert NAME.sanitise(stored, "ann") == shown


@pytest.mark.parametrize("text", ["a", "launch-001", "x" * 64, "0", "a-b-c"])
def test_an_id_is_lower_case_letters_digits_and_single_hyphens(text):
    assert is_id(text)
    assert re.fullmatch(ID_PATTERN, text)


@pytest.mark.parametrize("text", ["", "A", "a--b", "-a", "a-", "a b", "a\n", "a\0", "é", "١", "x" * 65])
def test_anything_else_is_no_id(text):
    assert not is_id(text)
    assert not is_sale_id(text)


def test_a_sale_leaves_room_for_the_numbers_of_its_lots():
    assert is_sale_id("x" * 48)
    assert not is_sale_id("x" * 49)


@pytest.mark.parametrize("text, is_one", [("ann", True), ("!~", True), ("", False), ("a b", False), ("é", False)])
def test_visible_ascii_has_neither_blanks_nor_controls(text, is_one):
    assert is_visible_ascii(text, 1, 8) is is_one
    assert not is_visible_ascii(text * 9, 1, 8)
