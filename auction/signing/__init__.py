"""Keys that sign what leaves the engine: receipts of bids."""
