"""What the house does, a verb a function: rules, ledger and books brought together. Called by HTTP, CLI and workers."""
