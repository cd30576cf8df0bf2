"""Load tests against a server of their own, and benchmarks against baselines. For this machine only."""
