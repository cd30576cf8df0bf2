"""Serving processes: their supervisor, sockets and life cycle."""
