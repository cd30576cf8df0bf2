"""Checks the audit log against its hash chain, and the chain against heads that were published. Off the bid's way."""

from collections.abc import Sequence
from dataclasses import dataclass

from auction.books import audit_chain
from auction.books.unit_of_work import Books
from auction.signing.audit_head import AuditHead, PublishedHead
from auction.signing.house_keys import HouseKeys


@dataclass(frozen=True, slots=True)
class AuditVerdict:
    """Rows of the chain, its head (hex), rows that are not chained yet, and what is wrong, as sentences."""

    rows: int
    sha256: str
    waiting: int
    broken: Sequence[str]

    def sentence(self) -> str:
        """The result in one line."""
        if self.broken:
            return f"The audit log was rewritten: {self.broken[0]}"
        waiting = f", {self.waiting:,} not chained yet" if self.waiting else ""
        return f"The audit log is as it was written: {self.rows:,} rows{waiting}, head {self.sha256[:16]}"


async def published_head(books: Books, keys: HouseKeys) -> PublishedHead:
    """The end of the chain, signed. Raises BooksAway."""
    async with books.reading() as tx:
        head = await audit_chain.head_of(tx)
    return AuditHead(head.position, head.chained_at_ms, head.sha256).publish(keys)


async def check_audit_log(books: Books, kept: Sequence[PublishedHead] = ()) -> AuditVerdict:
    """Compute the chain again; `kept`: heads that were published before. Raises BooksAway."""
    async with books.reading() as tx:
        verdict = await audit_chain.check(tx)
        broken = [] if verdict.broken is None else [verdict.broken.what]
        agreed = 0
        for head in sorted(kept, key=lambda one: one.rows):
            found = await audit_chain.head_of(tx, at=head.rows)
            if found.position < head.rows:
                broken.append(f"the chain ends after row {found.position}, and {head.rows} rows were published")
            elif found.sha256 != head.sha256:
                broken.append(
                    f"rows {agreed + 1} to {head.rows} are not those that were published: one of them was changed, "
                    "dropped or inserted, and the chain computed anew"
                )
            else:
                agreed = head.rows
                continue
            break
    return AuditVerdict(verdict.head.position, verdict.head.sha256, verdict.waiting, broken)
