"""Publishes the record of a lot that is over, line by line; and tells bidders what opens the commitments to their bids.

After the bid's way, read only. `auction.services.verification.published_record` checks such a file, without a database.
"""

from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass

import msgspec

from auction.books import archive, archive_queries, catalogue
from auction.books.chain import GENESIS, head_with
from auction.books.ledger_expiry import ENDED
from auction.books.public_lines import packed_private, public_line, salt_of
from auction.books.unit_of_work import Transaction
from auction.domain.errors import ProblemCode, RequestRefused
from auction.domain.events import BidPlaced, MaximumSet
from auction.services.catalogue.lot_views import lot_record, visible_lot
from auction.services.catalogue.visibility import PUBLIC
from auction.services.context import RECORDS_BYTES_MAX, AppContext
from auction.services.lot_log import decode_archived
from auction.signing.public_keys import encode_url
from auction.signing.record_end import RecordEnd

PAGE_ENTRIES = 100
"""Entries of up to 512 events that are read at a time."""
OPENINGS_PAGE_MAX = 1000
KEPT_BYTES_MAX = RECORDS_BYTES_MAX // 2
"""Longer records are made anew for each reader."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What opens the commitment to a bid: SHA-256 over the salt and the text is what the bid's public line has."""

    seq: int
    salt: bytes
    private: str


@dataclass(frozen=True, slots=True)
class OpeningPage:
    """Openings by seq; `next_after_seq` continues after the last, None where there were no more."""

    openings: list[Opening]
    next_after_seq: int | None


async def published_record(context: AppContext, lot_id: str) -> AsyncIterator[bytes]:
    """The lines of a lot that is over, in pieces, the last of them its end.

    Raises NotFound(lot-unknown), RequestRefused(record-not-published), BooksAway before the first piece is asked for.
    """
    secret, head = await _secret_and_head(context, lot_id)
    kept = context.published_records.get((lot_id, head))
    return _lines(context, lot_id, secret) if kept is None else _whole(kept)


async def _whole(record: bytes) -> AsyncIterator[bytes]:
    yield record


async def _secret_and_head(context: AppContext, lot_id: str) -> tuple[bytes, bytes]:
    """What a lot's commitments are salted from, and the present head of its chain."""
    await visible_lot(context, lot_id, PUBLIC)
    async with context.books.reading() as tx:
        # a record that is cached may have the status of an earlier time
        status = (await catalogue.find_lot(tx, lot_id)).status
        head = (await archive.heads_of(tx, [lot_id])).get(lot_id)
    if status not in ENDED:
        detail = f"The lot is {status}; its record is published once it is {' or '.join(ENDED)}, and archived."
        raise RequestRefused(ProblemCode.RECORD_NOT_PUBLISHED, detail, {"status": status})
    if head is None or head.secret is None:
        detail = "The record of this lot was begun before records could be published, and names its bidders."
        raise RequestRefused(ProblemCode.RECORD_NOT_PUBLISHED, detail, {"status": status})
    return head.secret, head.sha256


async def _lines(context: AppContext, lot_id: str, secret: bytes) -> AsyncIterator[bytes]:
    head, events, epoch, last_seq, at_ms = GENESIS, 0, 0, 0, 0
    pieces: list[bytes] = []
    size_bytes = 0
    while True:
        async with context.books.reading() as tx:
            page = await archive_queries.entries_after(tx, lot_id, after_seq=last_seq, limit=PAGE_ENTRIES)
        if not page:
            break
        for row in page:
            entry = decode_archived(row)
            lines = []
            for seq, event in enumerate(entry.events, entry.first_seq):
                line = public_line(secret, lot_id, entry.epoch, seq, entry.at_ms, event)
                head = head_with(head, line)
                lines.append(b'%b,"head":"%b"}\n' % (line[:-1], head.hex().encode()))
            if head != row.head:
                # what is not sound is not published as if it were: without its end the file is seen to be cut
                return
            events += len(lines)
            piece = b"".join(lines)
            size_bytes += len(piece)
            if size_bytes <= KEPT_BYTES_MAX:
                pieces.append(piece)
            yield piece
        last = page[-1]
        epoch, last_seq, at_ms = last.epoch, last.last_seq, last.at_ms
    end = _signed_end(context, RecordEnd(lot_id, epoch, last_seq, events, head.hex()), at_ms)
    if size_bytes <= KEPT_BYTES_MAX:
        context.published_records[lot_id, head] = b"".join([*pieces, end])
    yield end


def _signed_end(context: AppContext, end: RecordEnd, at_ms: int) -> bytes:
    """The last line. It is signed with the key of the time of the last event, so that it is the same at every time."""
    key = context.house_keys.key_at(at_ms)
    line = {
        "type": "end",
        **asdict(end),
        "kid": key.kid,
        "signature": encode_url(key.sign(end.statement())),
    }
    return msgspec.json.encode(line) + b"\n"


async def openings_of(context: AppContext, lot_id: str, bidder_id: str, *, after_seq: int, limit: int) -> OpeningPage:
    """What opens the commitments to a bidder's own bids on a lot that is over. Raises as `published_record` does."""
    secret, _ = await _secret_and_head(context, lot_id)
    terms = (await lot_record(context, lot_id)).terms
    async with context.books.reading() as tx:
        bids = await archive_queries.bids_of_bidder(tx, lot_id, bidder_id, after_seq=after_seq, limit=limit + 1)
        found: list[tuple[int, BidPlaced | MaximumSet]] = [(row.seq, row.event) for row in bids]
        if terms.get("auto_bids"):
            found += await _maxima_of(tx, lot_id, bidder_id, after_seq=after_seq)
            found.sort(key=lambda one: one[0])
    openings = [Opening(seq, salt_of(secret, seq), packed_private(event).decode()) for seq, event in found[:limit]]
    return OpeningPage(openings, openings[-1].seq if len(found) > limit else None)


async def _maxima_of(
    tx: Transaction, lot_id: str, bidder_id: str, *, after_seq: int
) -> list[tuple[int, BidPlaced | MaximumSet]]:
    """The maxima that a bidder set while they led, with a seq above `after_seq`."""
    found: list[tuple[int, BidPlaced | MaximumSet]] = []
    async for row in archive_queries.entries_of(tx, lot_id):
        for seq, event in enumerate(decode_archived(row).events, row.first_seq):
            if isinstance(event, MaximumSet) and event.bidder_id == bidder_id and seq > after_seq:
                found.append((seq, event))
    return found
