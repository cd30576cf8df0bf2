"""Notes when each session was last seen, so that its owner recognises it. Beside the bid's way: one write a minute."""

import asyncio
import contextlib

from auction.books import sessions
from auction.books.unit_of_work import Books
from auction.domain.errors import Unavailable
from auction.ledger.cancellation import raise_if_cancelled

WRITE_S = 60.0


class SeenSessions:
    """The sessions that this process has seen since it last wrote."""

    def __init__(self) -> None:
        self._seen_s: dict[str, float] = {}

    def add(self, token_id: str, now_s: float) -> None:
        """A request came with a token of this session."""
        self._seen_s[token_id] = now_s

    async def write(self, books: Books) -> None:
        """Store what was seen. Raises BooksAway; what was seen is kept then."""
        seen = self._seen_s.copy()
        async with books.transaction() as tx:
            await sessions.note_seen(tx, {token_id: int(at_s * 1000) for token_id, at_s in seen.items()})
        self._seen_s = {token_id: at_s for token_id, at_s in self._seen_s.items() if seen.get(token_id) != at_s}

    async def run(self, books: Books) -> None:
        """Write again and again until cancelled."""
        while True:
            raise_if_cancelled()
            await asyncio.sleep(WRITE_S)
            with contextlib.suppress(Unavailable):
                await self.write(books)
