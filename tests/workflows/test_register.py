"""Registering a device over HTTPS and MQTT, and every way in which it is refused."""

from __future__ import annotations

import base64
from datetime import timedelta
from functools import partial

import pytest
from azure.core import MatchConditions
from cryptography import x509

from dpsops.azure.provisioning import register_over_https, register_over_mqtt
from dpsops.azure.registration_answers import Assigned
from dpsops.azure.wire import Wire
from dpsops.emulator.faults import Fault, Refuse
from dpsops.emulator.http import Request, Response
from dpsops.emulator.iothub.devices import messages_of
from dpsops.emulator.iothub.state import load_hub
from dpsops.emulator.world import Timings
from dpsops.emulator.world import World as Inside
from dpsops.errors import Error, InvalidInput, Refused, RegistrationRefused
from dpsops.model.action import Action, Failed
from dpsops.model.device import Issued, Unchanged
from dpsops.model.enrollment import IndividualSettings
from dpsops.pki import chains
from dpsops.pki.bundles import DeviceCredential
from dpsops.pki.names import device_id
from dpsops.steps.use_root import finished_root
from dpsops.workflows import register
from tests.planes import device_registry
from tests.workflows.by_hand import azure, under_unknown_root, unlink_hubs
from tests.workflows.commands import block, enroll, issue_to, member, members, plan, status, unblock, up
from tests.workflows.doing import HUB, OTHER, PRESS, chain, fetched, over, ready
from tests.worlds import World, environment

WHERE = {"Location": "https://global.azure-devices-provisioning.net/operations/4.x"}
CODE = {"x-ms-error-code": "429001"}
"""Headers that the device API declares."""


@pytest.fixture
def prompt(embedded: World) -> World:
    """An embedded Azure without delays, because the device SDK waits in real time, and the clock here does not move then."""
    azure(embedded).timings = Timings()
    return embedded


def test_up_creates_the_group_and_then_changes_nothing(embedded: World) -> None:
    connection = ready(embedded)
    group = connection.dps.group()
    assert group is not None
    assert (group.primary, group.enabled) == ("root-g1", True)
    assert group.document["allocationPolicy"] == "hashed"
    assert group.document["iotHubs"] == [HUB]
    assert up(embedded.connect(connection.run.environment)) == []
    assert [exchange for exchange in embedded.exchanges if exchange.writes] == []
    assert len(embedded.exchanges) <= 15


def test_up_changes_the_group_to_match_the_settings(embedded: World) -> None:
    connection = ready(embedded)
    changed = environment(root={"key": "EC-P256"}, group={"reprovisioning": "never", "twin": {"telemetry": {"interval": 30}}})
    assert [(a.action, a.target) for a in plan(embedded.connect(changed)).actions] == [("modify", "enrollment group devices")]
    up(embedded.connect(changed))
    group = connection.dps.group()
    assert group is not None
    assert group.document["reprovisionPolicy"] == {"updateHubAssignment": False, "migrateDeviceData": False}
    assert up(embedded.connect(changed)) == []


@pytest.mark.parametrize("transport", ["https", "mqtt"])
def test_up_refuses_a_group_that_was_disabled_by_hand(prompt: World, transport: str) -> None:
    connection = ready(prompt)
    group = connection.dps.group()
    assert group is not None
    document = {**group.document, "provisioningStatus": "disabled"}
    connection.clients.enrollments.put(f"/enrollmentGroups/{group.id}", document, group.etag)
    with pytest.raises(Refused, match="is disabled: none of its devices can register"):
        up(prompt.connect(connection.run.environment))
    assert "the enrollment group is disabled" in status(connection).next[0]
    with pytest.raises(RegistrationRefused, match="is disabled"):
        over(transport, connection)


@pytest.mark.parametrize("transport", ["https", "mqtt"])
def test_a_device_registers(prompt: World, transport: str) -> None:
    connection = ready(prompt)
    done = over(transport, connection)
    assert (done.assigned.device, done.assigned.hub, done.transport) == (PRESS, HUB, transport)
    assert done.sent == (transport == "mqtt")
    found, _ = member(connection, PRESS)
    assert found.hub == HUB
    assert found.uses_newest_leaf
    assert found.identity_enabled
    assert [one.leaf.device for one in members(connection)] == [PRESS]


def test_the_message_of_a_device_reaches_the_hub(prompt: World) -> None:
    connection = ready(prompt)
    over("mqtt", connection)
    with azure(prompt).database.transaction() as state:
        inside = Inside(state, prompt.clock.now())
        hub = load_hub(inside, "iot-dpsops-test")
        assert hub is not None
        messages = messages_of(inside, hub, PRESS)
    assert [base64.b64decode(message["body"]) for message in messages] == [b"press-07 says hello"]


@pytest.mark.parametrize("transport", ["https", "mqtt"])
def test_a_certificate_under_an_unknown_root_is_refused(prompt: World, transport: str) -> None:
    connection = ready(prompt)
    with pytest.raises(RegistrationRefused) as refused:
        over(transport, connection, under_unknown_root(connection))
    assert refused.value.code == (401002 if transport == "https" else 401)  # the SDK returns only the status
    assert "whether the root is verified" in refused.value.hint


def code_of(refusal: RegistrationRefused, transport: str) -> int:
    """DPS's code. Over MQTT it is derived from the status, because Microsoft's SDK returns only that."""
    return refusal.code if transport == "https" else {401: 401002}.get(refusal.code, refusal.code)


@pytest.mark.parametrize("transport", ["https", "mqtt"])
def test_a_certificate_without_its_chain_is_refused(prompt: World, transport: str) -> None:
    connection = ready(prompt)
    credential = fetched(connection, PRESS)
    leaf = x509.load_pem_x509_certificates(credential.chain.encode())[0]
    with pytest.raises(RegistrationRefused) as refused:
        over(transport, connection, DeviceCredential(credential.key, chain(leaf)))
    assert code_of(refused.value, transport) == 401002
    assert "the bundle contains only the device certificate" in refused.value.hint


@pytest.mark.parametrize("transport", ["https", "mqtt"])
def test_an_expired_certificate_is_refused(prompt: World, transport: str) -> None:
    connection = ready(prompt)
    credential, scope = fetched(connection, PRESS), register.id_scope(connection.dps)
    prompt.clock.advance(366 * 86_400)
    register_over = partial(register_over_https, wait=connection.run.sleep) if transport == "https" else register_over_mqtt
    with pytest.raises(RegistrationRefused) as refused:
        register_over(scope, PRESS, credential, connection.wire)
    assert code_of(refused.value, transport) == 401002
    assert register.diagnosis(PRESS, credential, connection.run.now()).startswith("the certificate expired on 2027-03-01")
    early = connection.run.now() - timedelta(days=800)
    assert "check the clock" in register.diagnosis(PRESS, credential, early)


@pytest.mark.parametrize("transport", ["https", "mqtt"])
def test_a_device_is_refused_if_its_root_is_not_verified(prompt: World, transport: str) -> None:
    connection = ready(prompt)
    (store,) = connection.stores
    found = store.get("root-g1")
    assert found is not None
    connection.clients.dps.dps_certificate.delete(
        connection.run.environment.resource_group, connection.run.environment.dps.name, "root-g1",
        etag=found.etag, match_condition=MatchConditions.IfNotModified,
    )  # fmt: skip
    store.upload("root-g1", chains.pem(finished_root(connection.run, connection.roots, "root-g1").certificate))
    with pytest.raises(RegistrationRefused) as refused:
        over(transport, connection)
    assert code_of(refused.value, transport) == 401002
    assert "whether the root is verified" in refused.value.hint


def test_a_hub_refuses_the_connection_of_a_disabled_identity(prompt: World) -> None:
    connection = ready(prompt)
    over("https", connection)
    hub = device_registry(connection.clients, HUB)
    identity = hub.get(f"/devices/{PRESS}")
    assert identity is not None
    hub.put(f"/devices/{PRESS}", identity | {"status": "disabled"}, f'"{identity["etag"]}"')
    with pytest.raises(Error, match=f"{HUB} refuses the connection of press-07: .*not authorised") as refused:
        over("mqtt", connection)
    assert "the device identity may be disabled" in refused.value.hint


def test_the_certificate_of_another_device_is_refused(embedded: World) -> None:
    connection = ready(embedded)
    with pytest.raises(RegistrationRefused) as refused:
        over("https", connection, name=OTHER)
    assert "the certificate is for press-07" in refused.value.hint


def test_a_device_is_refused_if_the_group_was_deleted(embedded: World) -> None:
    connection = ready(embedded)
    group = connection.dps.group()
    assert group is not None
    connection.clients.enrollments.delete(f"/enrollmentGroups/{group.id}", group.etag)
    with pytest.raises(RegistrationRefused):
        over("https", connection)


def test_a_blocked_device_is_refused_until_it_is_unblocked(embedded: World) -> None:
    connection = ready(embedded)
    over("https", connection)
    assert [action.action for action in block(connection, PRESS)] == ["tag", "disable", "disable", "remove"]
    assert block(connection, PRESS) == []
    with pytest.raises(RegistrationRefused):
        over("https", connection)
    results = issue_to(connection, PRESS)
    assert [type(result) for result in results] == [Failed]
    assert member(connection, PRESS)[0].blocked
    assert status(connection).devices.blocked == 1

    assert [action.action for action in unblock(connection, PRESS)] == ["remove", "enable", "tag"]
    assert unblock(connection, PRESS) == []
    assert over("https", connection).assigned.hub == HUB


def test_the_error_for_a_blocked_device_is_clear_over_mqtt_too(prompt: World) -> None:
    connection = ready(prompt)
    block(connection, PRESS)
    with pytest.raises(RegistrationRefused, match="is disabled") as refused:
        over("mqtt", connection)
    assert "the device is blocked" in refused.value.hint


def test_an_individual_enrollment_has_its_own_settings(embedded: World) -> None:
    connection = ready(embedded, hub=[{"name": "iot-dpsops-test", "weight": 1000}, {"name": "iot-dpsops-two", "weight": 1}])
    settings = IndividualSettings(hub="iot-dpsops-two", policy="never", twin={"telemetry": {"interval": 5}})
    assert [action.outcome for action in enroll(connection, PRESS, settings)] == ["created"]
    assert over("https", connection).assigned.hub == "iot-dpsops-two.azure-devices.net"
    block(connection, PRESS)
    with pytest.raises(Refused, match="press-07 is blocked"):
        enroll(connection, PRESS, settings)
    unblock(connection, PRESS)
    found = connection.clients.enrollments.get(f"/enrollments/{PRESS}")
    assert found is not None
    assert found["provisioningStatus"] == "enabled"
    with pytest.raises(InvalidInput, match="has no hub 'nowhere'"):
        issue_to(connection, PRESS, individual=IndividualSettings(hub="nowhere"))


def test_one_enrollment_that_fails_does_not_stop_the_others(embedded: World) -> None:
    connection, plain = ready(embedded), IndividualSettings()
    enroll(connection, PRESS, plain)
    found = connection.clients.enrollments.get(f"/enrollments/{PRESS}")
    assert found is not None
    connection.clients.enrollments.put(f"/enrollments/{PRESS}", found | {"provisioningStatus": "disabled"}, found["etag"])
    first, second, failed, action = issue_to(connection, PRESS, OTHER, individual=plain)
    assert (type(first), type(second)) == (Unchanged, Issued)
    assert failed == Failed(PRESS, "press-07 is blocked: its individual enrollment is disabled: dpsops device unblock press-07")
    assert action == Action("create", "enrollment press-08", "created")
    refusal = Response(400, {"errorCode": 400_000, "message": "Bad Request"})
    azure(embedded).faults.add(Fault(Refuse(refusal), lambda request: request.method == "PUT"))
    refused_by_dps = Failed(OTHER, "Bad Request: run 'dpsops plan' to see what is missing")
    assert issue_to(connection, OTHER, individual=IndividualSettings(twin={"a": 1}))[1:] == [refused_by_dps]


@pytest.mark.parametrize("allocation", ["hashed", "geoLatency", "static"])
def test_several_hubs(embedded: World, allocation: str) -> None:
    hubs = [{"name": "iot-dpsops-test"}, {"name": "iot-dpsops-two"}]
    connection = ready(embedded, hub=hubs, dps={"name": "dps-dpsops-test", "allocation": allocation})
    assert up(embedded.connect(connection.run.environment)) == []
    names = [device_id(f"press-{number}") for number in range(10, 18)]
    issue_to(connection, *names)
    found = {over("https", connection, fetched(connection, name), name).assigned.hub for name in names}
    assert found == ({HUB} if allocation == "static" else {HUB, "iot-dpsops-two.azure-devices.net"})
    enroll(connection, PRESS, IndividualSettings(hub="iot-dpsops-two"))
    assert over("https", connection).assigned.hub == "iot-dpsops-two.azure-devices.net"


def asks(part: str, request: Request) -> bool:
    """Whether a request of a device has this in its path."""
    return request.host.startswith("global.") and part in request.path


def test_a_registration_that_stays_pending_is_given_up(embedded: World) -> None:
    connection = ready(embedded)
    began = embedded.clock.now()
    assigning = Response(202, {"operationId": "4.x", "status": "assigning"}, WHERE | {"Retry-After": "3"})
    azure(embedded).faults.add(Fault(Refuse(assigning), partial(asks, "/operations/"), times=None))
    with pytest.raises(Error, match="gave up waiting for the registration of press-07 after 180 seconds") as late:
        over("https", connection)
    assert "registration_seconds under [waits]" in late.value.hint
    assert embedded.clock.now() - began == 180
    assert "waiting for the registration of press-07 (12 of at most 180 seconds)" in embedded.said


def test_the_error_for_an_unreachable_host(embedded: World) -> None:
    connection = ready(embedded)
    nowhere = Wire("http://127.0.0.1:9", connection.wire.authority_file)
    with pytest.raises(Error, match="DPS cannot be reached"):
        register_over_https("0ne00000000", PRESS, fetched(connection, PRESS), nowhere, connection.run.sleep)
    with pytest.raises(Error, match="DPS cannot be reached over MQTT"):
        register_over_mqtt("0ne00000000", PRESS, fetched(connection, PRESS), nowhere)


def test_the_error_for_a_device_without_a_certificate(embedded: World) -> None:
    connection = ready(embedded)
    with pytest.raises(Error, match="press-08 has no certificate in the vault"):
        fetched(connection, OTHER)
    with pytest.raises(Error, match="press-08 has no certificate in the vault"):
        member(connection, OTHER)


@pytest.mark.parametrize("transport", ["https", "mqtt"])
def test_a_hub_that_was_unlinked_by_hand(prompt: World, transport: str) -> None:
    connection = ready(prompt)
    unlink_hubs(connection)
    with pytest.raises(RegistrationRefused, match="no hub could be assigned") as refused:
        over(transport, connection)
    assert "'dpsops up' repairs it" in refused.value.hint
    up(connection)
    prompt.clock.advance(60)  # DPS allows a device five requests in ten seconds
    assert over("https", connection).assigned.hub == HUB  # the SDK's client of a refused registration stays connected


def test_a_refused_connection_over_mqtt_has_no_reason(prompt: World) -> None:
    connection = ready(prompt)
    with pytest.raises(RegistrationRefused, match="not authorised") as refused:
        over("mqtt", connection, name=OTHER)
    assert refused.value.hint.startswith("the certificate is for press-07")
    with pytest.raises(RegistrationRefused, match="DPS refused the connection") as refused:
        register_over_mqtt("0ne00000000", PRESS, fetched(connection, PRESS), connection.wire)
    assert "compare the ID scope" in refused.value.hint


def test_the_error_for_a_throttling_dps(embedded: World) -> None:
    connection = ready(embedded)
    azure(embedded).faults.add(
        Fault(Refuse(Response(429, {"errorCode": 429001, "message": "slow"}, CODE)), partial(asks, "/register"))
    )
    with pytest.raises(RegistrationRefused, match="slow") as refused:
        over("https", connection)
    assert (refused.value.code, "1,000 registrations a minute" in refused.value.hint) == (429001, True)


@pytest.mark.parametrize(("named", "pause"), [("7", 7), ("86400", 60), ("Wed, 21 Oct 2026 07:28:00 GMT", 3)])
def test_a_pause_is_as_long_as_dps_says_up_to_a_limit(embedded: World, named: str, pause: int) -> None:
    connection = ready(embedded)
    assigning = Response(202, {"operationId": "4.x", "status": "assigning"}, WHERE | {"Retry-After": named})
    azure(embedded).faults.add(Fault(Refuse(assigning), partial(asks, "/register")))
    before = embedded.clock.now()
    with pytest.raises(RegistrationRefused, match="Registration not found"):
        over("https", connection)
    assert embedded.clock.now() - before == pause


def test_the_primary_of_the_group_issues(embedded: World) -> None:
    connection = ready(embedded)
    assert isinstance(over("https", connection).assigned, Assigned)
    group = connection.dps.group()
    assert group is not None
    assert group.trusted() == (1,)
