"""Keys that sign what leaves the engine, such as receipts of bids, and that encrypt what is stored."""
