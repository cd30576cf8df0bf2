"""Load on a running house, and benchmarks beside what a user would write instead. Against this machine only."""
