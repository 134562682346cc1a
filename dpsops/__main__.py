"""`dpsops` and `python -m dpsops`: the program, and its end where it is told to end before it has begun."""

import os
import sys


def run() -> None:
    """The entry point. Imports take a while, and Ctrl-C may fall into them."""
    try:
        from dpsops.cli.main import run as begin
    except KeyboardInterrupt:
        print("dpsops: interrupted before anything was done", file=sys.stderr)
        os._exit(130)  # Python itself would die of the signal where it fell into an exec, as every dataclass has one
    begin()


if __name__ == "__main__":
    run()
