"""Recovery of the ledger: marks of what was acknowledged, checks for loss, frozen lots, and restoring."""
