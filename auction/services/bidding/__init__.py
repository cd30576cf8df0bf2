"""Placing bids."""
