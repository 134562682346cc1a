"""A device asks DPS for a certificate, and an enrollment says who signs it (specification of 2026-11-01)."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from dpsops.emulator.documents import JSON
from dpsops.emulator.habits import Habits
from dpsops.emulator.microsoft_devices.chains import read_chain, thumbprint
from dpsops.emulator.world import Timings
from tests.emulator.dps.fleet import NEVER, enrolled, identity_of
from tests.emulator.dps.issuers import Issuer
from tests.emulator.dps.lab import GLOBAL, Lab, MakeLab, group_of, individual, refusal_of
from tests.emulator.dps.requests import POLICY, VERSION, forged, read_issued, request_of, text_of
from tests.emulator.microsoft_devices.control_plane import NOW, ControlPlane


def issuing(lab: Lab, **settings: Any) -> Issuer:
    """A root, verified, and a group of it whose devices may ask for certificates."""
    issuer = Issuer.make()
    lab.upload("root", issuer.certificate)
    lab.enroll(group_of("root", **POLICY, **settings), version=VERSION)
    return issuer


def issued(lab: Lab, chain: Any, csr: bytes | None = None) -> list[x509.Certificate]:
    """The chain that `d1` gets."""
    outcome = lab.provision("d1", chain, version=VERSION, csr=text_of(csr or request_of("d1")))
    return read_issued(outcome["registrationState"]["issuedCertificateChain"])


def test_an_entry_shows_who_signs(lab: Lab, root: Issuer) -> None:
    shown = lab.enroll(group_of("root", **POLICY), version=VERSION)
    assert {name: shown[name] for name in POLICY} == POLICY
    for path in ("/enrollmentGroups/fleet", "/enrollments/d1"):
        if path.endswith("d1"):
            lab.enroll(individual("d1", root.leaf("d1")[0], **POLICY), version=VERSION)
        new, old = lab.ok("GET", path, version=VERSION), lab.ok("GET", path)
        assert {name: new[name] for name in POLICY} == POLICY
        assert old == {name: value for name, value in new.items() if name not in POLICY}
    listed = lab.ok("POST", "/enrollmentGroups/query", {"query": "*"}, version=VERSION)
    assert [each["certificatePolicyName"] for each in listed] == ["monthly"]
    assert not POLICY.keys() & lab.ok("POST", "/enrollmentGroups/query", {"query": "*"})[0].keys()


@pytest.mark.parametrize(
    "given",
    [
        POLICY | {"certificatePolicyName": None},
        {"namespaceName": "plant-1"},
        POLICY | {"namespaceName": "Plant-1"},
        POLICY | {"namespaceName": "p1"},
        POLICY | {"namespaceName": "plant-"},
        POLICY | {"certificateAuthorityName": "-ca"},
        POLICY | {"certificatePolicyName": "a" * 64},
        POLICY | {"certificatePolicyName": "a_b_c"},
    ],
)
@pytest.mark.usefixtures("root")
def test_who_signs_is_named_whole_and_as_specified(lab: Lab, given: JSON) -> None:
    path = "/enrollmentGroups/fleet"
    assert lab.refused("PUT", path, group_of("root", **given), version=VERSION)[0] == 400_004
    assert lab.refused("GET", path) == (404_204, "EnrollmentGroup not found.")


@pytest.mark.usefixtures("root")
def test_it_must_be_text(lab: Lab) -> None:
    body = group_of("root") | POLICY | {"namespaceName": 7}
    assert lab.refused("PUT", "/enrollmentGroups/fleet", body, version=VERSION)[0] == 400_000


@pytest.mark.parametrize(("habit", "stays"), [("reset", False), ("kept", True)])
def test_what_an_older_version_writes_names_nobody(make_lab: MakeLab, habit: Any, stays: bool) -> None:
    lab = make_lab(arm=ControlPlane(habits=Habits(policy_put_before=habit)))
    issuing(lab)
    etag = lab.ok("GET", "/enrollmentGroups/fleet")["etag"]
    lab.enroll(group_of("root", **POLICY), etag)
    found = lab.ok("GET", "/enrollmentGroups/fleet", version=VERSION)
    assert {name: found[name] for name in POLICY if name in found} == (POLICY if stays else {})
    lab.enroll(group_of("root"), found["etag"], version=VERSION)
    assert not POLICY.keys() & lab.ok("GET", "/enrollmentGroups/fleet", version=VERSION).keys()


@pytest.mark.parametrize("habit", ["reset", "kept"])
def test_an_older_version_cannot_name_anybody(make_lab: MakeLab, habit: Any) -> None:
    lab = make_lab(arm=ControlPlane(habits=Habits(policy_put_before=habit)))
    enrolled(lab, **POLICY)
    assert not POLICY.keys() & lab.ok("GET", "/enrollmentGroups/fleet", version=VERSION).keys()


def test_a_device_gets_what_it_asked_for(make_lab: MakeLab) -> None:
    lab = make_lab(arm=ControlPlane(timings=Timings(operation=2)))
    onboarding, key = issuing(lab).leaf("d1"), ec.generate_private_key(ec.SECP384R1())
    begun = lab.register("d1", onboarding, version=VERSION, csr=text_of(request_of("d1", key)))
    operation = begun.body["operationId"]
    assert (begun.status, begun.body) == (202, {"operationId": operation, "status": "assigning"})
    assert "issuedCertificateChain" not in lab.poll("d1", operation, onboarding, version=VERSION).body
    lab.arm.clock.advance(2)
    state = lab.poll("d1", operation, onboarding, version=VERSION).body["registrationState"]
    leaf, issuer, root = read_issued(state.pop("issuedCertificateChain"))
    assert state == lab.poll("d1", operation, onboarding).body["registrationState"]  # 2021-10-01 has no such member
    asked = lab.ok("POST", f"/{lab.scope}/registrations/d1", {}, authorization="", version=VERSION, host=GLOBAL, chain=onboarding)
    assert asked == state
    assert lab.ok("GET", "/registrations/d1", version=VERSION).keys() == state.keys() - {"x509"}
    assert leaf.public_key() == key.public_key()
    assert leaf.subject.rfc4514_string() == "CN=d1"
    for certificate, above in pairwise((leaf, issuer, root, root)):
        certificate.verify_directly_issued_by(above)
    assert leaf.not_valid_after_utc == datetime.fromtimestamp(NOW + 4, UTC) + timedelta(days=30)
    assert read_chain([each.public_bytes(Encoding.DER) for each in (leaf, issuer, root)], NOW)


def test_it_is_told_so_over_mqtt(lab: Lab) -> None:
    chain = issuing(lab).leaf("d1")
    session = lab.connect("d1", chain, username=f"{lab.scope}/registrations/d1/api-version={VERSION}")
    body = {"registrationId": "d1", "csr": text_of(request_of("d1"))}
    (begun,) = lab.publish(session, "$dps/registrations/PUT/iotdps-register/?$rid=1", json.dumps(body).encode())
    operation = json.loads(begun.payload)["operationId"]
    question = f"$dps/registrations/GET/iotdps-get-operationstatus/?$rid=2&operationId={operation}"
    (over,) = lab.publish(session, question)
    assert over.topic == "$dps/registrations/res/200/?$rid=2"
    assert len(read_issued(json.loads(over.payload)["registrationState"]["issuedCertificateChain"])) == 3


def test_a_namespace_has_one_root_and_each_policy_its_own_ca(lab: Lab) -> None:
    onboarding = issuing(lab).leaf("d1")
    first, again = issued(lab, onboarding), issued(lab, onboarding)
    assert first[1:] == again[1:]
    assert first[0] != again[0]
    for change, same in (({"certificatePolicyName": "weekly"}, True), ({"namespaceName": "plant-2"}, False)):
        etag = lab.ok("GET", "/enrollmentGroups/fleet")["etag"]
        lab.enroll(group_of("root", **POLICY | change), etag, version=VERSION)
        _, issuer, root = issued(lab, onboarding)
        assert issuer != first[1]
        assert (root == first[2]) is same


def test_nothing_is_issued_if_nobody_is_named(lab: Lab) -> None:
    onboarding = enrolled(lab).leaf("d1")
    outcome = lab.provision("d1", onboarding, version=VERSION, csr=text_of(request_of("d1")))
    assert "issuedCertificateChain" not in outcome["registrationState"]
    assert identity_of(lab, "hub1", "d1")["authentication"]["x509Thumbprint"]["primaryThumbprint"] == thumbprint(onboarding[0])


def test_nothing_is_issued_to_a_device_that_does_not_ask(lab: Lab) -> None:
    onboarding = issuing(lab).leaf("d1")
    outcome = lab.provision("d1", onboarding, version=VERSION)
    assert "issuedCertificateChain" not in outcome["registrationState"]
    assert identity_of(lab, "hub1", "d1")["authentication"]["type"] == "selfSigned"


def test_nothing_is_issued_to_a_disabled_or_failed_device(make_lab: MakeLab) -> None:
    lab = make_lab()
    onboarding = issuing(lab, provisioningStatus="disabled").leaf("d1")
    refused = lab.register("d1", onboarding, version=VERSION, csr=text_of(request_of("d1")))
    assert (refused.status, refused.body["status"]) == (200, "disabled")
    assert "issuedCertificateChain" not in refused.body["registrationState"]
    lab = make_lab()
    onboarding = issuing(lab).leaf("d1")
    lab.link({})
    failed = lab.provision("d1", onboarding, version=VERSION, csr=text_of(request_of("d1")))
    assert failed["status"] == "failed"
    assert "issuedCertificateChain" not in failed["registrationState"]


def _pem(der: bytes) -> str:
    return x509.load_der_x509_csr(der).public_bytes(Encoding.PEM).decode()


@pytest.mark.parametrize(
    "csr",
    [
        "",
        "%%%",
        _pem(request_of("d1")),
        base64.b64encode(_pem(request_of("d1")).encode()).decode(),
        base64.urlsafe_b64encode(b"\xff" * 9).decode(),
        text_of(b"nothing"),
        text_of(forged("d1")),
        text_of(request_of("d2")),
        text_of(request_of("D1")),
        text_of(request_of("d1", rsa.generate_private_key(65537, 1024))),  # noqa: S505
        text_of(request_of("d1", ec.generate_private_key(ec.SECP192R1()))),
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_a_request_must_be_the_device_s_own(lab: Lab, csr: str, named: bool) -> None:
    onboarding = (issuing(lab) if named else enrolled(lab)).leaf("d1")
    code, message = refusal_of(lab.register("d1", onboarding, version=VERSION, csr=csr))
    assert code == 400_004
    assert message.startswith("The certificate signing request is not valid: ")
    assert lab.refused("GET", "/registrations/d1")[0] == 404_202


def test_a_stranger_is_not_told_what_is_wrong_with_its_request(lab: Lab) -> None:
    issuing(lab)
    answer = lab.register("d1", Issuer.make().leaf("d1"), version=VERSION, csr="%%%")
    assert refusal_of(answer)[0] == 401_002


def test_a_request_must_be_text(lab: Lab) -> None:
    answer = lab.register("d1", issuing(lab).leaf("d1"), version=VERSION, csr=7)
    assert refusal_of(answer) == (400_012, "Deserialization error.")


def test_an_older_version_knows_no_request(lab: Lab) -> None:
    onboarding = issuing(lab).leaf("d1")
    answer = lab.register("d1", onboarding, csr=text_of(request_of("d1")))
    assert refusal_of(answer) == (400_012, "Deserialization error.")


def test_a_look_up_takes_no_request(lab: Lab) -> None:
    onboarding = issuing(lab).leaf("d1")
    lab.provision("d1", onboarding, version=VERSION)
    path, body = f"/{lab.scope}/registrations/d1", {"csr": text_of(request_of("d1"))}
    assert lab.refused("POST", path, body, authorization="", version=VERSION, host=GLOBAL, chain=onboarding)[0] == 400_000
    assert lab.refused("POST", path, body, authorization="", host=GLOBAL, chain=onboarding)[0] == 400_012


@pytest.mark.parametrize("habits", [Habits(), Habits(issued_trust="thumbprint"), Habits(never_takes_new_leaf=False)])
def test_the_hub_has_what_was_issued_until_the_device_does_not_ask_again(make_lab: MakeLab, habits: Habits) -> None:
    lab = make_lab(arm=ControlPlane(habits=habits))
    onboarding = issuing(lab, reprovisionPolicy=NEVER).leaf("d1")
    for _ in range(2):
        leaf = issued(lab, onboarding)[0]
        found = identity_of(lab, "hub1", "d1")
        prints = found["authentication"]["x509Thumbprint"]
        if habits.issued_trust == "authority":
            assert (found["authentication"]["type"], set(prints.values())) == ("certificateAuthority", {None})
        else:
            assert (found["authentication"]["type"], set(prints.values())) == ("selfSigned", {thumbprint(leaf)})
    lab.provision("d1", onboarding, version=VERSION)
    assert ("policy" in identity_of(lab, "hub1", "d1")) is not habits.never_takes_new_leaf
