"""Only rests are waived: what the journal has of it is in awards, of which something was received."""

from sqlalchemy import text

from auction.books.unit_of_work import Transaction

RULE = "rest_waived is what was waived of awards that are paid, and something was received for each of them."

QUERY = text("""
    WITH account AS (
        SELECT lot_id, sum(amount_fen) AS fen FROM journal_lines JOIN journal_entries USING (key)
        WHERE account = 'rest_waived' GROUP BY lot_id
    ), waived AS (
        SELECT lot_id, sum(waived_fen) AS fen FROM awards
        WHERE waived_fen > 0 AND status <> 'void' GROUP BY lot_id
    )
    SELECT 'lot ' || coalesce(account.lot_id, waived.lot_id) || ': ' || coalesce(account.fen, 0)
        || ' fen in rest_waived, ' || coalesce(waived.fen, 0) || ' waived of awards' AS what
    FROM account FULL JOIN waived ON waived.lot_id = account.lot_id
    WHERE coalesce(account.fen, 0) <> coalesce(waived.fen, 0)
    UNION ALL
    SELECT 'award ' || award_id || ' is ' || status || ', and ' || waived_fen || ' of it are waived, '
        || received_fen || ' received' FROM awards
    WHERE waived_fen > 0 AND (received_fen = 0 OR status NOT IN ('paid', 'settled', 'void'))
    ORDER BY 1 LIMIT 100
""")


async def violations(tx: Transaction) -> list[str]:
    """One sentence for each violation, at most 100."""
    return [str(row["what"]) for row in await tx.rows(QUERY)]
