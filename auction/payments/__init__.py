"""Payment providers hold, charge, capture, release and refund the bidders' money.

Not used while bidding. `gateway` is the interface, `registry` lists the providers, and each has a package of its own.
"""
