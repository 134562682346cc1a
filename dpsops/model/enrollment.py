"""Who may register and where they are assigned: the enrollment group, of all devices whose leaf the root has signed, and the
individual enrollment, of one device, which DPS finds first.

Source: Azure DPS, "X.509 certificate attestation", and the service API 2021-10-01, `EnrollmentGroup`, `IndividualEnrollment`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from dpsops.errors import InvalidInput, Refused
from dpsops.model.action import Action
from dpsops.model.root import generation_of
from dpsops.pki.names import DeviceId
from dpsops.settings import Environment

Document = Mapping[str, object]
"""What DPS itself said, for a change to leave alone what it does not touch."""


@dataclass(frozen=True, slots=True)
class Reprovisioning:
    """What becomes of a device that registers again: whether its hub may change, and whether its data moves with it."""

    update_hub_assignment: bool
    migrate_device_data: bool


REPROVISIONING = {
    "migrate": Reprovisioning(update_hub_assignment=True, migrate_device_data=True),
    "reset": Reprovisioning(update_hub_assignment=True, migrate_device_data=False),
    "never": Reprovisioning(update_hub_assignment=False, migrate_device_data=False),
}
"""The reprovisioning policies by the names of the settings. Source: Azure DPS, "IoT Hub Device reprovisioning concepts"."""


@dataclass(frozen=True, slots=True)
class Provisioning:
    """Where an enrollment's devices are assigned, and what their twins begin with (desired properties). `hubs` are host
    names."""

    reprovisioning: Reprovisioning | None
    allocation: str
    hubs: tuple[str, ...]
    twin: Mapping[str, object]

    def is_like(self, other: Provisioning) -> bool:
        """Whether two are the same to DPS, to which neither the order of hubs nor their letters' case means anything."""
        return replace(self, hubs=_plain(self.hubs)) == replace(other, hubs=_plain(other.hubs))


def _plain(hubs: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(host.lower() for host in hubs))


@dataclass(frozen=True, slots=True)
class EnrollmentGroup:
    """A group as the DPS shows it: the names of its CA certificates, whether it lets devices in, where they go, its etag and
    when it was last changed (as DPS writes it; empty where it does not say)."""

    id: str
    primary: str
    secondary: str
    enabled: bool
    provisioning: Provisioning
    etag: str
    changed_at: str = ""
    document: Document = field(default_factory=dict, repr=False, compare=False)

    def trusted(self) -> tuple[int, ...]:
        """The generations of the roots that it trusts: its primary, and its secondary where it has another one.

        DPS repeats the primary as the secondary where only one was ever set. Raises `Refused` for a certificate that is
        not one of dpsops's roots.
        """
        if not self.primary:
            raise Refused(
                f"the enrollment group {self.id} trusts no CA certificate: its devices attest in another way",
                "devices may depend on it: give dpsops a group of its own ([group] id in the settings)",
            )
        names = [self.primary] if self.secondary in ("", self.primary) else [self.primary, self.secondary]
        numbers = {name: generation_of(name) for name in names}
        if stranger := next((name for name, number in numbers.items() if number is None), ""):
            raise Refused(
                f"the enrollment group trusts the certificate {stranger!r}, which dpsops did not make",
                "devices may depend on it: give dpsops a group of its own ([group] id in the settings)",
            )
        return tuple(number for number in numbers.values() if number is not None)


@dataclass(frozen=True, slots=True)
class IndividualEnrollment:
    """The enrollment of one device. `pinned` are the SHA-256 thumbprints (upper case hex) of the leaves that it holds, the
    primary one first; `is_block`: a block made it, rather than somebody for the device's own sake."""

    device: DeviceId
    enabled: bool
    pinned: tuple[str, ...]
    is_block: bool
    etag: str
    document: Document = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class OwnSettings:
    """What an individual enrollment may have of its own: one hub (its name), a reprovisioning policy, a first twin; None
    where it is as in the group."""

    hub: str | None = None
    policy: str | None = None
    twin: Mapping[str, object] | None = None


def wanted(environment: Environment) -> Provisioning:
    """The group's devices, as the settings want them provisioned."""
    return Provisioning(
        REPROVISIONING[environment.group.reprovisioning],
        environment.dps.allocation,
        _hosts(environment),
        environment.group.twin,
    )


def wanted_alone(environment: Environment, own: OwnSettings) -> Provisioning:
    """One device as the settings and its own ones want it provisioned. Raises `InvalidInput` as `require_hub` does."""
    require_hub(environment, own)
    host = next((hub.host for hub in environment.hub if own.hub is not None and hub.name.lower() == own.hub.lower()), None)
    return Provisioning(
        REPROVISIONING[own.policy or environment.group.reprovisioning],
        "static" if host else environment.dps.allocation,
        (host,) if host else _hosts(environment),
        environment.group.twin if own.twin is None else own.twin,
    )


def _hosts(environment: Environment) -> tuple[str, ...]:
    """The hubs that the environment's policy chooses from: `static` names one, the first ("How to use allocation
    policies"), and the others are for individual enrollments that name them."""
    found = tuple(hub.host for hub in environment.hub)
    return found[:1] if environment.dps.allocation == "static" else found


def plan(observed: EnrollmentGroup | None, environment: Environment) -> list[Action]:
    """What is to be done to the group, in what the settings decide; which roots it trusts is the business of `rotate`.
    Raises `Refused` where somebody has disabled it."""
    target = f"enrollment group {environment.group.id}"
    if observed is None:
        return [Action("create", target)]
    if not observed.enabled:
        raise Refused(
            f"the enrollment group {environment.group.id} is disabled: somebody has shut all its devices out",
            "find out why; to let them in again, enable the group in the DPS, then run the command again",
        )
    return [] if observed.provisioning.is_like(wanted(environment)) else [Action("modify", target)]


def require_hub(environment: Environment, own: OwnSettings) -> None:
    """Raises `InvalidInput` where an enrollment is to name a hub that the environment does not have."""
    hubs = {hub.name.lower() for hub in environment.hub}
    if own.hub is not None and own.hub.lower() not in hubs:
        raise InvalidInput(f"the environment has no hub {own.hub!r}", f"it has: {', '.join(sorted(hubs))}")
