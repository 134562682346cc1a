"""The registration state of a device in DPS. Source: DPS service API 2021-10-01, `DeviceRegistrationState`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime


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
