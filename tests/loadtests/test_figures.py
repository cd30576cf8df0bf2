"""The tables of docs/performance.md are those of the stored figures."""

from pathlib import Path
from typing import Any

import pytest

from loadtests.bench.figures import FOLDER, PAGE, Ratio, ratios, read_figures, save_figures, tables, with_tables

TREE = Path(__file__).parents[2]
FIGURES: dict[str, Any] = {
    "8 a call": {"grown_us": 12.5, "ratio": 1.07, "goal_ratio": 1.1},
    "64 a call": {"grown_us": 9.0, "ratio": 0.99, "goal_ratio": 1.1},
    "bytes_a_bid": {"ledger": 126},
    "bids": 1_000_000,
    "breaches": [],
}
PLACE = "before\n<!-- figures of growth -->\n<!-- end of figures -->\nafter\n"


@pytest.fixture
def saved(tmp_path: Path) -> dict[str, Any]:
    save_figures(tmp_path, "growth", FIGURES, 0.25)
    return read_figures(tmp_path)


def test_what_is_alike_is_one_table_and_the_rest_is_named(saved: dict[str, Any]) -> None:
    lines = tables(saved["growth"]).split("\n")
    assert lines[:4] == [
        "| | grown us | ratio | goal |",
        "|---|---|---|---|",
        "| 8 a call | 12.5 | 1.07 | 1.1 |",
        "| 64 a call | 9.0 | 0.99 | 1.1 |",
    ]
    assert "| bytes a bid | 126 |" in lines
    assert "bids: 1,000,000; breaches: none." in lines
    assert lines[-1].endswith("load before the run 0.2.")


def test_the_page_is_the_same_after_it_is_written_again(saved: dict[str, Any]) -> None:
    once = with_tables(PLACE, saved)
    assert once.startswith("before\n")
    assert once.endswith("after\n")
    assert "| 8 a call |" in once
    assert with_tables(once, saved) == once


def test_figures_that_the_page_has_no_place_for_are_named(saved: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="growth"):
        with_tables("nothing here", saved)
    assert with_tables(PLACE, {}) == PLACE


def test_ratios_are_drawn_with_their_goals(saved: dict[str, Any]) -> None:
    assert ratios(saved) == [Ratio("growth, 8 a call", 1.07, 1.1), Ratio("growth, 64 a call", 0.99, 1.1)]
    other = {"http": {"figures": {"cpu_ratio": 1.7, "goal_cpu_ratio": 1.5}}}
    assert ratios(other) == [Ratio("http, cpu", 1.7, 1.5)]


def test_the_documentation_has_the_tables_of_the_figures_that_are_stored() -> None:
    page = (TREE / PAGE).read_text("utf-8")
    assert with_tables(page, read_figures(TREE / FOLDER)) == page
