"""Sellers are paid at once what they are owed."""

from sqlalchemy import text

from auction.books.unit_of_work import Transaction

RULE = "seller_payable is zero, and seller_clearing is the price of the awards not handed over."

QUERY = text("""
    SELECT 'sellers are owed ' || -sum(amount_fen) || ' fen' AS what FROM journal_lines
    WHERE account = 'seller_payable' HAVING sum(amount_fen) <> 0
    UNION ALL
    SELECT booked.fen || ' fen in seller_clearing, ' || live.fen || ' by awards' FROM
        (SELECT coalesce(-sum(amount_fen), 0) AS fen FROM journal_lines WHERE account = 'seller_clearing') AS booked,
        (SELECT coalesce(sum(price_fen), 0) AS fen FROM awards WHERE status IN ('due', 'paid')) AS live
    WHERE booked.fen <> live.fen
""")


async def violations(tx: Transaction) -> list[str]:
    """One sentence for each violation, at most 100."""
    return [str(row["what"]) for row in await tx.rows(QUERY)]
