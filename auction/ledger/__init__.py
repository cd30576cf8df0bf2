"""The bid ledger: where a bid is decided. Lua on Redis/Valkey writes the stream, Python calls and reads it."""
