"""What is in suspense is what of bank receipts is neither matched nor to be returned; the rest is owed."""

from sqlalchemy import text

from auction.books.unit_of_work import Transaction

RULE = (
    "unmatched_receipts is the sum of the unmatched parts of bank receipts, transfers_payable that of the outgoing "
    "transfers not confirmed, and the parts of each receipt are its matches and returns."
)

QUERY = text("""
    WITH account AS (
        SELECT coalesce(-sum(amount_fen) FILTER (WHERE account = 'unmatched_receipts'), 0) AS unmatched_fen,
            coalesce(-sum(amount_fen) FILTER (WHERE account = 'transfers_payable'), 0) AS payable_fen
        FROM journal_lines WHERE account IN ('unmatched_receipts', 'transfers_payable')
    ), suspense AS (
        SELECT coalesce(sum(amount_fen - matched_fen - returned_fen), 0) AS fen FROM bank_receipts
        WHERE status = 'booked'
    ), owed AS (
        SELECT coalesce(sum(amount_fen), 0) AS fen FROM outgoing_transfers WHERE status <> 'confirmed'
    ), parts AS (
        SELECT receipt_id, matched_fen, returned_fen,
            (SELECT coalesce(sum(amount_fen), 0) FROM receipt_matches AS m
                WHERE m.receipt_id = r.receipt_id) AS matches_fen,
            (SELECT coalesce(sum(amount_fen), 0) FROM outgoing_transfers AS o
                WHERE o.receipt_id = r.receipt_id AND o.award_id IS NULL) AS returns_fen
        FROM bank_receipts AS r
    )
    SELECT unmatched_fen || ' fen in unmatched_receipts, ' || suspense.fen || ' unmatched by receipts' AS what
    FROM account, suspense WHERE unmatched_fen <> suspense.fen
    UNION ALL
    SELECT payable_fen || ' fen in transfers_payable, ' || owed.fen || ' in outgoing transfers' FROM account, owed
    WHERE payable_fen <> owed.fen
    UNION ALL
    SELECT 'bank receipt ' || receipt_id || ' says ' || matched_fen || ' matched, ' || returned_fen
        || ' returned; it has ' || matches_fen || ' and ' || returns_fen FROM parts
    WHERE matched_fen <> matches_fen OR returned_fen <> returns_fen
    ORDER BY 1 LIMIT 100
""")


async def violations(tx: Transaction) -> list[str]:
    """One sentence for each violation, at most 100."""
    return [str(row["what"]) for row in await tx.rows(QUERY)]
