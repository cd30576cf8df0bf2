"""Sales, lots and their terms."""
