import json
import os
import subprocess
import sys
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import pytest

from loadtests.feed_checker import FeedChecker
from loadtests.run import report
from loadtests.statistics import FAULTS_SHOWN_MAX, BidderStatistics, WatcherStatistics, WatchStatistics

ROOT = Path(__file__).parents[2]

# looked for, never imported here: it would make this process one of gevent's
with_locust = pytest.mark.skipif(find_spec("locust") is None, reason="locust is not installed (extra `load`)")


@with_locust
def test_a_short_run_ends_with_counts_and_a_clean_record(tmp_path):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AUCTION_", "COV"))}
    done = subprocess.run(
        [sys.executable, "-m", "loadtests", "--users", "8", "--seconds", "3", "--lots", "2", "--watchers", "9"],
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
    for mode, watchers in (("state", 4), ("feed", 5)):
        (said,) = [line for line in done.stdout.splitlines() if line.split()[:1] == [mode]]
        assert f"frames to {watchers} watchers, 0 faults" in said
        assert f"{watchers} received the close" in said
        # a first state, a bid, and the end
        assert int(counts[mode].replace(",", "")) >= 3 * watchers
    # every bid is timed in a feed; a state only where it shows a bid and not yet the end
    assert "timed)" in done.stdout
    assert list(tmp_path.iterdir()) == [], "the server's data is still there"


WRONG = [
    ["--users", "0"], ["--users", "1001"], ["--seconds", "601"], ["--seconds", "x"], ["--watchers", "1001"],
    ["--watchers", "-1"], ["--watchers", "some"], ["--watchers", "1.5"],
]  # fmt: skip


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_a_run_is_bounded(words, capsys):
    from loadtests.run import main

    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert words[0] in said
    assert f"must be a whole number from {0 if words[0] == '--watchers' else 1} to " in said
    assert f"got {words[1]}" in said


@with_locust
def test_locust_loads_this_machine_only(tmp_path):
    command = ["-m", "locust", "-f", str(ROOT / "loadtests" / "locustfile.py"), "--headless", "-t", "1s"]
    done = subprocess.run(
        [sys.executable, *command, "--host", "http://192.0.2.1"],
        cwd=ROOT,
        env=dict(os.environ) | {"LOAD_STATISTICS": str(tmp_path / "statistics.json"), "LOAD_LOTS": "x-001"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert "127.0.0.1" in done.stderr
    assert done.returncode != 0


def test_counts_survive_their_file(tmp_path):
    bidders = BidderStatistics(
        bidders=2, accepted=3, refused=Counter({"bid-too-low": 4}), failed=Counter({"500": 1}), last_s=2.0
    )
    bidders.write(tmp_path / "bidders.json")
    assert BidderStatistics.read(tmp_path / "bidders.json") == bidders
    assert json.loads((tmp_path / "bidders.json").read_text())["refused"] == {"bid-too-low": 4}


def test_the_report_keeps_accepted_refused_and_failed_apart():
    bidders = BidderStatistics(
        accepted=30, repeated=2, refused=Counter({"bid-too-low": 9, "already-leading": 1}), last_s=10.0
    )
    bidders.failed["500 internal-error"] = 2
    said = report(bidders, [{"lot_id": "s-001", "bids": 30, "price_fen": 7_819_339_900}], WatchStatistics())
    assert "accepted         30  (2 of them in an earlier attempt)" in said
    assert "refused          10  bid-too-low 9, already-leading 1" in said
    assert "failed            2  500 internal-error 2" in said
    assert "78,193,399.00 yuan" in said
    assert "4/s, 3/s accepted" in said
    assert "Delay" not in said


def test_watcher_statistics_survive_their_file_and_are_reported_by_mode(tmp_path):
    watched = WatchStatistics(
        state=WatcherStatistics(watchers=2, frames=20, closed=2, delays_ms={5: 98, 7: 1, 40: 1}),
        feed=WatcherStatistics(watchers=1, frames=1_100, reconnects=3, closed=1),
    )
    watched.write(tmp_path / "watchers.json")
    assert WatchStatistics.read(tmp_path / "watchers.json") == watched
    assert watched.holds
    said = report(BidderStatistics(), [], watched)
    assert "state            20  frames to 2 watchers, 0 faults, 0 reconnects, 2 received the close" in said
    assert "delay             5  ms p50, 7 ms p99, 40 ms max (100 timed)" in said
    assert "feed          1,100  frames to 1 watcher, 0 faults, 3 reconnects, 1 received the close" in said


@pytest.mark.parametrize(
    "wrong", [
        WatchStatistics(state=WatcherStatistics(watchers=2, closed=1)),
        WatchStatistics(feed=WatcherStatistics(watchers=1, closed=1, faults=1, first_faults=["a gap"])),
        WatchStatistics(failed={"feed watcher: connection ended with 4500": 1}),
    ],
)  # fmt: skip
def test_a_run_whose_watchers_received_something_wrong_does_not_hold_and_says_why(wrong):
    assert not wrong.holds
    for sentence in [*wrong.feed.first_faults, *wrong.failed]:
        assert sentence in report(
            BidderStatistics(), [], WatchStatistics(WatcherStatistics(watchers=1), wrong.feed, wrong.failed)
        )


def test_many_faults_are_counted_and_some_are_shown():
    watched = WatcherStatistics()
    for _ in range(3):
        watched.record_faults(["the price fell"] * (FAULTS_SHOWN_MAX - 1))
    assert watched.faults == 3 * (FAULTS_SHOWN_MAX - 1)
    assert len(watched.first_faults) == FAULTS_SHOWN_MAX


def state(kind: str, seq: int, price_fen: int, *, epoch: int = 1, status: str = "open") -> dict[str, object]:
    return {"type": kind, "lot_id": "s-001", "epoch": epoch, "seq": seq, "price_fen": price_fen, "status": status}


def bid(seq: int, prev_seq: int, amount_fen: int) -> dict[str, object]:
    return {"type": "bid", "lot_id": "s-001", "seq": seq, "prev_seq": prev_seq, "amount_fen": amount_fen}


def test_a_checker_lets_skipped_states_and_a_new_epoch_pass():
    checker = FeedChecker("s-001", mode="feed")
    for frame in [
        state("snap", 3, 100),
        bid(5, 3, 200),
        state("tick", 6, 200),
        {"type": "voided", "lot_id": "s-001", "seq": 7, "epoch": 2, "price_fen": 100},
        state("snap", 7, 100, epoch=2),
        state("tick", 8, 100, epoch=2, status="closed"),
    ]:
        assert not checker.is_over
        checker.receive(frame)
    assert checker.faults == []
    assert checker.is_over
    assert checker.frames == 6
    assert checker.sub == {"type": "sub", "lot_id": "s-001", "mode": "feed", "epoch": 2, "seq": 8}


@pytest.mark.parametrize(
    "frame, fault", [
        (bid(6, 5, 300), "a gap before bid 6"),
        (bid(4, 3, 200), "bid 4 repeated"),
        (bid(5, 4, 100), "the price fell from 200 to 100"),
        (state("tick", 5, 100), "the price fell from 200 to 100"),
        (state("tick", 3, 200), "went back"),
        (bid(5, 4, 300) | {"lot_id": "s-002"}, "a frame of another lot"),
    ],
)  # fmt: skip
def test_a_checker_records_what_must_never_happen(frame, fault):
    checker = FeedChecker("s-001", mode="feed")
    checker.receive(state("snap", 3, 100))
    checker.receive(bid(4, 3, 200))
    checker.receive(frame)
    (found,) = checker.faults
    assert fault in found
