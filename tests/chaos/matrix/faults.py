"""The faults of the matrix: each is done to a scene while its bidders go on, and mended as far as machines are concerned.

What is then still stopped, frozen or paused is restored by `Scene.recover`, as staff would do it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from auction.domain.errors import Unavailable
from tests.chaos.deployment import frozen
from tests.chaos.matrix import ledger_files
from tests.chaos.matrix.scene import LEDGER_TIMEOUT_MS, Host, Scene
from tests.ledger.server_process import OwnServer

STOPPED_S = 3 * LEDGER_TIMEOUT_MS / 1000
SMALL_DISK, LARGE_DISK = "320k", "64m"


@dataclass(frozen=True, slots=True)
class Fault:
    """A row of the matrix. `may_lose`: acknowledged bids may be gone afterwards, if they are named."""

    name: str
    do: Callable[[Scene], Awaitable[None]]
    may_lose: bool = False
    has_spare: bool = False
    spare_offset_s: int = 0
    """How far the spare server's clock is off."""
    disk: str | None = None
    """The size of the ledger's disk; None: the machine's."""


async def _archive_may_lag(scene: Scene) -> bool:
    """In half of the runs nothing is archived from here on until the fault is over."""
    lags = scene.chance.random() < 0.5
    if lags:
        await scene.worker.stop()
    return lags


def _archive_again(scene: Scene, *, lagged: bool) -> None:
    if lagged:
        scene.worker.start()


async def _restart(server: OwnServer) -> None:
    """Start a server that has ended; its log may have to be repaired first."""
    try:
        await server.start()
    except AssertionError:
        server.kill()
        ledger_files.repair(server)
        await server.start()


async def killed(scene: Scene) -> None:
    scene.ledger.kill()
    await scene.for_a_while(about_s=0.2)
    await scene.ledger.start()


async def folder_put_back(scene: Scene) -> None:
    kept = await asyncio.to_thread(ledger_files.keep_folder, scene.ledger)
    lagged = await _archive_may_lag(scene)
    await scene.until_accepted(scene.chance.randrange(1, 60))
    scene.ledger.kill()
    ledger_files.put_back(scene.ledger, kept)
    await scene.ledger.start()
    _archive_again(scene, lagged=lagged)


async def _replica_in_step(scene: Scene) -> OwnServer:
    assert scene.spare is not None
    host, port = await _address(scene.ledger)
    client = scene.spare.client()
    await client.replicaof(host, port)
    while (await client.info("replication")).get("master_link_status") != "up":  # noqa: ASYNC110 - another's state
        await asyncio.sleep(0.02)
    return scene.spare


async def _address(server: OwnServer) -> tuple[str, str]:
    port = (await server.client().config_get("port"))["port"]
    return "127.0.0.1", str(port)


async def _promote(scene: Scene, replica: OwnServer, *hosts: Host) -> None:
    await replica.client().replicaof("NO", "ONE")
    scene.staff.link_to(replica)
    for host in hosts:
        host.link_to(replica)
        host.cut()


async def stale_replica(scene: Scene) -> None:
    replica = await _replica_in_step(scene)
    lagged = await _archive_may_lag(scene)
    # it hears of nothing more
    await replica.client().replicaof("NO", "ONE")
    await scene.until_accepted(scene.chance.randrange(1, 60))
    scene.ledger.kill()
    await _promote(scene, replica, *scene.hosts)
    _archive_again(scene, lagged=lagged)


async def clock_behind(scene: Scene) -> None:
    replica = await _replica_in_step(scene)
    await scene.until_accepted(scene.chance.randrange(1, 40))
    scene.ledger.kill()
    await _promote(scene, replica, *scene.hosts)


async def flushed(scene: Scene) -> None:
    lagged = await _archive_may_lag(scene)
    await scene.until_accepted(scene.chance.randrange(1, 60))
    await scene.ledger.client().flushall()
    await scene.for_a_while(about_s=0.2)
    _archive_again(scene, lagged=lagged)


async def isolated_but_fenced(scene: Scene) -> None:
    replica = await _replica_in_step(scene)
    scene.is_forked = True  # the old one counts its replicas once a second, and answers reads without any
    client = scene.ledger.client()
    await client.config_set("min-replicas-to-write", 1)
    while not int((await client.info("replication")).get("min_slaves_good_slaves", 0)):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    await scene.until_accepted(scene.chance.randrange(1, 40))
    await _isolate(scene, replica)


async def isolated(scene: Scene) -> None:
    replica = await _replica_in_step(scene)
    scene.is_forked = True
    await scene.until_accepted(scene.chance.randrange(1, 40))
    await _isolate(scene, replica)


async def _isolate(scene: Scene, replica: OwnServer) -> None:
    """One host stays with the old primary, which knows of nothing, and takes bids if it may."""
    left_behind, other = scene.chance.sample(scene.hosts, 2)
    await _part(scene, replica, left_behind, other)


async def partitioned(scene: Scene) -> None:
    """The host that stays with the old primary does not reach the database either."""
    replica = await _replica_in_step(scene)
    scene.is_forked = True
    left_behind, other = scene.chance.sample(scene.hosts, 2)
    await scene.worker.move_to(other)
    await scene.until_accepted(scene.chance.randrange(1, 40))
    with left_behind.without_books():
        await _part(scene, replica, left_behind, other)


async def _part(scene: Scene, replica: OwnServer, left_behind: Host, other: Host) -> None:
    await _promote(scene, replica, other)
    await scene.until_accepted(5, at=other, within_s=5.0)
    await scene.for_a_while(about_s=0.5)
    scene.ledger.kill()
    left_behind.link_to(replica)


async def log_cut_within(scene: Scene) -> None:
    await _cut(scene, whole_commands=False)


async def log_cut_between(scene: Scene) -> None:
    await _cut(scene, whole_commands=True)


async def _cut(scene: Scene, *, whole_commands: bool) -> None:
    lagged = await _archive_may_lag(scene)
    await scene.until_accepted(scene.chance.randrange(1, 60))
    scene.ledger.kill()
    ledger_files.cut(ledger_files.log_of(scene.ledger), scene.chance, whole_commands=whole_commands)
    if whole_commands:
        await scene.ledger.start()
    else:
        await _must_be_refused(scene.ledger)
        ledger_files.repair(scene.ledger)
        await scene.ledger.start()
    _archive_again(scene, lagged=lagged)


async def _must_be_refused(server: OwnServer) -> None:
    try:
        await server.start()
    except AssertionError:
        server.kill()
    else:
        raise AssertionError("the server loads a damaged log and says nothing")


async def byte_flipped(scene: Scene) -> None:
    """The start is refused; what is left is to rebuild the ledger on an empty server."""
    lagged = await _archive_may_lag(scene)
    await scene.until_accepted(scene.chance.randrange(1, 60))
    scene.ledger.kill()
    ledger_files.flip_byte(ledger_files.log_of(scene.ledger), scene.chance)
    await _must_be_refused(scene.ledger)
    ledger_files.empty(scene.ledger)
    await scene.ledger.start()
    _archive_again(scene, lagged=lagged)


async def disk_full(scene: Scene) -> None:
    while scene.ledger.is_running and await scene.until_accepted(1, within_s=2.0):
        pass
    await scene.for_a_while(about_s=0.2)
    scene.ledger.kill()
    ledger_files.enlarge_disk(scene.ledger.folder, LARGE_DISK)
    await _restart(scene.ledger)


async def memory_full(scene: Scene) -> None:
    await _until_full(scene)
    await scene.ledger.client().config_set("maxmemory", 0)


async def _until_full(scene: Scene) -> None:
    client = scene.ledger.client()
    used = int((await client.info("memory"))["used_memory"])
    await client.config_set("maxmemory", used + scene.chance.randrange(10_000, 200_000))
    while await scene.until_accepted(1, within_s=1.0):
        pass


async def out_of_memory_kill(scene: Scene) -> None:
    await _until_full(scene)
    scene.ledger.kill()
    await scene.ledger.start()


async def stopped(scene: Scene) -> None:
    scene.ledger.freeze()
    await scene.for_a_while(about_s=STOPPED_S)
    scene.ledger.thaw()


async def books_away(scene: Scene) -> None:
    with frozen(scene.books_pids):
        await scene.until_accepted(40)
        await scene.for_a_while(about_s=1.0)


async def both(scene: Scene) -> None:
    """The ledger comes back older while the books are away; in half of the runs a host ends meanwhile."""
    kept = await asyncio.to_thread(ledger_files.keep_folder, scene.ledger)
    await scene.until_accepted(scene.chance.randrange(1, 30))
    ends = scene.hosts[1] if scene.chance.random() < 0.5 else None
    with frozen(scene.books_pids):
        await scene.until_accepted(scene.chance.randrange(1, 40))
        await scene.for_a_while(about_s=0.3)  # longer than it takes to spool a mark
        scene.ledger.kill()
        ledger_files.put_back(scene.ledger, kept)
        await scene.ledger.start()
        if ends is not None:
            await ends.stop()
        await scene.for_a_while(about_s=1.0)
    if ends is not None:
        await _start_again(ends)


async def _start_again(host: Host) -> None:
    while True:
        try:
            await host.start()
        except Unavailable:
            await asyncio.sleep(0.05)
        else:
            return


FAULTS = {
    one.name: one
    for one in (
        Fault("ledger killed", killed),
        Fault("older folder put back", folder_put_back, may_lose=True),
        Fault("stale replica promoted", stale_replica, may_lose=True, has_spare=True),
        Fault("clock 5 s behind at promotion", clock_behind, may_lose=True, has_spare=True, spare_offset_s=-5),
        Fault("FLUSHALL", flushed, may_lose=True),
        Fault("old primary isolated, fenced", isolated_but_fenced, may_lose=True, has_spare=True),
        Fault("old primary isolated, not fenced", isolated, may_lose=True, has_spare=True),
        Fault("old primary and a host partitioned", partitioned, may_lose=True, has_spare=True),
        Fault("log cut within a command", log_cut_within, may_lose=True),
        Fault("log cut between commands", log_cut_between, may_lose=True),
        Fault("byte flipped in the log", byte_flipped, may_lose=True),
        Fault("disk full", disk_full, disk=SMALL_DISK),
        Fault("maxmemory reached", memory_full),
        Fault("killed at the memory limit", out_of_memory_kill),
        Fault("ledger stopped (SIGSTOP)", stopped),
        Fault("books away", books_away),
        Fault("books away, older ledger put back", both, may_lose=True),
    )
}
