"""What the tests of faults stand on."""

from tests.chaos.lot_state import context, first_start, seed, standing

__all__ = ["context", "first_start", "seed", "standing"]
