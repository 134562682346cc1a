"""Who may register and where they are assigned: the enrollment group, of all devices whose leaf the root has signed, and the
individual enrollment, of one device, which DPS finds first.

Source: Azure DPS, "X.509 certificate attestation", and the service API 2021-10-01, `EnrollmentGroup`, `IndividualEnrollment`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cryptography import x509

from dpsops.cloud import hub_host
from dpsops.errors import InvalidInput, Refused
from dpsops.pki import chains
from dpsops.pki.names import DeviceId
from dpsops.settings import Environment
from dpsops.workflows.bundles import chain_of
from dpsops.workflows.root_state import generation_of
from dpsops.workflows.run import Action, Run

REPROVISIONING = {
    "migrate": {"updateHubAssignment": True, "migrateDeviceData": True},
    "reset": {"updateHubAssignment": True, "migrateDeviceData": False},
    "never": {"updateHubAssignment": False, "migrateDeviceData": False},
}
"""The reprovisioning policies by the names of the settings. Source: Azure DPS, "IoT Hub Device reprovisioning concepts"."""


@dataclass(frozen=True, slots=True)
class ObservedGroup:
    """A group as the DPS shows it: the names of its CA certificates, whether it lets devices in, its etag, and the rest."""

    primary: str
    secondary: str
    enabled: bool
    etag: str
    document: dict[str, Any]

    def trusted(self) -> tuple[int, ...]:
        """The generations of the roots that it trusts: its primary, and its secondary where it has another one.

        DPS repeats the primary as the secondary where only one was ever set. Raises `Refused` for a certificate that is
        not one of dpsops's roots.
        """
        names = [self.primary] if self.secondary in ("", self.primary) else [self.primary, self.secondary]
        numbers = {name: generation_of(name) for name in names}
        if stranger := next((name for name, number in numbers.items() if number is None), None):
            raise Refused(
                f"the enrollment group trusts the certificate {stranger!r}, which dpsops did not make",
                "devices may depend on it: give dpsops a group of its own ([group] id in the settings)",
            )
        return tuple(number for number in numbers.values() if number is not None)


@dataclass(frozen=True, slots=True)
class Individual:
    """What an individual enrollment may have of its own: one hub (its name), a reprovisioning policy, a first twin; None
    where it is as in the group."""

    hub: str | None = None
    policy: str | None = None
    twin: dict[str, Any] | None = None


def path(environment: Environment) -> str:
    """Where the environment's group is."""
    return f"/enrollmentGroups/{environment.group.id}"


def observe(run: Run) -> ObservedGroup | None:
    """The environment's group, or None. It costs one request."""
    document = run.cloud.enrollments.get(path(run.environment))
    if document is None:
        return None
    references = document.get("attestation", {}).get("x509", {}).get("caReferences") or {}
    return ObservedGroup(
        primary=references.get("primary") or "",
        secondary=references.get("secondary") or "",
        enabled=not is_disabled(document),
        etag=document.get("etag", ""),
        document=document,
    )


def wanted(environment: Environment, primary: str) -> dict[str, Any]:
    """The group as it should be, with this CA certificate."""
    return {
        "enrollmentGroupId": environment.group.id,
        "attestation": {"type": "x509", "x509": {"caReferences": {"primary": primary}}},
        "provisioningStatus": "enabled",
        "reprovisionPolicy": REPROVISIONING[environment.group.reprovisioning],
        "allocationPolicy": environment.dps.allocation,
        "iotHubs": hosts(environment),
        "initialTwin": initial_twin(environment.group.twin),
    }


def hosts(environment: Environment) -> list[str]:
    """The hubs that the environment's policy chooses from: `static` names one, the first ("How to use allocation
    policies"), and the others are for individual enrollments that name them."""
    found = [hub_host(hub.name) for hub in environment.hub]
    return found[:1] if environment.dps.allocation == "static" else found


def initial_twin(desired: dict[str, Any]) -> dict[str, Any]:
    """A twin that begins with these desired properties."""
    return {"tags": {}, "properties": {"desired": desired}}


def differs(observed: ObservedGroup, environment: Environment) -> bool:
    """Whether the group is other than wanted, in what the settings decide; what others added to it stays. Which roots it
    trusts is the business of `rotate`."""
    want, have = wanted(environment, observed.primary), observed.document
    twin = (have.get("initialTwin") or {}).get("properties", {}).get("desired", {})
    return (
        have.get("allocationPolicy") != want["allocationPolicy"]
        or sorted(host.lower() for host in have.get("iotHubs") or []) != sorted(want["iotHubs"])
        or have.get("reprovisionPolicy") != want["reprovisionPolicy"]
        or {key: value for key, value in twin.items() if not key.startswith("$")} != environment.group.twin
    )


def plan(observed: ObservedGroup | None, environment: Environment) -> list[Action]:
    """What is to be done to the group. Raises `Refused` where somebody has disabled it."""
    target = f"enrollment group {environment.group.id}"
    if observed is None:
        return [Action("create", target)]
    if not observed.enabled:
        raise Refused(
            f"the enrollment group {environment.group.id} is disabled: somebody has shut all its devices out",
            "find out why; to let them in again, enable the group in the DPS, then run the command again",
        )
    return [Action("modify", target)] if differs(observed, environment) else []


def converge(run: Run, primary: str) -> Iterator[Action]:
    """Makes the group what it should be, under the etag that was observed; yields what was done. A new group trusts `primary`."""
    observed = observe(run)
    for action in plan(observed, run.environment):
        run.progress(f"enrolling the devices that {primary} vouches for")
        document = wanted(run.environment, primary)
        if observed is not None:
            document = observed.document | document | {"attestation": observed.document["attestation"]}
        run.cloud.enrollments.put(path(run.environment), document, observed.etag if observed else None)
        yield Action(action.action, action.target, "created" if action.action == "create" else "modified")


def is_disabled(document: dict[str, Any] | None) -> bool:
    """Whether there is an enrollment, of a group or of one device, and somebody has disabled it."""
    return document is not None and document.get("provisioningStatus") == "disabled"


def attestation(*leaves: x509.Certificate) -> dict[str, Any]:
    """The attestation of an individual enrollment that holds one leaf or two, the newer one first."""
    places = zip(("primary", "secondary"), leaves, strict=False)
    return {"type": "x509", "x509": {"clientCertificates": {place: {"certificate": chains.pem(leaf)} for place, leaf in places}}}


def pinned(document: dict[str, Any]) -> tuple[str, ...]:
    """The SHA-256 thumbprints (upper case hex) of the leaves that an individual enrollment holds, the primary one first."""
    certificates = document.get("attestation", {}).get("x509", {}).get("clientCertificates") or {}
    shown = [certificates[place].get("info") or {} for place in ("primary", "secondary") if certificates.get(place)]
    return tuple(str(info.get("sha256Thumbprint") or "").upper() for info in shown)


def individual_path(device: DeviceId) -> str:
    """Where a device's individual enrollment is."""
    return f"/enrollments/{device}"


def individual(run: Run, device: DeviceId) -> dict[str, Any] | None:
    """The device's individual enrollment, or None."""
    return run.cloud.enrollments.get(individual_path(device))


def pin(run: Run, device: DeviceId, observed: dict[str, Any], *leaves: x509.Certificate) -> None:
    """Lets an individual enrollment hold these leaves, the newer one first."""
    document = observed | {"attestation": attestation(*leaves)}
    run.cloud.enrollments.put(individual_path(device), document, observed["etag"])


def require_hub(environment: Environment, own: Individual) -> None:
    """Raises `InvalidInput` where the enrollment is to name a hub that the environment does not have."""
    hubs = {hub.name.lower() for hub in environment.hub}
    if own.hub is not None and own.hub.lower() not in hubs:
        raise InvalidInput(f"the environment has no hub {own.hub!r}", f"it has: {', '.join(sorted(hubs))}")


def enroll(run: Run, device: DeviceId, own: Individual) -> Iterator[Action]:
    """Makes or changes a device's individual enrollment, which holds its present leaf; yields what was done.

    Raises `Refused` where that enrollment is disabled: the device is blocked.
    """
    environment, found = run.environment, individual(run, device)
    if is_disabled(found):
        raise Refused(f"{device} has a disabled enrollment: it is blocked", f"dpsops device unblock {device}")
    require_hub(environment, own)
    leaf = chain_of(run, device)[0]
    document = {
        "registrationId": device,
        "deviceId": device,
        "attestation": attestation(leaf),
        "provisioningStatus": "enabled",
        "reprovisionPolicy": REPROVISIONING[own.policy or environment.group.reprovisioning],
        "allocationPolicy": "static" if own.hub else environment.dps.allocation,
        "iotHubs": [hub_host(own.hub)] if own.hub else hosts(environment),
        "initialTwin": initial_twin(environment.group.twin if own.twin is None else own.twin),
    }
    run.progress(f"enrolling {device} by itself")
    run.cloud.enrollments.put(individual_path(device), document, found["etag"] if found else None)
    yield Action("modify" if found else "create", f"enrollment {device}", "modified" if found else "created")
