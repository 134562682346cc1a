"""Devices that exist for one question: below a root of their own, which is verified in the DPS and has a group of its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from azure_facts.answers import NotClear
from dpsops.azure.ca_certificates import DpsTrustStore
from dpsops.azure.dps_documents import ca_attestation, provisioning_members
from dpsops.azure.provisioning import register_over_https
from dpsops.azure.registration_answers import Assigned
from dpsops.cli.connection import Connection
from dpsops.errors import RegistrationRefused
from dpsops.model.enrollment import REPROVISIONING, Provisioning
from dpsops.pki import chains
from dpsops.pki.bundles import read_bundle
from dpsops.pki.names import device_id
from dpsops.pki.profiles import Root, issue_leaf, issue_root, issue_verification_certificate

_LIFETIME = timedelta(days=1)
_ATTEMPTS, _PAUSE_SECONDS = 6, 10.0


@dataclass(frozen=True, slots=True, repr=False)
class Fleet:
    """Devices whose certificates one throw-away root signs. Its key is in memory and nowhere else."""

    azure: Connection
    root: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def register(self, device: str, *, alone: bool = False) -> Assigned:
        """Registers a device with a new certificate, which is sent with its root, or `alone`. Raises `RegistrationRefused`."""
        run, key = self.azure.run, self.azure.run.entropy.key()
        leaf = issue_leaf(
            device_id(device),
            key.public_key(),
            self.root,
            self.key,
            lifetime=_LIFETIME,
            serial=run.entropy.serial(),
            now=run.now(),
        )
        credential = read_bundle(chains.bundle(key, leaf, () if alone else (self.root,)).encode(), device)
        return register_over_https(self.azure.dps.facts().id_scope, device, credential, self.azure.wire, run.sleep)

    def register_first(self, device: str) -> Assigned:
        """The same for a device that must be taken, with its root: the group may be too new for DPS to know it everywhere, so
        that a refusal is no answer yet. Raises the last one."""
        for _ in range(_ATTEMPTS - 1):
            try:
                return self.register(device)
            except RegistrationRefused:
                self.azure.run.sleep(_PAUSE_SECONDS)
        return self.register(device)


def fleet(azure: Connection, name: str, reprovisioning: str = "migrate") -> Fleet:
    """Makes a root, proves it to the DPS, and enrolls what it signs as a group; both are called `name`."""
    run, environment = azure.run, azure.run.environment
    key = run.entropy.key()
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"azure-facts {name}")])
    root = issue_root(Root(subject, key.public_key(), _LIFETIME), key, serial=run.entropy.serial(), now=run.now())
    store = DpsTrustStore(azure.clients, environment.dps.name)
    challenge = store.challenge(name, store.upload(name, chains.pem(root)).etag)
    proof = issue_verification_certificate(
        challenge.code, run.entropy.key().public_key(), root, key, serial=run.entropy.serial(), now=run.now()
    )
    if not store.verify(name, challenge.etag, chains.pem(proof)).verified:
        raise NotClear("the DPS took the proof of a root, and does not show it as verified")
    wanted = Provisioning(REPROVISIONING[reprovisioning], "hashed", (environment.hub[0].host,), {})
    document = {
        "enrollmentGroupId": name,
        "attestation": ca_attestation(name, ""),
        "provisioningStatus": "enabled",
        **provisioning_members(wanted),
    }
    azure.clients.enrollments.put(f"/enrollmentGroups/{name}", document, None)
    return Fleet(azure, root, key)
