"""Every field of the service API's models: what a client sends is kept, and what the service itself says is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from dpsops.emulator.documents import JSON
from tests.emulator.dps.fleet import enrolled
from tests.emulator.dps.issuers import Issuer
from tests.emulator.dps.lab import Lab, group_below, group_of, individual
from tests.emulator.models import definitions, fields_of, value_at

FILE = "deviceprovisioningservices-service/2021-10-01/service.json"
HUB = "hub1.azure-devices.net"
KEYS = {"primaryKey": "MDEyMzQ1Njc4OWFiY2RlZg==", "secondaryKey": "ZmVkY2JhOTg3NjU0MzIxMA=="}
SETTINGS: JSON = {
    "capabilities": {"iotEdge": True},
    "iotHubHostName": HUB,
    "initialTwin": {"tags": {"site": {"line": 7}}, "properties": {"desired": {"interval": 5, "deep": {"er": [1, None]}}}},
    "provisioningStatus": "disabled",
    "reprovisionPolicy": {"updateHubAssignment": False, "migrateDeviceData": True},
    "allocationPolicy": "custom",
    "iotHubs": [HUB],
    "customAllocationDefinition": {"webhookUrl": "https://www.test.test/allocate", "apiVersion": "2019-03-31"},
}
OF_A_DEVICE: JSON = {"deviceId": "press-07", "optionalDeviceInformation": {"colour": "red", "parts": {"left": [1, 2]}}}
TIMES = ("createdDateTimeUtc", "lastUpdatedDateTimeUtc")
_COLLECTION = "the API sends what is in the collection itself; these members of the model say that it has a version and a count"
CHANGED = {
    "etag": "the service's own: a client sends it as If-Match",
    **dict.fromkeys(TIMES, "the service's own (readOnly)"),
    "registrationState": "the service's own (readOnly), in a GET of an enrollment by itself",
    "certificate": "the service shows `info` in its place",
    "version": _COLLECTION,
    "count": _COLLECTION,
    "metadata.lastUpdated": _COLLECTION,
    "metadata.lastUpdatedVersion": _COLLECTION,
}
"""Fields of an entry, or the ends of their paths, that do not come back as they were sent, and why."""


def x509_entry(kind: str, _: Lab) -> JSON:
    """An entry with two certificates: the fields that its mechanism has."""
    certificates = [Issuer.make(name).certificate for name in ("One", "Two")]
    return group_below(*certificates) if kind == "EnrollmentGroup" else individual("d1", *certificates)


def referring_entry(kind: str, lab: Lab) -> JSON:
    """An entry that names two of the service's certificates."""
    for name in ("one", "two"):
        lab.upload(name, Issuer.make(name).certificate)
    return _entry(kind, group_of("one", "two")["attestation"])


def keyed_entry(kind: str, _: Lab) -> JSON:
    """An entry with symmetric keys."""
    return _entry(kind, {"type": "symmetricKey", "symmetricKey": KEYS})


def tpm_entry(kind: str, _: Lab) -> JSON:
    """An entry of a TPM."""
    return _entry(kind, {"type": "tpm", "tpm": {"endorsementKey": "AToAAQ==", "storageRootKey": "AToAAg=="}})


def _entry(kind: str, attestation: JSON) -> JSON:
    name = {"enrollmentGroupId": "fleet"} if kind == "EnrollmentGroup" else {"registrationId": "d1"}
    return name | {"attestation": attestation}


MECHANISMS: Mapping[str, list[Callable[[str, Lab], JSON]]] = {
    "EnrollmentGroup": [x509_entry, referring_entry, keyed_entry],
    "IndividualEnrollment": [x509_entry, referring_entry, keyed_entry, tpm_entry],
}
REFUSED = {
    "EnrollmentGroup": {
        "attestation.tpm.endorsementKey": "a TPM is of one device",
        "attestation.tpm.storageRootKey": "a TPM is of one device",
        "attestation.x509.clientCertificates": "the certificates of a group are signing certificates",
    },
    "IndividualEnrollment": {"attestation.x509.signingCertificates": "the certificates of a device are client certificates"},
}
"""Fields that the model has, and the entries of a kind have not: these are refused."""


@pytest.mark.parametrize("kind", sorted(MECHANISMS))
def test_every_field_of_an_entry_is_kept(lab: Lab, kind: str) -> None:
    """Over all of its mechanisms, as an entry has one of them. Read back by itself and in a query, too."""
    kept, missing = set[str](), set(fields_of(definitions(FILE), kind))
    for make in MECHANISMS[kind]:
        sent = make(kind, lab) | SETTINGS | (OF_A_DEVICE if kind == "IndividualEnrollment" else {})
        path = f"/enrollments/{sent['registrationId']}" if "registrationId" in sent else "/enrollmentGroups/fleet"
        answered = lab.enroll(sent)
        read = lab.ok("GET", path)
        (listed,) = lab.ok("POST", f"{path.rpartition('/')[0]}/query", {"query": "*"})
        mechanism = lab.ok("POST", f"{path}/attestationmechanism")
        for field in missing:
            value = value_at(sent, field)
            if value is None or is_changed(field):
                continue
            assert value_at(answered, field) == value, field
            for shown in (read, listed):
                wanted = value_at({"attestation": mechanism}, field) if field.startswith("attestation.symmetricKey") else None
                assert (value_at(shown, field) if wanted is None else wanted) == value, field
            kept.add(field)
        assert lab.call("DELETE", path).status == 204
    assert {each for each in missing - kept if not is_changed(each) and not is_refused(kind, each)} == set()


@pytest.mark.parametrize("kind", sorted(MECHANISMS))
def test_what_the_service_shows_of_a_certificate_is_whole(lab: Lab, kind: str) -> None:
    """Every field of `info`, and both times."""
    models = definitions(FILE)
    shown = lab.enroll(x509_entry(kind, lab))
    member = "signingCertificates" if kind == "EnrollmentGroup" else "clientCertificates"
    for place in ("primary", "secondary"):
        info = shown["attestation"]["x509"][member][place]["info"]
        assert set(info) == set(fields_of(models, "X509CertificateInfo"))
        assert all(info.values())
    assert all(shown[each] for each in (*TIMES, "etag"))


@pytest.mark.parametrize("kind", sorted(MECHANISMS))
def test_what_an_entry_cannot_have_is_refused(lab: Lab, kind: str) -> None:
    other = next(each for each in MECHANISMS if each != kind)
    wrong = _entry(kind, x509_entry(other, lab)["attestation"])
    identifier = wrong.get("enrollmentGroupId") or wrong["registrationId"]
    path = f"/{'enrollmentGroups' if 'enrollmentGroupId' in wrong else 'enrollments'}/{identifier}"
    assert lab.refused("PUT", path, wrong)[0] == 400_004
    if kind == "EnrollmentGroup":
        assert lab.refused("PUT", path, tpm_entry(kind, lab))[0] == 400_004


def test_a_registration_has_every_field(lab: Lab) -> None:
    """Those of one that is assigned and of one that failed, together."""
    fields = set(fields_of(definitions(FILE), "DeviceRegistrationState"))
    chain = enrolled(lab).leaf("d1")
    assert lab.provision("d1", chain)["status"] == "assigned"
    assigned = lab.ok("GET", "/registrations/d1")
    lab.link({})
    assert lab.provision("d1", chain)["status"] == "failed"
    failed = lab.ok("GET", "/registrations/d1")
    shown: dict[str, Any] = failed | assigned
    assert fields - {each for each in shown if shown[each] is not None} == {"payload"}  # a webhook's answer: there is none


def is_changed(field: str) -> bool:
    """Whether the service answers something else at this path, for one of the reasons in `CHANGED`."""
    parts = field.split(".")
    ends = {".".join(parts[-count:]) for count in (1, 2)} | {parts[0]}
    return not CHANGED.keys().isdisjoint(ends) or "info" in parts


def is_refused(kind: str, field: str) -> bool:
    """Whether the entries of this kind cannot have the field."""
    return any(field.startswith(each) for each in REFUSED[kind])
