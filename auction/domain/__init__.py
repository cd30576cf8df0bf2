"""The rules of the house: pure functions over frozen values, without I/O, clock or chance."""
