"""The fixtures of the tests of faults."""

from tests.chaos.fixtures import context, deployment, seed, session_deployment

__all__ = ["context", "deployment", "seed", "session_deployment"]
