"""The locustfile for load testers: its people on a real server, its shapes, its plan of arrivals, and what counts."""

import json
import os
import random
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from auction.scenarios.price_path import bid_rate
from loadtests.answers import fault_in
from loadtests.arrivals import Plan
from loadtests.sale import Staff
from loadtests.server import running_server
from loadtests.shapes.plans import LAUNCH_MINUTE, RECONNECT_WAVE, SNIPE, STEADY, ShapePlan

ROOT = Path(__file__).parents[2]
LOCUSTFILE = ROOT / "loadtests" / "locustfile.py"
KINDS = {
    ("GET", "desk: lots"),
    ("POST", "bid"),
    ("PLAN", "bid, from its planned start"),
    ("WS", "bid, from its decision"),
}
with_locust = pytest.mark.skipif(find_spec("locust") is None, reason="locust is not installed (extra `load`)")


def locust(*words: str, files: str = str(LOCUSTFILE), **environment: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AUCTION_", "COV", "LOCUST"))}
    return subprocess.run(
        [sys.executable, "-m", "locust", "-f", files, "--headless", "--only-summary", *words],
        cwd=ROOT,
        env=kept | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


@with_locust
def test_people_of_every_kind_bid_and_watch_and_their_figures_are_locusts_own(tmp_path: Path) -> None:
    with running_server(tmp_path, workers=1) as server:
        staff = Staff(server)
        staff.open_sale(1)
        words = ("--host", server.address, "-u", "12", "-r", "12", "--json", "--calls-per-s", "3")
        # longer where the machine is busy
        for seconds in (6, 20, 60):
            done = locust(*words, "-t", f"{seconds}s", AUCTION_SECRET_KEY=server.secret)
            figures = {(row["method"], row["name"]): row for row in _rows(done.stdout)}
            if figures.keys() >= KINDS:
                break
        staff.close_connections()
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Traceback" not in done.stderr, done.stderr[-3000:]
    assert figures.keys() >= KINDS
    assert [row for row in figures.values() if row["num_failures"]] == []


def _rows(out: str) -> list[dict[str, Any]]:
    """The figures; of several processes, which print one list each, those of the master, who has them all."""
    lists: list[list[dict[str, Any]]] = []
    while begin := out.find("[") + 1:
        found, end = json.JSONDecoder().raw_decode(out, begin - 1)
        lists.append(found)
        out = out[end:]
    return max(lists, key=len)


@with_locust
@pytest.mark.slow
def test_workers_follow_the_published_path_and_the_master_sums_them_up(tmp_path: Path) -> None:
    files = f"{LOCUSTFILE},{ROOT / 'loadtests' / 'shapes' / 'published_sale.py'}"
    with running_server(tmp_path, workers=1) as server:
        staff = Staff(server)
        (lot_id,) = staff.open_sale(1)[1]
        done = locust(
            *("--host", server.address, "PathBidder", "Watcher", "--processes", "2", "--peak", "20", "--json"),
            *("--path-minutes", "1", "--calls-per-s", "2"),
            files=files,
            AUCTION_SECRET_KEY=server.secret,
        )
        price_fen = staff.close(lot_id)["price_fen"]
        staff.close_connections()
    assert done.returncode == 0, done.stderr[-3000:]
    figures = {(row["method"], row["name"]): row for row in _rows(done.stdout)}
    assert [row for row in figures.values() if row["num_failures"]] == []
    assert figures["POST", "bid"]["num_requests"] > 0
    assert figures["WS", "bid, from its decision"]["num_requests"] > 0
    # the path ends at 78,193,399 yuan; the last bid is a moment before
    assert price_fen > 70_000_000 * 100


@with_locust
@pytest.mark.parametrize(
    "words, says",
    [
        (("--host", "http://192.0.2.1"), "--i-own-this-host 192.0.2.1"),
        (("--host", "http://192.0.2.1", "--i-own-this-host", "192.0.2.2"), "--i-own-this-host 192.0.2.1"),
    ],
)
def test_only_a_host_of_ones_own_is_loaded(words: tuple[str, ...], says: str) -> None:
    done = locust(*words, "-t", "1s", files=f"{LOCUSTFILE},{ROOT / 'loadtests' / 'shapes' / 'steady.py'}")
    assert done.returncode != 0
    assert says in done.stderr


def test_a_plan_goes_on_whatever_the_answers_take() -> None:
    plan = Plan(10.0, 100.0, random.Random(1))
    assert plan.next_wait_s(100.0) == plan.due_s - 100.0 > 0
    # the answer took ten seconds: what was due meanwhile follows at once, timed from when it was due
    waits, dues = [], []
    for _ in range(50):
        waits.append(plan.next_wait_s(110.0))
        dues.append(plan.due_s)
    assert waits == [0.0] * 50
    assert dues == sorted(dues)
    assert 103.0 < dues[-1] < 108.0


@pytest.mark.parametrize("plan, lasts_s", [(LAUNCH_MINUTE, 60), (STEADY, 630), (SNIPE, 95), (RECONNECT_WAVE, 120)])
def test_a_shape_stays_within_its_peak_and_ends(plan: ShapePlan, lasts_s: int) -> None:
    users = [plan.users(second, 200) for second in range(lasts_s)]
    assert all(count is not None and 1 <= count <= 200 for count in users)
    assert max(count or 0 for count in users) == 200
    assert plan.users(lasts_s, 200) is None


def test_bids_come_as_often_as_they_did_in_the_published_sale() -> None:
    minute_ms = 60_000
    a_minute = [bid_rate(minute * minute_ms) for minute in range(240)]
    assert sum(a_minute) == pytest.approx(240)
    assert a_minute[0] == pytest.approx(0.12 * 240)
    assert sum(a_minute[:16]) == pytest.approx(0.30 * 240)
    assert bid_rate(300 * minute_ms) == a_minute[-1]


def test_a_wave_takes_nine_of_ten_away_at_once() -> None:
    assert [RECONNECT_WAVE.users(second, 100) for second in (59, 61, 70)] == [100, 10, 100]


RECEIPT = {
    "lot_id": "s-001", "seq": 3, "amount_fen": 500, "price_fen": 500, "minimum_fen": 600, "leading": True, "paddle": 1,
    "receipt": "signed",
}  # fmt: skip
REFUSAL = {"code": "bid-too-low", "at_seq": 3, "price_fen": 500, "minimum_fen": 600, "now_ms": 1}


@pytest.mark.parametrize(
    "status, body, fault",
    [
        (201, RECEIPT, None),
        (200, RECEIPT, None),
        (409, REFUSAL, None),
        (201, RECEIPT | {"amount_fen": 400}, "a receipt of another bid"),
        (201, RECEIPT | {"minimum_fen": 400}, "a receipt with a minimum below its price"),
        (201, {"lot_id": "s-001"}, "a receipt without seq"),
        (409, {"code": "bid-too-low"}, "a refusal without at_seq"),
        (503, {"code": "ledger-away"}, "503 ledger-away"),
        (200, None, "200: no JSON object"),
    ],
)
def test_only_a_receipt_or_a_refusal_counts_as_an_answer(status: int, body: object, fault: str | None) -> None:
    found = fault_in(status, body, lot_id="s-001", amount_fen=500)
    assert found is None if fault is None else found is not None and found.startswith(fault)
