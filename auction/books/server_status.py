"""What the database server says of itself: version, durability settings and clock, for `auction doctor`."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import text

from auction.books.unit_of_work import Books

DURABILITY_SETTINGS = ("fsync", "synchronous_commit", "full_page_writes")


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """`version_num` is PostgreSQL's `server_version_num`; `clock_offset_ms` is above 0 where its clock is ahead."""

    version: str
    version_num: int
    durability: Mapping[str, str]
    clock_offset_ms: float


async def read_server_status(url: str) -> ServerStatus:
    """Ask the server at a `postgresql://` address. Raises BooksAway."""
    books = Books.connect(url, connections=1)
    names = ("server_version", "server_version_num", *DURABILITY_SETTINGS)
    try:
        async with books.reading() as tx:
            found = {
                name: str(await tx.session.scalar(text("SELECT current_setting(:name)"), {"name": name}))
                for name in names
            }
            before_s = time.time()
            server_s = await tx.session.scalar(text("SELECT EXTRACT(epoch FROM clock_timestamp())"))
            middle_s = (before_s + time.time()) / 2
    finally:
        await books.close()
    return ServerStatus(
        version=found["server_version"],
        version_num=int(found["server_version_num"]),
        durability={name: found[name] for name in DURABILITY_SETTINGS},
        clock_offset_ms=(float(server_s or 0) - middle_s) * 1000,
    )
