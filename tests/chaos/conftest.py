"""What the tests of faults stand on."""

from tests.chaos.standing import first_start, house, seed, standing

__all__ = ["first_start", "house", "seed", "standing"]
