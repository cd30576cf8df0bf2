"""Appends the rows of the audit log to its hash chain, a second or so after they were stored. After the bid's way.

Several may run: each waits for the other's append, and finds nothing left to do.
"""

import time

import structlog

from auction.books import audit_chain
from auction.books.unit_of_work import Books
from auction.workers.retry import run_repeatedly

CHECK_S = 1.0
COMPLETE_S = 600.0
"""How often all rows are looked at, and not the newest alone: a transaction may store a row long after its id."""
LOG_HEAD_S = 600.0
"""How often the head is logged where it changed: whoever keeps the log can tell later that the chain was rewritten."""

log = structlog.get_logger()


class AuditChainWriter:
    """One of them; `run` until cancelled."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._complete_at_s = self._log_at_s = 0.0
        self._logged = 0

    async def run(self) -> None:
        """Append again and again."""
        await run_repeatedly("audit chain", "appending", self.append)

    async def append(self) -> float:
        """Append a page of rows; returns the seconds to wait."""
        now_s = time.monotonic()
        is_complete = now_s >= self._complete_at_s
        async with self._books.transaction() as tx:
            newest = await audit_chain.last_action_id(tx)
            after_id = 0 if is_complete else max(0, newest - audit_chain.OVERLAP)
            appended = await audit_chain.append(tx, after_id=after_id)
            head = await audit_chain.head_of(tx)
        if appended >= audit_chain.PAGE:
            return 0.0
        if is_complete:
            self._complete_at_s = now_s + COMPLETE_S
        if head.position != self._logged and now_s >= self._log_at_s:
            self._logged, self._log_at_s = head.position, now_s + LOG_HEAD_S
            log.info("audit_chain_head", rows=head.position, sha256=head.sha256)
        return CHECK_S
