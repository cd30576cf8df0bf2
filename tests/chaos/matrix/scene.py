"""A small deployment inside of the test's process: two hosts of the application, bidders on both, a worker, two lots.

Its ledger's servers are real, and a host reaches one by a link of its own, which a fault can point elsewhere. Bidders go
on through every fault: a bid whose outcome is not known is tried again under its key, at either host.
"""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any
from unittest.mock import patch

from sqlalchemy.ext.asyncio import AsyncSession

from auction.bootstrap import open_context, open_restorer
from auction.domain.bidding import Bid, Refused
from auction.domain.errors import BooksAway, OutcomeUnknown, Unavailable
from auction.domain.lot import LotStatus
from auction.ledger.replies import BidAnswer
from auction.services.catalogue.lots import create_lot, create_sale, open_lot
from auction.services.context import AppContext
from auction.services.payments.registration_deposits import register
from auction.services.recovery.frozen import stop_frozen_lots
from auction.settings import Settings, load_settings
from auction.workers.archiver import Archiver
from auction.workers.clerk import Clerk
from tests.chaos.bidders import STEP_FEN, TERMS, Market
from tests.chaos.history import STANDS, Attempt, History, Look, Outcome
from tests.ledger.server_process import OwnServer

HOUR_MS = 3_600_000
LEDGER_TIMEOUT_MS = 500
BIDDERS_PER_HOST = 4
PAUSE_S = 0.02
"""The longest pause of a bidder between two bids."""
HANGS_S = 240.0
"""For a run that hangs; a busy machine takes its time."""
MARKED_S = 0.5
"""Staff do not restore within a fraction of a second; what was acknowledged is marked by then."""


class Host:
    """A machine that runs the application: its link to the ledger, its data directory, its connections."""

    def __init__(self, folder: Path, books_url: str, *, timeout_ms: int = LEDGER_TIMEOUT_MS) -> None:
        folder.mkdir()
        self._link = folder / "l"
        self.settings: Settings = load_settings(
            redis_url=f"unix://{self._link}",
            database_url=books_url,
            secret_key="a secret of the tests, long enough",
            data_dir=folder / "data",
            payment_provider="sandbox",
            ledger_timeout_ms=timeout_ms,
        )
        self._open: AsyncExitStack | None = None
        self._context: AppContext | None = None
        self.accepted = 0

    @property
    def context(self) -> AppContext:
        """Its connections."""
        assert self._context is not None
        return self._context

    @property
    def is_up(self) -> bool:
        """Whether it runs."""
        return self._context is not None

    def link_to(self, server: OwnServer) -> None:
        """Let it reach another server from its next connection on."""
        draft = self._link.with_suffix(".new")
        draft.symlink_to(server.socket)
        draft.replace(self._link)

    def cut(self) -> None:
        """Cut its connections to the ledger."""
        pool = self.context.ledger.redis.connection_pool
        for connection in (*pool._available_connections, *pool._in_use_connections):
            # not by the client: it would take the connection from under a call that is just being sent
            if connection._writer is not None:
                connection._writer.transport.abort()

    @contextmanager
    def without_books(self) -> Iterator[None]:
        """Have it not reach the database for the block."""

        @asynccontextmanager
        async def unreachable() -> AsyncIterator[AsyncSession]:
            if self.is_up:
                raise BooksAway
            yield AsyncSession()

        with patch.object(self.context.books, "_session", unreachable):
            yield

    async def start(self) -> None:
        """Start the application."""
        self._open = AsyncExitStack()
        self._context = await self._open.enter_async_context(open_context(self.settings))

    async def stop(self) -> None:
        """Stop it; its spooled marks are those of a process that is gone."""
        if self._open is not None:
            self._context, closing, self._open = None, self._open, None
            await closing.aclose()
            spooled = self.settings.data_dir / "marks" / f"{os.getpid()}.json"
            if spooled.exists():
                spooled.rename(spooled.with_name("4194999.json"))  # above the highest pid


@dataclass
class Worker:
    """Archiver and clerk, on one of the hosts."""

    host: Host
    _tasks: "list[asyncio.Task[None]]" = field(default_factory=list)

    def start(self) -> None:
        """Start both."""
        context = self.host.context
        archiver = Archiver(context.books, context.stream, stop_frozen=lambda: stop_frozen_lots(context))
        self._tasks = [asyncio.create_task(archiver.run()), asyncio.create_task(Clerk(context).run())]

    async def stop(self) -> None:
        """End both at once, as a kill does."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def move_to(self, host: Host) -> None:
        """Go on at another host, if it is not there."""
        if host is not self.host:
            await self.stop()
            self.host = host
            self.start()

    def ended(self) -> None:
        """Raise what ended one of them, where something did."""
        for task in self._tasks:
            if task.done():
                task.result()


@dataclass
class Scene:
    """One run: what a fault may use, and what its bidders saw."""

    chance: Random
    ledger: OwnServer
    spare: OwnServer | None
    hosts: list[Host]
    staff: Host
    """Who sets up and closes, and waits for answers as long as it takes."""
    books_pids: Sequence[int]
    worker: Worker
    histories: dict[str, History] = field(default_factory=dict)
    faults: int = 0
    is_forked: bool = False
    """Whether two servers answered at once: nothing kept the old one from it, or not at once."""
    _markets: dict[str, Market] = field(default_factory=dict)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _bidding: "list[asyncio.Task[None]]" = field(default_factory=list)

    @property
    def context(self) -> AppContext:
        """The connections of staff."""
        return self.staff.context

    async def begin(self) -> None:
        """Start everything, and have some bids accepted."""
        for host in (self.staff, *self.hosts):
            host.link_to(self.ledger)
        await self.staff.start()
        context = self.staff.context
        for sale_id in ("launch", "second"):
            await create_sale(context, title="A sale", actor="olga", sale_id=sale_id)
            lot = await create_lot(context, sale_id=sale_id, title="No. 001", terms=TERMS, actor="olga")
            lot_id = lot.record.lot_id
            await open_lot(context, lot_id, duration_ms=HOUR_MS, actor="olga")
            for name in self._bidder_ids():
                await register(context, lot_id, bidder_id=name, name=name)
            self.histories[lot_id], self._markets[lot_id] = History(lot_id), Market()
        # a lot of which nothing was ever archived cannot be restored, only scheduled anew
        await Archiver(context.books, context.stream).catch_up()
        await self.staff.stop()
        for host in self.hosts:
            await host.start()
        self.worker.start()
        for number, bidder_id in enumerate(self._bidder_ids()):
            bidder = self._bid(self.hosts[number % len(self.hosts)], bidder_id, self.chance.random())
            self._bidding.append(asyncio.create_task(bidder))
        await self.until_accepted(self.chance.randrange(5, 40))

    def _bidder_ids(self) -> list[str]:
        return [f"bidder-{number:02d}" for number in range(1, BIDDERS_PER_HOST * len(self.hosts) + 1)]

    async def until_accepted(self, more: int, *, at: Host | None = None, within_s: float = HANGS_S) -> bool:
        """Wait until so many more bids were accepted (`at` one host); false where that takes too long."""
        hosts, deadline_s = [at] if at is not None else self.hosts, monotonic() + within_s
        goal = sum(host.accepted for host in hosts) + more
        while sum(host.accepted for host in hosts) < goal:
            self._ended()
            if monotonic() > deadline_s:
                assert within_s < HANGS_S, "the bidding stands still"
                return False
            await asyncio.sleep(0.005)
        return True

    async def for_a_while(self, *, about_s: float) -> None:
        """Let everybody go on."""
        await asyncio.sleep(self.chance.uniform(0.5, 1.5) * about_s)
        self._ended()

    def _ended(self) -> None:
        self.worker.ended()
        for task in self._bidding:
            if task.done() and not self._stopping.is_set():
                task.result()

    async def _bid(self, host: Host, bidder_id: str, seed: float) -> None:
        chance, number = Random(seed), 0
        while not self._stopping.is_set():
            lot_id, kind = chance.choice(list(self.histories)), chance.randrange(100)
            market = self._markets[lot_id]
            if kind < 5:
                await self._look(host, lot_id)
            number += 1
            if kind < 80:
                amount_fen = market.next_fen()
            else:
                amount_fen = max(1, market.minimum_fen + STEP_FEN * chance.randrange(-5, 3))
            await self._settle(chance, host, lot_id, Bid(bidder_id, amount_fen, f"{bidder_id}-{number:06d}"))
            await asyncio.sleep(chance.uniform(0, PAUSE_S))

    async def _settle(self, chance: Random, host: Host, lot_id: str, bid: Bid) -> None:
        """Try until somebody says yes or no."""
        deadline_s = monotonic() + HANGS_S
        while True:
            attempt = await self.place(host, lot_id, bid)
            if attempt.outcome not in (Outcome.UNKNOWN, Outcome.NOT_TAKEN):
                self._markets[lot_id].learn(attempt)
                return
            assert monotonic() < deadline_s, f"nobody decides {attempt}"
            if chance.randrange(4) == 0:
                host = chance.choice(self.hosts)
            await asyncio.sleep(chance.uniform(0, 2 * PAUSE_S))

    async def place(self, host: Host, lot_id: str, bid: Bid) -> Attempt:
        """Bid once at a host, and note what came of it."""
        invoked_s, outcome = monotonic(), Outcome.NOT_TAKEN
        answer: dict[str, Any] = {}
        if host.is_up:
            try:
                decided = await host.context.combiner.place(lot_id, bid)
            except OutcomeUnknown:
                outcome = Outcome.UNKNOWN
            except Unavailable:
                pass
            else:
                outcome, answer = _read(decided)
        returned_s = inf if outcome is Outcome.UNKNOWN else monotonic()
        attempt = Attempt(bid.bidder_id, bid.key, bid.amount_fen, invoked_s, returned_s, outcome, answer)
        self.histories[lot_id].attempts.append(attempt)
        host.accepted += outcome is Outcome.ACCEPTED
        return attempt

    async def _look(self, host: Host, lot_id: str) -> None:
        invoked_s = monotonic()
        try:
            seen = None if not host.is_up else await host.context.ledger.read(lot_id)
        except Unavailable:
            return
        if seen is not None and seen.status is not LotStatus.FROZEN:
            answer = {
                "seq": seen.seq, "status": str(seen.status), "epoch": seen.epoch, "price_fen": seen.price_fen,
                "leader": seen.leader_paddle or None, "bids": seen.bids, "minimum_fen": seen.minimum_fen,
                "ends_at_ms": seen.ends_at_ms,
            }  # fmt: skip
            self.histories[lot_id].looks.append(Look(invoked_s, monotonic(), answer))

    async def recover(self) -> None:
        """What staff do after a fault, until bids are accepted again: restore what is stopped, resume what is paused."""
        deadline_s = monotonic() + HANGS_S
        await asyncio.sleep(MARKED_S)
        while not await self._is_bidding():
            assert monotonic() < deadline_s, "it does not recover"
            try:
                async with open_restorer(self.hosts[0].settings) as (restorer, books, stream):
                    await Archiver(books, stream).catch_up()
                    report = await restorer.restore(None, by="olga", reason="a fault", dry_run=False)
                assert all(plan.problem is None or "meanwhile" in plan.problem for plan in report.lots), report
                for lot_id in self.histories:
                    ledger = self.hosts[0].context.ledger
                    seen = await ledger.read(lot_id)
                    if seen is not None and seen.status is LotStatus.PAUSED:
                        await ledger.resume(lot_id, review_above_fen=None, by="olga")
            except Unavailable:
                await asyncio.sleep(0.05)

    async def _is_bidding(self) -> bool:
        """Whether every host takes bids, and every lot gets some."""
        before = Counter({lot_id: history.count(Outcome.ACCEPTED) for lot_id, history in self.histories.items()})
        for host in self.hosts:
            if not await self.until_accepted(3, at=host, within_s=1.0):
                return False
        after = {lot_id: history.count(Outcome.ACCEPTED) for lot_id, history in self.histories.items()}
        return all(after[lot_id] > before[lot_id] for lot_id in after)

    async def stop_bidding(self) -> None:
        """End the bidding once every bid's outcome is known, and close the lots."""
        await self.until_accepted(10)
        self._stopping.set()
        await asyncio.gather(*self._bidding)
        await self.staff.start()
        for lot_id in self.histories:
            await self.context.ledger.close_now(lot_id, reason="the end of the run", by="olga")

    async def ask_again(self, lot_id: str, attempts: Sequence[Attempt]) -> None:
        """Retry some bids that stand: each must get its first receipt (compared by the checks)."""
        standing = [attempt for attempt in attempts if attempt.outcome in STANDS]
        for attempt in self.chance.sample(standing, min(10, len(standing))):
            bid = Bid(attempt.bidder_id, attempt.amount_fen, attempt.key)
            again = await self.place(self.staff, lot_id, bid)
            assert again.outcome is Outcome.REPEATED, f"{attempt} was asked for again: {again}"

    async def close(self) -> None:
        """Stop everything."""
        self._stopping.set()
        for task in self._bidding:
            task.cancel()
        await asyncio.gather(*self._bidding, return_exceptions=True)
        await self.worker.stop()
        for host in (self.staff, *self.hosts):
            await host.stop()
        for server in (self.ledger, self.spare):
            if server is not None:
                await server.close()


def _read(answer: BidAnswer) -> tuple[Outcome, dict[str, Any]]:
    if isinstance(answer, Refused):
        if answer.code == "lot-frozen":
            return Outcome.NOT_TAKEN, {}  # nothing is decided on a frozen lot
        facts = {"lot_status" if name == "status" else name: fact for name, fact in answer.facts.items()}
        return Outcome.REFUSED, {
            "code": str(answer.code), "at_seq": answer.at_seq, "price_fen": answer.price_fen,
            "minimum_fen": answer.minimum_fen, "ends_at_ms": answer.ends_at_ms, "now_ms": answer.now_ms, **facts,
        }  # fmt: skip
    receipt = answer.receipt
    return Outcome.REPEATED if answer.repeated else Outcome.ACCEPTED, {
        "seq": receipt.seq, "at_seq": receipt.seq, "amount_fen": receipt.amount_fen, "price_fen": receipt.price_fen,
        "minimum_fen": receipt.minimum_fen, "leading": receipt.leading, "paddle": receipt.paddle,
        "ends_at_ms": receipt.ends_at_ms, "at_ms": receipt.at_ms,
    }  # fmt: skip
