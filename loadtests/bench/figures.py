"""Keeps the figures of benchmarks, one file each, and writes the tables of docs/performance.md from these files.

In the page the tables of a benchmark stand between two comments, which name it; what is around them is written by hand:

    <!-- figures of growth -->
    <!-- end of figures -->
"""

import datetime as dt
import json
import os
import platform
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PAGE, FOLDER = Path("docs/performance.md"), Path("docs/figures")
PLACE = re.compile(r"(<!-- figures of ([a-z]+) -->\n).*?(<!-- end of figures -->)", re.DOTALL)
UNITS = {
    "per_s": "a second",
    "lowest_per_s": "lowest",
    "highest_per_s": "highest",
    "cpu_us": "CPU, us",
    "p50_ms": "p50, ms",
    "p99_ms": "p99, ms",
    "goal_ratio": "goal",
}
"""How a figure is called in a table, where that is not its name with spaces."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """A figure beside its floor; `goal`: what it should be at most, None: no goal is set in the figures."""

    name: str
    value: float
    goal: float | None


def save_figures(folder: Path, name: str, figures: Mapping[str, Any], load: float) -> None:
    """Store the figures of a benchmark with the day and the machine; `load` is its load average before the run."""
    folder.mkdir(parents=True, exist_ok=True)
    taken = {
        "day": dt.datetime.now(dt.UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "processor": _processor(),
        "python": platform.python_version(),
        "load_before": round(load, 1),
    }
    path = folder / f"{name}.json"
    path.write_text(json.dumps({"taken": taken, "figures": figures}, indent=2, ensure_ascii=False) + "\n", "utf-8")


def read_figures(folder: Path) -> dict[str, Any]:
    """What `save_figures` stored: name of the benchmark -> when and where it was taken, and the figures."""
    return {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))}


def ratios(saved: Mapping[str, Any]) -> list[Ratio]:
    """Every ratio in the stored figures, by benchmark."""
    return [one for name, stored in saved.items() for one in _ratios(name, stored["figures"])]


def _ratios(name: str, figures: Mapping[str, Any]) -> Iterator[Ratio]:
    for key, value in figures.items():
        if isinstance(value, Mapping):
            yield from _ratios(f"{name}, {key.replace('_', ' ')}", value)
        elif key == "ratio" or (key.endswith("_ratio") and not key.startswith("goal_")):
            what = "" if key == "ratio" else f", {key.removesuffix('_ratio').replace('_', ' ')}"
            yield Ratio(f"{name}{what}", value, figures.get(f"goal_{key}"))


def with_tables(page: str, saved: Mapping[str, Any]) -> str:
    """The page with the tables of every benchmark that it has a place for and whose figures are there.

    Raises ValueError where it has no place for figures that are there.
    """
    missing = saved.keys() - {name for _, name, _ in PLACE.findall(page)}
    if missing:
        raise ValueError(f"the page has no place for the figures of {', '.join(sorted(missing))}")

    def filled(place: re.Match[str]) -> str:
        begin, name, end = place.groups()
        return f"{begin}\n{tables(saved[name])}\n\n{end}" if name in saved else place[0]

    return PLACE.sub(filled, page)


def tables(saved: Mapping[str, Any]) -> str:
    """The figures of one benchmark as Markdown: a table of what is alike, then the rest, then when and where."""
    alike: dict[tuple[str, ...], list[tuple[str, Mapping[str, Any]]]] = {}
    single: dict[str, Any] = {}
    for name, values in _groups(saved["figures"]):
        if name:
            alike.setdefault(tuple(values), []).append((name, values))
        else:
            single = dict(values)
    parts = [_table(columns, rows) for columns, rows in alike.items()]
    if single:
        parts.append("; ".join(f"{_words(name)}: {_text(value)}" for name, value in single.items()) + ".")
    taken = saved["taken"]
    parts.append(
        f"Taken on {taken['day']}: {taken['cores']} cores ({taken['processor']}), Python {taken['python']}, "
        f"load before the run {taken['load_before']}."
    )
    return "\n\n".join(parts)


def _groups(figures: Mapping[str, Any], name: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The plain values of each level, with the names that lead to it."""
    plain = {key: value for key, value in figures.items() if not isinstance(value, Mapping)}
    if plain:
        yield name, plain
    for key, value in figures.items():
        if isinstance(value, Mapping):
            yield from _groups(value, f"{name}, {_words(key)}" if name else _words(key))


def _table(columns: tuple[str, ...], rows: list[tuple[str, Mapping[str, Any]]]) -> str:
    lines = [
        "| | " + " | ".join(map(_words, columns)) + " |",
        "|---|" + "---|" * len(columns),
        *(f"| {name} | " + " | ".join(_text(values[column]) for column in columns) + " |" for name, values in rows),
    ]
    return "\n".join(lines)


def _words(name: str) -> str:
    return UNITS.get(name, name.replace("_", " "))


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return f"{value:,}" if isinstance(value, (int, float)) else "" if value is None else str(value)


def _processor() -> str:
    try:
        facts = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return platform.machine()
    found = re.search(r"^model name\s*:\s*(.+)$", facts, re.MULTILINE)
    return found[1] if found else platform.machine()
