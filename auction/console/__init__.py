"""The terminal: output, interrupts, and the checks of `auction doctor`."""
