"""The texts of the pages, read from where the pages read them: tests name a text and leave its wording to the page."""

import json
import re
from functools import cache
from importlib.resources import files

_ENTRY = re.compile(r'^ {2}"?([\w.-]+)"?:\s*("(?:[^"\\]|\\.)*"),$', re.MULTILINE)


@cache
def texts_of(language: str) -> dict[str, str]:
    """Name -> text, of a language the pages have."""
    subjects = (files("api") / "web" / "static" / "i18n" / language).iterdir()
    return {name: json.loads(text) for subject in subjects for name, text in _ENTRY.findall(subject.read_text("utf-8"))}


def text(name: str, language: str = "en", /, **facts: object) -> str:
    """The text of that name with its facts filled in, and the currency of a house in China.

    Raises KeyError for an unknown name or a fact that is missing.
    """
    texts = texts_of(language)
    given = {"currency": texts["currency.CNY"], **facts}
    return re.sub(r"\{(\w+)\}", lambda fact: str(given[fact[1]]), texts[name])


def part(name: str, language: str = "en") -> str:
    """The longest piece of a text between its facts, for a test that does not care what the facts are."""
    texts = texts_of(language)
    phrase = texts[name].replace("{currency}", texts["currency.CNY"])
    return max(re.split(r"\{\w+\}", phrase), key=len).strip()
