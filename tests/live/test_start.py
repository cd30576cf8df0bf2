"""How a gateway process begins and ends: its settings, its port, SIGTERM."""

import asyncio
import socket
import sys

import pytest

from api.live.__main__ import bind, config_of
from api.live.protocol import CloseCode
from auction.settings import SettingsError, load_settings
from tests.ledger.event_sequences import opened
from tests.live.conftest import SECRET, closed_with, heard, speaking, sub


def test_settings_become_what_a_gateway_is_told():
    config = config_of(
        load_settings(
            secret_key=SECRET,
            live_origins="https://auction.example,http://localhost:8000/",
            live_sockets_max=77,
            live_sockets_per_address=0,
            ledger_timeout_ms=100,
        )
    )
    assert config.origins == ("https://auction.example", "http://localhost:8000/")
    assert (config.sockets_max, config.sockets_per_address) == (77, 0)
    # a call that waits for news comes back before the ledger's client takes it for lost
    assert config.block_ms == 50
    assert SECRET not in repr(config)


def test_without_a_list_there_are_no_origins_and_the_sockets_leave_room_for_other_files():
    config = config_of(load_settings(secret_key=SECRET, live_sockets_max=1_000_000))
    assert config.origins == ()
    assert 0 < config.sockets_max < 1_000_000


@pytest.mark.parametrize("wrong", ["auction.example", "ws://auction.example", "https://a.example/page", "https://a,b"])
def test_origins_that_are_none_stop_the_start_in_words(wrong):
    with pytest.raises(SettingsError, match="AUCTION_LIVE_ORIGINS must be origins such as"):
        load_settings(secret_key=SECRET, live_origins=wrong)


def test_gateways_share_a_port_that_nobody_else_gets():
    with bind("127.0.0.1", 0) as one, bind("127.0.0.1", one.getsockname()[1]), socket.socket() as other:
        with pytest.raises(OSError, match="in use"):
            other.bind(one.getsockname())
        one.listen()
        with pytest.raises(OSError, match="in use"), socket.create_server(one.getsockname()):
            pass


async def test_a_port_that_is_taken_is_one_sentence(valkey_url):
    with socket.create_server(("127.0.0.1", 0)) as other:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "api.live", "--host", "127.0.0.1", "--port", str(other.getsockname()[1])),
            env={"AUCTION_REDIS_URL": valkey_url, "AUCTION_SECRET_KEY": SECRET, "PATH": ""},
            stderr=asyncio.subprocess.PIPE,
        )
        _, complained = await process.communicate()
    assert process.returncode == 1
    assert complained.decode().strip().endswith("Address already in use")


async def test_sigterm_sends_watchers_elsewhere_and_ends_the_process_well(ledger, valkey_url, gateways):
    await opened(ledger)
    some = gateways(valkey_url)
    await some.start()
    async with speaking(some.url, sub()) as watcher:
        await heard(watcher)
        some.processes[0].terminate()
        assert await closed_with(watcher) == CloseCode.RESTART
    await some.processes[0].communicate()
    assert some.processes[0].returncode == 0
