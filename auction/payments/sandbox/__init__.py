"""The sandbox: a payment provider for demonstrations, tests and load tests; no real money moves.

It behaves as an external provider would: it keeps a file of its own, apart from the database, and signs the
notifications that the cashier collects from it. `rules` decides what its test cards do, `file` stores it, `notices`
signs and reads notifications, `gateway` implements the `PaymentGateway` protocol.
"""

from auction.payments.sandbox.file import copy_file
from auction.payments.sandbox.gateway import FILE_NAME, REDELIVER_AFTER_MS, SandboxGateway

__all__ = ["FILE_NAME", "REDELIVER_AFTER_MS", "SandboxGateway", "copy_file"]
