"""What follows the hammer, a verb a function: award, payment, default, offers, relisting, handover, voiding.

After the bid's way: begun by the archived result of a lot, moved on by payments, by people and by deadlines. Each
transition is one transaction under the lock of the lot's settlement, and does nothing where it has been done.
"""
