"""`python -m azure_facts`, which `make azure-facts` runs."""

import signal
import sys

from azure_facts.command import main


def _end(number: int, _: object) -> None:
    """Exits through all `with` blocks: what was made is removed."""
    sys.exit(128 + number)


for each in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(each, _end)
sys.exit(main(sys.argv[1:]))
