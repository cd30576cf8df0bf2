"""Bank cash is what came in by transfer, less what was sent back."""

from sqlalchemy import text

from auction.books.unit_of_work import Transaction

RULE = "Bank cash is the sum of the booked bank receipts less the outgoing transfers that the bank has confirmed."

QUERY = text("""
    WITH booked AS (
        SELECT coalesce(sum(amount_fen), 0) AS fen FROM journal_lines WHERE account = 'bank_cash'
    ), received AS (
        SELECT coalesce(sum(amount_fen), 0) AS fen FROM bank_receipts WHERE status = 'booked'
    ), sent AS (
        SELECT coalesce(sum(amount_fen), 0) AS fen FROM outgoing_transfers WHERE status = 'confirmed'
    )
    SELECT booked.fen::bigint AS booked_fen, (received.fen - sent.fen)::bigint AS moved_fen
    FROM booked, received, sent WHERE booked.fen <> received.fen - sent.fen
""")


async def violations(tx: Transaction) -> list[str]:
    """One sentence for each violation, at most 100."""
    return [
        f"{row['booked_fen']} fen of bank cash in the journal, {row['moved_fen']} by receipts and outgoing transfers"
        for row in await tx.rows(QUERY)
    ]
