"""Answers that the worlds do not give: an API version that is not there, an operation that fails, a what-if of another kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.mgmt.resource.deployments.models import WhatIfOperationResult

from azure_facts import group
from azure_facts.answers import NotClear
from azure_facts.questions import identity_link, masked_keys, never_thumbprint, put_absent, quoted_if_match, second_what_if
from azure_facts.questions.second_what_if import Foreseen, foreseen
from dpsops.cli.connection import Connection
from dpsops.emulator.faults import Fault, Refuse
from dpsops.emulator.habits import Habits
from dpsops.emulator.http import Request, Response
from dpsops.emulator.world import Timings
from tests.azure_facts.worlds import connect
from tests.worlds import World, embedded_world, start_embedded

HUB = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Devices/IotHubs/iot"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An embedded Azure in which everything is made."""
    with start_embedded(tmp_path, Timings()) as azure:
        here = embedded_world(azure)
        group.make(connect(here))
        yield here


@pytest.fixture
def azure(world: World) -> Connection:
    """A connection to it."""
    return connect(world)


def answer(world: World, method: str, end: str, status: int, body: Any, version: str = "") -> None:
    """From now on the embedded Azure gives this answer to such a request."""
    assert world.embedded is not None

    def hits(request: Request) -> bool:
        return request.method == method and request.path.endswith(end) and request.api_version.startswith(version)

    world.embedded.azure.faults.add(Fault(Refuse(Response(status, body)), hits, times=None))


def test_a_version_that_is_not_rolled_out(world: World, azure: Connection) -> None:
    refusal = {"error": {"code": "NoRegisteredProviderFound", "message": "No registered resource provider found."}}
    for method, end in (("PUT", "/dps-facts-t3st"), ("GET", "/dps-facts-t3st"), ("POST", "/dps-facts-t3st/listkeys")):
        answer(world, method, end, 400, refusal, "2026-11-01")
    link = identity_link.QUESTION.ask(azure)
    assert link == identity_link.IdentityLink(False, "No registered resource provider found. (NoRegisteredProviderFound)")
    found = put_absent.QUESTION.ask(azure)
    assert isinstance(found, put_absent.PutAbsent)
    assert (found.version, "identity" in found.dps.members, found.dps.members["tags"]) == ("2022-12-12", False, "reset")


def test_an_older_version_that_names_the_link_alone(world: World, azure: Connection) -> None:
    assert world.embedded is not None
    world.embedded.azure.habits = Habits(identity_links_before="named")
    assert identity_link.QUESTION.ask(azure) == identity_link.IdentityLink(True, before="named")


def test_a_refusal_for_another_reason_is_no_answer(world: World, azure: Connection) -> None:
    answer(world, "PUT", "/dps-facts-t3st", 403, {"error": {"code": "RequestDisallowedByPolicy", "message": "No."}})
    for question in (identity_link, put_absent, masked_keys):
        with pytest.raises(Exception, match=r"No\."):
            question.QUESTION.ask(azure)


def test_a_service_that_takes_no_etag_at_all(world: World, azure: Connection) -> None:
    refusal = {"code": 412001, "httpStatusCode": "PreconditionFailed", "message": "Invalid ETag supplied."}
    answer(world, "POST", "/generateVerificationCode", 412, refusal)
    with pytest.raises(NotClear, match="refuses an unquoted If-Match, too"):
        quoted_if_match.QUESTION.ask(azure)


def test_a_hub_that_never_shows_the_device(world: World, azure: Connection) -> None:
    answer(world, "GET", "/devices/never-thumbprint", 404, {"Message": "ErrorCode:DeviceNotFound;"})
    with pytest.raises(NotClear, match="does not show the device"):
        never_thumbprint.QUESTION.ask(azure)


def test_a_service_that_does_not_show_what_was_set(world: World, azure: Connection) -> None:
    shown = {"location": "westeurope", "properties": {"state": "Active", "allocationPolicy": "GeoLatency"}}
    answer(world, "GET", "/dps-facts-t3st", 200, shown)
    with pytest.raises(NotClear, match="does not show what was set: identity, iotHubs, ipFilterRules, tags"):
        put_absent.QUESTION.ask(azure)


def change(kind: str, *delta: Any, after: Any = None) -> WhatIfOperationResult:
    """A what-if that says this of one hub."""
    found = {"resourceId": HUB, "changeType": kind, "delta": list(delta), "after": after or {}}
    return WhatIfOperationResult({"status": "Succeeded", "properties": {"changes": [found]}})


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (change("NoChange"), Foreseen("NoChange")),
        (change("Ignore"), Foreseen("Ignore", defaults="not shown")),
        (
            change("Modify", {"path": "a", "propertyChangeType": "Delete"}, {"path": "b", "propertyChangeType": "Create"}),
            Foreseen("Modify", deleted=("a",), created=("b",), defaults="deleted and created"),
        ),
        (
            change("Modify", {"path": "a", "propertyChangeType": "Modify", "before": 1, "after": 2}),
            Foreseen("Modify", modified=("a",)),
        ),
        (
            change(
                "Modify",
                {
                    "path": "a",
                    "propertyChangeType": "Array",
                    "children": [
                        {
                            "path": "0",
                            "propertyChangeType": "Modify",
                            "children": [{"path": "key", "propertyChangeType": "Modify", "after": "[listKeys('x')]"}],
                        }
                    ],
                },
            ),
            Foreseen("Modify", unevaluated=("a",)),
        ),
        (WhatIfOperationResult({"properties": {"changes": []}}), Foreseen("not in it", defaults="not shown")),
    ],
)
def test_a_resource_in_a_what_if(found: WhatIfOperationResult, wanted: Foreseen) -> None:
    assert foreseen(found, "Microsoft.Devices/IotHubs", "IOT") == wanted
    assert wanted.line.startswith(wanted.kind)


def test_a_module_that_is_looked_into(azure: Connection) -> None:
    within = {"resourceId": f"{HUB}-facts-t3st-within", "changeType": "Create", "after": {}}
    found = WhatIfOperationResult({"properties": {"changes": [within]}})
    assert second_what_if.short_circuits(azure, found) == "looked into"
    assert second_what_if.empty_objects(azure, found) is None
