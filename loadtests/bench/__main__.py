"""`python -m loadtests.bench [NAME ...]` (`make bench`): runs benchmarks, all or those named, one after the other.

Their figures are stored in docs/figures; the tables of docs/performance.md and the chart are written from these files.
Without a run, `--write-only` writes both anew.
"""

import os
import sys

from auction.cli.bench import Benchmark
from auction.console.bench import print_figures, run_bench
from auction.console.output import out
from loadtests.bench.charts import RATIOS, draw_ratios
from loadtests.bench.figures import FOLDER, PAGE, ratios, read_figures, save_figures, with_tables


def main(words: list[str]) -> int:
    """Run the benchmarks named, or all; the exit status."""
    known = [str(one) for one in Benchmark]
    if unknown := [word for word in words if word not in {*known, "--write-only"}]:
        sys.stderr.write(f"no benchmark is named {', '.join(unknown)}; there are {', '.join(known)}\n")
        return 2
    if not PAGE.exists():
        sys.stderr.write(f"{PAGE} is not here: run this at the top of the source tree\n")
        return 2
    for name in () if "--write-only" in words else words or known:
        load = os.getloadavg()[0]
        figures = run_bench(name)
        out.print(f"\n[bold]{name}[/]")
        print_figures(figures, "  ")
        save_figures(FOLDER, name, figures, load)
    saved = read_figures(FOLDER)
    PAGE.write_text(with_tables(PAGE.read_text("utf-8"), saved), "utf-8")
    draw_ratios(ratios(saved), RATIOS)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
