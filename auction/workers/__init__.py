"""The background workers: archiver, clerk, settler, cashier. Several of each may run, and be killed at any time."""
