"""What goes on beside the bids: the archive, the clerk's hours. Each may run twice, and be killed at any time."""
