"""One device, from what the vault, the DPS and the hubs say of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from dpsops.model.device import Leaf
from dpsops.pki.names import DeviceId


def is_dead_link(error: str) -> bool:
    """Whether DPS says, as the reason of a failed registration, that a hub does not take the key of its link (401002)."""
    return "IotHubUnauthorizedAccess" in error


def dps_moment(text: str) -> datetime | None:
    """A time as DPS writes it, with seven digits of a second's fraction; None if it is none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def is_before(one: str, other: str) -> bool:
    """Whether one time of DPS is before another; not if either is missing."""
    first, second = dps_moment(one), dps_moment(other)
    return first is not None and second is not None and first < second


@dataclass(frozen=True, slots=True)
class Registration:
    """The registration state of a device in DPS: `status` is `assigned`, `failed` and so on, `hub` the host name of the
    assigned hub (empty if there is none), `hub_device` the device ID there, `updated_at` as DPS writes it, `error` why it
    failed, in DPS's words. A removal names the `etag`."""

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
