"""The house: the servers and keys that every service function works with. Wired in `auction.bootstrap` only."""

from dataclasses import dataclass, field

from auction.books.catalogue import LotRecord
from auction.books.unit_of_work import Books
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.combiner import Combiner
from auction.ledger.feed import Feed
from auction.services.frozen import FrozenRecords
from auction.services.receipts import ReceiptKey


@dataclass(frozen=True, slots=True)
class House:
    """One process's connections. `combiner` carries bids to `ledger`; control actions go to `ledger` directly."""

    ledger: BidLedger
    combiner: Combiner
    feed: Feed
    books: Books
    receipts: ReceiptKey
    frozen_lots: FrozenRecords[LotRecord] = field(default_factory=FrozenRecords)
