"""Recorded auctions: read from CSV and replayed through the real ledger and archive."""
