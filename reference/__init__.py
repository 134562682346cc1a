"""Writes docs/reference from the code: `make reference`. Each page says the same as the code, or a test fails."""
