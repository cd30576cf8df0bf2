"""The engine over HTTP and WebSocket: turns requests into calls of services and their results into responses."""
