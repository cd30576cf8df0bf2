"""The bid ledger: Lua scripts on Redis or Valkey decide bids and write streams; Python calls them and reads those."""
