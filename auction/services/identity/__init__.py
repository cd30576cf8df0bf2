"""Login accounts and tokens."""
