"""The tree itself: every module introduces itself, no file is a drawer for odds and ends."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("auction", "api", "migrations", "loadtests")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
EVERYTHING = sorted(path for package in (*PACKAGES, "tests") for path in (ROOT / package).rglob("*"))
DRAWERS = {"util", "utils", "helper", "helpers", "common", "manager", "managers"}
LINES_MAX = 400


def name_in_tree(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("module", MODULES, ids=name_in_tree)
def test_a_module_says_in_its_first_sentence_what_it_is_for(module):
    said = ast.get_docstring(ast.parse(module.read_text("utf-8")))
    assert said, f"{name_in_tree(module)} has no docstring"
    first = said.split("\n\n")[0]
    assert first.rstrip().endswith((".", ":", "::")), f"{name_in_tree(module)}: its docstring begins with no sentence"


def test_no_file_is_a_drawer_for_odds_and_ends():
    assert [name_in_tree(path) for path in EVERYTHING if DRAWERS & set(path.stem.lower().split("_"))] == []


@pytest.mark.parametrize("module", MODULES, ids=name_in_tree)
def test_a_module_does_one_thing(module):
    assert len(module.read_text("utf-8").splitlines()) <= LINES_MAX, (
        f"{name_in_tree(module)}: look for the second thing"
    )


def test_nothing_is_left_for_later():
    later = ("TO" + "DO", "FIX" + "ME", "NotImplemented" + "Error")
    assert [name_in_tree(path) for path in MODULES if any(word in path.read_text("utf-8") for word in later)] == []
