"""What the tests of many clients at once stand on: the house of processes of the tests of faults."""

from tests.chaos.standing import first_start, house, seed, standing

__all__ = ["first_start", "house", "seed", "standing"]
