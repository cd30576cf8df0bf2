"""The drill of `docs/operations.md`: a backup under load, everything lost, put back elsewhere, and bids go on."""

import os
import shutil
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from auction.services.identity.tokens import Role
from tests.cli.commands import auction
from tests.cli.processes import SECRET, caller, commanded, free_port, served, until
from tests.cli.test_serve import bidding, open_a_lot, pid_of_server

BIDS_BEFORE, BIDS_AFTER = 20, 20


@pytest.mark.slow
def test_a_house_that_lost_its_disk_goes_on_from_its_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port, first, second = free_port(), tmp_path / "first", tmp_path / "second"
    settings: dict[str, Any] = {"AUCTION_SECRET_KEY": SECRET, "AUCTION_PAYMENT_PROVIDER": "sandbox"}
    backup = tmp_path / "backup"
    accepted: list[int] = []
    is_over = threading.Event()

    with served(first, port) as command:
        lot_id = open_a_lot(port)

        def keep_bidding() -> None:
            with bidding(port, lot_id, "alice") as alice, bidding(port, lot_id, "bob") as bob:
                amount_fen = 100
                while not is_over.is_set():
                    answer = (alice, bob)[amount_fen // 100 % 2](amount_fen)
                    if answer.status_code == 429:  # so many bids a second are a bidder's share
                        is_over.wait(0.1)
                        continue
                    assert answer.status_code in {200, 201}, answer.text
                    accepted.append(amount_fen)
                    amount_fen += 100

        crowd = threading.Thread(target=keep_bidding)
        crowd.start()
        try:
            until(lambda: len(accepted) >= BIDS_BEFORE, "bids before the backup")
            before = len(accepted)
            with commanded(
                tmp_path / "making", "backup", "--to", str(backup), AUCTION_DATA_DIR=str(first / "var"), **settings
            ) as making:
                assert making.ended() == 0, making.output()
            after = len(accepted)
            until(lambda: len(accepted) >= after + BIDS_AFTER, "bids after the backup")
        finally:
            is_over.set()
            crowd.join()
        # power and disk are gone
        servers = [pid_of_server(first / "var", name) for name in ("ledger", "books")]
        for pid in [command.process.pid, *(pid for pids in command.started().values() for pid in pids), *servers]:
            os.kill(pid, signal.SIGKILL)
        command.ended()
    shutil.rmtree(first / "var")

    for name, value in (settings | {"AUCTION_DATA_DIR": str(second / "var")}).items():
        monkeypatch.setenv(name, value)
    assert auction("restore", "--from", str(backup), "--dry-run").code == 0
    put_back = auction("restore", "--from", str(backup), "--json")
    assert put_back.json()["lots_frozen"] == [lot_id], put_back
    restored = auction("restore", "--all", "--json")
    (plan,) = restored.json()["lots"]
    assert (plan["problem"], plan["status"]) == (None, "paused")
    verified = auction("verify", "--all")
    assert verified.code == 0, verified

    with served(second, port):
        with caller(port, Role.OPS, "clerk") as clerk:
            lot = clerk.get(f"lots/{lot_id}").json()
            # every bid that was answered before the backup began, and none that nobody made
            assert before <= lot["bids"] <= after + 1
            assert lot["price_fen"] == 100 * lot["bids"]
            clerk.post(f"ops/lots/{lot_id}/resume").raise_for_status()
        with bidding(port, lot_id, "carol") as carol:
            answer = carol(lot["price_fen"] + 100)
            assert answer.status_code == 201, answer.text
            assert answer.json()["seq"] > 1_000_000
    verified = auction("verify", "--all")
    assert verified.code == 0, verified
