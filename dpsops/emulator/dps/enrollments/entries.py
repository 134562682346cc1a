"""Enrollment entries, groups and single devices: where they are kept, and which certificate is in which of them.

An entry's document: {"kind", "id" (as first written), "attestation" (see mechanisms), "settings" (see there), "etag",
"created" and "updated" (epoch s)}.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dpsops.emulator.documents import JSON
from dpsops.emulator.dps.errors import ENROLLMENT_EXISTS, ENROLLMENT_NOT_FOUND, GROUP_EXISTS, GROUP_NOT_FOUND
from dpsops.emulator.dps.state import prefix_of
from dpsops.emulator.world import World

_CREDENTIAL = "enrolledCredential"


@dataclass(frozen=True, slots=True)
class Kind:
    """What sets groups and individual enrollments apart.

    `path`: their collection in URLs and in bulk bodies; `identifier`: the member that holds their ID; `item_type`: their
    name in lists and errors; `not_found` and `exists`: codes of errors; `certificates`: the member of an X.509 mechanism
    that holds certificates; `mechanisms`: how their devices may be attested.
    """

    name: str
    path: str
    identifier: str
    item_type: str
    not_found: int
    exists: int
    certificates: str
    mechanisms: frozenset[str]


GROUPS = Kind(
    "enrollmentGroup",
    "enrollmentGroups",
    "enrollmentGroupId",
    "EnrollmentGroup",
    GROUP_NOT_FOUND,
    GROUP_EXISTS,
    "signingCertificates",
    frozenset({"x509", "symmetricKey"}),
)
INDIVIDUALS = Kind(
    "enrollment",
    "enrollments",
    "registrationId",
    "Enrollment",
    ENROLLMENT_NOT_FOUND,
    ENROLLMENT_EXISTS,
    "clientCertificates",
    frozenset({"x509", "symmetricKey", "tpm"}),
)


def find_entry(world: World, service: JSON, kind: Kind, identifier: str) -> JSON | None:
    """The entry, or None. IDs are compared without regard to case."""
    return world.state.get(kind.name, _key(service, identifier))


def entries_of(world: World, service: JSON, kind: Kind) -> list[JSON]:
    """All entries of a kind, in the order of their IDs."""
    return [entry for _, entry in world.state.list(kind.name, prefix_of(service))]


def entries_beyond(world: World, service: JSON, kind: Kind, after: str, limit: int) -> list[tuple[str, JSON]]:
    """Entries of a kind with their keys, in the order of these: those beyond the key `after`, and at most `limit` of them."""
    return world.state.list(kind.name, prefix_of(service), after=after, limit=limit)


def save_entry(world: World, service: JSON, kind: Kind, entry: JSON) -> None:
    """Writes the entry, over an older one of the same ID."""
    _forget_credentials(world, service, find_entry(world, service, kind, entry["id"]))
    for credential in credentials_of(entry):
        world.state.put(_CREDENTIAL, _key(service, credential), {"kind": kind.name, "id": entry["id"]})
    world.state.put(kind.name, _key(service, entry["id"]), entry)


def delete_entry(world: World, service: JSON, kind: Kind, entry: JSON) -> None:
    """Forgets the entry; the registrations of its devices stay."""
    _forget_credentials(world, service, entry)
    world.state.delete(kind.name, _key(service, entry["id"]))


def delete_entries(world: World, service: JSON) -> None:
    """Forgets all entries of a service."""
    for kind in (GROUPS, INDIVIDUALS):
        for entry in entries_of(world, service, kind):
            delete_entry(world, service, kind, entry)


def find_holder(world: World, service: JSON, credential: str) -> tuple[str, str] | None:
    """Kind and ID of the entry that a credential is in, or None."""
    found = world.state.get(_CREDENTIAL, _key(service, credential))
    return None if found is None else (found["kind"], found["id"])


def credentials_of(entry: JSON) -> Iterator[str]:
    """What devices can be matched with the entry by: thumbprints of its certificates, and what its group's references are to.

    Many individual enrollments may name one CA, as each is found by its registration ID.
    """
    mechanism = entry["attestation"]
    for each in mechanism.get("certificates", {}).values():
        yield each["thumbprint"]
    if entry["kind"] == GROUPS.name:
        for name in mechanism.get("caReferences", {}).values():
            yield reference_to(name)


def reference_to(certificate: str) -> str:
    """The credential that a reference to a certificate of the service is."""
    return f"ca/{certificate}"


def _forget_credentials(world: World, service: JSON, entry: JSON | None) -> None:
    for credential in [] if entry is None else credentials_of(entry):
        world.state.delete(_CREDENTIAL, _key(service, credential))


def _key(service: JSON, identifier: str) -> str:
    return prefix_of(service) + identifier.lower()
