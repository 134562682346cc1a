"""Which certificates an individual enrollment is to hold. It accepts no other, and has two places, so a new certificate pushes
one out. That must never be the one that the device uses, as far as anybody can tell.

The newest certificate has the first place. The second place is that of the first of these that stays:

    1. the certificate that the device last registered with
    2. the newest one in the vault, if the enrollment is about to get a still newer one
    3. the certificates that it holds already, in their order

A certificate stays while its root is trusted. Of one that the vault does not know nobody can tell that: another program has put
it there, or a renewal was interrupted. It stays if the device uses it, and as long as no new certificate needs the place.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from dpsops.model.device import Leaf


def with_new(
    new: str, pinned: Sequence[str], leaves: Sequence[Leaf], used: str, trusted: Collection[int] | None
) -> tuple[str, ...]:
    """The thumbprints that an enrollment is to hold as soon as `new` is issued.

    pinned: the thumbprints that it holds; leaves: the certificates of the vault, the newest first; used: the thumbprint of the
    certificate that the device last registered with, or empty; trusted: the generations of the trusted roots, None for all.
    """
    known = {leaf.thumbprint for leaf in leaves}
    held = [each for each in pinned if each in known]
    return _wanted(new, [used, *(leaf.thumbprint for leaf in leaves[:1]), *held], pinned, leaves, trusted)


def with_newest(pinned: Sequence[str], leaves: Sequence[Leaf], used: str, trusted: Collection[int] | None) -> tuple[str, ...]:
    """The thumbprints that an enrollment is to hold for the newest certificate in the vault: those that it holds already if
    nothing is missing among them, and none is too many. `leaves` is not empty; the rest is as in `with_new`."""
    wanted = _wanted(leaves[0].thumbprint, [used, *pinned], pinned, leaves, trusted)
    return tuple(dict.fromkeys(pinned)) if set(wanted) == set(pinned) else wanted


def blocked(pinned: Sequence[str], leaves: Sequence[Leaf], used: str) -> tuple[str, ...]:
    """The thumbprints that the disabled enrollment of a blocked device is to hold: the newest certificate, and the one that the
    device last registered with, or else the one before. `leaves` is not empty."""
    before = [leaf.thumbprint for leaf in leaves[1:2]]
    wanted = _wanted(leaves[0].thumbprint, [used, *pinned, *before], pinned, leaves, None)
    return tuple(dict.fromkeys(pinned)) if set(wanted) == set(pinned) else wanted


def _wanted(
    newest: str, candidates: Sequence[str], pinned: Sequence[str], leaves: Sequence[Leaf], trusted: Collection[int] | None
) -> tuple[str, ...]:
    generations = {leaf.thumbprint: leaf.generation for leaf in leaves}

    def stays(thumbprint: str) -> bool:
        if thumbprint in generations:
            return trusted is None or generations[thumbprint] in trusted
        return thumbprint in pinned

    older = next((each for each in candidates if each and each != newest and stays(each)), None)
    return (newest,) if older is None else (newest, older)
