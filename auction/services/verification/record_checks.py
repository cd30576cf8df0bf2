"""The steps by which one lot's record is checked: both chains, the rules, derived rows, the stream, the ledger's state.

After the bid's way; called by `auction.services.verification.verdicts`. Each step raises RuleBroken inside
`noting_breach`, which keeps a lot's first one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from auction.books import archive_queries
from auction.books.archive_queries import LotResult
from auction.books.chain import GENESIS, head_after
from auction.books.ledger_expiry import ENDED
from auction.books.unit_of_work import Transaction
from auction.domain.events import BidPlaced, Closed, LotVoided, Outcome, Restored
from auction.domain.ledger_layout import STREAM_START, StreamPosition
from auction.domain.lot import LotStatus
from auction.domain.proof import CHAINED, NO_PHANTOMS, ONE_WINNER, ORDER, LotProof, RuleBroken
from auction.ledger.entry import EntryDamaged, StreamEntry, chain_of
from auction.ledger.replies import Snapshot
from auction.services.context import AppContext
from auction.services.lot_log import decode_archived

PAGE_BIDS = 1000
"""Archived bids read at a time."""


@dataclass(frozen=True, slots=True)
class Breach:
    """The first promise that a lot's record breaks: its number, the seq of the event, and what is wrong with it."""

    lot_id: str
    promise: int
    seq: int
    what: str


@dataclass(frozen=True, slots=True)
class EntryLink:
    """An archived entry's stream id, and the ledger's chain before and after it."""

    stream_id: str
    before: str
    after: str


@dataclass(slots=True)
class LotCheck:
    """The check of one lot: its record folded so far, both chains, and the links of its archived entries."""

    lot_id: str
    proof: LotProof
    snapshot: Snapshot | None
    later: Snapshot | None = None
    """The state read once more after the record, where the record goes beyond `snapshot`."""
    chain: str = ""
    head: bytes = GENESIS
    archived_seq: int = 0
    links: dict[int, EntryLink] = field(default_factory=dict)
    """First seq of each entry -> its place in the chain and the stream."""
    stamps: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Seq of each bid, and of the lot's end -> epoch and time (UTC ms) of its entry."""
    streamed: set[int] = field(default_factory=set)
    """First seqs of the entries that the stream still holds."""
    restored_seq: int = 0
    """The seq of the last `restored` event: what the stream holds or lacks before it counts as lost."""
    may_be_dropped: bool = False
    """Whether the ledger keeps the lot for a time only, as it is over."""
    breach: Breach | None = None

    def fold(self, entry: StreamEntry) -> None:
        """Check and fold one entry of archive or stream. Raises RuleBroken."""
        chain = chain_of(self.chain, self.lot_id, entry.epoch, entry.first_seq, entry.at_ms, entry.packed)
        if chain != entry.chain:
            raise RuleBroken(CHAINED, entry.first_seq, f"the chain should be {chain}, recorded {entry.chain}")
        self.proof.fold_entry(entry.epoch, entry.first_seq, entry.at_ms, entry.events)
        self.links[entry.first_seq] = EntryLink(entry.stream_id, self.chain, chain)
        self.chain = chain
        for seq, event in enumerate(entry.events, entry.first_seq):
            if isinstance(event, BidPlaced | Closed | LotVoided):
                self.stamps[seq] = (entry.epoch, entry.at_ms)
        if isinstance(entry.events[0], Restored):
            self.restored_seq = entry.first_seq


@contextmanager
def noting_breach(check: LotCheck) -> Iterator[None]:
    """Keep a lot's first RuleBroken as its breach; ends the block."""
    try:
        yield
    except RuleBroken as broken:
        if check.breach is None:
            check.breach = Breach(check.lot_id, broken.promise, broken.seq, broken.what)


async def check_archive(tx: Transaction, check: LotCheck) -> None:
    """Check the archived entries against both chains and the rules, then the derived rows. Raises RuleBroken."""
    async for row in archive_queries.entries_of(tx, check.lot_id):
        try:
            entry = decode_archived(row)
        except EntryDamaged as damage:
            raise RuleBroken(CHAINED, row.first_seq, str(damage)) from damage
        check.fold(entry)
        check.head = head_after(check.head, row.lot_id, row.epoch, row.first_seq, row.at_ms, entry.events)
        if row.head != check.head:
            raise RuleBroken(CHAINED, row.first_seq, "the archive's SHA-256 head is not that of its events")
        if row.last_seq != entry.last_seq:
            raise RuleBroken(ORDER, row.first_seq, f"recorded up to seq {row.last_seq}, holds up to {entry.last_seq}")
        check.archived_seq = entry.last_seq
    await _check_bids(tx, check)
    _check_result(check, await archive_queries.result_of(tx, check.lot_id))


async def _check_bids(tx: Transaction, check: LotCheck) -> None:
    """The archived bids are those of the entries, with the same values. Raises RuleBroken."""
    proof, after_seq, found = check.proof, 0, 0
    while rows := await archive_queries.bids_after(tx, check.lot_id, after_seq=after_seq, limit=PAGE_BIDS):
        for row in rows:
            event = proof.bids.get(row.seq)
            if event is None:
                raise RuleBroken(NO_PHANTOMS, row.seq, "an archived bid that the ledger's entries do not hold")
            facts = BidPlaced(
                row.bidder_id, row.paddle, row.amount_fen, row.key, row.price_fen, int(row.leading), row.ends_at_ms
            )
            if (row.epoch, row.at_ms) != check.stamps[row.seq]:
                found_at, expected_at = (row.epoch, row.at_ms), check.stamps[row.seq]
                raise RuleBroken(
                    NO_PHANTOMS, row.seq, f"archived with epoch and time {found_at}, its entry says {expected_at}"
                )
            if facts != event or row.voided_by_seq != proof.voided.get(row.seq):
                raise RuleBroken(NO_PHANTOMS, row.seq, f"archived as {facts}, the ledger's entry holds {event}")
        found += len(rows)
        after_seq = rows[-1].seq
    if found != len(proof.bids):
        raise RuleBroken(NO_PHANTOMS, check.archived_seq, f"{len(proof.bids)} bids in the entries, {found} archived")


def _check_result(check: LotCheck, result: LotResult | None) -> None:
    """The archived result is that of the closed event; there is none without one. Raises RuleBroken."""
    closed, seq = check.proof.closed, check.proof.closed_seq
    if closed is None:
        if result is not None and check.proof.lot.status is not LotStatus.VOID:
            raise RuleBroken(ONE_WINNER, result.closed_seq, "a result is archived of a lot that did not close")
        if result is not None and (result.outcome, result.winner_id) != (str(LotStatus.VOID), None):
            raise RuleBroken(ONE_WINNER, result.closed_seq, f"a void lot is archived as {result.outcome}")
        return
    sold = closed.outcome == Outcome.SOLD
    expected = (
        closed.outcome,
        closed.price_fen or None,
        closed.leader_id if sold else None,
        closed.leader_paddle if sold else None,
        seq,
        check.stamps[seq][1],
        closed.cause,
    )
    found = result and (
        result.outcome,
        result.hammer_price_fen,
        result.winner_id,
        result.winner_paddle,
        result.closed_seq,
        result.closed_at_ms,
        result.cause,
    )
    if found != expected:
        raise RuleBroken(ONE_WINNER, seq, f"the result is archived as {found}, the closed event says {expected}")


async def check_stream(context: AppContext, shard: int, cursor: str, checks: dict[str, LotCheck]) -> None:
    """Check that the stream holds what was archived, without a gap, and fold the entries after the cursor."""
    archived_until = StreamPosition.parse(cursor)
    try:
        async for entry in context.stream.entries_after(shard, STREAM_START):
            if entry.lot_id in checks:
                check = checks[entry.lot_id]
                with noting_breach(check):
                    is_archived = StreamPosition.parse(entry.stream_id) <= archived_until
                    _check_stream_entry(check, entry, is_archived=is_archived)
    except EntryDamaged as damage:
        for check in checks.values():
            with noting_breach(check):
                raise RuleBroken(CHAINED, check.proof.lot.seq, str(damage)) from damage
    oldest = StreamPosition.parse(await context.stream.first_id(shard))
    for check in checks.values():
        with noting_breach(check):
            _check_gaps(check, oldest)


def _check_stream_entry(check: LotCheck, entry: StreamEntry, *, is_archived: bool) -> None:
    if check.breach is not None or entry.first_seq < check.restored_seq:
        return
    check.streamed.add(entry.first_seq)
    if not is_archived:
        check.fold(entry)
        return
    link = check.links.get(entry.first_seq)
    if link is None:
        raise RuleBroken(NO_PHANTOMS, entry.first_seq, f"stream entry {entry.stream_id} was never archived")
    chain = chain_of(link.before, check.lot_id, entry.epoch, entry.first_seq, entry.at_ms, entry.packed)
    if not chain == entry.chain == link.after:
        raise RuleBroken(CHAINED, entry.first_seq, f"stream entry {entry.stream_id} is not what was archived")


def _check_gaps(check: LotCheck, oldest: StreamPosition) -> None:
    """Raise RuleBroken for an archived entry that the stream lacks, though it is not older than its oldest entry."""
    for first_seq, link in check.links.items():
        if first_seq in check.streamed or first_seq < check.restored_seq:
            continue
        if StreamPosition.parse(link.stream_id) >= oldest > (0, 0):
            raise RuleBroken(ORDER, first_seq, f"the ledger's stream has lost entry {link.stream_id}")


def check_state(check: LotCheck) -> None:
    """The lot's state in the ledger is what its record folds to, unless bids came meanwhile. Raises RuleBroken."""
    snapshot, lot = check.snapshot, check.proof.lot
    if snapshot is None and check.may_be_dropped and lot.status in ENDED:
        return
    if snapshot is None:
        raise RuleBroken(CHAINED, lot.seq, "the ledger does not know this lot any more; see the restore command")
    if snapshot.seq > lot.seq:
        raise RuleBroken(ORDER, lot.seq, f"the ledger is at seq {snapshot.seq}, its record ends at {lot.seq}")
    if snapshot.seq < lot.seq:
        snapshot = _later_state(check)
        if snapshot.seq > lot.seq:
            return
    found = (
        snapshot.status, snapshot.epoch, snapshot.price_fen, snapshot.leader_id, snapshot.leader_paddle,
        snapshot.ceiling_fen, snapshot.bids, snapshot.opens_at_ms, snapshot.ends_at_ms, snapshot.hard_stop_at_ms,
        snapshot.remaining_ms, snapshot.review_above_fen, snapshot.chain,
    )  # fmt: skip
    expected = (
        lot.status, lot.epoch, lot.price_fen, lot.leader_id, lot.leader_paddle,
        lot.ceiling_fen, lot.bids, lot.opens_at_ms, lot.ends_at_ms, lot.hard_stop_at_ms,
        lot.remaining_ms, lot.review_above_fen, check.chain,
    )  # fmt: skip
    if found != expected:
        raise RuleBroken(ORDER, lot.seq, f"the ledger's state is {found}, its record folds to {expected}")


def _later_state(check: LotCheck) -> Snapshot:
    """The state read after the record, which must reach as far: a script writes stream and state in one step."""
    later, lot = check.later, check.proof.lot
    at_seq = 0 if later is None else later.seq
    if later is not None and at_seq >= lot.seq:
        return later
    if check.archived_seq > at_seq:
        raise RuleBroken(
            CHAINED, at_seq, f"the ledger ends here, its archive at seq {check.archived_seq}: the ledger has lost some"
        )
    raise RuleBroken(NO_PHANTOMS, at_seq + 1, f"stands in the stream, the ledger's state is at seq {at_seq}")
