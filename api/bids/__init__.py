"""The bid endpoint: reads a bid from a request, has it decided and answers."""
