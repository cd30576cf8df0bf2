"""Whether the role that serves could rewrite journal, audit log and archive, for `auction doctor` and `serve`."""

import asyncio

import structlog

from auction.books.roles import RolePowers, read_powers
from auction.books.unit_of_work import Books
from auction.domain.errors import BooksAway
from auction.settings import Settings

ADVICE = (
    "create a role of its own for AUCTION_DATABASE_URL (CREATE ROLE ... LOGIN PASSWORD ...), set "
    "AUCTION_DATABASE_OWNER_URL to the owner's address and run `auction migrate`, which grants it what serving needs"
)

log = structlog.get_logger("auction.serve")


def powers_of(url: str) -> RolePowers:
    """What the role of an address may do. Raises BooksAway."""
    return asyncio.run(_powers(url))


async def _powers(url: str) -> RolePowers:
    books = Books.connect(url, connections=1)
    try:
        return await read_powers(books)
    finally:
        await books.close()


def sentence_of(powers: RolePowers) -> str:
    """What the role could do to the records, as a phrase after its name."""
    if powers.is_superuser:
        return f"{powers.role} is a superuser: it may rewrite journal, audit log and archive"
    if powers.owned:
        return f"{powers.role} owns the tables: it may remove what protects journal, audit log and archive"
    if powers.rewritable:
        return f"{powers.role} may change {', '.join(powers.rewritable)}, which are written once"
    return f"{powers.role} may not change what is written once"


def warn_of_database_role(settings: Settings) -> None:
    """Log where a configured database is served on with a role that could rewrite the records."""
    if settings.database_url is None:
        return
    try:
        powers = powers_of(settings.database_url)
    except BooksAway:
        return  # the processes wait for it
    if not powers.is_safe:
        log.warning("unsafe_database_role", risk=sentence_of(powers), advice=ADVICE)
