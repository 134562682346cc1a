"""A breach cuts the root off wherever it is trusted, also under another name. What cannot be cut is named, and stops nothing."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from dpsops.emulator.faults import Drop, Fault
from dpsops.emulator.http import Request
from dpsops.errors import Error, Refused
from dpsops.model.action import Action, Note, Remains, Result
from dpsops.model.proof import MAX_CERTIFICATES
from dpsops.model.rotation import Phase
from dpsops.pki import chains
from tests.planes import device_registry
from tests.workflows.by_hand import azure, self_signed, upload
from tests.workflows.commands import consent, csr, plan, replace_compromised, rotate_named, rotation, status, undo, up
from tests.workflows.devices import Device
from tests.workflows.doing import HUB, OTHER, PRESS
from tests.workflows.history import DPS, put
from tests.workflows.history import HUB as HUB_RESOURCE
from tests.workflows.rotations import (
    certificate_of,
    delete_root,
    forged,
    hub_thumbprint,
    identity,
    issued,
    lock,
    observed,
    phase,
    registered,
    step,
)
from tests.worlds import World, waited

pytestmark = pytest.mark.usefixtures("unmeasured")

SECOND = "contoso-root"
REFERENCE = {"type": "x509", "x509": {"caReferences": {"primary": SECOND}}}


def again_by_another_name(world: World, *resources: str) -> None:
    """Somebody uploads root-g1 under another name, verified, to these resources."""
    content = base64.b64encode(chains.pem(certificate_of(world.connect(), "root-g1")).encode()).decode()
    for resource in resources:
        put(world, f"{resource}/certificates/{SECOND}", {"properties": {"certificate": content, "isVerified": True}})


def enroll(world: World, path: str, **members: Any) -> None:
    """Somebody makes an enrollment by hand."""
    world.connect().clients.enrollments.put(path, members, None)


def outcomes(done: list[Result]) -> dict[str, str]:
    """What was done to each target last."""
    return {one.target: one.outcome for one in done if isinstance(one, Action)}


def left(done: list[Result]) -> dict[str, str]:
    """What could not be cut off, and why."""
    return {one.target: one.reason for one in done if isinstance(one, Remains)}


def test_the_root_is_removed_under_every_name_with_all_that_trusts_it(quick: World) -> None:
    """The two doors of somebody who has the root's key: an enrollment, and a CA-signed identity that dpsops does not know."""
    registered(quick, PRESS)
    legacy = forged(quick.connect(), "legacy-1")
    again_by_another_name(quick, DPS, HUB_RESOURCE)
    enroll(quick, "/enrollments/legacy-1", registrationId="legacy-1", attestation=REFERENCE)
    registry = device_registry(quick.connect().clients, HUB)
    registry.put("/devices/legacy-2", {"deviceId": "legacy-2", "authentication": {"type": "certificateAuthority"}}, None)
    legacy.register(quick.connect())

    done = replace_compromised(quick.connect(), replace=1)
    assert left(done) == {}
    found = outcomes(done)
    assert found["enrollment legacy-1"] == "disabled"
    assert found[f"{SECOND} in DPS dps-dpsops-test"] == found[f"{SECOND} in IoT Hub iot-dpsops-test"] == "removed"
    assert found[f"identity legacy-2 in {HUB}"] == "disabled"
    assert (identity(quick.connect(), "legacy-2")["status"], identity(quick.connect())["status"]) == ("disabled", "enabled")
    legacy.require_refused(quick.connect())
    assert {name for store in quick.connect().every_store() for name in store.all()} == {"root-g2"}
    (note,) = replace_compromised(quick.connect(), replace=1)
    assert note == Note("root-g1 is replaced and cut off everywhere: nothing of it is left to do")


def test_an_enrollment_that_trusts_another_root_too_keeps_that_one(quick: World) -> None:
    again_by_another_name(quick, DPS)
    upload(quick.connect(), "theirs", self_signed("theirs", quick.connect().run.now()))
    both = {"type": "x509", "x509": {"caReferences": {"primary": SECOND, "secondary": "theirs"}}}
    enroll(quick, "/enrollments/legacy-1", registrationId="legacy-1", attestation=both)
    done = replace_compromised(quick.connect(), replace=1)
    assert outcomes(done)["enrollment legacy-1"] == "trusts theirs"
    found = quick.connect().clients.enrollments.get("/enrollments/legacy-1")
    assert found is not None
    assert found["attestation"]["x509"]["caReferences"]["primary"] == "theirs"
    assert found.get("provisioningStatus") != "disabled"


def test_a_ca_signed_identity_that_may_be_somebody_elses_is_named(quick: World) -> None:
    again_by_another_name(quick, HUB_RESOURCE)
    other = next(store for store in quick.connect().every_store() if store.host)
    other.upload("theirs", chains.pem(self_signed("theirs", quick.connect().run.now())))
    registry = device_registry(quick.connect().clients, HUB)
    registry.put("/devices/legacy-2", {"deviceId": "legacy-2", "authentication": {"type": "certificateAuthority"}}, None)
    done = replace_compromised(quick.connect(), replace=1)
    assert list(left(done)) == [f"identity legacy-2 in {HUB}"]
    assert identity(quick.connect(), "legacy-2")["status"] == "enabled"


def test_up_plan_and_status_notice_the_second_name(quick: World) -> None:
    again_by_another_name(quick, DPS)
    place = f"root-g1 is also {SECOND} in DPS dps-dpsops-test"
    assert [note for note in plan(quick.connect()).notes if note.startswith(place)]
    told: list[str] = []
    assert up(quick.connect(), tell=told.append) == []
    assert [note for note in told if note.startswith(place)] == told
    assert len(told) == 1
    assert any(f"the root is also {SECOND} in DPS" in each for each in status(quick.connect()).next)


def test_a_lock_stops_no_cut_but_the_one_that_it_forbids(quick: World) -> None:
    registered(quick, PRESS)
    locked = lock(quick)
    done = replace_compromised(quick.connect(), replace=1)
    (reason,) = left(done).values()
    assert list(left(done)) == ["root-g1 in DPS dps-dpsops-test"]
    assert "locked" in reason
    assert "az lock" in reason
    assert [one.outcome for one in done if isinstance(one, Action) and one.target == f"identity {PRESS} in {HUB}"] == [
        "disabled",
        "enabled, with its new leaf",
    ]
    assert not quick.connect().roots.properties("root-g1").enabled
    assert observed(quick.connect()).trusted == (2,)
    Device.fetched(quick.connect(), PRESS).register(quick.connect())
    assert list(left(replace_compromised(quick.connect(), replace=1))) == ["root-g1 in DPS dps-dpsops-test"]
    assert list(left(rotate_named(quick.connect(), 1, Phase.STABLE))) == ["root-g1 in DPS dps-dpsops-test"]

    quick.connect().clients.groups.resources.begin_delete_by_id(locked, api_version="2020-05-01").result()
    assert left(replace_compromised(quick.connect(), replace=1)) == {}
    assert phase(quick.connect()) is Phase.STABLE
    assert set(quick.connect().stores[0].all()) == {"root-g2"}


@pytest.mark.parametrize("who", ["vault", "hub", "dps"])
def test_a_part_of_azure_that_does_not_answer_stops_no_other_cut(quick: World, who: str) -> None:
    """The group, the key, the identities: if one cut fails, the others are made, and the command fails."""
    registered(quick, PRESS)
    hosts = {"vault": "kv-dpsops-test.vault.azure.net", "hub": HUB, "dps": "dps-dpsops-test.azure-devices-provisioning.net"}

    def is_cut(request: Request) -> bool:
        changes = request.method in ("PUT", "PATCH")
        marks = request.method == "PATCH" and "enabled" not in str(request.body)
        return changes and not marks and request.host == hosts[who]

    azure(quick).faults.add(Fault(Drop(work_done=False), is_cut, times=None))
    with pytest.raises(Error):
        replace_compromised(quick.connect(), replace=1)
    azure(quick).faults.clear()
    connection = quick.connect()
    assert "root-g1" not in connection.stores[0].all()
    assert connection.roots.properties("root-g1").enabled is (who == "vault")
    assert (identity(connection)["status"] == "enabled") is (who == "hub")
    group = connection.dps.group()
    assert group is not None
    assert group.enabled is (who == "dps")
    assert phase(connection) is Phase.BREACHED
    replace_compromised(quick.connect(), replace=1)
    Device.fetched(quick.connect(), PRESS).register(quick.connect())


@pytest.mark.parametrize("reached", [Phase.PROVEN, Phase.OVERLAPPING, Phase.REISSUING, Phase.PROMOTED, Phase.DRAINING])
def test_a_compromised_new_root_is_cut_off_and_the_old_one_stays(quick: World, reached: Phase) -> None:
    """A device that uses the old root is never down; one that has moved gets a certificate under the old root again."""
    registered(quick, PRESS, OTHER)
    step(quick.connect(), until=reached)
    if reached in (Phase.REISSUING, Phase.PROMOTED, Phase.DRAINING):
        Device.fetched(quick.connect(), OTHER).register(quick.connect())
        intruder = forged(quick.connect(), "intruder")
        intruder.register(quick.connect())
    before = hub_thumbprint(quick.connect())
    done = replace_compromised(quick.connect(), replace=2)
    touched = {one.target for one in done if isinstance(one, Action) and one.outcome == "disabled"}
    assert f"identity {PRESS} in {HUB}" not in touched
    assert hub_thumbprint(quick.connect()) == before
    assert observed(quick.connect()).trusted == (1,)
    assert phase(quick.connect()) is Phase.STABLE
    assert {leaf.generation for leaf in waited(quick.connect().leaves.all())} == {1}
    for name in (PRESS, OTHER):
        Device.fetched(quick.connect(), name).register(quick.connect())
    if reached in (Phase.REISSUING, Phase.PROMOTED, Phase.DRAINING):
        intruder.require_refused(quick.connect())
        assert identity(quick.connect(), "intruder")["status"] == "disabled"
    step(quick.connect(), until=Phase.DRAINING)
    assert observed(quick.connect()).trusted == (1, 3)


def test_a_forgotten_request_and_a_name_in_use_are_skipped(quick: World) -> None:
    """Devices come back. The certificate of the other's name is told at the end: nobody knows what it is."""
    issued(quick, PRESS)
    csr(quick.connect())
    upload(quick.connect(), "root-g3", self_signed("theirs", quick.connect().run.now()))
    with pytest.raises(Refused, match=r"a CA certificate root-g3 .*, and the vault has no root of this name"):
        replace_compromised(quick.connect(), replace=1)
    assert observed(quick.connect()).trusted == (4,)
    Device.fetched(quick.connect(), PRESS).register(quick.connect())


@pytest.mark.parametrize("others", [MAX_CERTIFICATES - 1, MAX_CERTIFICATES])
def test_a_dps_without_space_for_the_next_root_is_told_before_anything_is_cut(quick: World, others: int) -> None:
    """The place of the compromised root becomes free."""
    (dps,) = quick.connect().stores
    if others == MAX_CERTIFICATES:
        dps.delete("root-g1", dps.all()["root-g1"].etag)
    certificate = self_signed("filler", quick.connect().run.now())
    for number in range(others):
        upload(quick.connect(), f"filler-{number}", certificate)
    if others < MAX_CERTIFICATES:
        replace_compromised(quick.connect(), replace=1)
        assert observed(quick.connect()).trusted == (2,)
    else:
        with pytest.raises(Refused, match="already has 25 CA certificates"):
            replace_compromised(quick.connect(), replace=1)
        assert phase(quick.connect()) is Phase.STABLE


def test_a_deleted_next_root_is_skipped(quick: World) -> None:
    step(quick.connect())
    delete_root(quick.connect(), "root-g2")
    replace_compromised(quick.connect(), replace=1)
    assert observed(quick.connect()).trusted == (3,)


def test_undo_drops_a_forgotten_request(quick: World) -> None:
    csr(quick.connect())
    assert [(one.action, one.target) for one in undo(quick.connect())] == [("drop", "request for root-g2")]
    with pytest.raises(Refused, match="there is no rotation to undo"):
        undo(quick.connect())


def test_the_mark_is_the_first_thing_that_is_written(quick: World) -> None:
    registered(quick, PRESS)
    quick_connection = quick.connect()
    for _ in rotation(quick_connection).replace_compromised(consent, 1):
        break
    writes = [each for each in quick.exchanges if each.writes and "query" not in each.path.lower()]
    assert [(each.method, each.path.rsplit("/", 1)[0]) for each in writes] == [("PATCH", "/certificates/root-g1")]


@pytest.mark.parametrize("text", ["0.2.0", "9.0", "tomorrow"])
def test_the_tags_of_a_newer_dpsops_are_refused_with_the_version_to_use(quick: World, text: str) -> None:
    registered(quick, PRESS)
    step(quick.connect(), until=Phase.DRAINING)
    connection = quick.connect()
    present = connection.roots.properties("root-g2")
    tags = {**present.tags, "needs": text}
    connection.clients.certificates.update_certificate_properties("root-g2", present.version, tags=tags)
    for attempt in (step, lambda to: replace_compromised(to, replace=1), undo):
        with pytest.raises(Refused, match="a newer dpsops has changed root-g2") as refused:
            attempt(quick.connect())
        assert f"use dpsops {text} or newer" in refused.value.hint
        assert [each for each in quick.exchanges if each.writes and "query" not in each.path.lower()] == []
    assert status(quick.connect()).trouble is not None
