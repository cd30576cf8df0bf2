"""A backup holds all that was acknowledged before it was made, is checked before it is put back, and hides no loss."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from auction.backups import database_dump, restoration
from auction.backups.creation import Source, create_backup
from auction.backups.errors import BackupError
from auction.backups.manifest import FORMAT, Manifest, check_files, read_manifest, record_files, write_manifest
from auction.bootstrap import open_context
from auction.domain.lot import LotStatus
from auction.servers import running_servers
from auction.services.verification.verdicts import verify_all
from auction.settings import load_settings
from tests.cli.commands import auction_aside
from tests.recovery.conftest import House

SECRET = "a secret of the tests, long enough"


def source_of(house: House) -> Source:
    """What `auction backup` copies."""
    return Source(
        books=house.context.books,
        database_url=str(house.settings.database_url),
        ledger=house.context.ledger,
        secret=SECRET,
        data_dir=house.settings.data_dir,
        signing_keys=house.settings.keys_dir,
        programs=None,
    )


@pytest.fixture
def new_database(books_url: str) -> Iterator[str]:
    """The address of a database with nothing in it."""
    url = make_url(books_url)

    async def execute(statement: str) -> None:
        connection = await asyncpg.connect(books_url.replace("+asyncpg", ""))
        await connection.execute(statement)
        await connection.close()

    def aside(statement: str) -> None:
        asyncio.run(execute(statement))

    aside("DROP DATABASE IF EXISTS put_back WITH (FORCE)")
    aside("CREATE DATABASE put_back")
    yield url.set(database="put_back").render_as_string(hide_password=False)
    aside("DROP DATABASE IF EXISTS put_back WITH (FORCE)")


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """A folder that looks like a backup."""
    folder = tmp_path / "sound"
    for name in ("books.dump", "ledger/appendonlydir/appendonly.aof.1.incr.aof", "keys/secret_key"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{name}\n")
    write_manifest(folder, Manifest(FORMAT, 0, "0", "1", "18", "9", "id", 16, "a1", None, {}, record_files(folder)))
    return folder


async def test_a_backup_made_under_load_is_put_back_elsewhere_and_the_auction_goes_on(
    house: House, new_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lot_id = await house.new_lot()
    await house.accepted(lot_id, *range(100, 1_100, 100))
    await house.archive()
    going_on = asyncio.create_task(house.accepted(lot_id, *range(1_100, 20_000, 100)))
    while (await house.snapshot(lot_id)).bids < 12:  # noqa: ASYNC110 - what is waited for is not time
        await asyncio.sleep(0)
    before = await house.snapshot(lot_id)
    backup = tmp_path / "backup"
    manifest = await create_backup(source_of(house), backup)
    await going_on
    assert manifest.lots[lot_id].seq >= 14  # of the archive; the ledger's files go further
    # a linked file has the mode that the server gave it, inside of folders that are closed to others
    modes = {str(path.relative_to(backup)): path.stat().st_mode & 0o777 for path in backup.rglob("*")}
    assert {mode for name, mode in modes.items() if ".base." not in name} == {0o700, 0o600}
    assert backup.stat().st_mode & 0o777 == 0o700
    with pytest.raises(BackupError, match="is there already"):
        await create_backup(source_of(house), backup)

    # another machine
    elsewhere = tmp_path / "elsewhere"
    for name, value in {"DATA_DIR": str(elsewhere), "DATABASE_URL": new_database, "SECRET_KEY": SECRET}.items():
        monkeypatch.setenv(f"AUCTION_{name}", value)
    would_be = await auction_aside("restore", "--from", str(backup), "--dry-run", "--json")
    assert would_be.code == 0, would_be
    assert (would_be.json()["dry_run"], elsewhere.exists()) == (True, False)
    said = await auction_aside("restore", "--from", str(backup), "--json")
    assert said.code == 0, said
    assert (said.json()["lots_frozen"], said.json()["ledger_left_out"]) == ([lot_id], None)
    assert (elsewhere / "keys" / "secret_key").read_text().strip() == SECRET
    signing_key = house.settings.keys_dir / "signing-0.pem"
    assert (elsewhere / "keys" / "signing-0.pem").read_bytes() == signing_key.read_bytes()
    again = await auction_aside("restore", "--from", str(backup))
    assert again.code == 1
    assert "is not empty (keys, ledger" in again.err

    restored = await auction_aside("restore", "--all", "--json")
    assert restored.code == 0, restored
    (plan,) = restored.json()["lots"]
    assert (plan["status"], plan["seq"], plan["problem"]) == ("paused", 1_000_000, None)
    settings = load_settings()
    with running_servers(settings) as found:
        async with open_context(found, with_payments=False) as context:
            lot = await context.ledger.read(lot_id)
            assert lot is not None
            assert (lot.status, lot.epoch) == (LotStatus.PAUSED, 2)
            assert lot.bids >= before.bids
            assert (await verify_all(context)).breaches == []


async def test_a_ledger_whose_files_are_elsewhere_is_left_out_and_said_so(house: House, tmp_path: Path) -> None:
    await house.new_lot()
    await house.archive()
    (house.server.folder / "appendonlydir").rename(house.server.folder / "out-of-reach")
    manifest = await create_backup(source_of(house), tmp_path / "backup")
    assert "cannot be read here" in str(manifest.ledger_left_out)
    assert sorted(manifest.files) == ["books.dump", "keys/secret_key", "keys/signing-0.pem"]


async def test_a_backup_that_is_broken_off_leaves_nothing(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken_off(*_: object, **__: object) -> None:
        raise BackupError("the disk is full")

    monkeypatch.setattr(database_dump, "dump", broken_off)
    with pytest.raises(BackupError, match="the disk is full"):
        await create_backup(source_of(house), tmp_path / "backups" / "today")
    assert list((tmp_path / "backups").iterdir()) == []


async def test_a_database_program_that_is_absent_is_named_with_the_setting(house: House, tmp_path: Path) -> None:
    source = source_of(house)
    without = replace(source, programs=tmp_path)
    with pytest.raises(BackupError, match=f"no program pg_dump in {tmp_path}: set AUCTION_POSTGRES_PROGRAMS"):
        await create_backup(without, tmp_path / "backup")


def test_every_file_that_changed_is_named(sound: Path) -> None:
    check_files(sound, read_manifest(sound))
    (sound / "books.dump").write_text("books.dumq\n")
    (sound / "keys" / "secret_key").unlink()
    with (sound / "ledger" / "appendonlydir" / "appendonly.aof.1.incr.aof").open("a") as file:
        file.write("?")
    with pytest.raises(BackupError) as caught:
        restoration.read_backup(sound, shards=16)
    assert "books.dump has another SHA-256" in str(caught.value)
    assert "keys/secret_key cannot be read" in str(caught.value)
    assert "appendonly.aof.1.incr.aof has 48 bytes and must have 47" in str(caught.value)


def test_half_a_backup_is_none(sound: Path) -> None:
    (sound / "manifest.json").unlink()
    with pytest.raises(BackupError, match=r"is not a complete backup: it has no manifest\.json"):
        restoration.read_backup(sound, shards=16)


@pytest.mark.parametrize(
    "change, said",
    [
        ({"format": 2}, "has format 2"),
        ({"shards": 4}, "set AUCTION_LEDGER_SHARDS"),
        ({"layout": "b7"}, "of layout b7"),
        ({"lots": 5}, "is damaged"),
        ({"files": {"../outside": {"bytes": 1, "sha256": ""}}}, "lies outside of the backup"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_backup_of_something_else_is_refused(sound: Path, change: dict[str, object], said: str) -> None:
    path = sound / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    (sound.parent / "outside").write_text("?")
    with pytest.raises(BackupError, match=said):
        restoration.read_backup(sound, shards=16)


def test_a_directory_with_something_in_it_is_left_alone(sound: Path, tmp_path: Path) -> None:
    restoration.check_target(tmp_path / "new")
    (tmp_path / "used" / "books").mkdir(parents=True)
    (tmp_path / "used" / "users.lock").touch()
    with pytest.raises(BackupError, match=r"is not empty \(books, users\.lock\)"):
        restoration.check_target(tmp_path / "used")
    with pytest.raises(BackupError, match="Not a directory"):
        restoration.check_target(sound / "books.dump")
