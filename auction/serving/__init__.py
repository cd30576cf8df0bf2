"""Processes that serve: their specifications, their listening sockets, their supervisor."""
