"""The lines of the table that `make bench` prints."""

from __future__ import annotations


def row(what: str, measured: str, target: str = "", met: bool = True, cause: str = "") -> None:
    """Prints a figure beside its target. `cause`: why it is missed, if it is."""
    verdict = f"   target {target:<14} {'met' if met else 'MISSED'}" if target else ""
    print(f"{what:<70} {measured:>9}{verdict}", flush=True)
    if cause and not met:
        print(f"    {cause}", flush=True)
