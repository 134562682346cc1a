"""One device, from what the vault, the DPS and the hubs say of it."""

from __future__ import annotations

from dataclasses import dataclass

from dpsops.model.device import Leaf
from dpsops.model.registration import is_before
from dpsops.pki.names import DeviceId


@dataclass(frozen=True, slots=True)
class Member:
    """One device. `registered_at` and `hub` are empty if it is not assigned to a hub; `failure` is why its registration
    failed, in DPS's words. `registered_thumbprint` is the SHA-256 thumbprint (upper case hex) in its device identity: that of
    the certificate with which it last registered. `identity_enabled`: the status of that identity. `enrollment`: the status of
    its individual enrollment, empty if there is none. `admitted_at`: when the root of its certificate replaced a compromised one,
    empty if it replaced none."""

    leaf: Leaf
    expires_soon: bool
    registered_at: str
    hub: str
    failure: str
    registered_thumbprint: str
    identity_enabled: bool
    enrollment: str
    admitted_at: str = ""

    @property
    def waits_for_new_leaf(self) -> bool:
        """Whether it has not registered since a breach, by DPS's own times: it still has to fetch its new certificate. The
        identity does not show it, because the end of a breach writes the new thumbprint into it."""
        return not self.blocked and is_before(self.registered_at, self.admitted_at)

    @property
    def uses_newest_leaf(self) -> bool:
        """Whether it last registered with the newest certificate in the vault."""
        return bool(self.registered_thumbprint) and self.registered_thumbprint == self.leaf.thumbprint

    @property
    def blocked(self) -> bool:
        """Whether it is blocked, by the tag in the vault or by the enrollment in DPS."""
        return self.leaf.blocked or self.enrollment == "disabled"

    @property
    def partially_blocked(self) -> bool:
        """Whether a block or an unblock was interrupted, or somebody has disabled the enrollment by hand."""
        return self.leaf.blocked != (self.enrollment == "disabled")


@dataclass(frozen=True, slots=True)
class WaitingDevice:
    """A device that has not registered with a certificate under the new root, and what is known of it."""

    device: DeviceId
    reason: str
