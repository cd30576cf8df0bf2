"""The live channel: WebSocket gateways that follow the ledger and tell watchers what happens to a lot, as it does."""
