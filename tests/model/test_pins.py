"""Which certificates an individual enrollment holds: the newest, and of the others the one that the device uses."""

from __future__ import annotations

import pytest

from dpsops.model import pins
from dpsops.model.device import Leaf


def known(*thumbprints: str, generation: int = 1) -> list[Leaf]:
    """Certificates in the vault, the newest first; those of small letters are under the next root."""
    return [Leaf("press-07", each, generation + each.islower(), None, blocked=False) for each in thumbprints]


@pytest.mark.parametrize(
    ("pinned", "vault", "used", "trusted", "wanted"),
    [
        ("A", "A", "", (1,), "NA"),
        ("BA", "BA", "A", (1,), "NA"),  # B was made by a renewal that the device knows nothing of
        ("BA", "BA", "B", (1,), "NB"),
        ("BA", "BA", "", (1,), "NB"),
        ("XA", "A", "", (1,), "NA"),  # X is not in the vault: its renewal was interrupted
        ("XA", "A", "X", (1,), "NX"),  # or it is somebody else's, and the device uses it
        ("A", "A", "Y", (1,), "NA"),  # an identity that somebody wrote names no certificate of the device
        ("B", "BA", "A", (1,), "NA"),  # the enrollment was made after the renewal
        ("A", "A", "A", (2,), "N"),
        ("XA", "A", "A", (2,), "N"),  # in a breach, X may be under the compromised root, too
        ("A", "bA", "A", (1, 2), "NA"),
        ("A", "bA", "A", (2,), "Nb"),
        ("", "", "", (1,), "N"),
    ],
)
def test_a_new_certificate_never_pushes_out_the_one_in_use(
    pinned: str, vault: str, used: str, trusted: tuple[int, ...], wanted: str
) -> None:
    assert "".join(pins.with_new("N", pinned, known(*vault), used, trusted)) == wanted


@pytest.mark.parametrize(
    ("pinned", "vault", "used", "trusted", "wanted"),
    [
        ("BA", "BA", "", (1,), "BA"),
        ("AB", "BA", "A", (1,), "AB"),  # in this order, too, nothing is missing
        ("BB", "BA", "", (1,), "B"),  # as DPS shows the only one
        ("A", "BA", "", (1,), "BA"),
        ("B", "BA", "A", (1,), "BA"),
        ("XA", "BA", "A", (1,), "BA"),
        ("XB", "BA", "", (1,), "XB"),  # what another program has put there stays
        ("bA", "bA", "A", (2,), "b"),
    ],
)
def test_the_newest_certificate_joins_those_that_are_there(
    pinned: str, vault: str, used: str, trusted: tuple[int, ...], wanted: str
) -> None:
    assert "".join(pins.with_newest(pinned, known(*vault), used, trusted)) == wanted


@pytest.mark.parametrize(
    ("pinned", "vault", "used", "wanted"),
    [
        ("", "CBA", "", "CB"),
        ("", "CBA", "A", "CA"),
        ("", "A", "A", "A"),
        ("BA", "CBA", "A", "CA"),
        ("CB", "CBA", "B", "CB"),
        ("AX", "A", "", "AX"),
    ],
)
def test_a_block_holds_the_newest_certificate_and_the_one_in_use(pinned: str, vault: str, used: str, wanted: str) -> None:
    assert "".join(pins.blocked(pinned, known(*vault), used)) == wanted
