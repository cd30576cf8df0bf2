"""Keys that sign what the house hands out."""
