"""`python -m dpsops`."""

from dpsops.cli.main import run

run()
