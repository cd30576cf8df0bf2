"""Sales that went wrong, simulated from the first bid to the last journal entry (`auction scenario ...`).

Everything is real (servers, scripts, archive, database) except the payment provider, which is the sandbox, and time:
bids are sent as fast as they are decided, and after the close the clock is advanced by the scenario.
"""
