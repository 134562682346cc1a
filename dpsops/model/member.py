"""A device as vault, DPS and hubs show it together."""

from __future__ import annotations

from dataclasses import dataclass

from dpsops.model.device import Leaf
from dpsops.pki.names import DeviceId


@dataclass(frozen=True, slots=True)
class Registration:
    """What DPS says of a device that has registered: `status` is `assigned`, `failed` and so on, `hub` the host name that
    it was assigned to (empty without one), `hub_device` its ID there, `updated_at` as DPS writes it, `error` why it failed
    in DPS's words. `etag` is what a removal names."""

    device: str
    status: str
    hub: str
    hub_device: str
    updated_at: str
    error: str
    etag: str

    @property
    def is_assigned(self) -> bool:
        """Whether DPS has assigned the device to a hub."""
        return self.status == "assigned"


@dataclass(frozen=True, slots=True)
class Member:
    """One device. `registered_at` and `hub` are empty where it is assigned to none; `failure` is why, in DPS's words, where
    it tried. `seen` is the SHA-256 thumbprint (upper case hex) in its hub identity: that of the leaf it last registered
    with. `admitted`: its identity is enabled. `enrollment`: the status of its individual enrollment, empty without one."""

    leaf: Leaf
    expires_soon: bool
    registered_at: str
    hub: str
    failure: str
    seen: str
    admitted: bool
    enrollment: str

    @property
    def uses_newest_leaf(self) -> bool:
        """Whether it has registered with the leaf that the vault holds for it."""
        return bool(self.seen) and self.seen == self.leaf.thumbprint

    @property
    def blocked(self) -> bool:
        """Whether it is kept out, in the vault's words or in DPS's."""
        return self.leaf.blocked or self.enrollment == "disabled"

    @property
    def partially_blocked(self) -> bool:
        """Whether a block or its undoing was interrupted, or somebody has disabled the enrollment by hand."""
        return self.leaf.blocked != (self.enrollment == "disabled")


@dataclass(frozen=True, slots=True)
class WaitingDevice:
    """A device that has not been seen with a leaf of the new root, and what is known of it."""

    device: DeviceId
    reason: str
