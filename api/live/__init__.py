"""The live channel: WebSocket gateways that follow the ledger and send every change of a lot to its watchers."""
