"""Backups of books, ledger and signing key: made while the auction goes on, checked, and put back elsewhere."""
