"""Servers that die under a process that restarts them, and processes that use them without starting them."""

import os
import signal
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from threading import Event

import pytest

from auction import embedded
from tests.embedded.server_runs import ask_books, ask_ledger, pids, runs, said_pids, user_process


def until(condition):
    """Wait for a condition; the test's own limit bounds it."""
    while not condition():
        time.sleep(0.01)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    until(lambda: not runs(pid))


def test_killed_servers_are_restarted_on_the_same_data_and_address(tmp_path):
    with embedded.running(tmp_path) as servers:
        ask_ledger(servers, "SET", "lot", "001")
        ask_books(servers, "CREATE TABLE lots AS SELECT 1 AS lot")
        ledger, books = embedded.restartable(tmp_path)
        assert (ledger.name, books.name) == ("ledger", "books")
        assert ledger.is_running()
        assert books.is_running()
        killed = pids(servers)
        for pid in killed:
            kill(pid)
        # processes of PostgreSQL end when they notice that the first one has
        until(lambda: not ledger.is_running() and not books.is_running())
        again = [server.restart(Event()) for server in (ledger, books)]
        assert {one.pid for one in again}.isdisjoint(killed)
        assert [one.url for one in again] == [servers.redis_url, servers.database_url]
        assert ask_ledger(servers, "GET", "lot") == "001"
        assert ask_books(servers, "SELECT lot FROM lots") == 1
    assert not any(runs(one.pid) for one in again)


@pytest.mark.parametrize("removed", [False, True])
def test_a_socket_in_a_short_folder_keeps_its_address(tmp_path, removed):
    deep = tmp_path / ("a" * 60) / ("b" * 60)
    with embedded.running(deep, want_books=False) as servers:
        assert servers.ledger
        (ledger,) = embedded.restartable(deep, want_books=False)
        kill(servers.ledger.pid)
        if removed:
            # as what cleans /tmp would
            socket = Path(servers.redis_url.removeprefix("unix://").partition("?")[0])
            socket.unlink()
            socket.parent.rmdir()
        assert ledger.restart(Event()).url == servers.redis_url
        assert ask_ledger(servers, "PING") in (True, "PONG")


def test_a_short_folder_that_others_may_write_to_is_not_used_again(tmp_path):
    deep = tmp_path / ("a" * 60) / ("b" * 60)
    with embedded.running(deep, want_books=False) as servers:
        assert servers.ledger
        (ledger,) = embedded.restartable(deep, want_books=False)
        kill(servers.ledger.pid)
        folder = Path(servers.redis_url.removeprefix("unix://").partition("?")[0]).parent
        assert folder.parent == Path(tempfile.gettempdir())
        folder.chmod(0o777)
        assert ledger.restart(Event()).url != servers.redis_url


def test_of_two_who_restart_a_server_one_starts_it(tmp_path):
    with embedded.running(tmp_path, want_books=False) as servers:
        assert servers.ledger
        (one,), (other,) = (embedded.restartable(tmp_path, want_books=False) for _ in range(2))
        kill(servers.ledger.pid)
        first, second = one.restart(Event()), other.restart(Event())
        assert first.started
        assert not second.started
        assert first.pid == second.pid


def test_an_abandoned_restart_leaves_nothing(tmp_path):
    with embedded.running(tmp_path, want_books=False) as servers:
        assert servers.ledger
        (ledger,) = embedded.restartable(tmp_path, want_books=False)
        kill(servers.ledger.pid)
        abandoned = Event()
        abandoned.set()
        # unless it answered at the first question
        with suppress(embedded.EmbeddedError):
            assert runs(ledger.restart(abandoned).pid)
            return
        until(lambda: not ledger.is_running())


def test_who_joins_starts_nothing_and_has_the_addresses(tmp_path):
    with embedded.joined(tmp_path) as (redis_url, database_url):
        ledger, books = embedded.restartable(tmp_path)
        assert not ledger.is_running()
        assert not books.is_running()
        with embedded.running(tmp_path, relaxed_books=True) as servers:
            # of the role that may not change what is written once
            assert (servers.redis_url, servers.database_url.replace("auction@", "auction_app@")) == (
                redis_url,
                database_url,
            )
            both = pids(servers)
        # who started them has left, who joined is still there
        assert all(runs(pid) for pid in both)
    assert not any(runs(pid) for pid in both)


def test_servers_of_a_killed_starter_are_stopped_by_who_joined(tmp_path):
    starter = user_process(tmp_path)
    both = said_pids(starter)
    with embedded.joined(tmp_path):
        starter.kill()
        starter.communicate()
        assert all(runs(pid) for pid in both)
    assert not any(runs(pid) for pid in both)
