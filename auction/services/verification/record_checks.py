"""The steps by which one lot's record is checked: both chains, the rules, derived rows, the stream, the status.

After the bid's way; called by `auction.services.verification.verdicts`. Each step raises RuleBroken inside
`noting_breach`, which keeps a lot's first one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from auction.books import archive_queries, frozen_lots
from auction.books.archive_queries import LotResult
from auction.books.catalogue import LotRecord
from auction.books.chain import GENESIS, head_after
from auction.books.unit_of_work import Transaction
from auction.domain.events import BidPlaced, Closed, LotVoided, Outcome, Restored
from auction.domain.lot import LotStatus
from auction.domain.proof import CHAINED, NO_PHANTOMS, ONE_WINNER, ORDER, LotProof, RuleBroken
from auction.ledger.entry import EntryDamaged, StreamEntry, chain_of
from auction.services.lot_log import decode_archived
from auction.services.verification.shard_stream import ShardStream

PAGE_BIDS = 1000
"""Archived bids read at a time."""


@dataclass(frozen=True, slots=True)
class Breach:
    """The first promise that a lot's record breaks: its number, the seq of the event, and what is wrong with it."""

    lot_id: str
    promise: int
    seq: int
    what: str


class EntryLink(NamedTuple):
    """An entry's stream id, and the ledger's chain after it."""

    stream_id: str
    chain: str


@dataclass(slots=True)
class LotCheck:
    """The check of one lot: its record folded so far, both chains, and the links of its entries."""

    lot_id: str
    proof: LotProof
    chain: str = ""
    head: bytes = GENESIS
    archived_seq: int = 0
    links: dict[int, EntryLink] = field(default_factory=dict)
    """First seq of each entry -> its place in the chain and the stream."""
    stamps: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Seq of each bid, and of the lot's end -> epoch and time (UTC ms) of its entry."""
    restored_seq: int = 0
    """The seq of the last `restored` event: what the stream holds or lacks before it counts as lost."""
    breach: Breach | None = None

    def fold(self, entry: StreamEntry) -> None:
        """Check and fold one entry of archive or stream. Raises RuleBroken."""
        chain = chain_of(self.chain, self.lot_id, entry.epoch, entry.first_seq, entry.at_ms, entry.packed)
        if chain != entry.chain:
            raise RuleBroken(CHAINED, entry.first_seq, f"the chain should be {chain}, recorded {entry.chain}")
        self.proof.fold_entry(entry.epoch, entry.first_seq, entry.at_ms, entry.events)
        self.links[entry.first_seq] = EntryLink(entry.stream_id, chain)
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
    secret = await archive_queries.chain_secret_of(tx, check.lot_id)
    async for row in archive_queries.entries_of(tx, check.lot_id):
        try:
            entry = decode_archived(row)
        except EntryDamaged as damage:
            raise RuleBroken(CHAINED, row.first_seq, str(damage)) from damage
        check.fold(entry)
        check.head = head_after(check.head, secret, row.lot_id, row.epoch, row.first_seq, row.at_ms, entry.events)
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
            facts = row.event
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


def check_stream(check: LotCheck, stream: ShardStream) -> None:
    """The stream holds what was archived, without a gap; its further entries continue the record. Raises RuleBroken."""
    stream.check(check.lot_id, check.restored_seq)
    for first_seq, link in check.links.items():
        if first_seq >= check.restored_seq and stream.has_lost(check.lot_id, first_seq, link.stream_id):
            raise RuleBroken(ORDER, first_seq, f"the ledger's stream has lost entry {link.stream_id}")
    for entry in stream.lots[check.lot_id].not_archived:
        known = check.links.get(entry.first_seq)
        if known is not None and (entry.stream_id, entry.chain) == known:
            continue  # archived since
        if entry.first_seq >= check.restored_seq:
            check.fold(entry)


async def check_status(tx: Transaction, check: LotCheck, record: LotRecord) -> None:
    """The lot's status in the database is that of its archived record, or frozen. Raises RuleBroken."""
    if not check.archived_seq or record.status == check.proof.lot.status:
        return
    if await frozen_lots.frozen_among(tx, [check.lot_id]):
        return
    what = f"the books say that the lot is {record.status}, by its archived record it is {check.proof.lot.status}"
    raise RuleBroken(ORDER, check.archived_seq, what)
