"""Which versions of a device's secret are superseded, so that their keys need not stay readable."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from dpsops.model.device import Leaf, SecretVersion

_FEWEST = 2
"""So many certificates a device had before its newest one if it may have one that is older than the one before."""


def may_have_superseded(leaf: Leaf, *, in_use: bool) -> bool:
    """Whether any version of a device's secret may be superseded, by the tags of its newest certificate. `in_use`: whether the
    device may use that already, rather than one before it."""
    return not leaf.blocked and (leaf.before is None or len(leaf.before) >= (1 if in_use else _FEWEST))


def superseded(
    versions: Sequence[SecretVersion], used: str, pinned: Collection[str], trusted: Collection[int], now: datetime
) -> tuple[SecretVersion, ...]:
    """Those that are older than the one with the certificate that the device uses, if their certificate has expired or its root
    is no longer trusted. None of a blocked device, and none whose certificate an individual enrollment holds; none if nobody
    knows which certificate the device uses.

    versions: the enabled ones, the newest first; used: the thumbprint in the device's identity, empty if it has none; pinned: the
    thumbprints that its individual enrollment holds; trusted: the generations of the trusted roots.
    """
    present = next((place for place, each in enumerate(versions) if used and each.leaf and each.leaf.thumbprint == used), None)
    if present is None or any(each.leaf is not None and each.leaf.blocked for each in versions):
        return ()
    kept = {used, *pinned}
    return tuple(
        each
        for each in versions[present + 1 :]
        if _is_older(each, versions[present])
        and each.leaf is not None
        and each.leaf.thumbprint not in kept
        and _is_useless(each.leaf, trusted, now)
    )


def _is_older(one: SecretVersion, other: SecretVersion) -> bool:
    """Whether it is surely older: a vault dates versions to the second."""
    return one.created is not None and other.created is not None and one.created < other.created


def _is_useless(leaf: Leaf, trusted: Collection[int], now: datetime) -> bool:
    """Whether nobody can register with a certificate any more. Generation 0 is that of a tag which nobody can read."""
    has_expired = leaf.not_after is not None and not leaf.is_valid(now)
    return has_expired or (leaf.generation > 0 and leaf.generation not in trusted)
