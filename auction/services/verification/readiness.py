"""Checks whether a process can serve: ledger, database, and its migrations. Off the bid's way; behind `/readyz`."""

from dataclasses import dataclass

from auction.books import frozen_lots
from auction.books.revision import applied_revision, head
from auction.domain.errors import AuctionError
from auction.ledger.memory import REFUSE_PERCENT, MemoryLevel, MemoryUse, read_memory
from auction.ledger.server_state import ServerState
from auction.services.context import AppContext

OK = "ok"


@dataclass(frozen=True, slots=True)
class Readiness:
    """For each part "ok", or a sentence that says what is wrong with it."""

    ledger: str
    books: str
    migrations: str
    ledger_memory: str
    """Of no effect on `ready`: lots are closed and pages served whatever memory is left."""
    shards_stopped: tuple[int, ...] = ()
    """Shards for which the ledger refuses every call until `auction restore`."""
    lots_frozen: tuple[str, ...] = ()
    """Of no effect on `ready`: the other lots go on."""

    @property
    def ready(self) -> bool:
        """Whether servers and migrations are ok, and no shard is stopped."""
        return self.ledger == self.books == self.migrations == OK and not self.shards_stopped


async def check_readiness(context: AppContext) -> Readiness:
    """Ask both servers; one that is away is a finding, not an error."""
    shards: tuple[int, ...] = ()
    lots: tuple[str, ...] = ()
    try:
        memory = await read_memory(context.ledger.redis)
        state = ServerState(context.ledger.redis, context.ledger.keys)
        shards = await state.stopped_shards(context.ledger.lineage)
        ledger, ledger_memory = OK, _judge(memory)
    except AuctionError as error:
        ledger, ledger_memory = error.detail, "unknown while the ledger is away"
    try:
        async with context.books.reading() as tx:
            revision = await applied_revision(tx)
            if revision == head():
                lots = tuple([lot.lot_id for lot in await frozen_lots.list_frozen(tx)])
        books, migrations = OK, _compare(revision, head())
    except AuctionError as error:
        books, migrations = error.detail, "unknown while the books are away"
    return Readiness(ledger, books, migrations, ledger_memory, shards, lots)


def _judge(memory: MemoryUse) -> str:
    match memory.level:
        case MemoryLevel.FULL:
            return f"{memory.sentence()}: new bids are refused"
        case MemoryLevel.HIGH:
            return f"{memory.sentence()}: new bids are refused from {REFUSE_PERCENT:.0f} %"
        case MemoryLevel.NORMAL:
            return OK


def _compare(found: str | None, expected: str) -> str:
    if found == expected:
        return OK
    return f"the books are at migration {found or 'none'}, this code expects {expected}; run 'auction migrate'"
