"""Registration over MQTT, in the topics that the device SDK writes and reads."""

from __future__ import annotations

import json
from typing import Any

import pytest
from azure.iot.device.provisioning.pipeline import mqtt_topic_provisioning

from dpsops.emulator.mqtt_endpoint import ConnectionRefused, ProtocolViolation
from dpsops.emulator.world import Timings
from tests.emulator.dps.issuers import Issuer, self_signed
from tests.emulator.dps.lab import DPS, GLOBAL, HOST, Lab, MakeLab, group_of
from tests.emulator.microsoft_devices.control_plane import ControlPlane

sdk: Any = mqtt_topic_provisioning
Answer = tuple[int, str | None, Any]


def ask(lab: Lab, session: Any, topic: str, payload: bytes = b" ") -> Answer:
    """Status, pause and body of the one answer, read as the SDK reads it."""
    (answer,) = lab.publish(session, topic, payload)
    assert sdk.is_dps_response_topic(answer.topic)
    properties = sdk.extract_properties_from_dps_response_topic(answer.topic)
    assert properties["rid"] == "1a/b c"
    status = int(sdk.extract_status_code_from_dps_response_topic(answer.topic), 10)
    return status, properties.get("retry-after"), json.loads(answer.payload)


def begin(lab: Lab, session: Any, registration_id: str = "d1") -> Answer:
    """What is answered to a registration."""
    body = {"registrationId": registration_id, "payload": None}
    return ask(lab, session, sdk.get_register_topic_for_publish("1a/b c"), json.dumps(body).encode())


def poll(lab: Lab, session: Any, operation: str) -> Answer:
    """What is answered to a question."""
    return ask(lab, session, sdk.get_query_topic_for_publish("1a/b c", operation))


@pytest.fixture
def fleet(lab: Lab, root: Issuer) -> Issuer:
    """The root of a group."""
    lab.enroll(group_of("root"))
    return root


@pytest.mark.parametrize(("path", "there"), [("/$iothub/websocket", True), ("/mqtt", True), ("/", False)])
def test_websockets_have_two_paths(lab: Lab, path: str, there: bool) -> None:
    assert lab.azure.opens_websocket(GLOBAL, path) is there


def test_a_device_is_assigned(make_lab: MakeLab) -> None:
    lab, root = make_lab(arm=ControlPlane(timings=Timings(operation=2))), Issuer.make()
    lab.upload("root", root.certificate)
    lab.enroll(group_of("root"))
    session = lab.connect("d1", root.leaf("d1"))
    assert json.loads(json.dumps(session)) == session
    assert lab.subscribe(session, sdk.get_register_topic_for_subscribe())
    status, pause, body = begin(lab, session)
    assert (status, pause, body["status"]) == (202, "2", "assigning")
    assert poll(lab, session, body["operationId"]) == (202, "2", body)
    lab.arm.clock.advance(2)
    status, pause, over = poll(lab, session, body["operationId"])
    assert (status, pause, over["status"]) == (200, None, "assigned")
    state = over["registrationState"]
    assert (state["assignedHub"], state["deviceId"], state["substatus"]) == (
        "hub1.azure-devices.net",
        "d1",
        "initialAssignment",
    )
    assert all(state[name] for name in ("createdDateTimeUtc", "lastUpdatedDateTimeUtc", "etag", "registrationId", "status"))
    assert begin(lab, lab.connect("d1", root.leaf("d1")))[0] == 202


def test_the_services_own_host_will_do(lab: Lab, fleet: Issuer) -> None:
    assert begin(lab, lab.connect("d1", fleet.leaf("d1"), host=HOST))[0] == 202


def test_a_refusal_is_an_answer(lab: Lab, fleet: Issuer) -> None:
    status, pause, body = begin(lab, lab.connect("d1", fleet.leaf("d1")[:1]))
    assert (status, pause, body["errorCode"], body["message"]) == (401, None, 401_002, "CA certificate not found")
    status, _, body = begin(lab, lab.connect("d1", fleet.leaf("d1", days=(-2, -1))))
    assert (status, body["errorCode"], body["message"]) == (401, 401_002, "Invalid certificate")
    assert begin(lab, lab.connect("d1", (self_signed("d1"),)))[0] == 401
    assert lab.refused("GET", "/registrations/d1")[0] == 404_202


def test_a_disabled_group_is_an_answer(lab: Lab, fleet: Issuer) -> None:
    lab.enroll(group_of("root", provisioningStatus="disabled"), "*")
    status, pause, body = begin(lab, lab.connect("d1", fleet.leaf("d1")))
    assert (status, pause, body["status"]) == (200, None, "disabled")


def test_a_failure_is_an_answer(make_lab: MakeLab) -> None:
    lab, root = make_lab(hubs={}), Issuer.make()
    lab.upload("root", root.certificate)
    lab.enroll(group_of("root"))
    session = lab.connect("d1", root.leaf("d1"))
    status, _, body = poll(lab, session, begin(lab, session)[2]["operationId"])
    assert (status, body["status"], body["registrationState"]["errorCode"]) == (200, "failed", 401_001)


def test_a_device_that_is_already_there_is_told_nothing_of_it(lab: Lab, fleet: Issuer) -> None:
    session = lab.connect("d1", fleet.leaf("d1"))
    for _ in range(2):
        _, _, body = poll(lab, session, begin(lab, session)[2]["operationId"])
        assert body["registrationState"]["substatus"] == "initialAssignment"


def test_a_device_above_the_rate_is_asked_to_wait(lab: Lab, fleet: Issuer) -> None:
    session = lab.connect("d1", fleet.leaf("d1"))
    for _ in range(1000):
        assert begin(lab, session)[0] == 202
    status, pause, body = begin(lab, session)
    assert (status, pause, body["errorCode"]) == (429, "60", 429_001)


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"[]", 400_012),
        (b"\xff", 400_012),
        (b'{"registrationId": "d1", "modelId": "dtmi:com:example:Thermostat;1"}', 400_012),
        (b'{"registrationId": "d2"}', 400_000),
    ],
)
def test_a_payload_that_is_not_understood(lab: Lab, fleet: Issuer, payload: bytes, code: int) -> None:
    session = lab.connect("d1", fleet.leaf("d1"))
    status, _, body = ask(lab, session, sdk.get_register_topic_for_publish("1a/b c"), payload)
    assert (status, body["errorCode"]) == (400, code)


@pytest.mark.parametrize(
    "username",
    [
        "",
        "{scope}",
        "{scope}/registrations/d1",
        "{scope}/registrations/d1/",
        "{scope}/registrations/d1/ClientVersion=x",
        "{scope}/registrations/d1/api-version=2015-01-01",
        "{scope}/registrations/d2/api-version=2019-03-31",
        "{scope}/devices/d1/api-version=2019-03-31",
    ],
)
def test_a_user_name_that_is_not_the_devices(lab: Lab, fleet: Issuer, username: str) -> None:
    with pytest.raises(ConnectionRefused) as refused:
        lab.connect("d1", fleet.leaf("d1"), username=username.replace("{scope}", lab.scope))
    assert refused.value.code == 5


def test_a_client_identifier_or_a_certificate_that_is_not_the_devices(lab: Lab, fleet: Issuer) -> None:
    for chain, client_id in ((fleet.leaf("d1"), "d2"), (fleet.leaf("d2"), "d1"), ((), "d1")):
        with pytest.raises(ConnectionRefused) as refused:
            lab.connect("d1", chain, client_id=client_id)
        assert refused.value.code == 5
    assert begin(lab, lab.connect("D1", fleet.leaf("d1")))[0] == 202


def test_an_unknown_id_scope(lab: Lab, fleet: Issuer) -> None:
    lab.arm.service("dps2")
    other = "dps2.azure-devices-provisioning.net"
    for scope, host in (("0ne00000000", GLOBAL), (lab.scope, other), ("0ne00000000", HOST)):
        with pytest.raises(ConnectionRefused) as refused:
            lab.connect("d1", fleet.leaf("d1"), scope=scope, host=host)
        assert refused.value.code == 3


@pytest.mark.parametrize("topic_filter", ["#", "$dps/#", "$dps/registrations/res/+", "devices/d1/messages/devicebound/#"])
def test_no_other_filter_is_granted(lab: Lab, fleet: Issuer, topic_filter: str) -> None:
    assert not lab.subscribe(lab.connect("d1", fleet.leaf("d1")), topic_filter)


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "$dps/registrations/PUT/iotdps-register/",
        "$dps/registrations/PUT/iotdps-register/?$rid=",
        "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=1",
        "$dps/registrations/res/200/?$rid=1",
        "devices/d1/messages/events/",
    ],
)
def test_no_other_topic_is_taken(lab: Lab, fleet: Issuer, topic: str) -> None:
    session = lab.connect("d1", fleet.leaf("d1"))
    with pytest.raises(ProtocolViolation):
        lab.publish(session, topic)


def test_a_service_that_is_gone_answers_so(lab: Lab, fleet: Issuer) -> None:
    session = lab.connect("d1", fleet.leaf("d1"))
    assert lab.arm.call("DELETE", f"/provisioningServices/{DPS}", version="2022-12-12").status == 202
    assert begin(lab, session)[0] == 404
    assert not lab.subscribe(session, sdk.get_register_topic_for_subscribe())
