"""Runs faults under many seeds and prints what they cost: `python -m tests.chaos.matrix --seeds 100`.

Options: `--first N` (the first seed), `--seed N` (that seed alone), `--fault NAME` (that fault alone), `--minutes M` (no
run is begun after that time). Exit code 1 where a promise was broken, with the command that repeats it.
"""

import argparse
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Generator
from time import monotonic

import pytest

from tests.chaos.matrix.faults import FAULTS

COUNTED = ("acknowledged", "lost", "listed")


class Collector:
    """A pytest plugin that adds up what runs cost."""

    def __init__(self, minutes: float, fault: str | None) -> None:
        self._until_s = monotonic() + 60 * minutes
        self._fault = fault
        self.counts: dict[str, Counter[str]] = defaultdict(Counter)
        self.broken: list[tuple[str, int]] = []

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep the wanted fault alone."""
        if self._fault is not None:
            items[:] = [item for item in items if self._params(item)[0] == self._fault]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Note the outcome of a run."""
        report = yield
        fault, seed = self._params(item)
        if report.when == "call" and report.passed:
            counts = self.counts[fault]
            counts["runs"] += 1
            counts.update({name: value for name, value in report.user_properties if isinstance(value, int)})
        elif report.failed:
            self.broken.append((fault, seed))
        if monotonic() > self._until_s:
            item.session.shouldstop = "the time is over"
        return report

    @staticmethod
    def _params(item: pytest.Item) -> tuple[str, int]:
        params = item.callspec.params  # type: ignore[attr-defined]
        return params["fault"], params["given_seed"]

    def table(self) -> str:
        """The counts, in Markdown."""
        lines = ["| fault | runs | bids acknowledged | lost | of these named |", "|---|--:|--:|--:|--:|"]
        for fault in FAULTS:
            if (counts := self.counts.get(fault)) is not None:
                row = (fault, *(f"{counts[name]:,}" for name in ("runs", *COUNTED)))
                lines.append(f"| {' | '.join(row)} |")
        return "\n".join(lines)


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.matrix", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--fault", choices=FAULTS)
    parser.add_argument("--minutes", type=float, default=24 * 60)
    given = parser.parse_args()
    first, number = (given.first, given.seeds) if given.seed is None else (given.seed, 1)
    os.environ["MATRIX_SEEDS"] = f"{first}:{number}"
    collector = Collector(given.minutes, given.fault)
    options = ["-q", "-rN", "--no-header", "-p", "no:randomly", "-p", "no:cacheprovider", "tests/chaos/test_matrix.py"]
    status = pytest.main(options, plugins=[collector])
    print(f"\n{collector.table()}\n")
    for fault, seed in collector.broken:
        print(f"broken; repeat with: python -m tests.chaos.matrix --fault {fault!r} --seed {seed}")
    return int(bool(collector.broken) or (status not in {0, 2}))


if __name__ == "__main__":
    sys.exit(main())
