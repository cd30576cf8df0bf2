"""Run pytest; run what failed once more, one test after the other, and pass if all of it passes then.

    python .ci/retry.py [pytest's options]

Takes pytest's options and hands them on. What passes on the second run is flaky: it is named in the output and added
to the table of docs/flaky.md. Returns 0 if every test passed, in the first run or in the second; else pytest's exit
status. A run that did not end in failed tests alone (collection, usage, an interrupt) is not repeated. The last line
is pytest's summary of its last run.
"""

import datetime as dt
import json
import subprocess
import sys
import tempfile
from pathlib import Path

TABLE = Path("docs/flaky.md")
TESTS_FAILED = 1
FAILED_TWICE_MAX = 10
"""So many tests that fail twice end the second run: that is no race."""


def main(options: list[str]) -> int:
    with tempfile.TemporaryDirectory() as cache:
        pytest = [sys.executable, "-m", "pytest", *options, "-o", f"cache_dir={cache}"]
        status = subprocess.run(pytest, check=False).returncode
        record = Path(cache, "v", "cache", "lastfailed")
        if status != TESTS_FAILED or not record.exists():
            return status
        failed = sorted(json.loads(record.read_text("utf-8")))
        if not all("::" in test for test in failed):
            return status  # a file that could not be collected
        print(f"\nfailed, and run once more, alone: {', '.join(failed)}", flush=True)
        again = ["-n", "0", "--last-failed", f"--maxfail={FAILED_TWICE_MAX}"]
        if "--cov" in options:
            again.append("--cov-append")
        second = subprocess.run([*pytest, *again], check=False, stdout=subprocess.PIPE, text=True)
        failed_twice = json.loads(record.read_text("utf-8")) if record.exists() else {}
    report, _, summary = second.stdout.rstrip().rpartition("\n")
    print(report)
    if second.returncode in {0, TESTS_FAILED}:
        for test in failed:
            print(f"failed twice: {test}" if test in failed_twice else f"flaky, passed alone: {test}")
        add_to_table([test for test in failed if test not in failed_twice])
    print(summary)
    return second.returncode


def add_to_table(tests: list[str]) -> None:
    """Append a row for each test that the table does not list yet."""
    listed = TABLE.read_text("utf-8")
    day = dt.datetime.now(dt.UTC).date()
    with TABLE.open("a", encoding="utf-8") as table:
        table.writelines(f"| `{test}` | not known yet | {day} |\n" for test in tests if f"| `{test}` |" not in listed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
