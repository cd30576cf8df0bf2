"""Draws the ratios of benchmarks to their floors as SVG. Needs matplotlib, which `make bench` installs."""

from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt

from loadtests.bench.figures import Ratio

RATIOS = Path("docs/images/ratios.svg")
INCHES_A_BAR = 0.32
BAR_COLOUR, GOAL_COLOUR = "#5b7fa6", "#b3382c"


def draw_ratios(found: list[Ratio], path: Path) -> None:
    """Write a bar for each ratio, with a mark at its goal."""
    mpl.use("svg")
    # the same figures give the same bytes, and text stays text
    mpl.rcParams.update({"svg.hashsalt": "flash-auction", "svg.fonttype": "none", "font.size": 9})
    figure, axes = plt.subplots(figsize=(8, 1 + INCHES_A_BAR * len(found)), layout="constrained")
    places = range(len(found))
    bars = axes.barh(places, [one.value for one in found], color=BAR_COLOUR, height=0.6)
    axes.bar_label(bars, [f"{one.value:g}" for one in found], padding=3)
    for place, one in zip(places, found, strict=True):
        if one.goal is not None:
            axes.plot([one.goal, one.goal], [place - 0.4, place + 0.4], color=GOAL_COLOUR, linewidth=2)
    axes.set_yticks(places, [one.name for one in found])
    axes.invert_yaxis()
    axes.set_xlabel("ratio to the floor in the same run; red: the goal")
    axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
