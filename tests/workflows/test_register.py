"""A device proves who it is: registering over HTTPS and MQTT, and every way of being refused."""

from __future__ import annotations

import base64
from datetime import timedelta
from functools import partial

import pytest
from azure.core import MatchConditions
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from dpsops.azure.provisioning import Assigned, DeviceCredential, Wire, register_over_https, register_over_mqtt
from dpsops.emulator.faults import Fault, Refuse
from dpsops.emulator.http import Request, Response
from dpsops.emulator.iothub.devices import messages_of
from dpsops.emulator.iothub.state import load_hub
from dpsops.emulator.world import Timings
from dpsops.emulator.world import World as Inside
from dpsops.errors import Error, InvalidInput, Refused, RegistrationRefused
from dpsops.pki import chains, profiles
from dpsops.pki.names import device_id
from dpsops.workflows import blocking, bundles, device, enrollment, fleet, register, root, status
from dpsops.workflows.run import Action, Run
from dpsops.workflows.up import plan
from tests.workflows.doing import HUB, OTHER, PRESS, chain, converge, key_pem, over, ready
from tests.worlds import World, environment


@pytest.fixture
def prompt(embedded: World) -> World:
    """An Azure that is done at once: the device SDK waits in real time, and the clock here moves only for us."""
    assert embedded.embedded is not None
    embedded.embedded.azure.timings = Timings()
    return embedded


def strangers(run: Run) -> DeviceCredential:
    """A leaf of the right name from a root that nobody knows."""
    key, leaf_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    wanted = profiles.Root(profiles.root_subject("stranger", 1), key.public_key(), timedelta(days=365))
    authority = profiles.issue_root(wanted, key, serial=x509.random_serial_number(), now=run.now())
    leaf = profiles.issue_leaf(
        PRESS, leaf_key.public_key(), authority, key,
        lifetime=timedelta(days=30), serial=x509.random_serial_number(), now=run.now(),
    )  # fmt: skip
    return DeviceCredential(key_pem(leaf_key), chain(leaf, authority))


def test_up_enrolls_the_group_and_then_rests(embedded: World) -> None:
    run = ready(embedded)
    group = enrollment.observe(run)
    assert group is not None
    assert (group.primary, group.enabled) == ("root-g1", True)
    assert group.document["allocationPolicy"] == "hashed"
    assert group.document["iotHubs"] == [HUB]
    assert converge(embedded.run(run.environment)) == []
    assert [exchange for exchange in embedded.exchanges if exchange.writes] == []
    assert len(embedded.exchanges) <= 15


def test_a_changed_group_is_modified_under_its_etag(embedded: World) -> None:
    run = ready(embedded)
    changed = environment(root={"key": "EC-P256"}, group={"reprovisioning": "never", "twin": {"telemetry": {"interval": 30}}})
    assert [(a.action, a.target) for a in plan(embedded.run(changed)).actions] == [("modify", "enrollment group devices")]
    converge(embedded.run(changed))
    group = enrollment.observe(run)
    assert group is not None
    assert group.document["reprovisionPolicy"] == {"updateHubAssignment": False, "migrateDeviceData": False}
    assert converge(embedded.run(changed)) == []


@pytest.mark.parametrize("transport", ["https", "mqtt"])
def test_a_group_that_was_disabled_by_hand_is_left_alone(prompt: World, transport: str) -> None:
    run = ready(prompt)
    group = enrollment.observe(run)
    assert group is not None
    run.cloud.enrollments.put(
        enrollment.path(run.environment), group.document | {"provisioningStatus": "disabled"}, group.etag
    )  # fmt: skip
    with pytest.raises(Refused, match="is disabled: somebody has shut all its devices out"):
        converge(prompt.run(run.environment))
    assert "the enrollment group is disabled" in status.observe(run).next[0]
    with pytest.raises(RegistrationRefused, match="is disabled"):
        over(transport, run)


@pytest.mark.parametrize("transport", ["https", "mqtt"])
def test_a_device_registers(prompt: World, transport: str) -> None:
    run = ready(prompt)
    done = over(transport, run)
    assert (done.assigned.device, done.assigned.hub, done.transport) == (PRESS, HUB, transport)
    assert done.sent == (transport == "mqtt")
    found, _ = fleet.member(run, PRESS)
    assert found.hub == HUB
    assert found.uses_newest_leaf
    assert found.admitted
    assert [one.leaf.device for one in fleet.members(run)] == [PRESS]


def test_its_message_reaches_the_hub(prompt: World) -> None:
    run = ready(prompt)
    over("mqtt", run)
    assert prompt.embedded is not None
    with prompt.embedded.azure.database.transaction() as state:
        inside = Inside(state, prompt.clock.now())
        hub = load_hub(inside, "iot-dpsops-test")
        assert hub is not None
        kept = messages_of(inside, hub, PRESS)
    assert [base64.b64decode(message["body"]) for message in kept] == [b"press-07 says hello"]


@pytest.mark.parametrize("transport", ["https", "mqtt"])
def test_a_strangers_certificate_is_refused(prompt: World, transport: str) -> None:
    run = ready(prompt)
    with pytest.raises(RegistrationRefused) as refused:
        over(transport, run, strangers(run))
    assert refused.value.code == (401002 if transport == "https" else 401)  # the SDK keeps the status only
    assert "whether its root is verified" in refused.value.hint


def code_of(refusal: RegistrationRefused, transport: str) -> int:
    """DPS's code, as if it were known over MQTT too: Microsoft's SDK keeps the status only."""
    return refusal.code if transport == "https" else {401: 401002}.get(refusal.code, refusal.code)


@pytest.mark.parametrize("transport", ["https", "mqtt"])
def test_a_leaf_without_its_chain_is_refused(prompt: World, transport: str) -> None:
    run = ready(prompt)
    whole = bundles.bundle_of(run, PRESS)
    leaf = x509.load_pem_x509_certificates(whole.chain.encode())[0]
    with pytest.raises(RegistrationRefused) as refused:
        over(transport, run, DeviceCredential(whole.key, chain(leaf)))
    assert code_of(refused.value, transport) == 401002
    assert "the bundle holds the leaf alone" in refused.value.hint


@pytest.mark.parametrize("transport", ["https", "mqtt"])
def test_an_expired_leaf_is_refused(prompt: World, transport: str) -> None:
    run = ready(prompt)
    credential, scope = bundles.bundle_of(run, PRESS), register.id_scope(run)
    prompt.clock.advance(366 * 86_400)
    come = partial(register_over_https, wait=run.cloud.sleep) if transport == "https" else register_over_mqtt
    with pytest.raises(RegistrationRefused) as refused:
        come(scope, PRESS, credential, run.wire)
    assert code_of(refused.value, transport) == 401002
    assert register.diagnosis(PRESS, credential, run.now()).startswith("the leaf ended on 2027-03-01")
    early = run.now() - timedelta(days=800)
    assert "set the clock right" in register.diagnosis(PRESS, credential, early)


@pytest.mark.parametrize("transport", ["https", "mqtt"])
def test_a_root_that_is_not_yet_verified_vouches_for_nobody(prompt: World, transport: str) -> None:
    run = ready(prompt)
    (registry,) = run.cloud.registries
    proven = registry.get("root-g1")
    assert proven is not None
    run.cloud.dps.dps_certificate.delete(
        run.environment.resource_group, run.environment.dps.name, "root-g1",
        etag=proven.etag, match_condition=MatchConditions.IfNotModified,
    )  # fmt: skip
    registry.upload("root-g1", chains.pem(root.require(run, "root-g1").certificate))
    with pytest.raises(RegistrationRefused) as refused:
        over(transport, run)
    assert code_of(refused.value, transport) == 401002
    assert "whether its root is verified" in refused.value.hint


def test_a_hub_that_has_disabled_the_device_does_not_let_it_in(prompt: World) -> None:
    run = ready(prompt)
    over("https", run)
    hub = run.cloud.registry(HUB)
    identity = hub.get(f"/devices/{PRESS}")
    assert identity is not None
    hub.put(f"/devices/{PRESS}", identity | {"status": "disabled"}, f'"{identity["etag"]}"')
    with pytest.raises(Error, match=f"{HUB} does not let press-07 in: .*not authorised") as refused:
        over("mqtt", run)
    assert "its identity there may be disabled" in refused.value.hint


def test_another_devices_leaf_is_refused(embedded: World) -> None:
    run = ready(embedded)
    with pytest.raises(RegistrationRefused) as refused:
        over("https", run, name=OTHER)
    assert "the leaf is that of press-07" in refused.value.hint


def test_a_root_that_is_no_longer_there_vouches_for_nobody(embedded: World) -> None:
    run = ready(embedded)
    group = enrollment.observe(run)
    assert group is not None
    run.cloud.enrollments.delete(enrollment.path(run.environment), group.etag)
    with pytest.raises(RegistrationRefused):
        over("https", run)


def test_a_blocked_device_is_out_until_it_is_unblocked(embedded: World) -> None:
    run = ready(embedded)
    over("https", run)
    assert [action.action for action in blocking.block(run, PRESS)] == ["tag", "disable", "disable", "remove"]
    assert list(blocking.block(run, PRESS)) == []
    with pytest.raises(RegistrationRefused):
        over("https", run)
    results = list(device.issue(run, [PRESS]))
    assert [type(result) for result in results] == [device.Failed]
    assert fleet.member(run, PRESS)[0].blocked
    assert status.observe(run).fleet.blocked == 1

    assert [action.action for action in blocking.unblock(run, PRESS)] == ["remove", "enable", "tag"]
    assert list(blocking.unblock(run, PRESS)) == []
    assert over("https", run).assigned.hub == HUB


def test_a_blocked_device_is_told_so_over_mqtt_too(prompt: World) -> None:
    run = ready(prompt)
    list(blocking.block(run, PRESS))
    with pytest.raises(RegistrationRefused, match="is disabled") as refused:
        over("mqtt", run)
    assert "the device is blocked" in refused.value.hint


def test_an_individual_enrollment_has_settings_of_its_own(embedded: World) -> None:
    run = ready(embedded, hub=[{"name": "iot-dpsops-test", "weight": 1000}, {"name": "iot-dpsops-two", "weight": 1}])
    own = enrollment.Individual(hub="iot-dpsops-two", policy="never", twin={"telemetry": {"interval": 5}})
    assert [action.outcome for action in enrollment.enroll(run, PRESS, own)] == ["created"]
    assert over("https", run).assigned.hub == "iot-dpsops-two.azure-devices.net"
    list(blocking.block(run, PRESS))
    with pytest.raises(Refused, match="it is blocked"):
        list(enrollment.enroll(run, PRESS, own))
    list(blocking.unblock(run, PRESS))
    kept = run.cloud.enrollments.get(f"/enrollments/{PRESS}")
    assert kept is not None
    assert kept["provisioningStatus"] == "enabled"
    with pytest.raises(InvalidInput, match="has no hub 'nowhere'"):
        list(enrollment.enroll(run, PRESS, enrollment.Individual(hub="nowhere")))


def test_one_enrollment_that_fails_does_not_stop_the_others(embedded: World) -> None:
    run, plain = ready(embedded), enrollment.Individual()
    assert embedded.embedded is not None
    list(enrollment.enroll(run, PRESS, plain))
    own = run.cloud.enrollments.get(f"/enrollments/{PRESS}")
    assert own is not None
    run.cloud.enrollments.put(f"/enrollments/{PRESS}", own | {"provisioningStatus": "disabled"}, own["etag"])
    results = list(device.issue(run, [PRESS, OTHER]))
    failed, action = device.enroll(run, results, plain)
    assert failed == device.Failed(PRESS, "press-07 has a disabled enrollment: it is blocked")
    assert action == Action("create", "enrollment press-08", "created")
    refusal = Response(400, {"errorCode": 400_000, "message": "Bad Request"})
    embedded.embedded.azure.faults.add(Fault(Refuse(refusal), lambda request: request.method == "PUT"))
    assert list(device.enroll(run, results[1:], plain)) == [device.Failed(OTHER, "Bad Request")]


@pytest.mark.parametrize("allocation", ["hashed", "geoLatency", "static"])
def test_several_hubs(embedded: World, allocation: str) -> None:
    hubs = [{"name": "iot-dpsops-test"}, {"name": "iot-dpsops-two"}]
    run = ready(embedded, hub=hubs, dps={"name": "dps-dpsops-test", "allocation": allocation})
    assert converge(embedded.run(run.environment)) == []
    names = [device_id(f"press-{number}") for number in range(10, 18)]
    list(device.issue(run, names))
    found = {over("https", run, bundles.bundle_of(run, name), name).assigned.hub for name in names}
    assert found == ({HUB} if allocation == "static" else {HUB, "iot-dpsops-two.azure-devices.net"})
    list(enrollment.enroll(run, PRESS, enrollment.Individual(hub="iot-dpsops-two")))
    assert over("https", run).assigned.hub == "iot-dpsops-two.azure-devices.net"


def asks(part: str, request: Request) -> bool:
    """Whether a request of a device names this in its path."""
    return request.host.startswith("global.") and part in request.path


def test_a_registration_that_never_ends_ends_here(embedded: World) -> None:
    run = ready(embedded)
    assert embedded.embedded is not None
    assigning = Response(202, {"operationId": "4.x", "status": "assigning"}, {"Retry-After": "3"})
    embedded.embedded.azure.faults.add(Fault(Refuse(assigning), partial(asks, "/operations/"), times=None))
    with pytest.raises(Error, match="has not decided on press-07 after 60 questions"):
        over("https", run)


def test_an_unreachable_host_is_said_to_be(embedded: World) -> None:
    run = ready(embedded)
    nowhere = Wire("http://127.0.0.1:9", run.wire.authority_file)
    with pytest.raises(Error, match="DPS cannot be reached"):
        register_over_https("0ne00000000", PRESS, bundles.bundle_of(run, PRESS), nowhere, run.cloud.sleep)
    with pytest.raises(Error, match="DPS cannot be reached over MQTT"):
        register_over_mqtt("0ne00000000", PRESS, bundles.bundle_of(run, PRESS), nowhere)


def test_a_device_without_a_leaf(embedded: World) -> None:
    run = ready(embedded)
    with pytest.raises(Error, match="press-08 has no certificate in the vault"):
        bundles.bundle_of(run, OTHER)
    with pytest.raises(Error, match="press-08 has no certificate in the vault"):
        fleet.member(run, OTHER)


@pytest.mark.parametrize("transport", ["https", "mqtt"])
def test_a_hub_that_was_unlinked_by_hand(prompt: World, transport: str) -> None:
    run = ready(prompt)
    dps, group = run.environment.dps.name, run.environment.resource_group
    service = run.cloud.dps.iot_dps_resource.get(dps, group)
    assert service.properties is not None
    service.properties.iot_hubs = []
    run.cloud.dps.iot_dps_resource.begin_create_or_update(group, dps, service).result()
    with pytest.raises(RegistrationRefused, match="has no hub for the device") as refused:
        over(transport, run)
    assert "'dpsops up' mends it" in refused.value.hint
    converge(run)
    prompt.clock.advance(60)  # a device may ask five times in ten seconds
    assert over("https", run).assigned.hub == HUB  # the SDK's client of a refused registration stays connected


def test_over_mqtt_the_door_is_shut_without_a_reason(prompt: World) -> None:
    run = ready(prompt)
    with pytest.raises(RegistrationRefused, match="not authorised") as refused:
        over("mqtt", run, name=OTHER)
    assert refused.value.hint.startswith("the leaf is that of press-07")
    with pytest.raises(RegistrationRefused, match="refuses the connection") as refused:
        register_over_mqtt("0ne00000000", PRESS, bundles.bundle_of(run, PRESS), run.wire)
    assert "compare the ID scope" in refused.value.hint


def test_a_throttled_dps_is_said_to_be(embedded: World) -> None:
    run = ready(embedded)
    assert embedded.embedded is not None
    embedded.embedded.azure.faults.add(
        Fault(Refuse(Response(429, {"errorCode": 429001, "message": "slow"})), partial(asks, "/register"))
    )
    with pytest.raises(RegistrationRefused, match="slow") as refused:
        over("https", run)
    assert (refused.value.code, "1,000 registrations a minute" in refused.value.hint) == (429001, True)


@pytest.mark.parametrize(("named", "pause"), [("7", 7), ("86400", 60), ("Wed, 21 Oct 2026 07:28:00 GMT", 3)])
def test_a_pause_is_as_long_as_dps_says_within_reason(embedded: World, named: str, pause: int) -> None:
    run = ready(embedded)
    assert embedded.embedded is not None
    assigning = Response(202, {"operationId": "4.x", "status": "assigning"}, {"Retry-After": named})
    embedded.embedded.azure.faults.add(Fault(Refuse(assigning), partial(asks, "/register")))
    before = embedded.clock.now()
    with pytest.raises(RegistrationRefused, match="Registration not found"):
        over("https", run)
    assert embedded.clock.now() - before == pause


def test_the_root_that_issued_is_the_groups_primary(embedded: World) -> None:
    run = ready(embedded)
    assert isinstance(over("https", run).assigned, Assigned)
    group = enrollment.observe(run)
    assert group is not None
    assert root.trusted(run) == (1,)
