"""CA certificates of a provisioning service: etags, both body shapes, and the proof of possession."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from dpsops.emulator.documents import JSON
from dpsops.emulator.dps.routes import RESOURCE_TYPES
from dpsops.emulator.dps.state import load_service
from dpsops.emulator.habits import Habits
from dpsops.emulator.http import NOTHING, Refusal, Response
from dpsops.emulator.microsoft_devices.certificates import certificates_of
from dpsops.emulator.resource_provider.resources import ResourceId
from tests.emulator.microsoft_devices.control_plane import CALLER, GROUP, Authority, ControlPlane, code_of, encoded

PATH = "/provisioningServices/dps1/certificates"
ROOT = f"{PATH}/root"
NESTED, FLAT = "2022-12-12", "2021-10-15"
CA = Authority.make()


@pytest.fixture
def arm() -> ControlPlane:
    plane = ControlPlane()
    plane.service()
    return plane


def put(arm: ControlPlane, etag: str | None = None, *, path: str = ROOT, authority: Authority = CA, **more: Any) -> Response:
    headers = {} if etag is None else {"if-match": etag}
    body = {"properties": {"certificate": encoded(authority.certificate)} | more}
    return arm.call("PUT", path, body, version=NESTED, headers=headers)


def post(arm: ControlPlane, verb: str, etag: str, body: Any = None, version: str = NESTED) -> Response:
    return arm.call("POST", f"{ROOT}/{verb}", body, version=version, headers={"if-match": etag})


def challenge(arm: ControlPlane, etag: str) -> tuple[str, str]:
    """A fresh verification code, and the etag to verify with."""
    answer = post(arm, "generateVerificationCode", etag)
    assert answer.status == 200
    return answer.body["properties"]["verificationCode"], answer.body["etag"]


def test_an_uploaded_certificate_is_described(arm: ControlPlane) -> None:
    answer = put(arm)
    assert answer.status == 200
    assert answer.headers == {}
    etag = answer.body.pop("etag")
    assert re.fullmatch(rb'"[0-9a-f]{8}-0000-0700-0000-663a7bfc0000"', base64.b64decode(etag))
    assert answer.body == {
        "properties": {
            "subject": "Test Root",
            "expiry": "Fri, 10 May 2024 18:07:40 GMT",
            "thumbprint": CA.certificate.fingerprint(hashes.SHA1()).hex().upper(),  # noqa: S303
            "isVerified": False,
            "created": "Mon, 01 Jan 0001 00:00:00 GMT",
            "updated": "Tue, 07 May 2024 19:07:40 GMT",
            "certificate": encoded(CA.certificate),
        },
        "id": f"{GROUP}{ROOT}",
        "name": "root",
        "type": "Microsoft.Devices/provisioningServices/Certificates",
    }
    shown = arm.call("GET", ROOT, version=NESTED)
    assert shown == Response(200, answer.body | {"etag": etag})
    assert arm.call("GET", PATH, version=NESTED).body == {"value": [shown.body]}


def test_the_body_is_flat_before_2022_and_the_content_is_silent(arm: ControlPlane) -> None:
    flat = {"certificate": encoded(CA.certificate)}
    answer = arm.call("PUT", ROOT, flat, version=FLAT)
    assert (answer.status, answer.body["properties"]["certificate"]) == (200, None)
    generated = post(arm, "generateVerificationCode", answer.body["etag"], version=FLAT).body
    assert generated["properties"]["certificate"] == flat["certificate"]
    proof = encoded(CA.issue(generated["properties"]["verificationCode"]))
    verified = post(arm, "verify", generated["etag"], {"certificate": proof}, version=FLAT).body["properties"]
    assert (verified["isVerified"], verified["certificate"]) == (True, None)


@pytest.mark.parametrize(
    ("version", "body"),
    [
        (FLAT, {"properties": {"certificate": encoded(CA.certificate)}}),
        (NESTED, {"certificate": encoded(CA.certificate)}),
        (NESTED, {"properties": {"certificate": ""}}),
        (NESTED, {}),
    ],
)
def test_the_wrong_shape_of_body_is_refused_in_azures_words(arm: ControlPlane, version: str, body: JSON) -> None:
    answer = arm.call("PUT", ROOT, body, version=version)
    assert (answer.status, answer.body["code"], answer.body["httpStatusCode"]) == (400, 400_099, "BadRequest")
    assert answer.body["message"].startswith("NewCertificate is null or empty, certificateName:root. If you contact")


@pytest.mark.parametrize(
    "content",
    [
        CA.certificate.public_bytes(Encoding.PEM).decode(),
        base64.b64encode(CA.certificate.public_bytes(Encoding.DER)).decode(),
        base64.b64encode(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").decode(),
        base64.b64encode(b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n").decode(),
        "é",
    ],
)
def test_only_base64_of_pem_is_a_certificate(arm: ControlPlane, content: str) -> None:
    answer = arm.call("PUT", ROOT, {"properties": {"certificate": content}}, version=NESTED)
    assert (answer.status, code_of(answer)) == (400, 400_000)


def test_the_first_of_a_chain_counts_and_line_ends_do_not(arm: ControlPlane) -> None:
    text = base64.b64decode(encoded(CA.certificate, Authority.make("Other").certificate)).replace(b"\n", b"\r\r\n")
    body = {"properties": {"certificate": base64.b64encode(text).decode()}}
    assert arm.call("PUT", ROOT, body, version=NESTED).body["properties"]["subject"] == "Test Root"


def test_an_expired_ca_certificate_is_accepted(arm: ControlPlane) -> None:
    assert put(arm, authority=Authority.make("Old", days=-1)).status == 200


@pytest.mark.parametrize("name", ["a" * 65, "a b", "ä"])
def test_a_bad_certificate_name_is_refused(arm: ControlPlane, name: str) -> None:
    assert put(arm, path=f"{PATH}/{name}").status == 400


def test_an_existing_certificate_changes_only_under_its_etag(arm: ControlPlane) -> None:
    etag = put(arm).body["etag"]
    for wrong in (None, "stale", "*"):
        assert (answer := put(arm, wrong)).status == 412
        assert answer.body["code"] == 412_001
    second = put(arm, f'"{etag}"')
    assert second.status == 200
    assert second.body["etag"] != etag
    assert put(arm, etag).status == 412
    assert put(arm, "anything", path=f"{PATH}/new").status == 412


@pytest.mark.parametrize("quoted", [True, False])
def test_an_etag_in_quotation_marks_is_taken_where_the_world_has_it_so(arm: ControlPlane, quoted: bool) -> None:
    arm.habits = Habits(quoted_etags=quoted)
    expected = 200 if quoted else 412
    put(arm)

    def etag() -> str:
        return str(arm.call("GET", ROOT, version=NESTED).body["etag"])

    assert put(arm, f'"{etag()}"').status == expected
    assert post(arm, "generateVerificationCode", f'"{etag()}"').status == expected
    code, _ = challenge(arm, etag())
    assert post(arm, "verify", f'"{etag()}"', {"certificate": encoded(CA.issue(code))}).status == expected
    assert arm.call("DELETE", ROOT, version=NESTED, headers={"if-match": f'"{etag()}"'}).status == expected


def test_possession_is_proven(arm: ControlPlane) -> None:
    code, etag = challenge(arm, put(arm).body["etag"])
    assert re.fullmatch(r"[0-9A-F]{48}", code)
    assert "verificationCode" not in arm.call("GET", ROOT, version=NESTED).body["properties"]
    answer = post(arm, "verify", etag, {"certificate": encoded(CA.issue(code))})
    assert (answer.status, answer.body["properties"]["isVerified"]) == (200, True)
    assert answer.body["etag"] != etag
    assert arm.call("GET", ROOT, version=NESTED).body == answer.body


def test_a_proof_by_someone_else_fails_in_azures_words(arm: ControlPlane) -> None:
    code, etag = challenge(arm, put(arm).body["etag"])
    impostor = Authority.make()
    assert impostor.certificate.subject == CA.certificate.subject
    for authority in (impostor, Authority.make("Other Root")):
        answer = post(arm, "verify", etag, {"certificate": encoded(authority.issue(code))})
        assert (answer.status, answer.body["code"]) == (400, 400_053)
        assert answer.body["message"].startswith(
            "Proof-Of-Possession failed. Issuer certificate 'CN=Test Root' cannot be found in the certificate chain. If you"
        )
    assert arm.call("GET", ROOT, version=NESTED).body["properties"]["isVerified"] is False


def test_the_ca_certificate_itself_is_no_proof(arm: ControlPlane) -> None:
    _, etag = challenge(arm, put(arm).body["etag"])
    assert code_of(post(arm, "verify", etag, {"certificate": encoded(CA.certificate)})) == 400_053


def test_only_the_newest_code_proves_and_only_once(arm: ControlPlane) -> None:
    old, etag = challenge(arm, put(arm).body["etag"])
    new, etag = challenge(arm, etag)
    assert new != old
    assert code_of(post(arm, "verify", etag, {"certificate": encoded(CA.issue(old))})) == 400_053
    proof = {"certificate": encoded(CA.issue(new))}
    etag = post(arm, "verify", etag, proof).body["etag"]
    assert code_of(post(arm, "verify", etag, proof)) == 400_053


def test_the_proofs_common_name_is_the_code_in_its_own_case(arm: ControlPlane) -> None:
    """A stricter guess: the code is upper case hex, and nobody has seen Azure take it in another case."""
    code, etag = challenge(arm, put(arm).body["etag"])
    assert code_of(post(arm, "verify", etag, {"certificate": encoded(CA.issue(code.lower()))})) == 400_053
    assert post(arm, "verify", etag, {"certificate": encoded(CA.issue(code))}).status == 200


def test_a_proof_must_be_within_its_validity(arm: ControlPlane) -> None:
    code, etag = challenge(arm, put(arm).body["etag"])
    assert code_of(post(arm, "verify", etag, {"certificate": encoded(CA.issue(code, days=0))})) == 400_053
    proof = {"certificate": encoded(CA.issue(code, days=1))}
    arm.clock.advance(86_400)
    assert code_of(post(arm, "verify", etag, proof)) == 400_053


def test_a_proof_needs_a_code_and_a_certificate(arm: ControlPlane) -> None:
    etag = put(arm).body["etag"]
    assert code_of(post(arm, "verify", etag, {"certificate": encoded(CA.issue("code"))})) == 400_053
    _, etag = challenge(arm, etag)
    assert code_of(post(arm, "verify", etag, {})) == 400_099
    assert code_of(post(arm, "verify", etag, {"certificate": "bm9uZQ=="})) == 400_000


def test_generate_and_verify_need_the_etag_of_the_step_before(arm: ControlPlane) -> None:
    first = put(arm).body["etag"]
    code, _ = challenge(arm, first)
    proof = {"certificate": encoded(CA.issue(code))}
    for verb, body in (("generateVerificationCode", None), ("verify", proof)):
        assert code_of(post(arm, verb, first, body)) == 412_001
        assert code_of(post(arm, verb, "*", body)) == 412_001
        assert code_of(arm.call("POST", f"{ROOT}/{verb}", body, version=NESTED)) == 412_001


def test_is_verified_skips_the_proof_and_a_put_without_it_undoes_one(arm: ControlPlane) -> None:
    answer = put(arm, isVerified=True).body
    assert answer["properties"]["isVerified"] is True
    again = put(arm, answer["etag"]).body
    assert again["properties"]["isVerified"] is False


def test_a_put_forgets_the_code(arm: ControlPlane) -> None:
    code, etag = challenge(arm, put(arm).body["etag"])
    etag = put(arm, etag).body["etag"]
    assert code_of(post(arm, "verify", etag, {"certificate": encoded(CA.issue(code))})) == 400_053


def test_deletion_needs_an_etag_or_a_star(arm: ControlPlane) -> None:
    for spelling in ("{}", '"{}"', "*"):
        etag = put(arm).body["etag"]
        assert code_of(arm.call("DELETE", ROOT, version=NESTED)) == 412_001
        assert code_of(arm.call("DELETE", ROOT, version=NESTED, headers={"if-match": "stale"})) == 412_001
        answer = arm.call("DELETE", ROOT, version=NESTED, headers={"if-match": spelling.format(etag)})
        assert (answer.status, answer.body) == (200, NOTHING)
        missing = arm.call("GET", ROOT, version=NESTED)
        assert (missing.status, missing.body["code"], missing.body["httpStatusCode"]) == (404, 404_015, "NotFound")
        assert missing.body["message"].startswith("Certificate 'root' not found. If you contact")


def test_a_service_holds_25_certificates(arm: ControlPlane) -> None:
    for index in range(25):
        assert put(arm, path=f"{PATH}/c{index}").status == 200
    assert put(arm, path=f"{PATH}/one-too-many").status == 403
    etag = arm.call("GET", f"{PATH}/c0", version=NESTED).body["etag"]
    assert put(arm, etag, path=f"{PATH}/c0").status == 200


def test_names_are_the_same_in_any_case(arm: ControlPlane) -> None:
    etag = put(arm).body["etag"]
    assert arm.call("GET", f"{PATH}/ROOT", version=NESTED).body["name"] == "root"
    assert put(arm, etag, path=f"{PATH}/ROOT").body["name"] == "root"


def test_a_certificate_needs_a_service(arm: ControlPlane) -> None:
    nowhere = ROOT.replace("dps1", "dps2")
    for method, path in (("GET", nowhere), ("PUT", nowhere), ("DELETE", nowhere), ("POST", f"{nowhere}/verify")):
        assert code_of(arm.call(method, path, {}, version=NESTED)) == "ParentResourceNotFound"


def test_certificates_go_with_their_service_and_group(arm: ControlPlane) -> None:
    put(arm)
    arm.call("DELETE", "/provisioningServices/dps1", version=NESTED)
    arm.service()
    assert arm.call("GET", PATH, version=NESTED).body == {"value": []}
    put(arm)
    with arm.world() as world:
        service = load_service(world, "dps1")
        assert service is not None
        assert [each["name"] for each in certificates_of(world, service)] == ["root"]
    arm.delete_group()
    with arm.world() as world:
        assert certificates_of(world, service) == []


def test_deployments_can_add_a_certificate_but_not_change_one(arm: ControlPlane) -> None:
    kind = RESOURCE_TYPES[1]
    identifier = ResourceId("sub", "rg", kind.name, ("dps1", "root"))
    body = {"properties": {"certificate": encoded(CA.certificate)}}
    with arm.world() as world:
        assert kind.get(world, identifier, NESTED) is None
        made = kind.put(world, identifier, body, NESTED, CALLER)
        assert made == kind.get(world, identifier, NESTED)
        with pytest.raises(Refusal, match="IH412001"):
            kind.put(world, identifier, body, NESTED, CALLER)
        nowhere = ResourceId("sub", "rg", kind.name, ("dps2", "root"))
        assert kind.get(world, nowhere, NESTED) is None
        with pytest.raises(Refusal, match="ParentResourceNotFound"):
            kind.put(world, nowhere, body, NESTED, CALLER)
    assert arm.call("GET", ROOT, version=NESTED).body == made
