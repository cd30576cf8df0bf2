"""Audits who of the staff read which people's names, and what they exported. Off the bid's way.

A page that asks again every two seconds is one reading: of a session, each name is audited once in REPEATED_S.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from cachetools import TTLCache

from auction.books import audit
from auction.books.unit_of_work import Books

REPEATED_S = 900
REMEMBERED_MAX = 100_000
"""Names that one process remembers as read; beyond, one may be audited twice."""


class Reader(Protocol):
    """Who reads (`auction.services.identity.tokens.Identity` has it)."""

    @property
    def subject(self) -> str: ...
    @property
    def token_id(self) -> str: ...


class ReadingLog:
    """What one process has audited lately."""

    def __init__(self) -> None:
        self._read: TTLCache[tuple[str, str], bool] = TTLCache(REMEMBERED_MAX, REPEATED_S)

    async def record_names(
        self, books: Books, reader: Reader, what: str, persons: Iterable[str], *, lot_id: str | None = None
    ) -> None:
        """Audit that somebody was shown names of people, by their ids. Raises BooksAway."""
        new = sorted(person for person in set(persons) if (reader.token_id, person) not in self._read)
        if not new:
            return
        async with books.transaction() as tx:
            details = {"what": what, "persons": new}
            await audit.record_action(tx, actor=reader.subject, action="read-names", lot_id=lot_id, details=details)
        self._read.update(dict.fromkeys(((reader.token_id, person) for person in new), True))


async def record_export(
    books: Books, reader: Reader, what: str, *, lot_id: str | None = None, wanted: Mapping[str, Any] | None = None
) -> None:
    """Audit that somebody exported a file, and which part of it. Raises BooksAway."""
    async with books.transaction() as tx:
        details = {"what": what, **({"wanted": dict(wanted)} if wanted else {})}
        await audit.record_action(tx, actor=reader.subject, action="export", lot_id=lot_id, details=details)
