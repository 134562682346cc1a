"""Our client reads what the real Azure answered in every recorded proof of possession, and sends what Azure then wanted."""

from __future__ import annotations

import base64
import json
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes, CertificatePublicKeyTypes

from dpsops.azure.ca_certificates import DpsTrustStore, HubTrustStore, TrustStore
from dpsops.azure.clients import Clients
from dpsops.azure.root_vault import RootVault
from dpsops.model.proof import CaCertificate, Challenge
from dpsops.model.root import RootVersion
from dpsops.model.run import Run
from dpsops.pki import chains, profiles
from dpsops.steps.prove_root import prove_root
from tests.conformance.messages import Exchange
from tests.conformance.recordings import ABSENT, FOLDERS, read_all
from tests.conformance.transports import RecordedTransport
from tests.worlds import environment, idle_loop, unpooled

pytestmark = pytest.mark.usefixtures("unmeasured")

_CERTIFICATE = re.compile(
    r"/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>[^/]+)/providers/Microsoft.Devices"
    r"/(?P<kind>IotHubs|provisioningServices)/(?P<service>[^/]+)/certificates/(?P<certificate>[^/]+)",
    re.IGNORECASE,
)
NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Credential:
    """A token that no recording looks at."""

    def get_token(self, *_: str, **__: Any) -> AccessToken:
        """Valid for an hour."""
        return AccessToken("token", int(time.time()) + 3600)


class LocalKeyClients(Clients):
    """Clients whose root key is in memory: what signs cannot tell it from one in a vault."""

    key: ec.EllipticCurvePrivateKey

    def signer(self, key_id: str, public_key: CertificatePublicKeyTypes) -> CertificateIssuerPrivateKeyTypes:
        """The key itself."""
        return self.key


class NotLookedAt:
    """A trust store whose certificate nobody has looked at before, as in the recordings; it keeps what an upload answers."""

    uploaded: CaCertificate

    def __init__(self, store: TrustStore) -> None:
        self._store = store

    @property
    def owner(self) -> str:
        """Whose it is."""
        return self._store.owner

    @property
    def host(self) -> str:
        """Where its devices are."""
        return self._store.host

    def get(self, name: str) -> CaCertificate | None:
        """Nothing, without a request."""
        return None

    def all(self) -> dict[str, CaCertificate]:
        """Those of the recording."""
        return self._store.all()

    def delete(self, name: str, etag: str) -> None:
        """Removes one."""
        self._store.delete(name, etag)

    def upload(self, name: str, pem: str) -> CaCertificate:
        """Uploads, and keeps the answer."""
        self.uploaded = self._store.upload(name, pem)
        return self.uploaded

    def challenge(self, name: str, etag: str) -> Challenge:
        """Asks for a code."""
        return self._store.challenge(name, etag)

    def verify(self, name: str, etag: str, pem: str) -> CaCertificate:
        """Shows a certificate."""
        return self._store.verify(name, etag, pem)


Proof = tuple[re.Match[str], list[Exchange]]
"""The certificate whose possession was proven, and the steps: the list, upload, code, verification."""


def proofs(exchanges: tuple[Exchange, ...]) -> list[Proof]:
    """The proofs that a recording has whole: others only touch on one."""
    found: list[Proof] = []
    for verified in exchanges:
        where = _CERTIFICATE.fullmatch(verified.path.removesuffix("/verify"))
        if where is None or verified.method != "POST" or verified.status != 200 or where[0] == verified.path:
            continue
        before = exchanges[: verified.index + 1]
        steps = [each for each in before if each.path.startswith(where[0]) and each.method != "GET"][-3:]
        whole = [each.path.removeprefix(where[0]) for each in steps] == ["", "/generateVerificationCode", "/verify"]
        lists = [each for each in before if each.method == "GET" and each.path == where[0].rpartition("/")[0]]
        if whole and steps[0].method == "PUT" and all(each.status == 200 for each in steps) and lists:
            found.append((where, [lists[0], *steps]))
    return found


_PROOFS = [pytest.param(each, id=recording.name) for recording in read_all() for each in proofs(recording.exchanges)]
_NONE = "no recording in this folder proves possession" if FOLDERS else ABSENT


@pytest.mark.parametrize("recorded_proof", _PROOFS or [pytest.param(None, marks=pytest.mark.skip(reason=_NONE))])
def test_proof_of_possession(recorded_proof: Proof) -> None:
    where, steps = recorded_proof
    transport = RecordedTransport(steps)
    settings = environment().model_copy(update={"resource_group": where["group"]})
    clients = LocalKeyClients(settings, where["subscription"], Credential(), transport, unpooled)
    clients.key = ec.generate_private_key(ec.SECP256R1())
    run = Run(settings, clock=lambda: NOW, sleep=transport.sleep, loop=idle_loop())
    root = self_signed(clients.key)
    store = NotLookedAt(of(clients, where))

    done = list(prove_root(run, RootVault(clients), store, where["certificate"], root))

    assert [action.outcome for action in done] == ["uploaded", "verified"]
    put, generated, verified = steps[1:]
    answered = put.response.json()
    assert (store.uploaded.thumbprint, store.uploaded.etag) == (answered["properties"]["thumbprint"], answered["etag"])
    assert transport.left == []
    _, sent_put, sent_generate, sent_verify = transport.asked
    assert certificate_in(sent_put.body) == root.certificate
    tags = [request.headers["if-match"] for request in (sent_generate, sent_verify)]
    assert tags == [each.request.headers["if-match"] for each in (generated, verified)], (
        "each step names the etag before it, as it was recorded: without quotation marks"
    )
    shown = certificate_in(sent_verify.body)
    assert chains.common_name(shown.subject) == generated.response.json()["properties"]["verificationCode"]
    shown.verify_directly_issued_by(root.certificate)


def of(clients: Clients, where: re.Match[str]) -> TrustStore:
    """The trust store of the recording."""
    if where["kind"].lower() == "iothubs":
        return HubTrustStore(clients, where["service"])
    return DpsTrustStore(clients, where["service"])


def self_signed(key: ec.EllipticCurvePrivateKey) -> RootVersion:
    """A root of that key, as a vault would show it."""
    wanted = profiles.Root(profiles.root_subject("test", 1), key.public_key(), timedelta(days=3650))
    certificate = profiles.issue_root(wanted, key, serial=x509.random_serial_number(), now=NOW)
    return RootVersion("1", True, {}, certificate, "https://vault.example/keys/root-g1/1")


def certificate_in(body: bytes) -> x509.Certificate:
    """The certificate of a request, flat or below `properties`: base64 of PEM."""
    document = json.loads(body)
    encoded = document.get("properties", document)["certificate"]
    return x509.load_pem_x509_certificate(base64.b64decode(encoded))
