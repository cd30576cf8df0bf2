"""The context of every service function: a process's servers, keys and rules. Built by `auction.bootstrap` alone."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from cachetools import LRUCache

from auction.books.catalogue import LotRecord
from auction.books.deposits import Deposit
from auction.books.operations import Operation
from auction.books.unit_of_work import Books, Transaction
from auction.domain.currency import CNY, Currency
from auction.domain.payment_reference import BankAccount
from auction.domain.settlement import BidderPolicy
from auction.domain.states import DepositMethod
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.combiner import Combiner
from auction.ledger.edge import EdgeRefusals
from auction.ledger.memory import MemoryWatch
from auction.ledger.stream import LedgerStream
from auction.payments.gateway import PaymentGateway
from auction.services.bid_rate import BidRate
from auction.services.change_log import ChangeLog, SharedReading
from auction.services.ended_lots import EndedLots
from auction.services.reading_log import ReadingLog
from auction.services.refusal_log import RefusalLog
from auction.services.registration_queue import RegistrationQueue, RegistrationSteps
from auction.services.revocations import Revocations
from auction.services.seen_sessions import SeenSessions
from auction.services.sign_in_rate import CODE_DELAY_S_MAX, SignInRate
from auction.services.signing_keys import KeyFollower
from auction.signing.bidder_codes import BidderCodes
from auction.signing.encryption import EncryptionKey
from auction.signing.hmac_receipts import ReceiptKey
from auction.signing.house_keys import HouseKeys

FROZEN_LOTS_MAX = 10_000
RECORDS_BYTES_MAX = 32_000_000
"""Of published records that a process keeps; one of 20,000 bids has some 7 MB."""


def system_clock_ms() -> int:
    """This machine's time, UTC ms, by which deadlines after the close are met; bids go by the ledger's clock."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class MoneyRules:
    """The house's rules about money: those for bidders, and how deposits are held."""

    currency: Currency = CNY
    bidders: BidderPolicy = field(default_factory=BidderPolicy)
    deposit_method: DepositMethod = DepositMethod.AUTHORISATION
    delivery_centres: tuple[str, ...] = ("Beijing", "Shanghai", "Guangzhou", "Shenzhen", "Chengdu", "Wuhan")
    bank_account: BankAccount | None = None
    """Where winners may transfer to; None: transfers are not offered."""
    renew_ahead_ms: int = 48 * 3_600_000
    """An authorised deposit that is still needed is held again this long before the authorisation expires."""
    capture_ahead_ms: int = 24 * 3_600_000
    """One that could not be held again is captured this long before the authorisation expires."""
    confirm_ms: int = 15 * 60_000
    """How long a card's owner has to confirm a hold or charge with their bank, where it wants them."""

    def text(self, amount_fen: int) -> str:
        """An amount with the house's currency, as people read it."""
        return self.currency.text(amount_fen)


class AwardOutcomes(Protocol):
    """What the outcome of a payment operation does to an award; both run in the transaction that resolves it."""

    async def record_payment(self, context: "AppContext", tx: Transaction, operation: Operation, now_ms: int) -> None:
        """Record a charge for an award, received or declined."""
        ...

    async def record_refund_failure(self, tx: Transaction, operation: Operation, now_ms: int) -> None:
        """Record that a confirmed refund came back."""
        ...

    async def record_capture(self, tx: Transaction, operation: Operation, deposit: Deposit, now_ms: int) -> None:
        """Record the capture of a deposit, or that it failed, for the award that the deposit is used for."""
        ...


@dataclass(frozen=True, slots=True)
class AppContext:
    """The servers, keys and rules of one process. Bids go to `combiner`, control actions to `ledger` directly."""

    ledger: BidLedger
    combiner: Combiner
    stream: LedgerStream
    books: Books
    house_keys: HouseKeys
    """Which sign receipts and published records."""
    key_follower: KeyFollower
    """Keeps keys up to date; the house's are followed from the start."""
    bidder_codes: BidderCodes
    former_receipts: ReceiptKey
    gateway: PaymentGateway
    award_outcomes: AwardOutcomes
    former_gateways: tuple[PaymentGateway, ...] = ()
    """Providers that were used before: operations that were made with them are still asked of them."""
    money: MoneyRules = field(default_factory=MoneyRules)
    two_persons: bool = False
    """Whether acts that change who wins need two persons of staff."""
    authenticator_key: EncryptionKey | None = None
    """Seals the secrets of staff's authenticators; None: staff sign in and agree without a second factor."""
    clock_ms: Callable[[], int] = system_clock_ms
    ledger_memory: MemoryWatch = field(default_factory=MemoryWatch)
    """Kept by processes that take bids."""
    edge: EdgeRefusals | None = None
    """Refuses low bids before the ledger; run by processes that take bids. None: the ledger decides every bid."""
    bid_rate: BidRate = field(default_factory=BidRate)
    """How fast one bidder may bid here."""
    refusals: RefusalLog = field(default_factory=RefusalLog)
    """Bids that this process refused, until it has reported them."""
    ended_lots: EndedLots = field(default_factory=EndedLots)
    """Lots that the ledger has dropped."""
    registration_queue: RegistrationQueue = field(default_factory=RegistrationQueue)
    registration_steps: RegistrationSteps = field(default_factory=RegistrationSteps)
    sign_in_rate: SignInRate = field(default_factory=SignInRate)
    code_rate: SignInRate = field(default_factory=lambda: SignInRate(guessed="code", delay_s_max=CODE_DELAY_S_MAX))
    revocations: Revocations = field(default_factory=Revocations)
    """Tokens that are not accepted any more."""
    seen_sessions: SeenSessions = field(default_factory=SeenSessions)
    reading_log: ReadingLog = field(default_factory=ReadingLog)
    """Audits which names staff read."""
    staff_lots: ChangeLog[Any] = field(default_factory=ChangeLog)
    """What staff's pages have been told of sales and lots, and the reading of them that the pages share."""
    staff_reading: SharedReading = field(default_factory=SharedReading)
    frozen_lots: LRUCache[str, LotRecord] = field(default_factory=lambda: LRUCache(FROZEN_LOTS_MAX))
    """Scheduled lots, whose records never change, so that each process reads each of them once."""

    published_records: LRUCache[tuple[str, bytes], bytes] = field(
        default_factory=lambda: LRUCache(RECORDS_BYTES_MAX, getsizeof=len)
    )
    """Lot and head of its chain -> the record as it is published: readers of the same one cost no hashing."""

    def gateway_of(self, provider: str) -> PaymentGateway | None:
        """The gateway to a provider by its name; None: it is not configured here."""
        return next((one for one in (self.gateway, *self.former_gateways) if one.provider == provider), None)
