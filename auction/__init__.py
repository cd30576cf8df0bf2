"""A flash-auction engine: the rules, the bid ledger, the books and what the house does with them. Knows no HTTP."""
