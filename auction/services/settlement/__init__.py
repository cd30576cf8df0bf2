"""What follows the close of a lot: award, payment, default, offers to runners-up, relisting, handover, voiding.

After the bid's way. It begins with the archived result of a lot and is moved on by payments, people and deadlines. Each
transition is one transaction under the lock of the lot's settlement; repeated, it changes nothing.
"""
