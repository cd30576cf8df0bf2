"""Refuses bids before the ledger, by what the shards' streams say of their lots (`auction.domain.edge`).

In the bid's way, before `combiner`. A lot is followed from the first bid that the ledger itself refused as too low
until no such bid has come for a while, so that a process without low bids does nothing here. A lot is refused on only
while everything is known of it: the state, every accepted key (as a filter), and that nothing newer than LAG_MS_MAX ago
was missed. Bidders are taken for admitted once the ledger has decided a bid of theirs on the lot.

Whatever interrupts the reading (a ledger that is away or was changed, an entry that does not fit, a long pause of the
process) makes all that was known forgotten; it is read anew with the next low bid.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import structlog
from cachetools import LRUCache

from auction.domain.bidding import Bid, Refused
from auction.domain.edge import LAG_MS_MAX, edge_refusal, is_floor_rising
from auction.domain.errors import LedgerAway, RefusalCode
from auction.domain.events import BidPlaced, MaximumSet, Restored
from auction.domain.lot import Lot, LotStatus, apply
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.cancellation import raise_if_cancelled
from auction.ledger.entry import EntryDamaged, StreamEntry, decode
from auction.ledger.key_filter import KeyFilter
from auction.ledger.lot_reader import LotReader
from auction.ledger.replies import AcceptedBid, BidAnswer
from auction.ledger.stream import LedgerStream, Row

LOTS_MAX = 64
"""Lots followed at the same time; low bids on further ones are left to the ledger."""
BIDDERS_MAX = 100_000
"""Bidders of a lot who are known to be admitted; those of whom nothing was heard longest go first."""
ENTRIES_PER_READ = 500
BLOCK_MS = 100
"""How long a read waits for an entry: what is known is confirmed this often on a quiet ledger."""
GAP_S = 1.0
"""After a longer pause between two reads, entries may have been trimmed unread."""
CHECK_S = 1.0
"""How often it is checked that the streams do not end before what was read of them."""
IDLE_S = 60.0
"""A lot without a low bid for so long is not followed any more."""
RETRY_S = 0.5
KEYS_PER_READ = 500
_LOW = (RefusalCode.BID_TOO_LOW, RefusalCode.ALREADY_LEADING)
_OVER = (LotStatus.CLOSED, LotStatus.VOID)
_BOOT_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Linux has one that goes on while the machine is suspended."""

log = structlog.get_logger()


def boot_clock_s() -> float:
    """Seconds, those included in which the machine was suspended."""
    return time.clock_gettime(_BOOT_CLOCK)


class Inconsistent(Exception):
    """An entry does not continue what is known of its lot."""


class FollowedLot:
    """What is known of one lot."""

    __slots__ = ("bidders", "is_complete", "keys", "lot", "low_bid_at_s", "pending", "read_seq", "shard")

    def __init__(self, shard: int, now_s: float) -> None:
        self.shard = shard
        self.lot: Lot | None = None
        """None: it is being read."""
        self.keys = KeyFilter()
        """The accepted keys."""
        self.bidders: LRUCache[str, bool] = LRUCache(BIDDERS_MAX)
        self.pending: list[StreamEntry] = []
        """While it is being read: the entries that came since."""
        self.read_seq = 0
        """The seq of the state that was read; entries up to it are part of it."""
        self.is_complete = False
        """Whether the streams were read to their ends since it was read."""
        self.low_bid_at_s = now_s

    def start(self, lot: Lot) -> None:
        """Begin with the state that was read, and what came meanwhile. Raises Inconsistent."""
        pending, self.pending = self.pending, []
        self.lot, self.read_seq = lot, lot.seq
        for entry in pending:
            self.take(entry)

    def take(self, entry: StreamEntry) -> None:
        """Take the next entry. Raises Inconsistent."""
        if self.lot is None:
            self.pending.append(entry)
            return
        bids = [event for event in entry.events if isinstance(event, BidPlaced)]
        for event in entry.events:
            # those of an entry that is part of the state too: the keys were read at another moment
            if isinstance(event, BidPlaced | MaximumSet):
                self.keys.add(event.bidder_id, event.key)
        if entry.last_seq <= self.read_seq:
            return
        if entry.first_seq != self.lot.seq + 1 or isinstance(entry.events[0], Restored):
            raise Inconsistent(f"seq {entry.first_seq} does not follow")
        if len(bids) == len(entry.events):
            self.lot = _after_bids(self.lot, bids, entry)
        else:
            for event in entry.events:
                self.lot = apply(self.lot, event, entry.at_ms)


def _after_bids(lot: Lot, bids: Sequence[BidPlaced], entry: StreamEntry) -> Lot:
    """The lot after an entry of bids alone: what `apply` gives, in one step for all."""
    last = bids[-1]
    leader = next((bid for bid in reversed(bids) if bid.leading), None)
    after = replace(
        lot,
        seq=entry.last_seq,
        price_fen=last.price_fen,
        bids=lot.bids + len(bids),
        ends_at_ms=last.ends_at_ms,
        last_at_ms=entry.at_ms,
    )
    if leader is None:
        return after
    return replace(after, leader_id=leader.bidder_id, leader_paddle=leader.paddle, ceiling_fen=leader.amount_fen)


class EdgeRefusals:
    """The edge of one process. `refusal` and `learn` may be called at any time; without `run` nothing is refused."""

    def __init__(self, ledger: BidLedger, *, clock_s: Callable[[], float] = boot_clock_s) -> None:
        self._ledger = ledger
        self._reader = LotReader(ledger)
        self._stream = LedgerStream(ledger.redis, ledger.keys)
        self._clock_s = clock_s
        self._lots: dict[str, FollowedLot] = {}
        self._unfit: LRUCache[str, bool] = LRUCache(10_000)
        """Lots whose floor may fall within an epoch."""
        self._positions: dict[int, str] = {}
        """Shard with followed lots -> the stream id up to which it was read."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_wanted = asyncio.Event()
        self._is_running = False
        self._confirmed_at_s = float("-inf")
        """When a read was sent that gave every entry there was."""
        self._read_at_s = float("-inf")
        self._checked_at_s = float("-inf")

    # -- the bid's way ---------------------------------------------------------------------------------------------

    def refusal(self, lot_id: str, bid: Bid) -> Refused | None:
        """The refusal that the ledger would certainly give to a bid; None: ask it."""
        followed = self._lots.get(lot_id)
        if followed is None or not followed.is_complete or followed.lot is None:
            return None
        now_s = self._clock_s()
        if now_s - self._confirmed_at_s > LAG_MS_MAX / 1000:
            return None
        if bid.bidder_id not in followed.bidders or followed.keys.may_have(bid.bidder_id, bid.key):
            return None
        refused = edge_refusal(followed.lot, bid, self._ledger.known_now_ms())
        if refused is not None:
            followed.low_bid_at_s = now_s
        return refused

    def learn(self, lot_id: str, bid: Bid, answer: BidAnswer | Exception) -> None:
        """Take note of what the ledger answered to a bid."""
        if isinstance(answer, AcceptedBid):
            if (followed := self._lots.get(lot_id)) is not None:
                followed.bidders[bid.bidder_id] = True
        elif isinstance(answer, Refused):
            if answer.code in _LOW:
                self._follow(lot_id)
                if (followed := self._lots.get(lot_id)) is not None:
                    followed.bidders[bid.bidder_id] = True
                    followed.low_bid_at_s = self._clock_s()
            elif answer.code in (RefusalCode.LOT_UNKNOWN, RefusalCode.LOT_FROZEN):
                self._forget(lot_id)

    @property
    def lots(self) -> int:
        """Lots that bids are refused on here, or will be."""
        return len(self._lots)

    @property
    def lag_s(self) -> float | None:
        """How old what is known may be, in seconds; None while nothing is followed."""
        return self._clock_s() - self._confirmed_at_s if self._lots else None

    def _follow(self, lot_id: str) -> None:
        if not self._is_running or lot_id in self._lots or lot_id in self._unfit or len(self._lots) >= LOTS_MAX:
            return
        shard = self._ledger.keys.shard_of(lot_id)
        followed = self._lots[lot_id] = FollowedLot(shard, self._clock_s())
        task = asyncio.get_running_loop().create_task(self._load(lot_id, followed))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _forget(self, lot_id: str) -> None:
        followed = self._lots.pop(lot_id, None)
        if followed is not None and all(other.shard != followed.shard for other in self._lots.values()):
            self._positions.pop(followed.shard, None)

    def _forget_all(self) -> None:
        self._lots.clear()
        self._positions.clear()

    # -- reading a lot ---------------------------------------------------------------------------------------------

    async def _load(self, lot_id: str, followed: FollowedLot) -> None:
        """Read all that there is of a lot, while its new entries are kept for after it."""
        try:
            if followed.shard not in self._positions:
                if not self._positions:
                    self._read_at_s = self._clock_s()
                (end,) = await self._stream.last_ids([followed.shard])
                if self._lots.get(lot_id) is followed:
                    self._positions.setdefault(followed.shard, end)
                    self._is_wanted.set()
            reading = await self._reader.read_lot(lot_id)
            if reading is None or reading.lot.status in _OVER:
                self._forget_this(lot_id, followed)
                return
            if not is_floor_rising(reading.lot.terms):
                self._unfit[lot_id] = True
                self._forget_this(lot_id, followed)
                return
            async for bidder_id, key in self._reader.accepted_keys(lot_id, at_once=KEYS_PER_READ):
                followed.keys.add(bidder_id, key)
            followed.start(reading.lot)
        except (LedgerAway, Inconsistent) as error:
            log.debug("edge_lot_not_read", lot=lot_id, reason=str(error))
            self._forget_this(lot_id, followed)

    def _forget_this(self, lot_id: str, followed: FollowedLot) -> None:
        if self._lots.get(lot_id) is followed:
            self._forget(lot_id)

    # -- following -------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Follow the lots with low bids until cancelled."""
        self._is_running = True
        try:
            while True:
                raise_if_cancelled()
                if not self._positions:
                    self._is_wanted.clear()
                    await self._is_wanted.wait()
                await self._follow_once()
        finally:
            self._is_running = False
            self._forget_all()
            for task in self._tasks:
                task.cancel()

    async def _follow_once(self) -> None:
        try:
            await self._read()
            now_s = self._clock_s()
            if now_s - self._checked_at_s > CHECK_S:
                self._checked_at_s = now_s
                self._forget_idle(now_s)
                await self._check_ends()
        except (LedgerAway, Inconsistent) as error:
            log.info("edge_starts_anew", lots=len(self._lots), reason=str(error))
            self._forget_all()
            await asyncio.sleep(RETRY_S)

    async def _read(self) -> None:
        """Read what came; where that was all, what is known is confirmed as of before the reading."""
        sent_at_s = self._clock_s()
        if sent_at_s - self._read_at_s > GAP_S:
            raise Inconsistent(f"{sent_at_s - self._read_at_s:.1f} s went by unread")
        self._read_at_s = sent_at_s
        after = dict(self._positions)
        loaded = [lot for lot in self._lots.values() if lot.lot is not None and lot.shard in after]
        rows = await self._stream.read_rows(after, block_ms=BLOCK_MS, count=ENTRIES_PER_READ)
        self._take(rows, after)
        if all(len(of_shard) < ENTRIES_PER_READ for of_shard in rows.values()):
            self._confirmed_at_s = sent_at_s
            for lot in loaded:
                lot.is_complete = True

    def _take(self, rows: Mapping[int, Sequence[Row]], after: Mapping[int, str]) -> None:
        for shard, of_shard in rows.items():
            if self._positions.get(shard) != after[shard]:
                # forgotten meanwhile, and perhaps begun anew
                continue
            self._positions[shard] = of_shard[-1][0]
            for stream_id, fields in of_shard:
                lot_id = fields.get(b"lot", b"").decode(errors="replace")
                if (followed := self._lots.get(lot_id)) is not None:
                    self._take_entry(lot_id, followed, stream_id, fields)

    def _take_entry(self, lot_id: str, followed: FollowedLot, stream_id: str, fields: dict[bytes, bytes]) -> None:
        try:
            followed.take(decode(stream_id, fields))
        except (EntryDamaged, Inconsistent) as error:
            log.info("edge_lot_forgotten", lot=lot_id, reason=str(error))
            self._forget(lot_id)
        else:
            if followed.lot is not None and followed.lot.status in _OVER:
                self._forget(lot_id)

    async def _check_ends(self) -> None:
        """Raise Inconsistent where a stream ends before what was read of it: entries were lost."""
        if await self._stream.is_shorter_than(dict(self._positions)):
            raise Inconsistent("the ledger lost entries")

    def _forget_idle(self, now_s: float) -> None:
        for lot_id in [one for one, lot in self._lots.items() if now_s - lot.low_bid_at_s > IDLE_S]:
            self._forget(lot_id)
