"""The tree itself: every module introduces itself, no file is a drawer for odds and ends."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("auction", "api", "migrations", "loadtests")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
EVERYTHING = sorted(path for package in (*PACKAGES, "tests") for path in (ROOT / package).rglob("*"))
DRAWERS = {"util", "utils", "helper", "helpers", "common", "manager", "managers"}
LINES_MAX = 400


def name_in_tree(path: Path) -> str:
    return str(path.relative_to(ROOT))


def says_what_it_is_for(module: Path) -> bool:
    said = ast.get_docstring(ast.parse(module.read_text("utf-8"))) or ""
    return said.split("\n\n")[0].rstrip().endswith((".", ":", "::"))


def test_a_module_says_in_its_first_sentence_what_it_is_for():
    assert [name_in_tree(module) for module in MODULES if not says_what_it_is_for(module)] == []


def test_no_file_is_a_drawer_for_odds_and_ends():
    assert [name_in_tree(path) for path in EVERYTHING if DRAWERS & set(path.stem.lower().split("_"))] == []


def test_a_module_does_one_thing():
    lines = {name_in_tree(module): len(module.read_text("utf-8").splitlines()) for module in MODULES}
    assert {module: count for module, count in lines.items() if count > LINES_MAX} == {}


def test_nothing_is_left_for_later():
    later = ("TO" + "DO", "FIX" + "ME", "NotImplemented" + "Error")
    assert [name_in_tree(path) for path in MODULES if any(word in path.read_text("utf-8") for word in later)] == []
