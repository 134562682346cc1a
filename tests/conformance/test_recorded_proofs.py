"""dpsops proves possession against what the real Azure answered in every recorded proof, DPS and hub alike."""

from __future__ import annotations

import base64
import json
import re
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.mgmt.iothub import IotHubClient
from azure.mgmt.iothubprovisioningservices import IotDpsClient
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from dpsops.azure.ca_certificates import CaCertificates, DpsCaCertificates, HubCaCertificates
from dpsops.cloud import Cloud
from dpsops.emulator.http import Request
from dpsops.workflows import prove
from dpsops.workflows.root_state import Version
from dpsops.workflows.run import Run
from tests.conformance import reissue
from tests.conformance.recordings import ABSENT, FOLDER, Exchange, Message, discover, read_recording
from tests.conformance.transports import RecordedTransport
from tests.worlds import environment

_NAMES = [path.relative_to(FOLDER).as_posix() for path in discover() if "generateVerificationCode" in path.read_text()]
_CERTIFICATE = re.compile(
    r"/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>[^/]+)/providers/Microsoft.Devices"
    r"/(?P<kind>IotHubs|provisioningServices)/(?P<service>[^/]+)/certificates/(?P<certificate>[^/]+)",
    re.IGNORECASE,
)
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Credential:
    """A token that no recording looks at."""

    def get_token(self, *_: str, **__: Any) -> AccessToken:
        """Valid for an hour."""
        return AccessToken("token", int(time.time()) + 3600)


class KeyInHand(Cloud):
    """A cloud whose root's key is at hand, for no recording signs with it."""

    def signer(self, *_: object) -> rsa.RSAPrivateKey:
        """The key."""
        return reissue.key("root")


def proof(exchanges: tuple[Exchange, ...]) -> tuple[re.Match[str], list[Exchange]]:
    """The certificate whose possession was proven, and what was asked: list, upload, code, verification."""
    verified = next((each for each in exchanges if each.path.endswith("/verify") and each.status == 200), None)
    found = _CERTIFICATE.match(verified.path) if verified else None
    if verified is None or found is None:
        pytest.skip("nobody's possession was proven")
    steps = [("GET", found[0].rpartition("/")[0]), ("PUT", found[0]), ("POST", f"{found[0]}/generateVerificationCode")]
    before = [each for each in exchanges[: verified.index] if each.status == 200]
    asked = [[each for each in before if (each.method, each.path) == step] for step in steps]
    if not all(asked):
        pytest.skip("not every step of the proof was recorded")
    listed, uploads, codes = asked
    return found, [listed[0], uploads[-1], codes[-1], verified]


def absence(of: Exchange) -> Exchange:
    """That the certificate is not there yet, which no recording asked."""
    body = {"code": 404015, "httpStatusCode": "NotFound", "message": "Certificate not found."}
    answer = Message({"content-type": "application/json"}, json.dumps(body).encode())
    return replace(of, method="GET", request=Message({}, b""), status=404, response=answer)


def registry(transport: RecordedTransport, where: re.Match[str]) -> CaCertificates:
    subscription, group, service = where["subscription"], where["group"], where["service"]
    if where["kind"].lower() == "iothubs":
        return HubCaCertificates(IotHubClient(Credential(), subscription, transport=transport), group, service)
    return DpsCaCertificates(IotDpsClient(Credential(), subscription, transport=transport), group, service)


def sent_certificate(request: Request) -> x509.Certificate:
    body = json.loads(request.body)
    text = body.get("properties", body)["certificate"]
    return x509.load_pem_x509_certificate(base64.b64decode(text))


@pytest.mark.parametrize("name", _NAMES or [pytest.param("", marks=pytest.mark.skip(reason=ABSENT))])
def test_proof_of_possession(name: str) -> None:
    recording = read_recording(FOLDER / name)
    assert recording is not None, "what looks like a recording is one"
    where, (listed, upload, generated, verified) = proof(recording.exchanges)
    transport = RecordedTransport([absence(upload), listed, upload, generated, verified])
    certificate = x509.load_pem_x509_certificate(base64.b64decode(reissue.authority("root", NOW.timestamp())))
    root = Version("", True, {}, certificate, "")
    cloud = KeyInHand(environment(), where["subscription"], Credential(), transport)

    actions = list(prove.converge(Run(cloud, lambda: NOW), registry(transport, where), where["certificate"], root))

    assert [(each.action, each.outcome) for each in actions] == [("upload", "uploaded"), ("prove", "verified")]
    assert transport.left == []
    *_, uploaded, asked, shown = transport.asked
    assert sent_certificate(uploaded) == certificate
    code = generated.response.json()["properties"]["verificationCode"]
    assert reissue.common_name(sent_certificate(shown)) == code
    assert reissue.issued_by(sent_certificate(shown), certificate)
    conditions = [request.headers["if-match"].strip('"') for request in (asked, shown)]
    assert conditions == [upload.response.json()["etag"], generated.response.json()["etag"]]
