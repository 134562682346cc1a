"""Whether a rotation waits for a device: whether it may still need a root older than the new one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from dpsops.model.device import Leaf
from dpsops.model.earlier import EarlierLeaf
from dpsops.model.member import Member, WaitingDevice
from dpsops.pki.names import DeviceId


def certificates(member: Member) -> tuple[Leaf | EarlierLeaf, ...] | None:
    """The certificates of a device as far as the decision needs them, from the tags of the newest; None if the versions of its
    secret must be read: the tags do not say what was before, or the device uses a certificate that they do not name, such as one
    that expired long ago or was issued at the same time as another."""
    known = member.leaf.certificates()
    used = member.registered_thumbprint
    if known is None or (used and used not in {each.thumbprint for each in known}):
        return None
    return known


def is_over(member: Member, new: int) -> bool:
    """Whether nothing is awaited of a device, whatever certificates it had: it is blocked, or uses its newest certificate, which
    is under the root of the generation `new`."""
    return member.blocked or (member.uses_newest_leaf and member.leaf.generation == new)


def waiting(member: Member, known: Iterable[Leaf | EarlierLeaf], new: int, now: datetime) -> WaitingDevice | None:
    """A device that is waited for, or None. `known`: its certificates.

    A blocked device is not waited for, and neither is a device without a valid certificate under an older root, unless it has
    registered with one that the vault does not have, as after the vault was lost."""
    generations = {each.thumbprint: each.generation for each in known}
    device, used = DeviceId(member.leaf.device), member.registered_thumbprint
    if is_over(member, new) or (used and generations.get(used) == new):
        return None
    if used and used not in generations:
        return WaitingDevice(device, "last registered with a certificate that is not in the vault")
    if any(each.generation != new and each.is_valid(now) for each in known):
        if member.issued_by_azure:
            return WaitingDevice(
                device, "connects with a certificate that Azure issues: nobody knows which one it registers with"
            )
        return WaitingDevice(device, "last registered with an older certificate" if used else "never registered")
    return None
