"""The files of a running server as one consistent set: what was answered is in them, whatever the server does meanwhile."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis

from auction.ledger import append_only_files
from auction.ledger.append_only_files import FilesOutOfReach, files_listed, open_files
from tests.ledger.conftest import OwnServers
from tests.ledger.server_process import OwnServer


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(append_only_files, "ATTEMPTS_MAX", 3)
    monkeypatch.setattr(append_only_files, "RETRY_S", 0.001)


async def rewritten(client: "Redis") -> None:
    """Have the server rewrite its files, to the end."""
    await client.bgrewriteaof()
    while await is_rewriting(client):  # noqa: ASYNC110 - the server tells nobody
        await asyncio.sleep(0.01)


async def is_rewriting(client: "Redis") -> bool:
    """Whether a rewrite is under way or about to begin."""
    found = await client.info("persistence")
    return bool(found["aof_rewrite_in_progress"] or found["aof_rewrite_scheduled"])


class RewritingClient:
    """A client of a server that rewrites its files each time before it says how much it has written."""

    def __init__(self, client: "Redis", rewrites: int) -> None:
        self.execute_command = client.execute_command
        self._client = client
        self.rewrites_left = rewrites

    async def info(self, section: str) -> dict[str, Any]:
        if self.rewrites_left:
            self.rewrites_left -= 1
            await rewritten(self._client)
        found: dict[str, Any] = await self._client.info(section)
        return found


async def started_from(server: OwnServer, listed: bytes, contents: dict[str, bytes]) -> None:
    """Kill a server, put these files in the place of its own, and start it again."""
    server.kill()
    folder = server.folder / "appendonlydir"
    for path in folder.iterdir():
        path.unlink()
    (folder / "appendonly.aof.manifest").write_bytes(listed)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    await server.start()


@pytest.mark.parametrize("before", ["begun", "rewritten", "restarted"])
async def test_the_files_hold_what_was_answered_and_nothing_that_came_later(
    own_server: OwnServers, before: str
) -> None:
    server = await own_server()
    client = server.client()
    await client.set("a", 1)
    if before == "rewritten":
        await rewritten(client)
    elif before == "restarted":
        server.kill()
        await server.start()
    await client.set("b", 2)
    with await open_files(client) as found:
        # meanwhile the server goes on, and replaces every file of the set
        await client.set("c", 3)
        await rewritten(client)
        listed = found.manifest
        contents = {}
        for one in found.files:
            one.file.seek(0)
            contents[one.path.name] = one.file.read(one.bytes_)
        assert [one.is_final for one in found.files] == [True, False]
    await started_from(server, listed, contents)
    assert [await client.get(key) for key in "abc"] == [b"1", b"2", None]


async def test_a_set_that_is_replaced_while_it_is_read_is_read_again(own_server: OwnServers) -> None:
    server = await own_server()
    client: Any = RewritingClient(server.client(), rewrites=1)
    with await open_files(client) as found:
        assert found.manifest == (server.folder / "appendonlydir" / "appendonly.aof.manifest").read_bytes()
    client.rewrites_left = 3
    with pytest.raises(FilesOutOfReach, match="kept rewriting"):
        await open_files(client)


async def test_files_that_cannot_be_had_are_named_with_the_reason(own_server: OwnServers) -> None:
    server = await own_server()
    client = server.client()
    await rewritten(client)
    base = next((server.folder / "appendonlydir").glob("*.base.*"))
    with base.open("ab") as file:
        file.write(b"?" * 1000)
    with pytest.raises(FilesOutOfReach, match="are not what the ledger's server says"):
        await open_files(client)
    base.unlink()
    with pytest.raises(FilesOutOfReach, match="kept rewriting"):
        await open_files(client)
    base.parent.rename(server.folder / "elsewhere")
    with pytest.raises(FilesOutOfReach, match=r"cannot be read here \(No such file"):
        await open_files(client)
    await client.config_set("appendonly", "no")
    with pytest.raises(FilesOutOfReach, match="writes no append-only files"):
        await open_files(client)


async def test_a_server_that_keeps_its_settings_to_itself_is_named(own_server: OwnServers) -> None:
    server = await own_server(**{"rename-command CONFIG": ""})
    with pytest.raises(FilesOutOfReach, match="does not say where its files are"):
        await open_files(server.client())


def test_files_that_a_rewrite_replaced_are_not_part_of_the_data() -> None:
    manifest = (
        b"file a.2.base.rdb seq 2 type b\nfile a.1.incr.aof seq 1 type h\n"
        b"file a.2.incr.aof seq 2 type i startoffset 88\nfile a.3.incr.aof seq 3 type i\n"
    )
    assert files_listed(manifest) == ["a.2.base.rdb", "a.2.incr.aof", "a.3.incr.aof"]
