"""Embedded servers after kill -9: of who used them, of themselves, and over what both leave behind."""

import os
import signal
import subprocess
import time

import pytest

from auction import embedded
from tests.embedded.server_runs import ask_books, ask_ledger, leave, pids, refusal, runs, said_pids, user_process


def test_servers_of_a_killed_user_are_taken_over_and_stopped(tmp_path):
    user = user_process(tmp_path)
    both = said_pids(user)
    user.kill()
    user.communicate()
    assert all(runs(pid) for pid in both)
    with embedded.running(tmp_path) as servers:
        assert pids(servers) == both
    assert not any(runs(pid) for pid in both)


def test_killed_servers_come_back_with_everything(tmp_path):
    with embedded.running(tmp_path) as servers:
        ask_ledger(servers, "SET", "lot", "001")
        ask_books(servers, "CREATE TABLE lots AS SELECT 1 AS lot")
        for pid in pids(servers):
            os.kill(pid, signal.SIGKILL)
    with embedded.running(tmp_path) as servers:
        assert all(standing and standing.started for standing in (servers.ledger, servers.books))
        assert ask_ledger(servers, "GET", "lot") == "001"
        assert ask_books(servers, "SELECT lot FROM lots") == 1


def test_servers_killed_under_their_user_can_be_had_again_at_once(tmp_path):
    with embedded.running(tmp_path, relaxed_books=True) as servers:
        killed = pids(servers)
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        with embedded.running(tmp_path, relaxed_books=True) as again:
            assert set(pids(again)).isdisjoint(killed)
            assert ask_ledger(again, "PING") in (True, "PONG")
            assert ask_books(again, "SELECT 1") == 1


def test_a_stale_pid_that_is_another_process_by_now_does_not_stop_the_books(tmp_path):
    with embedded.running(tmp_path, relaxed_books=True) as servers:
        os.kill(pids(servers)[1], signal.SIGKILL)
    books = tmp_path / "books"
    pid_file = books / "pgdata" / "postmaster.pid"
    left = f"PID\n{books}/pgdata\n{int(time.time())}\n5432\n{books}\n\n  5432001         0\nready   \n"
    (books / ".s.PGSQL.5432").touch()
    # as in a container that starts again: the number is taken, and by a process of the server's own user
    stranger = subprocess.Popen(["sleep", "60"], user=pid_file.parent.stat().st_uid if os.geteuid() == 0 else None)
    try:
        for path in (pid_file, books / ".s.PGSQL.5432.lock"):
            path.write_text(left.replace("PID", str(stranger.pid)))
        with embedded.running(tmp_path, relaxed_books=True) as servers:
            assert ask_books(servers, "SELECT 1") == 1
    finally:
        stranger.kill()
        stranger.communicate()


def test_a_stale_socket_and_record_do_not_stop_the_ledger(tmp_path):
    with embedded.running(tmp_path, want_books=False) as servers:
        assert servers.ledger
        os.kill(servers.ledger.pid, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while runs(servers.ledger.pid) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert (tmp_path / "ledger" / "ledger.sock").exists()
        assert (tmp_path / "ledger.json").exists()
        with embedded.running(tmp_path, want_books=False) as again:
            assert ask_ledger(again, "PING") in (True, "PONG")


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"sockets": 7}'])
def test_a_damaged_record_does_not_hide_running_servers(tmp_path, damage):
    with embedded.running(tmp_path, want_books=False) as servers:
        (tmp_path / "ledger.json").write_text(damage)
        with embedded.running(tmp_path, want_books=False) as guest:
            assert guest.ledger
            assert servers.ledger
            assert guest.ledger.pid == servers.ledger.pid


def test_a_first_start_that_was_killed_half_way_is_begun_again(tmp_path):
    for delay_s in (0.15, 0.3, 0.45):
        user = user_process(tmp_path)
        time.sleep(delay_s)
        user.kill()
        user.communicate()
    with embedded.running(tmp_path, relaxed_books=True) as servers:
        assert ask_books(servers, "SELECT current_database()") == "auction"
        assert ask_ledger(servers, "PING") in (True, "PONG")
    assert not (tmp_path / "books" / "pgdata.new").exists()


def test_a_hung_server_of_ones_own_is_killed_when_it_does_not_stop(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded.process, "_STOP_S", 0.5)
    monkeypatch.setattr(embedded.valkey, "_TIMEOUT_S", 0.2)
    with embedded.running(tmp_path, want_books=False) as servers:
        assert servers.ledger
        os.kill(servers.ledger.pid, signal.SIGSTOP)
    assert not runs(servers.ledger.pid)


def test_a_server_that_lives_but_does_not_answer_is_reported_not_doubled(tmp_path, monkeypatch):
    user = user_process(tmp_path)
    ledger, _ = said_pids(user)
    monkeypatch.setattr(embedded.process, "_FIRST_ANSWER_S", 0.5)
    monkeypatch.setattr(embedded.valkey, "_TIMEOUT_S", 0.2)
    os.kill(ledger, signal.SIGSTOP)
    try:
        said = refusal(tmp_path, want_books=False)
        assert "runs as the ledger" in said
        assert f"{tmp_path}/ledger.alive" in said
    finally:
        os.kill(ledger, signal.SIGCONT)
    assert leave(user) == 0
    assert not runs(ledger)


def test_a_ledger_cut_in_mid_command_is_refused_and_the_advice_mends_it(tmp_path):
    with embedded.running(tmp_path, want_books=False) as servers:
        for number in range(10):
            ask_ledger(servers, "SET", f"lot:{number}", "x" * 100)
    (log,) = (tmp_path / "ledger" / "appendonlydir").glob("*.incr.aof")
    os.truncate(log, log.stat().st_size - 7)
    said = refusal(tmp_path, want_books=False)
    assert f"{log} ends in the middle of a command" in said
    advice = said.split("`")[1]
    mended = subprocess.run(advice, shell=True, input="y\n", text=True, capture_output=True, check=False)  # noqa: S602
    assert mended.returncode == 0, mended.stdout + mended.stderr
    with embedded.running(tmp_path, want_books=False) as servers:
        assert ask_ledger(servers, "GET", "lot:8") == "x" * 100
        assert ask_ledger(servers, "EXISTS", "lot:9") == 0


def test_a_ledger_damaged_in_its_middle_is_refused_and_not_to_be_cut(tmp_path):
    with embedded.running(tmp_path, want_books=False) as servers:
        for number in range(10):
            ask_ledger(servers, "SET", f"lot:{number}", "x" * 100)
    (log,) = (tmp_path / "ledger" / "appendonlydir").glob("*.incr.aof")
    content = log.read_bytes()
    middle = content.index(b"*3", len(content) // 2)
    log.write_bytes(content[:middle] + b"?" + content[middle + 1 :])
    said = refusal(tmp_path, want_books=False)
    assert f"{log} is damaged in its middle" in said
    assert "--fix" not in said.partition(";")[0]
