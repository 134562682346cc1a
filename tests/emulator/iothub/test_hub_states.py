"""A hub while it is made, changed and deleted, and under which etags."""

from __future__ import annotations

from typing import Any

import pytest

from dpsops.emulator.habits import Habits
from dpsops.emulator.http import NOTHING
from dpsops.emulator.world import Timings
from tests.emulator.microsoft_devices.control_plane import S1, ControlPlane, code_of

PATH = "/IotHubs/hub1"
BODY = {"location": "westeurope", "sku": S1, "properties": {}}
HOST = "hub1.azure-devices.net"


@pytest.fixture
def arm() -> ControlPlane:
    return ControlPlane(Timings(operation=30))


def shown(arm: ControlPlane) -> Any:
    return arm.call("GET", PATH).body


def state(arm: ControlPlane) -> tuple[str, str, str | None, set[str]]:
    """Both states, the host, and what is said of the built-in endpoint."""
    properties = shown(arm)["properties"]
    events = properties["eventHubEndpoints"]["events"]
    return properties["state"], properties["provisioningState"], properties.get("hostName"), set(events)


def test_a_hub_that_is_being_made_has_no_host_and_no_endpoint_yet(arm: ControlPlane) -> None:
    assert arm.call("PUT", PATH, BODY).body["properties"]["provisioningState"] == "Accepted"
    settings = {"retentionTimeInDays", "partitionCount"}
    assert state(arm) == ("Activating", "Activating", None, settings)
    arm.clock.advance(30)
    whole = settings | {"partitionIds", "path", "endpoint"}
    assert state(arm) == ("Active", "Succeeded", HOST, whole)
    arm.call("PUT", PATH, BODY)
    assert state(arm) == ("Transitioning", "Transitioning", HOST, whole)
    arm.clock.advance(30)
    arm.call("DELETE", PATH)
    assert state(arm) == ("Deleting", "Deleting", HOST, whole)


def test_its_etag_is_another_one_once_it_is_done(arm: ControlPlane) -> None:
    assert "etag" not in arm.call("PUT", PATH, BODY).body
    etags = [shown(arm)["etag"], shown(arm)["etag"]]
    arm.clock.advance(30)
    etags += [shown(arm)["etag"], shown(arm)["etag"]]
    assert arm.call("PUT", PATH, BODY | {"etag": etags[2]}, headers={"if-match": etags[2]}).body["etag"] == etags[2]
    etags.append(shown(arm)["etag"])
    arm.clock.advance(30)
    etags.append(shown(arm)["etag"])
    assert (etags[0], etags[2]) == (etags[1], etags[3])
    assert len(set(etags)) == 4
    assert code_of(arm.call("PUT", PATH, BODY, headers={"if-match": etags[4]})) == 412_001
    assert arm.call("PUT", PATH, BODY, headers={"if-match": etags[5]}).status == 201


def test_a_hub_that_a_former_release_made_has_one_etag(arm: ControlPlane) -> None:
    arm.call("PUT", PATH, BODY)
    with arm.world() as world:
        document = world.state.get("iotHub", "hub1")
        assert document is not None
        del document["passingEtag"]
        world.state.put("iotHub", "hub1", document)
    assert shown(arm)["etag"] == document["etag"]


@pytest.mark.parametrize("text", ["{'IF-MATCH': 'AAAADH84KNE='}", "AAAA BBBB", '"AAAA', ""])
def test_an_if_match_that_is_none_is_ignored(text: str) -> None:
    arm = ControlPlane()
    arm.hub()
    headers = {"if-match": text}
    assert arm.call("PUT", PATH, BODY, headers=headers).status == 201
    assert arm.call("PATCH", PATH, {"tags": {}}, headers=headers).status == 200
    assert arm.call("DELETE", PATH, headers=headers).status == 202


@pytest.mark.parametrize("text", ["AAAADH84KNE=", '"AAAADH84KNE="'])
def test_an_if_match_that_is_one_is_not(text: str) -> None:
    arm = ControlPlane()
    arm.hub()
    for method, body in (("PUT", BODY), ("PATCH", {"tags": {}}), ("DELETE", None)):
        assert code_of(arm.call(method, PATH, body, headers={"if-match": text})) == 412_001


@pytest.mark.parametrize(("null", "body"), [(True, None), (False, NOTHING)])
@pytest.mark.parametrize(
    ("path", "version"),
    [(PATH, "2021-07-02"), (PATH, "2023-06-30"), ("/provisioningServices/dps1", "2022-12-12")],
)
def test_a_deletion_is_answered_with_null_or_with_nothing(null: bool, body: object, path: str, version: str) -> None:
    arm = ControlPlane(habits=Habits(deletion_answers_null=null))
    arm.hub()
    arm.service()
    answer = arm.call("DELETE", path, version=version)
    assert (answer.status, answer.body) == (202, body)
