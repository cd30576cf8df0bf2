"""Recorded auctions: read from CSV and run through the real ledger."""
