"""Embedded servers that work: their settings, how processes share them, and that nothing is left."""

import os
import shutil
import stat
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event

import pytest
from redis import Redis

from auction import embedded
from auction.embedded import memory, postgres, process
from tests.embedded.server_runs import ask_books, ask_ledger, leave, pids, runs, said_pids, user_process


def test_the_ledger_answers_only_after_the_disk_and_forgets_nothing(tmp_path):
    with embedded.running(tmp_path, want_books=False) as servers:
        for name, value in {
            "appendonly": "yes",
            "appendfsync": "always",
            "no-appendfsync-on-rewrite": "no",
            "aof-load-truncated": "no",
            "save": "",
            "maxmemory-policy": "noeviction",
            "port": "0",
        }.items():
            assert ask_ledger(servers, "CONFIG", "GET", name) in ({name: value}, [name, value])


def test_the_books_are_postgres_18_in_utf8_and_utc_and_wait_for_the_disk(tmp_path):
    with embedded.running(tmp_path, want_ledger=False) as servers:
        assert str(ask_books(servers, "SHOW server_version")).startswith("18.")
        assert ask_books(servers, "SHOW server_encoding") == "UTF8"
        assert ask_books(servers, "SHOW timezone") == "UTC"
        assert ask_books(servers, "SHOW fsync") == "on"
        assert ask_books(servers, "SHOW synchronous_commit") == "on"
        assert ask_books(servers, "SHOW listen_addresses") == ""
        assert ask_books(servers, "SELECT current_database()") == "auction"
        assert ask_books(servers, "SELECT '￥一元车 №001'") == "￥一元车 №001"


def test_settings_go_on_top_and_only_tests_relax_the_books(tmp_path):
    with embedded.running(
        tmp_path, ledger_settings={"maxmemory": "64mb"}, books_settings={"work_mem": "5MB"}, relaxed_books=True
    ) as servers:
        assert ask_ledger(servers, "CONFIG", "GET", "maxmemory") in (
            {"maxmemory": "67108864"},
            ["maxmemory", "67108864"],
        )
        assert ask_books(servers, "SHOW work_mem") == "5MB"
        assert ask_books(servers, "SHOW fsync") == "off"


def test_the_ledger_has_a_limit_below_the_memory_of_the_machine(tmp_path):
    with embedded.running(tmp_path, want_books=False) as servers:
        with Redis.from_url(servers.redis_url, decode_responses=True) as client:
            limit = int(client.config_get("maxmemory")["maxmemory"])
        assert limit == memory.default_ledger_bytes()
        assert memory.DEFAULT_BYTES_MIN <= limit <= memory.DEFAULT_BYTES_MAX


@pytest.mark.parametrize(
    "groups, limits, expected",
    [
        ("0::/a/b\n", {"a/memory.max": "700\n", "a/b/memory.max": "max\n"}, 700),
        ("0::/\n", {"memory.max": "500\n"}, 500),
        # the path of the host, seen from within a container
        ("0::/docker/1234\n", {"memory.max": "500\n"}, 500),
        ("4:cpu,cpuacct:/a\n3:memory:/a\n", {"memory/a/memory.limit_in_bytes": "300\n"}, 300),
        ("0::/a\n", {}, None),
        (None, {}, None),
    ],
)
def test_the_memory_of_a_container_counts(tmp_path, groups, limits, expected):
    own = tmp_path / "cgroup"
    if groups is not None:
        own.write_text(groups)
    for name, value in limits.items():
        (tmp_path / "fs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "fs" / name).write_text(value)
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert memory.available_bytes(tmp_path / "fs", own) == (expected or machine)


def test_nothing_runs_and_no_socket_lies_about_when_the_last_user_has_left(tmp_path):
    with embedded.running(tmp_path, relaxed_books=True) as servers:
        both = pids(servers)
        assert all(runs(pid) for pid in both)
    assert not any(runs(pid) for pid in both)
    assert not [path for path in tmp_path.rglob("*") if stat.S_ISSOCK(path.lstat().st_mode)]
    assert not (tmp_path / "books" / "pgdata" / "postmaster.pid").exists()


def test_what_was_written_is_there_at_the_next_start(tmp_path):
    with embedded.running(tmp_path, relaxed_books=True) as servers:
        ask_ledger(servers, "SET", "lot", "001")
        ask_books(servers, "CREATE TABLE lots AS SELECT 1 AS lot")
    with embedded.running(tmp_path, relaxed_books=True) as servers:
        assert ask_ledger(servers, "GET", "lot") == "001"
        assert ask_books(servers, "SELECT lot FROM lots") == 1


def test_a_second_user_gets_the_same_servers_and_the_last_one_out_stops_them(tmp_path):
    first = user_process(tmp_path)
    both = said_pids(first)
    with embedded.running(tmp_path) as servers:
        assert pids(servers) == both
        assert servers.ledger
        assert not servers.ledger.started
        # the one that started them leaves, this one stays: they must stay as well
        assert leave(first) == 0
        assert ask_ledger(servers, "PING") in (True, "PONG")
        assert ask_books(servers, "SELECT 1") == 1
    assert not any(runs(pid) for pid in both)


def test_a_guest_who_leaves_first_stops_nothing(tmp_path):
    with embedded.running(tmp_path, relaxed_books=True) as servers:
        with embedded.running(tmp_path) as guest:
            assert guest.redis_url == servers.redis_url
            assert guest.database_url == servers.database_url
        assert ask_ledger(servers, "PING") in (True, "PONG")
        assert ask_books(servers, "SELECT 1") == 1


def test_starters_at_the_same_instant_end_up_with_one_pair(tmp_path):
    starters = [user_process(tmp_path) for _ in range(4)]
    assert len({said_pids(starter) for starter in starters}) == 1
    assert [leave(starter) for starter in starters] == [0] * 4


def test_whoever_is_in_has_servers_however_others_come_and_go(tmp_path):
    def come_and_go(rounds):
        for _ in range(rounds):
            with embedded.running(tmp_path, want_books=False) as servers:
                for _ in range(5):
                    assert ask_ledger(servers, "PING") in (True, "PONG")
                    time.sleep(0.002)

    with ThreadPoolExecutor(4) as users:
        for user in [users.submit(come_and_go, 12) for _ in range(4)]:
            user.result()
    assert not (tmp_path / "ledger" / "ledger.sock").exists()


def test_of_those_who_leave_at_the_same_instant_one_stops_the_servers(tmp_path):
    together = Barrier(4)

    def come_and_leave_together(_):
        with embedded.running(tmp_path, want_books=False) as servers:
            together.wait(timeout=30)
            assert servers.ledger
        return servers.ledger.pid

    with ThreadPoolExecutor(4) as users:
        for _ in range(10):
            (pid,) = set(users.map(come_and_leave_together, range(4)))
            assert not runs(pid)


def test_whoever_comes_while_the_servers_are_stopped_waits_and_gets_new_ones(tmp_path, monkeypatch):
    stopping = Event()

    def take_down_slowly(server):
        stopping.set()
        time.sleep(0.3)
        process.stop_server(server)

    def come_and_leave():
        with embedded.running(tmp_path, want_books=False):
            pass

    monkeypatch.setattr(embedded, "stop_server", take_down_slowly)
    with ThreadPoolExecutor(1) as others:
        other = others.submit(come_and_leave)
        assert stopping.wait(30)
        with embedded.running(tmp_path, want_books=False) as servers:
            other.result()
            assert servers.ledger
            assert servers.ledger.started
            assert ask_ledger(servers, "PING") in (True, "PONG")


def test_only_the_server_that_was_asked_for_starts(tmp_path):
    with embedded.running(tmp_path, want_books=False) as servers:
        assert not (tmp_path / "books").exists()
        with pytest.raises(LookupError, match="want_books"):
            _ = servers.database_url
        with embedded.running(tmp_path, want_ledger=False, relaxed_books=True) as others:
            assert ask_books(others, "SELECT 1") == 1
            with pytest.raises(LookupError, match="want_ledger"):
                _ = others.redis_url


def test_a_directory_too_deep_for_sockets_gets_a_short_one_that_goes_away(tmp_path):
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    with embedded.running(deep, relaxed_books=True) as servers:
        sockets = {Path(servers.redis_url.removeprefix("unix://").partition("?")[0]).parent}
        sockets.add(Path(servers.database_url.partition("host=")[2]))
        assert all(str(folder).startswith("/tmp/auction-") for folder in sockets)
        assert all(stat.S_IMODE(folder.stat().st_mode) == 0o700 for folder in sockets)
        assert ask_ledger(servers, "PING") in (True, "PONG")
        with embedded.running(deep) as guest:
            assert guest.database_url == servers.database_url
    assert not any(folder.exists() for folder in sockets)


def test_a_comma_in_the_directory_name_is_no_second_host(tmp_path):
    with embedded.running(tmp_path / "one, two", relaxed_books=True) as servers:
        assert ask_books(servers, "SELECT 1") == 1


@pytest.mark.parametrize("name", ["with space", 'it\'s "quoted"', "数据", "100%", "back\\slash", "#hash"])
def test_any_directory_name_will_do(name):
    # short, so that the sockets lie there as well
    with (
        tempfile.TemporaryDirectory(prefix="names-", dir="/tmp") as short,
        embedded.running(Path(short) / name, relaxed_books=True) as servers,
    ):
        assert (Path(short) / name / "ledger" / "ledger.sock").exists()
        assert (Path(short) / name / "books" / ".s.PGSQL.5432").exists()
        assert ask_ledger(servers, "PING") in (True, "PONG")
        assert ask_books(servers, "SELECT 1") == 1


def test_a_relative_directory_is_taken_from_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with embedded.running(Path("var"), want_books=False) as servers:
        assert servers.data_dir == tmp_path / "var"
        assert str(tmp_path / "var") in servers.redis_url


async def test_servers_start_inside_a_running_event_loop(tmp_path):
    with embedded.running(tmp_path, relaxed_books=True) as servers:
        assert ask_books(servers, "SELECT 1") == 1


def test_the_directory_is_nobody_elses_business(tmp_path):
    with embedded.running(tmp_path / "var", relaxed_books=True):
        for folder in ("", "ledger", "books", "books/pgdata"):
            assert stat.S_IMODE((tmp_path / "var" / folder).stat().st_mode) == 0o700


def test_ctrl_c_at_the_terminal_does_not_reach_the_servers(tmp_path):
    with embedded.running(tmp_path, relaxed_books=True) as servers:
        assert {os.getsid(pid) for pid in pids(servers)}.isdisjoint({os.getsid(0)})


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="no redis-server on this system")
def test_another_server_of_the_family_runs_when_asked_for(tmp_path):
    with embedded.running(tmp_path, ledger_binary="redis-server", want_books=False) as servers:
        assert "valkey" not in str(ask_ledger(servers, "INFO", "server")).lower()
        ask_ledger(servers, "SET", "lot", "001")
    with embedded.running(tmp_path, ledger_binary=shutil.which("redis-server"), want_books=False) as servers:
        assert ask_ledger(servers, "GET", "lot") == "001"


def test_programs_and_data_may_lie_where_only_their_owner_may_look(tmp_path, monkeypatch):
    """As in root's home, where PostgreSQL, which is another user then, must start as well."""
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    wheel = postgres.find_programs().parents[1]
    for folder in (wheel / "pginstall18", wheel.with_name(f"{wheel.name}.libs")):
        shutil.copytree(folder, private / folder.relative_to(wheel.parent))
    programs = private / wheel.name / "pginstall18" / "bin"
    monkeypatch.setattr(postgres, "find_programs", lambda: programs)
    with embedded.running(private / "var", want_ledger=False, relaxed_books=True) as servers:
        assert ask_books(servers, "SELECT 1") == 1
        assert servers.books
        assert Path(f"/proc/{servers.books.pid}/exe").readlink() == programs / "postgres"


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming somebody else takes root")
def test_a_user_other_than_root_runs_both(tmp_path):
    """The tests of a user who is not root are this whole file; this one holds it where root runs them."""
    os.chown(tmp_path, 65534, 65534)
    privilege = "+dac_read_search"  # to reach Python itself, which may lie in root's home
    # PostgreSQL asks access(2) for its own programs, which forgets the capability unless told otherwise
    words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--securebits=+no_setuid_fixup"]
    user = user_process(tmp_path, words=[*words, f"--inh-caps={privilege}", f"--ambient-caps={privilege}"])
    both = said_pids(user)
    assert {Path(f"/proc/{pid}").stat().st_uid for pid in both} == {65534}
    assert leave(user) == 0
    assert not any(runs(pid) for pid in both)
