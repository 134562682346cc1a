"""How near a fleet comes to what Azure allows, what a device costs, and what a look at all of them takes: with the targets.

Everything is measured in one run, and what is compared takes turns. The embedded Azure is in a process of its own.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from bench import ceiling, leaf_cost, listing, openssl_loop, stub
from bench.served import environment, served, settle

_LEAVES = 1000
_REQUEST = re.compile(r"^dpsops: [A-Z]+ (?!login\.)\S+ -> (?!401)\d+$", re.MULTILINE)

Row = tuple[str, str, str, bool]
"""What is measured, the measure, its target (empty: none), and whether it is met."""


def rows() -> Iterator[Row]:
    """The rows, each as soon as it is measured."""
    for vaults, shards, least in ((1, 1, 0.99), (5, 1, 0.99), (5, 16, 0.97)):
        share = ceiling.measure(vaults, shards)
        what = f"{vaults} vault{'s' if vaults > 1 else ''}" + (f", {shards} shards as processes" if shards > 1 else "")
        yield f"share of the ceiling: {what}", f"{share.of_ceiling:.1%}", f">= {least:.0%}", share.of_ceiling >= least
        if shards == 1:
            yield "... answered 429", f"{share.of_refused:.2%}", "<= 0.10%", share.of_refused <= 0.001
        else:
            yield "... cores in use: clients, server", f"{share.client:.2f} {share.server:.2f}", "", True
    costs, loop = leaf_cost.measure(), openssl_loop.measure(100)
    ours = median(costs.ours)
    yield "CPU a leaf: dpsops", f"{ours:.2f} ms", "", True
    yield "... bare aiohttp, and azure-core", f"{median(costs.bare):.2f} {median(costs.azure_core):.2f}", "", True
    yield "CPU a leaf / bare aiohttp", f"{costs.over_bare:.2f}", "<= 1.50", costs.over_bare <= 1.5
    yield "CPU a leaf of an openssl loop / ours", f"{1000 * loop / ours:.0f}", ">= 25", 1000 * loop / ours >= 25
    each = _requests_a_leaf()
    yield f"requests a leaf, {_LEAVES:,} devices", f"{each:.3f}", "<= 2.05", each <= 2.05
    small, large = stub.measure(10_000), stub.measure(100_000)
    yield "peak memory: 100,000 devices / 10,000", f"{large.peak / small.peak:.2f}", "<= 1.10", large.peak / small.peak <= 1.1
    for (words, row), draining in zip(
        ((["--output", "jsonl", "device", "list"], '{"device"'), (["rotate", "status"], "  press-")), (False, True), strict=True
    ):
        with tempfile.TemporaryDirectory() as directory:
            listing.fill(Path(directory), listing.DEVICES, draining=draining)
            found = listing.look(Path(directory), words, row)
        most, count = listing.allowed(listing.DEVICES), found.requests.total()
        yield f"{' '.join(words[-2:])}: requests for {listing.DEVICES:,}", f"{count}", f"<= {most}", count <= most
        yield "... pages of registrations among them", f"{found.requests['pages of registrations']}", "", True
        if not draining:
            pages = found.before_row["pages of secrets"]
            yield "... pages of secrets before the first row", f"{pages}", "<= 2", pages <= 2


def _requests_a_leaf() -> float:
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        settle(place, listing.SETTINGS)
        (place / "fleet.txt").write_text("".join(f"press-{number:04}\n" for number in range(_LEAVES)), encoding="utf-8")
        command = [sys.executable, "-m", "dpsops", "--verbose", "device", "issue", "--from", "fleet.txt"]
        with served(place, unlimited=True):
            done = subprocess.run(
                command, cwd=place, env=environment(), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
            )
    return len(_REQUEST.findall(done.stderr)) / _LEAVES
