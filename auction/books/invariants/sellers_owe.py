"""What sellers owe the house in the journal is what they were paid of money that the house has lost since."""

from sqlalchemy import text

from auction.books.unit_of_work import Transaction

RULE = (
    "seller_receivable is what sellers were paid from deposits that were given back, or for sales whose payment was "
    "taken back, and have not paid back."
)

QUERY = text("""
    SELECT booked.fen::bigint AS booked_fen, owed.fen::bigint AS owed_fen FROM
        (SELECT coalesce(sum(amount_fen), 0) AS fen FROM journal_lines WHERE account = 'seller_receivable') AS booked,
        (SELECT coalesce((SELECT sum(seller_owes_fen) FROM defaults), 0)
            + coalesce((SELECT sum(seller_owes_fen) FROM reversals), 0) AS fen) AS owed
    WHERE booked.fen <> owed.fen
""")


async def violations(tx: Transaction) -> list[str]:
    """One sentence for each violation, at most 100."""
    return [
        f"{row['booked_fen']} fen in seller_receivable, {row['owed_fen']} owed by sellers"
        for row in await tx.rows(QUERY)
    ]
