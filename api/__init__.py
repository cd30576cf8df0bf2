"""The house over HTTP: a door for bids, FastAPI for everything else. Knows the services, decides nothing itself."""
