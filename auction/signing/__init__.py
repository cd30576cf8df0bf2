"""Keys that sign what leaves the engine, such as receipts of bids, and that seal what is stored."""
