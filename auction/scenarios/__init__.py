"""Sales that went wrong, played again from the first bid to the last entry of the journal (`auction scenario ...`).

Everything is real: servers, scripts, archive, books, and a sandbox that stands in for the payment provider. Only time
is compressed: bids come as fast as they are decided, and the house's clock is moved on by hand after the hammer.
"""
