"""Tokens that were taken back before their end: by signing out, or by staff. Each process follows the database.

Off the bid's way but for one look-up in memory. A process whose database is away goes on with what it knows.
"""

import asyncio
import contextlib
from typing import Protocol

from auction.books import token_revocations
from auction.books.token_revocations import Revocation
from auction.books.unit_of_work import Books
from auction.domain.errors import Unavailable
from auction.ledger.cancellation import raise_if_cancelled

CHECK_S = 0.5
"""A process follows the others within a second."""


class Token(Protocol):
    """What is needed of a token (`auction.services.token.tokens.Identity` has it)."""

    @property
    def subject(self) -> str: ...
    @property
    def issued_at_s(self) -> int: ...
    @property
    def token_id(self) -> str: ...


class Revocations:
    """The revocations that one process knows of."""

    def __init__(self) -> None:
        self._tokens: set[str] = set()
        self._issued_until_s: dict[str, int] = {}
        """Subject -> the latest time of issue of tokens that are not accepted any more."""
        self._last_id = 0
        self.changes = 0
        """Grows with each revocation that this process learns of."""

    def covers(self, token: Token) -> bool:
        """Whether this token was taken back."""
        return token.token_id in self._tokens or self._issued_until_s.get(token.subject, -1) >= token.issued_at_s

    async def check(self, books: Books) -> None:
        """Learn of those that other processes recorded. Raises BooksAway."""
        async with books.reading() as tx:
            for found in await token_revocations.since(tx, self._last_id):
                self.add(found)

    async def run(self, books: Books) -> None:
        """Check again and again until cancelled."""
        while True:
            raise_if_cancelled()
            with contextlib.suppress(Unavailable):
                await self.check(books)
            await asyncio.sleep(CHECK_S)

    def add(self, revocation: Revocation) -> None:
        """Accept the tokens that it names no more."""
        self._last_id = max(self._last_id, revocation.revocation_id)
        if revocation.token_id is not None and revocation.token_id not in self._tokens:
            self._tokens.add(revocation.token_id)
            self.changes += 1
        if revocation.issued_until_s is not None:
            known = self._issued_until_s.get(revocation.subject, -1)
            if revocation.issued_until_s > known:
                self._issued_until_s[revocation.subject] = revocation.issued_until_s
                self.changes += 1
