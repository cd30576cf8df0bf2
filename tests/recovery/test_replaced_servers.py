"""A server that was replaced and still runs: whoever stayed with it has acknowledged what is no part of the record."""

import shutil
import tempfile
from pathlib import Path

import pytest

from auction.bootstrap import open_context
from auction.domain.errors import LedgerChanged
from auction.ledger.server_guard import server_id
from auction.ledger.stream import LedgerStream
from auction.settings import load_settings
from auction.workers.archiver import Archiver
from tests.ledger.server_process import OwnServer
from tests.recovery.conftest import House
from tests.recovery.test_loss import frozen

ATTEMPTS = 20


@pytest.mark.parametrize("is_archived", [False, True])
async def test_a_lot_that_went_on_further_without_this_process_is_frozen(house: House, *, is_archived: bool) -> None:
    lot_id = await house.new_lot()
    await house.archive()
    kept = house.keep_folder()
    assert await house.accepted(lot_id, 100, 200) == [5, 6]

    await house.put_back(kept)
    others = house.unguarded()
    assert await house.accepted(lot_id, 500, 600, 700, ledger=others) == [5, 6, 7]
    if is_archived:
        await Archiver(house.context.books, LedgerStream(others.redis, others.keys)).catch_up()
    await house.until_checked()
    assert await frozen(house) == [(lot_id, "forked")]


@pytest.mark.parametrize("is_archived", [False, True])
async def test_a_lot_on_which_others_went_on_from_what_was_acknowledged_is_sound(
    house: House, *, is_archived: bool
) -> None:
    lot_id = await house.new_lot()
    assert await house.accepted(lot_id, 100) == [5]
    others = house.unguarded()
    assert await house.accepted(lot_id, 200, 300, ledger=others) == [6, 7]
    if is_archived:
        await Archiver(house.context.books, LedgerStream(others.redis, others.keys)).catch_up()
    house.server.kill()
    await house.server.start()
    await house.until_checked()
    assert await frozen(house) == []
    assert len(await house.accepted(lot_id, 400)) == 1


async def test_the_new_server_is_checked_while_the_old_one_still_runs(
    own_ledger: OwnServer, books_url: str, tmp_path: Path
) -> None:
    replacement = OwnServer(None, {})
    with tempfile.TemporaryDirectory(prefix="link-", dir="/tmp") as folder:
        link = Path(folder) / "l"
        link.symlink_to(own_ledger.socket)
        settings = load_settings(
            redis_url=f"unix://{link}",
            database_url=books_url,
            secret_key="a secret of the tests, long enough",
            data_dir=tmp_path,
            payment_provider="sandbox",
            ledger_timeout_ms=30_000,
        )
        async with open_context(settings) as context:
            await context.ledger.now_ms()
            shutil.copytree(own_ledger.folder / "appendonlydir", replacement.folder / "appendonlydir")
            await replacement.start()
            link.unlink()
            link.symlink_to(replacement.socket)
            await context.ledger.redis.connection_pool.disconnect()
            for _ in range(ATTEMPTS):
                try:
                    await context.ledger.now_ms()
                    break
                except LedgerChanged:
                    continue
            assert await server_id(context.ledger.redis) == await server_id(replacement.client())
    await replacement.close()
