"""Bank transfers: receipts are booked and matched to awards, and what pays none or no longer does is sent back."""
