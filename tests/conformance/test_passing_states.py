"""What a hub shows while its state passes is what recorded lists show of other people's hubs in such a state."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from dpsops.emulator.azure import Azure
from dpsops.emulator.http import Request
from dpsops.emulator.identity.state import OPERATOR, SUBSCRIPTION, bootstrap
from dpsops.emulator.identity.tokens import issue_token
from dpsops.emulator.state import Database
from dpsops.emulator.world import Clock, Timings, World
from tests.conformance.messages import MANAGEMENT, Recording

_GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/g"
_HUBS = f"{_GROUP}/providers/Microsoft.Devices/IotHubs"
_BODY = {"location": "westus", "sku": {"name": "S1", "capacity": 1}, "properties": {}}
_SECONDS = 10.0


@pytest.fixture(scope="module")
def shown(recorded: list[Recording]) -> list[Any]:
    """The properties of all hubs in recorded answers to a GET."""
    bodies = [each.response.json() for recording in recorded for each in recording.exchanges if each.method == "GET"]
    listed = [each for body in bodies if isinstance(body, dict) for each in body.get("value", [body]) if isinstance(each, dict)]
    found = [each["properties"] for each in listed if str(each.get("type")).lower() == "microsoft.devices/iothubs"]
    if not found:
        pytest.skip("no recording in this folder shows a hub")
    return found


@pytest.fixture
def azure() -> Iterator[Azure]:
    """With a group, `g`."""
    azure = Azure(Database(None), Clock(frozen_at=1_715_108_860.0), Timings(operation=_SECONDS))
    with azure.database.transaction() as state:
        bootstrap(World(state, azure.clock.now()))
    ask(azure, "PUT", _GROUP, "2021-04-01", {"location": "westus"})
    yield azure
    azure.database.close()


@pytest.mark.parametrize("path", [_HUBS, f"{_HUBS}/hub-1"], ids=["list", "one"])
def test_a_hub_that_is_changed_and_deleted(shown: list[Any], azure: Azure, path: str) -> None:
    def now() -> Any:
        body = ask(azure, "GET", path)
        return facts((body["value"][0] if "value" in body else body)["properties"])

    ask(azure, "PUT", f"{_HUBS}/hub-1", body=_BODY)
    azure.clock.advance(_SECONDS)
    states = [now()]
    ask(azure, "PUT", f"{_HUBS}/hub-1", body=_BODY)
    states.append(now())
    azure.clock.advance(_SECONDS)
    ask(azure, "DELETE", f"{_HUBS}/hub-1")
    states.append(now())

    recorded = {facts(each)[0]: facts(each) for each in shown}
    assert states == [recorded["Active"], recorded["Transitioning"], recorded["Deleting"]]


def ask(azure: Azure, method: str, path: str, version: str = "2023-06-30-preview", body: Any = None) -> Any:
    with azure.database.transaction() as state:
        token = issue_token(World(state, azure.clock.now()), OPERATOR, f"https://{MANAGEMENT}/")
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    content = b"" if body is None else json.dumps(body).encode()
    answer = azure.handle(Request(method, MANAGEMENT, path, {"api-version": version}, headers, content))
    assert answer.status < 300, answer.body
    return answer.body


def facts(properties: Any) -> tuple[str, str, bool, list[str]]:
    """What a state decides: its two names, whether the host is shown, and what of the built-in endpoint."""
    events = sorted(properties["eventHubEndpoints"]["events"])
    return properties["state"], properties["provisioningState"], "hostName" in properties, events
