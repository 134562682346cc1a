"""How devices authenticate to a hub over MQTT: by thumbprint, by chain, by signature, and in no other way."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from dpsops.emulator.iothub.devices import provision
from dpsops.emulator.mqtt_endpoint import ProtocolViolation
from tests.emulator.iothub.lab import EVENTS, HOST, HUB, LEAF, NO_RULES, ROOT, Issuer, Lab, refusal, self_signed, thumbprint
from tests.emulator.microsoft_devices.control_plane import NOW
from tests.emulator.microsoft_devices.signatures import sign

USERNAME = f"{HOST}/d1/?api-version=2019-10-01&DeviceClientType=py"


@pytest.mark.parametrize("algorithm", [hashes.SHA256(), hashes.SHA1()])  # noqa: S303
@pytest.mark.parametrize("name", ["primaryThumbprint", "secondaryThumbprint"])
@pytest.mark.parametrize("spell", [str.lower, str.upper])
def test_a_device_is_known_by_either_thumbprint(
    lab: Lab, algorithm: hashes.HashAlgorithm, name: str, spell: Callable[[str], str]
) -> None:
    prints = {name: spell(thumbprint(LEAF, algorithm))}
    lab.create(authentication={"type": "selfSigned", "x509Thumbprint": prints})
    assert lab.connect("d1", LEAF)["device"] == "d1"


def test_another_certificate_of_the_same_root_is_not_the_device(lab: Lab) -> None:
    self_signed(lab, LEAF)
    assert refusal(lambda: lab.connect("d1", ROOT.leaf("d1"))) == 5
    assert refusal(lambda: lab.connect("d1", ROOT.certificate, LEAF)) == 5, "only the leaf counts"
    assert refusal(lambda: lab.connect("d1")) == 5
    assert refusal(lambda: lab.connect("d1", password=sign(f"{HOST}/devices/d1", "a2V5", 2e9))) == 5


@pytest.mark.parametrize("days", [(-2, -1), (1, 2)])
def test_a_certificate_outside_its_validity_is_refused(lab: Lab, days: tuple[int, int]) -> None:
    leaf = ROOT.leaf("d1", days=days)
    self_signed(lab, leaf)
    assert refusal(lambda: lab.connect("d1", leaf)) == 5


def test_a_certificate_expires_for_the_next_connection(lab: Lab) -> None:
    self_signed(lab, LEAF)
    session = lab.connect("d1", LEAF)
    lab.arm.clock.advance(86_401)
    assert lab.publish(session, EVENTS) == [], "who is in stays in"
    assert refusal(lambda: lab.connect("d1", LEAF)) == 5


def test_a_disabled_or_unknown_device_is_refused(lab: Lab) -> None:
    assert refusal(lambda: lab.connect("d1", LEAF)) == 5
    self_signed(lab, LEAF, status="disabled")
    assert refusal(lambda: lab.connect("d1", LEAF)) == 5
    assert refusal(lambda: lab.connect("D1", LEAF)) == 5


def test_a_new_certificate_replaces_the_old_one(lab: Lab) -> None:
    hub, new = lab.hub(), ROOT.leaf("d1")
    with lab.world() as world:
        provision(world, hub, "d1", thumbprint(LEAF))
    lab.connect("d1", LEAF)
    with lab.world() as world:
        provision(world, hub, "d1", thumbprint(new))
    assert refusal(lambda: lab.connect("d1", LEAF)) == 5
    assert lab.connect("d1", new)["device"] == "d1"


@pytest.mark.parametrize(
    ("username", "client_id", "code"),
    [
        ("", "d1", 4),
        ("d1", "d1", 4),
        (f"{HOST}/d1", "d1", 4),
        (f"{HOST}/d1/", "d1", 4),
        (f"{HOST}/d1/?DeviceClientType=py", "d1", 4),
        (f"{HOST}/d1/?api-version=1999-01-01", "d1", 4),
        (f"{HOST}/d1/?api-version=2019-10-01&api-version=2021-04-12", "d1", 4),
        (f"{HOST}//?api-version=2019-10-01", "", 4),
        (f"{HOST}/d1/module/?api-version=2019-10-01", "d1/module", 4),
        (USERNAME, "d2", 2),
        (USERNAME, "D1", 2),
        (USERNAME, "", 2),
        (USERNAME.replace(HUB, "hub2"), "d1", 5),
        (USERNAME.replace("azure-devices.net", "example.com"), "d1", 5),
    ],
)
def test_user_names_and_client_identifiers(lab: Lab, username: str, client_id: str, code: int) -> None:
    self_signed(lab, LEAF)
    assert refusal(lambda: lab.connect("d1", LEAF, username=username, client_id=client_id)) == code


@pytest.mark.parametrize("username", [USERNAME, f"{HOST}/d1/api-version=2016-11-14", USERNAME.replace(HUB, HUB.upper())])
def test_user_names_of_old_and_new_clients(lab: Lab, username: str) -> None:
    self_signed(lab, LEAF)
    assert lab.connect("d1", LEAF, username=username)["hub"] == HUB


def test_other_hubs_know_nothing_of_the_device(lab: Lab) -> None:
    self_signed(lab, LEAF)
    lab.arm.hub("hub2")
    for host in ("hub2.azure-devices.net", "hub3.azure-devices.net"):
        assert refusal(lambda host=host: lab.connect("d1", LEAF, host=host)) == 5  # type: ignore[misc]


@pytest.mark.parametrize("properties", [{"publicNetworkAccess": "Disabled"}, {"networkRuleSets": NO_RULES}])
def test_a_closed_network_refuses_devices(lab: Lab, properties: Any) -> None:
    self_signed(lab, LEAF)
    lab.arm.hub(HUB, **properties)
    assert refusal(lambda: lab.connect("d1", LEAF)) == 5


def prove(lab: Lab, authority: Issuer, *, verified: bool = True) -> None:
    """Uploads a CA certificate to the hub."""
    content = base64.b64encode(authority.certificate.public_bytes(Encoding.PEM)).decode()
    name = authority.certificate.serial_number
    body = {"properties": {"certificate": content, "isVerified": verified}}
    assert lab.arm.call("PUT", f"/IotHubs/{HUB}/certificates/c{name}", body).status == 200


def test_a_chain_to_a_verified_root_authenticates_a_device(lab: Lab) -> None:
    prove(lab, ROOT)
    lab.create(authentication={"type": "certificateAuthority"})
    middle = ROOT.issue("Factory", ca=True)
    leaf = middle.leaf("d1")
    assert lab.connect("d1", LEAF)
    assert lab.connect("d1", LEAF, ROOT.certificate)
    assert lab.connect("d1", leaf, middle.certificate)
    assert lab.connect("d1", leaf, middle.certificate, ROOT.certificate)


def test_and_no_other_chain_does(lab: Lab) -> None:
    lab.create(authentication={"type": "certificateAuthority"})
    assert refusal(lambda: lab.connect("d1", LEAF)) == 5, "there is no root"
    prove(lab, ROOT, verified=False)
    assert refusal(lambda: lab.connect("d1", LEAF)) == 5, "it is not proven"
    prove(lab, Issuer.make())
    assert refusal(lambda: lab.connect("d1", LEAF)) == 5, "another is, of the same name"
    proven = Issuer.make("Proven")
    prove(lab, proven)
    middle, stale = proven.issue("Factory", ca=True), proven.issue("Old Factory", ca=True, days=(-3, -2))
    chains = {
        "the middle is missing": [middle.leaf("d1")],
        "the middle has expired": [stale.leaf("d1"), stale.certificate],
        "the middle is no CA": [(plain := proven.issue("Plain")).leaf("d1"), plain.certificate],
        "the leaf has expired": [proven.leaf("d1", days=(-2, -1))],
        "the leaf is another device's": [proven.leaf("d2")],
        "the leaf comes last": [middle.certificate, middle.leaf("d1")],
        "nothing is presented": [],
    }
    for why, chain in chains.items():
        assert refusal(lambda chain=chain: lab.connect("d1", *chain)) == 5, why  # type: ignore[misc]
    itself = Issuer.make("d1")
    prove(lab, itself)
    assert refusal(lambda: lab.connect("d1", itself.certificate)) == 5, "a root is no device"


def test_garbage_for_a_certificate(lab: Lab) -> None:
    self_signed(lab, LEAF)

    class Garbage:
        def public_bytes(self, _encoding: Encoding) -> bytes:
            """No DER."""
            return b"\x30\x03garbage"

    assert refusal(lambda: lab.connect("d1", Garbage())) == 5  # type: ignore[arg-type]


def test_a_symmetric_key_signs_for_its_device(lab: Lab) -> None:
    keys = lab.create()["authentication"]["symmetricKey"]
    resource, expiry = f"{HOST}/devices/d1", NOW + 60
    for key in keys.values():
        assert lab.connect(password=sign(resource, key, expiry))["method"] == "sas"
    assert lab.connect(password=sign(HOST, lab.key("device"), expiry, "device"))
    assert lab.connect(password=sign(resource, lab.key("iothubowner"), expiry, "iothubowner"))
    key = keys["primaryKey"]
    for password in (
        "",
        "secret",
        sign(f"{HOST}/devices/d2", key, expiry),
        sign(resource, key, NOW),
        sign(resource, lab.key("service"), expiry, "service"),
        sign(resource, lab.key("device"), expiry),
        sign(resource, key, expiry, "device"),
    ):
        assert refusal(lambda password=password: lab.connect(password=password)) == 5  # type: ignore[misc]
    assert refusal(lambda: lab.connect("d1", LEAF)) == 5, "a certificate is no key"


@pytest.mark.parametrize("switch", ["disableLocalAuth", "disableDeviceSAS"])
def test_a_hub_can_do_without_keys(lab: Lab, switch: str) -> None:
    password = sign(f"{HOST}/devices/d1", lab.create()["authentication"]["symmetricKey"]["primaryKey"], NOW + 60)
    lab.arm.hub(HUB, **{switch: True})
    assert refusal(lambda: lab.connect(password=password)) == 5


def test_a_session_ends_if_its_signature_expires(lab: Lab) -> None:
    key = lab.create()["authentication"]["symmetricKey"]["primaryKey"]
    session = lab.connect(password=sign(f"{HOST}/devices/d1", key, NOW + 60))
    lab.arm.clock.advance(59)
    lab.publish(session, EVENTS)
    lab.arm.clock.advance(1)
    with pytest.raises(ProtocolViolation):
        lab.publish(session, EVENTS)
