"""Checks of ledger, archive and journal against the rules."""
