"""What the tests of many clients at once stand on: the house of processes of the tests of faults."""

from tests.chaos.lot_state import context, first_start, seed, standing

__all__ = ["context", "first_start", "seed", "standing"]
