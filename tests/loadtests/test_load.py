import json
import os
import subprocess
import sys
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import pytest

from loadtests.run import report
from loadtests.tally import Tally

ROOT = Path(__file__).parents[2]

# looked for, never imported here: it would make this process one of gevent's
with_locust = pytest.mark.skipif(find_spec("locust") is None, reason="locust is not installed (extra `load`)")


@with_locust
@pytest.mark.timeout(400)
def test_a_short_run_ends_with_counts_and_a_clean_record(tmp_path):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AUCTION_", "COV"))}
    done = subprocess.run(
        [sys.executable, "-m", "loadtests", "--users", "8", "--seconds", "3", "--lots", "2"],
        cwd=ROOT,
        env=kept | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All promises held" in done.stdout
    counts = dict(line.split()[:2] for line in done.stdout.splitlines() if line.startswith("  ") and line.split())
    assert int(counts["accepted"].replace(",", "")) > 0
    assert counts["failed"] == "0"
    assert list(tmp_path.iterdir()) == [], "the house's data is still there"


@pytest.mark.parametrize("words", [["--users", "0"], ["--users", "1001"], ["--seconds", "601"], ["--seconds", "x"]])
def test_a_run_is_bounded(words, capsys):
    from loadtests.run import main

    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert words[0] in capsys.readouterr().err


@with_locust
def test_locust_loads_this_machine_only(tmp_path):
    command = ["-m", "locust", "-f", str(ROOT / "loadtests" / "locustfile.py"), "--headless", "-t", "1s"]
    done = subprocess.run(
        [sys.executable, *command, "--host", "http://192.0.2.1"],
        cwd=ROOT,
        env=dict(os.environ) | {"LOAD_TALLY": str(tmp_path / "tally.json"), "LOAD_LOTS": "x-001"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert "127.0.0.1" in done.stderr
    assert done.returncode != 0


def test_counts_survive_their_file(tmp_path):
    tally = Tally(bidders=2, accepted=3, refused=Counter({"bid-too-low": 4}), failed=Counter({"500": 1}), last_s=2.0)
    tally.write(tmp_path / "tally.json")
    assert Tally.read(tmp_path / "tally.json") == tally
    assert json.loads((tmp_path / "tally.json").read_text())["refused"] == {"bid-too-low": 4}


def test_the_report_keeps_accepted_refused_and_failed_apart():
    tally = Tally(accepted=30, found=2, refused=Counter({"bid-too-low": 9, "already-leading": 1}), last_s=10.0)
    tally.failed["500 internal-error"] = 2
    said = report(tally, [{"lot_id": "s-001", "bids": 30, "price_fen": 7_819_339_900}])
    assert "accepted         30  (2 found by a retry)" in said
    assert "refused          10  bid-too-low 9, already-leading 1" in said
    assert "failed            2  500 internal-error 2" in said
    assert "78,193,399.00 yuan" in said
    assert "4/s, 3/s accepted" in said
