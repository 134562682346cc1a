"""Which devices may register and where they are assigned: the enrollment group, for all devices with a certificate under the
root, and the individual enrollment, for one device. DPS looks for an individual enrollment first.

Source: Azure DPS, "X.509 certificate attestation", and the service API 2021-10-01, `EnrollmentGroup`, `IndividualEnrollment`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from dpsops.errors import InvalidInput, Refused
from dpsops.model.action import Action
from dpsops.model.registration import Registration
from dpsops.model.resources import is_link_of
from dpsops.model.root import generation_of
from dpsops.pki.names import DeviceId
from dpsops.settings import CertificatePolicy, Environment, Hub

Document = Mapping[str, object]
"""The document as DPS answered it, so that a change leaves everything else in it as it is."""


@dataclass(frozen=True, slots=True)
class Reprovisioning:
    """For a device that registers again: whether its hub may change, and whether its data moves to the new hub."""

    update_hub_assignment: bool
    migrate_device_data: bool


REPROVISIONING = {
    "migrate": Reprovisioning(update_hub_assignment=True, migrate_device_data=True),
    "reset": Reprovisioning(update_hub_assignment=True, migrate_device_data=False),
    "never": Reprovisioning(update_hub_assignment=False, migrate_device_data=False),
}
"""The reprovisioning policies by their names in the settings. Source: Azure DPS, "IoT Hub Device reprovisioning concepts"."""


@dataclass(frozen=True, slots=True)
class Provisioning:
    """Where the devices of an enrollment are assigned, and the initial desired properties of their twins. `hubs` are host
    names. `issuer`: who issues certificates to them, None if nobody does, or if nobody is to be asked."""

    reprovisioning: Reprovisioning | None
    allocation: str
    hubs: tuple[str, ...]
    twin: Mapping[str, object]
    issuer: CertificatePolicy | None = None

    def is_like(self, other: Provisioning) -> bool:
        """Whether two are the same for DPS, which ignores the order of the hubs and the case of their names."""
        return replace(self, hubs=_plain(self.hubs)) == replace(other, hubs=_plain(other.hubs))

    def is_assigned_like(self, other: Provisioning) -> bool:
        """Whether devices are assigned to the same hubs in the same way."""
        return (self.allocation, _plain(self.hubs)) == (other.allocation, _plain(other.hubs))


def _plain(hubs: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(host.lower() for host in hubs))


@dataclass(frozen=True, slots=True)
class EnrollmentGroup:
    """An enrollment group in the DPS: the names of its CA certificates, whether it is enabled, where its devices are assigned,
    its etag, and when it was last changed (as DPS writes it; empty if DPS does not say)."""

    id: str
    primary: str
    secondary: str
    enabled: bool
    provisioning: Provisioning
    etag: str
    changed_at: str = ""
    document: Document = field(default_factory=dict, repr=False, compare=False)

    def trusted(self) -> tuple[int, ...]:
        """The generations of the roots that it trusts: its primary, then its secondary if that is another root.

        DPS repeats the primary as the secondary if only one was ever set. Raises `Refused` for a CA certificate that is not
        one of dpsops's roots.
        """
        if not self.primary:
            raise Refused(
                f"the enrollment group {self.id} trusts no CA certificate: its devices use another attestation",
                "devices may depend on it: choose another group for dpsops ([group] id in the settings)",
            )
        names = [self.primary] if self.secondary in ("", self.primary) else [self.primary, self.secondary]
        numbers = {name: generation_of(name) for name in names}
        if foreign := next((name for name, number in numbers.items() if number is None), ""):
            raise Refused(
                f"the enrollment group trusts the CA certificate {foreign!r}, which dpsops did not create",
                "devices may depend on it: choose another group for dpsops ([group] id in the settings); or if it is one of "
                "dpsops's roots under another name, let the group refer to the root by its own name, as root-g1, in the DPS",
            )
        return tuple(number for number in numbers.values() if number is not None)


@dataclass(frozen=True, slots=True)
class IndividualEnrollment:
    """The enrollment of one device. `pinned` are the SHA-256 thumbprints (upper case hex) of its client certificates, the
    primary one first; `is_block`: `device block` created it, only to block the device; `provisioning`: where the device is
    assigned; `registration`: its registration, None if the document does not show it (in a list it does not)."""

    device: DeviceId
    enabled: bool
    pinned: tuple[str, ...]
    is_block: bool
    etag: str
    provisioning: Provisioning = Provisioning(None, "", (), {})
    registration: Registration | None = None
    document: Document = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class IndividualSettings:
    """The settings of one individual enrollment: one hub (its name), a reprovisioning policy, an initial twin; None: as in the
    group, or, if the device has an enrollment already, as it is there."""

    hub: str | None = None
    policy: str | None = None
    twin: Mapping[str, object] | None = None


def wanted(environment: Environment, linked: Collection[str] = ()) -> Provisioning:
    """The provisioning of the group's devices, by the settings. `linked`: the hosts that the DPS is linked to."""
    return Provisioning(
        REPROVISIONING[environment.group.reprovisioning],
        environment.dps.allocation,
        _hosts(environment, linked),
        environment.group.twin,
        environment.group.certificate_policy,
    )


def wanted_individual(environment: Environment, settings: IndividualSettings, linked: Collection[str] = ()) -> Provisioning:
    """The provisioning of one device, by the environment and its own settings. Raises `InvalidInput` as `require_hub` does.
    `linked`: the hosts that the DPS is linked to."""
    require_hub(environment, settings)
    name = None if settings.hub is None else settings.hub.lower()
    host = next((_host(hub, linked) for hub in environment.hub if hub.name.lower() == name), None)
    return Provisioning(
        REPROVISIONING[settings.policy or environment.group.reprovisioning],
        "static" if host else environment.dps.allocation,
        (host,) if host else _hosts(environment, linked),
        environment.group.twin if settings.twin is None else settings.twin,
        environment.group.certificate_policy,
    )


def merged(
    environment: Environment, settings: IndividualSettings, before: Provisioning, linked: Collection[str] = ()
) -> Provisioning:
    """The provisioning of a device that has an individual enrollment already: what the settings name is as they say, everything
    else stays as it is. Raises `InvalidInput` as `require_hub` does."""
    wanted = wanted_individual(environment, settings, linked)
    hub = before if settings.hub is None else wanted
    return Provisioning(
        before.reprovisioning if settings.policy is None else wanted.reprovisioning,
        hub.allocation,
        hub.hubs,
        before.twin if settings.twin is None else wanted.twin,
        wanted.issuer,
    )


def _host(hub: Hub, linked: Collection[str]) -> str:
    """The host of a hub as the DPS is linked to it: an enrollment names hubs by their links, and somebody may have made one by
    another of a hub's three names. Source: DPS service API 2021-10-01, `iotHubs` ("a subset of the linked IoT hubs")."""
    return next((each for each in sorted(linked, key=str.lower) if is_link_of(each, hub)), hub.host)


def _hosts(environment: Environment, linked: Collection[str]) -> tuple[str, ...]:
    """The hubs for the environment's allocation policy. `static` needs exactly one ("How to use allocation policies"): the
    first; the others are for individual enrollments that name them."""
    found = tuple(_host(hub, linked) for hub in environment.hub)
    return found[:1] if environment.dps.allocation == "static" else found


def plan(observed: EnrollmentGroup | None, environment: Environment, linked: Collection[str] = ()) -> list[Action]:
    """What must be done so that the group matches the settings and the links; `rotate` decides which roots it trusts.
    Raises `Refused` if somebody has disabled the group."""
    target = f"enrollment group {environment.group.id}"
    if observed is None:
        return [Action("create", target)]
    if not observed.enabled:
        raise Refused(
            f"the enrollment group {environment.group.id} is disabled: none of its devices can register",
            "find out who disabled it and why; if it may be enabled, enable it in the DPS, then run the command again",
        )
    return [] if observed.provisioning.is_like(wanted(environment, linked)) else [Action("modify", target)]


def require_hub(environment: Environment, settings: IndividualSettings) -> None:
    """Raises `InvalidInput` if the enrollment would name a hub that the environment does not have."""
    hubs = {hub.name.lower() for hub in environment.hub}
    if settings.hub is not None and settings.hub.lower() not in hubs:
        raise InvalidInput(f"the environment has no hub {settings.hub!r}", f"use one of: {', '.join(sorted(hubs))}")
