"""A lot has one award in force at most, and buyers owe in the journal what their due awards say."""

from sqlalchemy import text

from auction.books.unit_of_work import Transaction

RULE = "A lot has at most one live award, and buyers owe what their due awards say."

QUERY = text("""
    WITH account AS (
        SELECT journal_lines.bidder_id, sum(journal_lines.amount_fen) AS fen
        FROM journal_lines WHERE account = 'buyer_receivable' GROUP BY bidder_id
    ), due AS (
        SELECT bidder_id, sum(price_fen + fee_fen - received_fen - waived_fen) AS fen FROM awards
        WHERE status = 'due' GROUP BY bidder_id
    )
    SELECT 'bidder ' || coalesce(account.bidder_id, due.bidder_id) || ' owes ' || coalesce(account.fen, 0)
        || ' fen in the journal, ' || coalesce(due.fen, 0) || ' by awards' AS what
    FROM account FULL JOIN due ON due.bidder_id = account.bidder_id
    WHERE coalesce(account.fen, 0) <> coalesce(due.fen, 0)
    UNION ALL
    SELECT 'lot ' || lot_id || ' has ' || count(*) || ' live awards' FROM awards
    WHERE status IN ('due', 'paid', 'settled') GROUP BY lot_id HAVING count(*) > 1
    ORDER BY 1 LIMIT 100
""")


async def violations(tx: Transaction) -> list[str]:
    """One sentence for each violation, at most 100."""
    return [str(row["what"]) for row in await tx.rows(QUERY)]
