"""Wires the parts together: takes settings, gives an AppContext with open connections.

Every process but a live gateway starts here.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from pydantic import SecretStr
from redis.asyncio import Redis

from auction.books.ledger_binding import bound_lineage, claim_identity
from auction.books.revision import applied_revision
from auction.books.unit_of_work import Books
from auction.domain.currency import CURRENCIES
from auction.domain.errors import BooksAway, Unavailable
from auction.domain.ledger_layout import LAYOUT
from auction.domain.settlement import BidderPolicy
from auction.domain.states import DepositMethod
from auction.ledger.bid_ledger import UNCHECKED, BidLedger
from auction.ledger.combiner import Combiner
from auction.ledger.connection import connect
from auction.ledger.edge import EdgeRefusals
from auction.ledger.keys import KeySpace
from auction.ledger.rebuild import LedgerRebuild
from auction.ledger.server_guard import ServerGuard
from auction.ledger.stream import LedgerStream
from auction.payments.absent import AbsentGateway
from auction.payments.gateway import PaymentGateway
from auction.payments.registry import PROVIDERS, ProviderConfig, open_gateway
from auction.services.bid_rate import BidRate
from auction.services.context import AppContext, MoneyRules
from auction.services.identity.tokens import TokenKeys
from auction.services.recovery.continuity import ContinuityCheck
from auction.services.recovery.marks import MarkSpool, MarkWriter
from auction.services.recovery.restore import Restorer
from auction.services.settlement.payment_outcomes import SettlementOutcomes
from auction.services.signing_keys import KeyFollower
from auction.settings import Settings, SettingsError
from auction.signing.bidder_codes import BidderCodes
from auction.signing.encryption import EncryptionKey
from auction.signing.hmac_receipts import ReceiptKey
from auction.signing.house_keys import HouseKeys
from auction.signing.key_files import KeyFileError


@asynccontextmanager
async def open_context(
    settings: Settings, *, secret: str | None = None, with_payments: bool = True, for_checks: bool = False
) -> AsyncIterator[AppContext]:
    """Open everything that services need, on the servers of `settings` (both addresses set); bids under way end first.

    With `for_checks` the ledger is read as it is, unsound or stopped as it may be; nothing may be written then.
    `secret` replaces the configured one in commands that sign nothing; those that move no money need no payment
    provider (`with_payments` false). Raises LedgerAway, BooksAway, RequestRefused (another number of shards) and
    SettingsError (no secret, no payment provider, no usable signing keys, a database that was never migrated).
    """
    if settings.redis_url is None or settings.database_url is None:
        raise ValueError("open_context needs both addresses; see auction.servers")
    signs = not (secret or for_checks)
    secret = secret or settings.secret
    house_keys = _read_keys(settings, secret) if signs else HouseKeys.transient()
    follower = KeyFollower(settings.keys_dir if signs else None, [house_keys])
    gateway = _gateway(settings, settings.provider, secret) if with_payments else AbsentGateway()
    former = [_gateway(settings, name, secret) for name in settings.former_providers] if with_payments else []
    guard = ServerGuard()
    redis = connect(settings.redis_url, timeout_ms=settings.ledger_timeout_ms, guard=guard)
    unguarded = connect(settings.redis_url, timeout_ms=settings.ledger_timeout_ms, connections=4)
    books = Books.connect(settings.database_url)
    try:
        opened = await _open_bound_ledger(unguarded, books, settings)
        if for_checks:
            ledger = BidLedger(unguarded, opened.keys, UNCHECKED)
        else:
            ledger = BidLedger(redis, opened.keys, opened.lineage, patience_ms=settings.ledger_timeout_ms)
        combiner = Combiner(ledger)
        async with AsyncExitStack() as background:
            if not for_checks:
                spool = MarkSpool(settings.data_dir / "marks", ledger.lineage)
                await background.enter_async_context(
                    _guarding(ContinuityCheck(opened, guard, books, spool, ledger.marks))
                )
                await background.enter_async_context(_writing(MarkWriter(ledger.marks, books, spool)))
                await background.enter_async_context(_in_background(follower.run(), "follow keys"))
            yield AppContext(
                ledger=ledger,
                combiner=combiner,
                stream=LedgerStream(ledger.redis, ledger.keys),
                books=books,
                house_keys=house_keys,
                key_follower=follower,
                bidder_codes=BidderCodes.derive(secret),
                former_receipts=ReceiptKey.derive(secret),
                gateway=gateway,
                former_gateways=tuple(former),
                award_outcomes=SettlementOutcomes(),
                money=_money_rules(settings),
                edge=EdgeRefusals(ledger) if settings.edge_refusals else None,
                two_persons=settings.two_persons,
                authenticator_key=EncryptionKey.derive(secret) if settings.second_factor else None,
                bid_rate=BidRate(settings.bids_per_bidder_s, settings.bids_in_flight),
            )
            await combiner.drain()
    finally:
        await asyncio.shield(_close(redis, unguarded, books, [gateway, *former]))


@asynccontextmanager
async def _guarding(check: ContinuityCheck) -> AsyncIterator[None]:
    """Check the ledger's server now, if it answers, and again whenever another one is met."""
    with contextlib.suppress(Unavailable):
        await check.check()
    async with _in_background(check.run(), "continuity check"):
        yield


@asynccontextmanager
async def _writing(writer: MarkWriter) -> AsyncIterator[None]:
    """Write what is acknowledged, and the last of it at the end."""
    async with _in_background(writer.run(), "mark writer"):
        yield
    await writer.flush()


@asynccontextmanager
async def _in_background(work: Coroutine[Any, Any, None], name: str) -> AsyncIterator[None]:
    """Run something without an end until the block ends."""
    task = asyncio.create_task(work, name=name)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def open_restorer(settings: Settings) -> AsyncIterator[tuple[Restorer, Books, LedgerStream]]:
    """Open what restoring needs, in whatever state the ledger is. Raises LedgerAway, BooksAway, SettingsError."""
    if settings.redis_url is None or settings.database_url is None:
        raise ValueError("open_restorer needs both addresses; see auction.servers")
    redis = connect(settings.redis_url, timeout_ms=settings.ledger_timeout_ms, connections=4)
    books = Books.connect(settings.database_url)
    try:
        async with books.reading() as tx:
            lineage = await bound_lineage(tx)
        if lineage is None:
            raise SettingsError("this database was never used with a ledger: there is nothing to restore")
        keys = KeySpace(settings.ledger_shards)
        spooled = MarkSpool(settings.data_dir / "marks", lineage).read()
        rebuild = LedgerRebuild(redis, keys)
        restorer = Restorer(books, rebuild, shards=keys.shards, lineage=lineage, spooled=spooled)
        yield restorer, books, LedgerStream(redis, keys)
    finally:
        await redis.aclose()
        await books.close()


async def _open_bound_ledger(redis: "Redis", books: Books, settings: Settings) -> BidLedger:
    """Open the ledger that the database is bound to; a new database is bound to the one that is there, or to a new one.

    A database that does not answer is bound, or compared, at the next start. Raises as `open_context` does.
    """
    shards = settings.ledger_shards
    try:
        async with books.transaction() as tx:
            if await applied_revision(tx) is None:
                raise SettingsError("the database is not migrated: run `auction migrate` first")
            bound = await bound_lineage(tx)
    except BooksAway:
        return await BidLedger.open(redis, shards, begin=False)
    ledger = await BidLedger.open(redis, shards, lineage=bound)
    with contextlib.suppress(BooksAway):
        async with books.transaction() as tx:
            await claim_identity(tx, shards=shards, layout=LAYOUT, lineage=ledger.lineage)
    return ledger


def _read_keys(settings: Settings, secret: str) -> HouseKeys:
    """The house's keys; those of tokens are looked at as well, so that a process does not start with damaged ones."""
    try:
        _ = TokenKeys(secret, settings.keys_dir)
        return HouseKeys.load_or_create(settings.keys_dir)
    except KeyFileError as error:
        raise SettingsError(f"{error} (AUCTION_SIGNING_KEYS names the directory)") from error


def _gateway(settings: Settings, provider: str, secret: str) -> PaymentGateway:
    """Open a payment provider that the settings name."""
    row = PROVIDERS[provider]
    own = {name: _plain(getattr(settings, name)) for name in (*row.required_settings, *row.optional_settings)}
    config = ProviderConfig(secret, settings.data_dir, currency=settings.currency.lower(), settings=own)
    return open_gateway(row.name, config)


def _plain(value: SecretStr | str | None) -> str | None:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _money_rules(settings: Settings) -> MoneyRules:
    return MoneyRules(
        currency=CURRENCIES[settings.currency],
        bidders=BidderPolicy(identity_limits=settings.identity_levels),
        deposit_method=DepositMethod(settings.deposit_method),
        delivery_centres=tuple(name.strip() for name in settings.delivery_centres.split(",")),
        bank_account=settings.bank_account,
    )


async def _close(redis: "Redis", unguarded: "Redis", books: Books, gateways: Sequence[PaymentGateway]) -> None:
    for gateway in gateways:
        await gateway.close()
    await redis.aclose()
    await unguarded.aclose()
    await books.close()
