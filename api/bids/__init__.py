"""The bid endpoint: reads a bid from a request, has the ledger decide on it, and sends the response."""
