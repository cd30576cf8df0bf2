"""Side-by-side benchmarks: each figure beside its floor, on the same machine in the same run (`auction bench`)."""
