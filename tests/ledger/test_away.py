import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import redis.exceptions as client_errors
from redis.asyncio import BlockingConnectionPool, Redis

from auction.domain.bidding import Bid
from auction.domain.errors import LedgerAway, LedgerChanged, LedgerFault, LedgerLate, OutcomeUnknown, Unavailable
from auction.domain.ledger_layout import STREAM_START
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.connection import connect, ledger_errors
from auction.ledger.keys import KeySpace
from auction.ledger.replies import AcceptedBid
from auction.ledger.stream import LedgerStream
from tests.ledger.conftest import OwnServers
from tests.ledger.event_sequences import LOT, SHARDS, bid, contents, entries, opened, taken, terms
from tests.ledger.server_process import PATIENT_MS, until_sent

Call = Callable[[BidLedger], Awaitable[object]]

READS: dict[str, Call] = {
    "read": lambda ledger: ledger.read(LOT),
    "read_many": lambda ledger: ledger.read_many([LOT]),
    "deadlines": lambda ledger: ledger.deadlines(per_shard_max=1),
    "now_ms": lambda ledger: ledger.now_ms(),
    "open": lambda ledger: BidLedger.open(ledger.redis, SHARDS),
    "stream.read": lambda ledger: LedgerStream(ledger.redis, ledger.keys).read(1, STREAM_START, block_ms=None, count=1),
    "stream.last_ids": lambda ledger: LedgerStream(ledger.redis, ledger.keys).last_ids([1]),
    "stream.first_id": lambda ledger: LedgerStream(ledger.redis, ledger.keys).first_id(1),
    "stream.trim": lambda ledger: LedgerStream(ledger.redis, ledger.keys).trim(1, STREAM_START),
}
WRITES: dict[str, Call] = {
    "place_bids": lambda ledger: ledger.place_bids(LOT, [Bid("ada", 100, "key-0001")]),
    "schedule": lambda ledger: ledger.schedule(
        LOT, terms(), opens_at_ms=1, ends_at_ms=9_000_000_000_000, hard_stop_at_ms=0
    ),
    "close_due": lambda ledger: ledger.close_due(LOT),
    "pause": lambda ledger: ledger.pause(LOT, reason="", by="eve"),
}


async def test_a_server_that_is_not_there_was_sent_nothing(tmp_path: Path, subtests: pytest.Subtests) -> None:
    async with connect(f"unix://{tmp_path}/nobody.sock") as client:
        for name, call in (READS | WRITES).items():
            with subtests.test(name):
                with pytest.raises(LedgerAway) as caught:
                    await call(BidLedger(client, KeySpace(SHARDS), lineage=""))
                assert (caught.value.code, caught.value.facts) == ("ledger-away", {"retry_after_s": 1})


async def test_a_write_without_an_answer_is_unknown(own_server: OwnServers, subtests: pytest.Subtests) -> None:
    server = await own_server()
    for name, write in WRITES.items():
        client = await server.connected(timeout_ms=50)
        server.freeze()
        with subtests.test(name):
            with pytest.raises(OutcomeUnknown) as caught:
                await write(BidLedger(client, KeySpace(SHARDS), lineage=""))
            assert caught.value.code == "outcome-unknown"
        server.thaw()


async def test_a_read_without_an_answer_changed_nothing(own_server: OwnServers, subtests: pytest.Subtests) -> None:
    server = await own_server()
    for name, read in READS.items():
        client = await server.connected(timeout_ms=50)
        server.freeze()
        with subtests.test(name), pytest.raises(LedgerAway):
            await read(BidLedger(client, KeySpace(SHARDS), lineage=""))
        server.thaw()


async def test_a_bid_of_unknown_outcome_is_found_out_with_its_key(own_server: OwnServers) -> None:
    server = await own_server()
    patient = await BidLedger.open(server.client(), SHARDS)
    await opened(patient)
    hasty = BidLedger(await server.connected(timeout_ms=50), patient.keys, lineage="")
    await patient.redis.execute_command("CLIENT", "PAUSE", PATIENT_MS, "WRITE")
    with pytest.raises(OutcomeUnknown):
        await bid(hasty, "ada", 100, "key-0001")
    await patient.redis.execute_command("CLIENT", "UNPAUSE")
    answer = await bid(patient, "ada", 100, "key-0001")
    assert isinstance(answer, AcceptedBid)
    assert [event.kind for entry in await entries(patient) for event in entry.events].count("bid") == 1


async def test_a_connection_that_dies_under_a_bid_leaves_it_unknown(own_server: OwnServers) -> None:
    server = await own_server()
    ledger = await BidLedger.open(server.client(), SHARDS)
    await opened(ledger)
    server.freeze()
    placing = asyncio.create_task(bid(ledger, "ada", 100, "key-0001"))
    await until_sent(ledger.redis)
    server.kill()
    with pytest.raises(OutcomeUnknown):
        await placing


async def test_a_replica_refuses_and_nothing_was_changed(own_server: OwnServers) -> None:
    server = await own_server(replica_serve_stale_data="yes")
    ledger = await BidLedger.open(server.client(), SHARDS)
    await opened(ledger)
    await ledger.redis.execute_command("REPLICAOF", "127.0.0.1", "1")
    with pytest.raises(LedgerAway, match="read only replica"):
        await taken(ledger, "ada", 100, "key-0001")
    await ledger.redis.config_set("replica-serve-stale-data", "no")
    with pytest.raises(LedgerAway, match="refuses work"):
        await ledger.read(LOT)


async def test_a_loading_server_refuses_and_nothing_was_changed(own_server: OwnServers) -> None:
    server = await own_server()
    ledger = await BidLedger.open(server.client(), SHARDS)
    filling = ledger.redis.pipeline(transaction=False)
    for number in range(400):
        filling.set(f"filling-{number}", random.randbytes(2000))
    await filling.execute()
    await ledger.redis.bgrewriteaof()
    while (await ledger.redis.info("persistence"))["aof_rewrite_in_progress"]:  # noqa: ASYNC110 - the server's work
        await asyncio.sleep(0.01)
    server.kill()
    server.launch({"key-load-delay": "50000", "loading-process-events-interval-bytes": "1024"})
    ledger = BidLedger(server.client(), ledger.keys, lineage="")
    said = ""
    while "loading" not in said:
        with pytest.raises(LedgerAway) as caught:
            await bid(ledger, "ada", 100, "key-0001")
        said = str(caught.value.__cause__)


async def test_a_server_that_does_not_greet_was_sent_nothing(own_server: OwnServers) -> None:
    server = await own_server()
    server.freeze()
    with pytest.raises(LedgerAway):
        await bid(BidLedger(server.client(timeout_ms=50), KeySpace(SHARDS), lineage=""), "ada", 100, "key-0001")
    server.thaw()


async def test_a_stranger_is_turned_away_before_anything_is_sent(own_server: OwnServers) -> None:
    server = await own_server()
    await server.client().config_set("requirepass", "a secret")
    ledger = BidLedger(server.client(), KeySpace(SHARDS), lineage="")
    with pytest.raises(LedgerAway):
        await bid(ledger, "ada", 100, "key-0001")
    url = server.url.replace("unix://", "unix://:wrong@")
    async with connect(url) as client:
        with pytest.raises(LedgerAway):
            await bid(BidLedger(client, KeySpace(SHARDS), lineage=""), "ada", 100, "key-0001")


async def test_a_call_that_finds_no_connection_was_not_sent(own_server: OwnServers) -> None:
    server = await own_server()
    ledger = await BidLedger.open(server.client(connections=1), SHARDS)
    pool = ledger.redis.connection_pool
    assert isinstance(pool, BlockingConnectionPool)
    held = await pool.get_connection()
    pool.timeout = 0.05
    with pytest.raises(LedgerAway):
        await bid(ledger, "ada", 100, "key-0001")
    pool.timeout = PATIENT_MS / 1000
    await pool.release(held)
    assert (await bid(ledger, "ada", 100, "key-0001")) is not None


BECOMES: list[tuple[Exception, bool, type[Unavailable]]] = [
    (client_errors.ConnectionError("Connection closed by server."), True, OutcomeUnknown),
    (client_errors.ConnectionError("Connection closed by server."), False, LedgerAway),
    (client_errors.TimeoutError("Timeout reading from socket"), True, OutcomeUnknown),
    (ConnectionResetError(104, "reset"), True, OutcomeUnknown),
    (client_errors.BusyLoadingError("Redis is loading the dataset in memory"), True, LedgerAway),
    (client_errors.OutOfMemoryError("command not allowed when used memory > 'maxmemory'."), True, LedgerFault),
    (client_errors.ReadOnlyError("You can't write against a read only replica."), True, LedgerFault),
    (client_errors.ResponseError("MISCONF Errors writing to the AOF file"), True, LedgerFault),
    (client_errors.ResponseError("LINEAGE this is not the ledger that was checked"), True, LedgerChanged),
    (client_errors.ResponseError("LATE 1761120000000"), True, LedgerLate),
    (client_errors.DataError("Invalid input of type"), True, LedgerAway),
]
"""What the client raises, whether the call writes, and what the engine raises then."""


def test_each_error_of_the_client_says_what_became_of_the_call(subtests: pytest.Subtests) -> None:
    for raised, writing, becomes in BECOMES:
        with subtests.test(repr(raised), writing=writing):
            with pytest.raises(Unavailable) as caught, ledger_errors(writing=writing):
                raise raised
            assert type(caught.value) is becomes
            assert caught.value.__cause__ is raised


def test_what_is_no_error_of_the_client_passes_through() -> None:
    with pytest.raises(ZeroDivisionError), ledger_errors():
        raise ZeroDivisionError


def test_a_client_makes_each_call_once() -> None:
    client: Redis = connect("redis://127.0.0.1:1", timeout_ms=700, connections=3)
    wiring = client.connection_pool.connection_kwargs
    assert wiring["retry"].get_retries() == 0
    assert (wiring["socket_timeout"], wiring["decode_responses"]) == (0.7, False)
    assert client.connection_pool.max_connections == 3


async def test_a_call_that_the_ledger_takes_up_too_late_changes_nothing(ledger: BidLedger) -> None:
    """As after ten seconds in which the server stood still; the next call is decided."""
    await opened(ledger)
    before = await contents(ledger)
    ledger._clock.learn(await ledger.now_ms() - 60_000)
    with pytest.raises(LedgerLate):
        await bid(ledger, "ada", 100, "key-0001")
    assert await contents(ledger) == before
    assert isinstance(await bid(ledger, "ada", 100, "key-0001"), AcceptedBid)
