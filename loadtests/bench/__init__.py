"""Benchmarks against a baseline, both measured on the same machine in the same run (`auction bench`)."""
