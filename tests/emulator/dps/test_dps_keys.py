"""Symmetric key attestation: whose signature registers which device, over HTTPS, over MQTT, and by the unmodified SDK."""

from __future__ import annotations

import base64
import gc
import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import azure.iot.device
import pytest

from dpsops.emulator.azure import Azure
from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Response
from dpsops.emulator.mqtt_endpoint import ConnectionRefused
from dpsops.emulator.server import EmbeddedAzure
from tests.emulator.dps.issuers import Issuer
from tests.emulator.dps.lab import GLOBAL, Lab, refusal_of
from tests.emulator.microsoft_devices.signatures import sign

SDK: Any = azure.iot.device  # it has no annotations
PAHO = ("paho.mqtt.client", "Client")
PRIMARY, SECONDARY = (base64.b64encode(bytes([number]) * 64).decode() for number in (1, 2))
KEYS = {"type": "symmetricKey", "symmetricKey": {"primaryKey": PRIMARY, "secondaryKey": SECONDARY}}
GROUP = {"enrollmentGroupId": "fleet", "attestation": KEYS}
INDIVIDUAL = {"registrationId": "d1", "attestation": KEYS}
REGISTER = "$dps/registrations/PUT/iotdps-register/?$rid=1"


def derived(key: str, registration_id: str) -> str:
    """A device's key, as the documentation has a factory compute it."""
    return base64.b64encode(hmac.new(base64.b64decode(key), registration_id.encode(), hashlib.sha256).digest()).decode()


def signed(lab: Lab, key: str, registration_id: str = "d1", *, lifetime: float = 60, policy: str = "registration") -> str:
    """A device's signature."""
    return sign(f"{lab.scope}/registrations/{registration_id}", key, lab.arm.clock.now() + lifetime, policy)


def register(lab: Lab, signature: str, registration_id: str = "d1", **body: Any) -> Response:
    """What a device is told that registers over HTTPS."""
    path = f"/{lab.scope}/registrations/{registration_id}/register"
    return lab.call("PUT", path, {"registrationId": registration_id, **body}, authorization=signature, host=GLOBAL)


def outcome(lab: Lab, signature: str, registration_id: str = "d1") -> JSON:
    """How a registration ends."""
    begun = register(lab, signature, registration_id)
    assert begun.status == 202, begun
    path = f"/{lab.scope}/registrations/{registration_id}/operations/{begun.body['operationId']}"
    state = lab.ok("GET", path, authorization=signature, host=GLOBAL)["registrationState"]
    assert isinstance(state, dict)
    return state


@pytest.mark.parametrize("policy", ["registration", ""])
@pytest.mark.parametrize("key", [PRIMARY, SECONDARY])
def test_a_device_registers_with_a_key_of_its_enrollment(lab: Lab, key: str, policy: str) -> None:
    lab.enroll(INDIVIDUAL)
    state = outcome(lab, signed(lab, key, policy=policy))
    assert (state["status"], state["deviceId"], state["symmetricKey"], "x509" in state) == ("assigned", "d1", {}, False)
    identity = lab.identity("hub1", "d1")
    assert identity is not None
    assert identity["authentication"] == {
        **KEYS,
        "type": "sas",
        "x509Thumbprint": {"primaryThumbprint": None, "secondaryThumbprint": None},
    }


@pytest.mark.parametrize("key", [PRIMARY, SECONDARY])
def test_a_device_registers_with_a_key_that_is_derived_from_its_groups(lab: Lab, key: str) -> None:
    lab.enroll({"enrollmentGroupId": "another", "attestation": {"type": "symmetricKey"}})
    lab.enroll(GROUP)
    state = outcome(lab, signed(lab, derived(key, "press-07"), "press-07"), "press-07")
    assert (state["status"], state["symmetricKey"]) == ("assigned", {"enrollmentGroupId": "fleet"})
    identity = lab.identity("hub1", "press-07")
    assert identity is not None
    assert identity["authentication"]["symmetricKey"] == {
        "primaryKey": derived(PRIMARY, "press-07"),
        "secondaryKey": derived(SECONDARY, "press-07"),
    }


def test_a_key_is_derived_from_the_id_in_lower_case(lab: Lab) -> None:
    lab.enroll(GROUP)
    assert outcome(lab, signed(lab, derived(PRIMARY, "press-07"), "Press-07"), "Press-07")["status"] == "assigned"
    assert register(lab, signed(lab, derived(PRIMARY, "Press-07"), "Press-07"), "Press-07").status == 401


def wrong(lab: Lab, how: str) -> str:
    """A signature that proves nothing."""
    match how:
        case "another key":
            return signed(lab, base64.b64encode(bytes(64)).decode())
        case "the group's own key":
            return signed(lab, PRIMARY, "d1")
        case "another device's key":
            return signed(lab, derived(PRIMARY, "d2"))
        case "expired":
            return signed(lab, derived(PRIMARY, "d1"), lifetime=0)
        case "for another device":
            return signed(lab, derived(PRIMARY, "d1"), "d2")
        case "for the whole scope":
            return sign(lab.scope, derived(PRIMARY, "d1"), lab.arm.clock.now() + 60, "registration")
        case "another policy":
            return signed(lab, derived(PRIMARY, "d1"), policy="provisioningserviceowner")
        case _:
            return "SharedAccessSignature nonsense"


UNCONNECTED = ["for another device", "for the whole scope", "another policy", "nonsense"]
REFUSED = ["another key", "the group's own key", "another device's key", "expired"]


@pytest.mark.parametrize("how", [*UNCONNECTED, *REFUSED])
def test_a_signature_that_proves_nothing(lab: Lab, how: str) -> None:
    lab.enroll(GROUP)
    assert refusal_of(register(lab, wrong(lab, how))) == (401_002, "Unauthorized")
    assert lab.refused("GET", "/registrations/d1")[0] == 404_202


@pytest.mark.parametrize("how", REFUSED)
def test_over_mqtt_it_is_refused_when_the_device_registers(lab: Lab, how: str) -> None:
    lab.enroll(GROUP)
    (answer,) = lab.publish(lab.connect("d1", (), password=wrong(lab, how)), REGISTER, b"")
    assert (answer.topic, json.loads(answer.payload)["errorCode"]) == ("$dps/registrations/res/401/?$rid=1", 401_002)


@pytest.mark.parametrize("how", UNCONNECTED)
def test_or_when_it_connects_where_it_is_not_for_the_device(lab: Lab, how: str) -> None:
    lab.enroll(GROUP)
    with pytest.raises(ConnectionRefused):
        lab.connect("d1", (), password=wrong(lab, how))


def test_an_individual_enrollment_comes_before_the_group(lab: Lab, root: Issuer) -> None:
    lab.enroll(GROUP)
    lab.enroll(INDIVIDUAL)
    assert register(lab, signed(lab, derived(PRIMARY, "d1"))).status == 401
    assert outcome(lab, signed(lab, PRIMARY))["status"] == "assigned"
    assert lab.register("d1", root.leaf("d1")).status == 401


def test_a_disabled_enrollment_is_an_answer(lab: Lab) -> None:
    lab.enroll(INDIVIDUAL | {"provisioningStatus": "disabled"})
    answer = register(lab, signed(lab, PRIMARY))
    assert (answer.status, answer.body["status"]) == (200, "disabled")


def test_only_a_key_of_the_device_asks_for_its_operation(lab: Lab) -> None:
    lab.enroll(INDIVIDUAL)
    operation = register(lab, signed(lab, PRIMARY)).body["operationId"]
    path = f"/{lab.scope}/registrations/d1/operations/{operation}"
    assert lab.refused("GET", path, authorization=signed(lab, derived(PRIMARY, "d1")), host=GLOBAL)[0] == 401_002
    assert lab.refused("GET", path, authorization="", host=GLOBAL)[0] == 401_000
    assert lab.ok("GET", path, authorization=signed(lab, SECONDARY), host=GLOBAL)["status"] == "assigned"


def test_a_tpm_is_refused_by_name(lab: Lab) -> None:
    key = base64.b64encode(b"key").decode()
    lab.enroll({"registrationId": "d1", "attestation": {"type": "tpm", "tpm": {"endorsementKey": key}}})
    code, message = refusal_of(register(lab, "", tpm={"endorsementKey": key, "storageRootKey": key}))
    assert (code, "TPM" in message) == (400_004, True)


@pytest.fixture
def served(lab: Lab, tmp_path: Path) -> Iterator[EmbeddedAzure]:
    """The lab over a real socket."""
    running = EmbeddedAzure(tmp_path / ".dpsops")
    running.azure.database.close()
    running.azure = Azure(lab.arm.database, lab.arm.clock, lab.arm.timings)
    with running:
        yield running
    for client in [each for each in gc.get_objects() if (type(each).__module__, type(each).__name__) == PAHO]:
        client.__del__()  # the SDK's MQTT library leaves sockets open until its clients are collected


@pytest.mark.filterwarnings("ignore:ssl.PROTOCOL_TLSv1_2 is deprecated:DeprecationWarning")  # the SDK's own
def test_the_unmodified_sdk_registers_and_connects_with_its_derived_key(lab: Lab, served: EmbeddedAzure) -> None:
    lab.enroll(GROUP)
    here = {
        "server_verification_cert": served.authority_file.read_text(),
        "proxy_options": SDK.ProxyOptions("HTTP", "127.0.0.1", int(served.proxy_url.rpartition(":")[2])),
    }
    key = derived(PRIMARY, "press-07")
    registering = SDK.ProvisioningDeviceClient.create_from_symmetric_key(GLOBAL, "press-07", lab.scope, key, **here)
    state = registering.register().registration_state
    assert state.device_id == "press-07"
    client = SDK.IoTHubDeviceClient.create_from_symmetric_key(
        key, state.assigned_hub, "press-07", connection_retry=False, auto_connect=False, **here
    )
    client.connect()
    assert client.get_twin()["reported"] == {"$version": 1}
    client.shutdown()
