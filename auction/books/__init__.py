"""The system of record in PostgreSQL: sales, lots, bidders, what the ledger said, and who did what.

Off the bid's way: a bid is taken without the books; the archiver writes it down after.
"""
