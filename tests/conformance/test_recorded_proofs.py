"""The SDKs read what the real Azure answered in every recorded proof of possession, and send what it then wanted."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from azure.core import MatchConditions
from azure.core.credentials import AccessToken
from azure.mgmt.iothub import IotHubClient
from azure.mgmt.iothubprovisioningservices import IotDpsClient
from azure.mgmt.iothubprovisioningservices.models import CertificateProperties, CertificateResponse, VerificationCodeRequest

from tests.conformance.conftest import NO_RECORDINGS
from tests.conformance.recordings import FOLDER, Exchange, discover, read_recording
from tests.conformance.transports import RecordedTransport

_NAMES = [path.relative_to(FOLDER).as_posix() for path in discover() if "generateVerificationCode" in path.read_text()]
_CERTIFICATE = re.compile(
    r"/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>[^/]+)/providers/Microsoft.Devices"
    r"/(?P<kind>IotHubs|provisioningServices)/(?P<service>[^/]+)/certificates/(?P<certificate>[^/]+)",
    re.IGNORECASE,
)


class Credential:
    """A token that no recording looks at."""

    def get_token(self, *_: str, **__: Any) -> AccessToken:
        """Valid for an hour."""
        return AccessToken("token", int(time.time()) + 3600)


def proof(exchanges: tuple[Exchange, ...]) -> tuple[re.Match[str], list[Exchange]]:
    """The certificate whose possession was proven, and the three steps: upload, code, verification."""
    verified = next(each for each in exchanges if each.method == "POST" and each.path.endswith("/verify") and each.status == 200)
    path = verified.path.removesuffix("/verify")
    found = _CERTIFICATE.fullmatch(path)
    assert found is not None, path
    steps = [each for each in exchanges[: verified.index + 1] if each.path.startswith(path) and each.method != "GET"]
    assert [each.method for each in steps[-3:]] == ["PUT", "POST", "POST"], "upload, code and verification follow each other"
    return found, steps[-3:]


@pytest.mark.parametrize("name", _NAMES or [pytest.param("", marks=pytest.mark.skip(reason=NO_RECORDINGS))])
def test_proof_of_possession(name: str) -> None:
    recording = read_recording(FOLDER / name)
    assert recording is not None, "what looks like a recording is one"
    where, steps = proof(recording.exchanges)
    transport = RecordedTransport(steps)
    prove = _prove_to_hub if where["kind"].lower() == "iothubs" else _prove_to_dps
    thumbprint, code, verified = prove(transport, where)

    upload, generated, _ = (each.response.json() for each in steps)
    assert (thumbprint, code, verified) == (
        upload["properties"]["thumbprint"],
        generated["properties"]["verificationCode"],
        True,
    )
    assert transport.left == []
    sent = [request.headers["if-match"].strip('"') for request in transport.asked[1:]]
    assert sent == [each.request.headers["if-match"] for each in steps[1:]], "each step names the etag of the one before"


def _prove_to_dps(transport: RecordedTransport, where: re.Match[str]) -> tuple[str | None, str | None, bool | None]:
    client = IotDpsClient(Credential(), where["subscription"], transport=transport).dps_certificate
    name, place = where["certificate"], (where["group"], where["service"])
    body = CertificateResponse(properties=CertificateProperties(certificate=b"-----BEGIN CERTIFICATE-----"))
    created = client.create_or_update(*place, name, body)
    answered = client.generate_verification_code(
        name, *place, etag=created.etag or "", match_condition=MatchConditions.IfNotModified
    )
    verified = client.verify_certificate(
        name,
        *place,
        VerificationCodeRequest(certificate="LS0tLS1CRUdJTg=="),
        etag=answered.etag or "",
        match_condition=MatchConditions.IfNotModified,
    )
    assert created.properties is not None
    assert answered.properties is not None
    assert verified.properties is not None
    return created.properties.thumbprint, answered.properties.verification_code, verified.properties.is_verified


def _prove_to_hub(transport: RecordedTransport, where: re.Match[str]) -> tuple[str | None, str | None, bool | None]:
    client = IotHubClient(Credential(), where["subscription"], transport=transport).certificates
    place = where["group"], where["service"], where["certificate"]
    created = client.create_or_update(*place, {"properties": {"certificate": "LS0tLS1CRUdJTg=="}})
    answered = client.generate_verification_code(*place, if_match=created.etag or "")
    verified = client.verify(*place, answered.etag or "", {"certificate": "LS0tLS1CRUdJTg=="})
    assert created.properties is not None
    assert answered.properties is not None
    assert verified.properties is not None
    return created.properties.thumbprint, answered.properties.verification_code, verified.properties.is_verified
