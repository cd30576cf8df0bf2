"""How a server is set, read from real ones, and what of it could lose accepted bids."""

from typing import Any

import pytest
from redis.asyncio import Redis

from auction.domain.errors import LedgerAway
from auction.ledger.connection import connect
from auction.ledger.server_settings import ServerSettings, read_server_settings
from tests.ledger.conftest import OwnServers

SAFE = {
    "appendonly": "yes",
    "appendfsync": "always",
    "maxmemory-policy": "noeviction",
    "maxmemory": "4294967296",
    "aof-load-truncated": "no",
}


def unsafe(settings: ServerSettings) -> dict[str, str | None]:
    return {one.name: one.found for one in settings.checked() if not one.is_safe}


async def test_an_embedded_ledger_is_safe(client: "Redis") -> None:
    found = await read_server_settings(client)
    assert unsafe(found) == {}
    assert not any(one.advice for one in found.checked())


@pytest.mark.parametrize(
    "name, value",
    [
        ("appendonly", "no"),
        ("appendfsync", "everysec"),
        ("maxmemory-policy", "allkeys-lru"),
        ("maxmemory", "0"),
        ("aof-load-truncated", "yes"),
    ],
)
async def test_each_setting_that_could_lose_bids_is_found(own_server: OwnServers, name: str, value: str) -> None:
    server = await own_server(**{"maxmemory": "1gb", name: value})
    found = await read_server_settings(server.client())
    assert unsafe(found) == {name: value}
    (one,) = (one for one in found.checked() if not one.is_safe)
    assert one.advice == f"set {name} to {one.required}: {one.consequence}"
    assert one.to_serve == (name != "aof-load-truncated")


@pytest.mark.parametrize("refusing", ["acl", "renamed"])
async def test_where_the_configuration_may_not_be_read_nothing_counts_as_safe(
    own_server: OwnServers, refusing: str
) -> None:
    if refusing == "acl":
        server = await own_server()
        await server.client().execute_command("ACL", "SETUSER", "limited", "on", ">pw", "~*", "+@all", "-config")
        client = connect(server.url.replace("unix://", "unix://limited:pw@"))
    else:
        server = await own_server(**{"rename-command CONFIG": ""})
        client = server.client()
    async with client:
        found = await read_server_settings(client)
    assert found.config == {}
    assert unsafe(found) == dict.fromkeys(SAFE)


async def test_another_error_than_a_refusal_is_no_configuration(own_server: OwnServers) -> None:
    server = await own_server()
    await server.client().config_set("requirepass", "a secret")
    async with connect(server.url) as stranger:
        with pytest.raises(LedgerAway):
            await read_server_settings(stranger)


async def test_an_error_reply_to_the_question_is_passed_on(client: "Redis", monkeypatch: pytest.MonkeyPatch) -> None:
    ask: Any = client.execute_command

    async def asked_wrongly(command: str, *words: Any, **options: Any) -> Any:
        return await ask("CONFIG", "NOSUCH") if command == "CONFIG GET" else await ask(command, *words, **options)

    monkeypatch.setattr(client, "execute_command", asked_wrongly)
    with pytest.raises(LedgerAway, match="refuses work"):
        await read_server_settings(client)


@pytest.mark.parametrize(
    "replicas, least, is_safe", [(0, "0", True), (2, "0", False), (2, None, False), (2, "1", True)]
)
def test_replicas_are_to_confirm_writes(replicas: int, least: str | None, is_safe: bool) -> None:
    config = SAFE if least is None else SAFE | {"min-replicas-to-write": least}
    found = ServerSettings({"connected_slaves": replicas}, config)
    assert unsafe(found) == ({} if is_safe else {"min-replicas-to-write": least})
