"""Baselines of the benchmarks: the obvious implementation, or the least work that is possible."""
