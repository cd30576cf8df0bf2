"""The house: the servers and keys that every service function works with. Wired in `auction.bootstrap` only."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from auction.books.catalogue import LotRecord
from auction.books.unit_of_work import Books
from auction.domain.settlement import BidderPolicy
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.combiner import Combiner
from auction.ledger.stream import LedgerStream
from auction.payments.gateway import PaymentGateway
from auction.services.lot_cache import FrozenRecords
from auction.signing.receipts import ReceiptKey


def system_clock_ms() -> int:
    """This machine's time, UTC ms: what deadlines after the hammer are held against."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class MoneyRules:
    """How this house takes money: what holds for bidders (`BidderPolicy`), and how deposits are held."""

    bidders: BidderPolicy = field(default_factory=BidderPolicy)
    deposit_method: str = "authorisation"
    """"authorisation": the provider keeps deposits aside; "charge": they are taken and given back."""
    delivery_centres: tuple[str, ...] = ("Beijing", "Shanghai", "Guangzhou", "Shenzhen", "Chengdu", "Wuhan")
    capture_ahead_ms: int = 24 * 3_600_000
    """How long before the provider lets it go an authorised deposit that is still needed is captured."""


@dataclass(frozen=True, slots=True)
class AppContext:
    """One process's connections. `combiner` carries bids to `ledger`; control actions go to `ledger` directly."""

    ledger: BidLedger
    combiner: Combiner
    stream: LedgerStream
    books: Books
    receipts: ReceiptKey
    gateway: PaymentGateway
    money: MoneyRules = field(default_factory=MoneyRules)
    clock_ms: Callable[[], int] = system_clock_ms
    frozen_lots: FrozenRecords[LotRecord] = field(default_factory=FrozenRecords)
