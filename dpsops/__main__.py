"""`dpsops` and `python -m dpsops`: starts the program, and handles an interrupt that comes before it has started."""

import os
import sys


def run() -> None:
    """The entry point. The imports take a while, and Ctrl-C can interrupt them."""
    try:
        from dpsops.cli.main import run as begin
    except KeyboardInterrupt:
        print("dpsops: interrupted before anything was done", file=sys.stderr)
        os._exit(130)  # Python would kill itself with the signal if it interrupted an exec, and each dataclass runs one
    begin()


if __name__ == "__main__":
    run()
