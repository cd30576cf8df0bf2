"""The house: the servers and keys that every service function works with. Wired in `auction.bootstrap` only."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from auction.books.catalogue import LotRecord
from auction.books.unit_of_work import Books
from auction.domain.settlement import HouseRules
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.combiner import Combiner
from auction.ledger.feed import Feed
from auction.payments.gateway import Gateway
from auction.services.frozen import FrozenRecords
from auction.services.receipts import ReceiptKey


def system_clock_ms() -> int:
    """This machine's time, UTC ms: what deadlines after the hammer are held against."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class MoneyRules:
    """How this house takes money: what holds for bidders (`HouseRules`), and how deposits are held."""

    bidders: HouseRules = field(default_factory=HouseRules)
    deposit_method: str = "authorisation"
    """"authorisation": the provider keeps deposits aside; "charge": they are taken and given back."""
    delivery_centres: tuple[str, ...] = ("Beijing", "Shanghai", "Guangzhou", "Shenzhen", "Chengdu", "Wuhan")
    capture_ahead_ms: int = 24 * 3_600_000
    """How long before the provider lets it go an authorised deposit that is still needed is captured."""


@dataclass(frozen=True, slots=True)
class House:
    """One process's connections. `combiner` carries bids to `ledger`; control actions go to `ledger` directly."""

    ledger: BidLedger
    combiner: Combiner
    feed: Feed
    books: Books
    receipts: ReceiptKey
    gateway: Gateway
    money: MoneyRules = field(default_factory=MoneyRules)
    clock_ms: Callable[[], int] = system_clock_ms
    frozen_lots: FrozenRecords[LotRecord] = field(default_factory=FrozenRecords)
