"""One device, from what the vault, the DPS and the hubs say of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from dpsops.model.device import Leaf
from dpsops.model.registration import is_before
from dpsops.pki.names import DeviceId


@dataclass(frozen=True, slots=True)
class Member:
    """One device. `registered_at` and `hub` are empty if it is not assigned to a hub; `failure` is why its registration
    failed, in DPS's words. `registered_thumbprint` is the SHA-256 thumbprint (upper case hex) in its device identity: that of
    the certificate with which it last registered. `identity_enabled`: the status of that identity. `enrollment`: the status of
    its individual enrollment, empty if there is none. `admitted_at`: when the root of its certificate replaced a compromised one,
    empty if it replaced none. `issued_by_azure`: its identity trusts a CA and no thumbprint, as of a device to which Azure issues
    its certificates: nobody can say then which one of ours it last registered with."""

    leaf: Leaf
    expires_soon: bool
    registered_at: str
    hub: str
    failure: str
    registered_thumbprint: str
    identity_enabled: bool
    enrollment: str
    admitted_at: str = ""
    issued_by_azure: bool = False

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
    def is_up_to_date(self) -> bool:
        """Whether it last registered with the newest certificate in the vault, and since a breach if there was one."""
        return self.uses_newest_leaf and not self.waits_for_new_leaf

    @property
    def blocked(self) -> bool:
        """Whether it is blocked, by the tag in the vault or by the enrollment in DPS."""
        return self.leaf.blocked or self.enrollment == "disabled"

    @property
    def partially_blocked(self) -> bool:
        """Whether a block or an unblock was interrupted, or somebody has disabled the enrollment by hand."""
        return self.leaf.blocked != (self.enrollment == "disabled")


@dataclass(frozen=True, slots=True)
class Filter:
    """Which devices are listed: those that fit everything that is set. expiring: in so many days, or expired already; a device
    without an expiry date fits too. generation: of the root of the certificate. waiting: registered, but with another certificate
    than the newest, or not since a breach."""

    expiring: int | None = None
    generation: int | None = None
    blocked: bool = False
    never_registered: bool = False
    waiting: bool = False

    def fits(self, member: Member, now: datetime) -> bool:
        """Whether a device is listed."""
        end = member.leaf.not_after
        return (
            (self.expiring is None or end is None or end <= now + timedelta(days=self.expiring))
            and self.generation in (None, member.leaf.generation)
            and (member.blocked or not self.blocked)
            and (not member.hub or not self.never_registered)
            and (not self.waiting or (bool(member.hub) and not member.blocked and not member.is_up_to_date))
        )


@dataclass(frozen=True, slots=True, order=True)
class WaitingDevice:
    """A device that has not registered with a certificate under the new root, and what is known of it."""

    device: DeviceId
    reason: str
