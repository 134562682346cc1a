"""Providers that a subscription has not registered, and what they say of themselves."""

from __future__ import annotations

import pytest

from dpsops.emulator.habits import Habits
from dpsops.emulator.identity.state import SUBSCRIPTION, TENANT
from dpsops.emulator.principal import Principal
from dpsops.emulator.world import Timings
from tests.emulator.arm.contoso import BOX, DEPLOYMENT, GROUP, VERSION, Contoso, box, properties, template

PROVIDER = f"/subscriptions/{SUBSCRIPTION}/providers/Contoso.Things"
MESSAGE = (
    "The subscription is not registered to use namespace 'Contoso.Things'. See https://aka.ms/rps-not-found for how to register "
    "subscriptions."
)
WRONG = {"code": "MissingSubscriptionRegistration", "message": MESSAGE}


def state(contoso: Contoso) -> str:
    """What the provider's state is."""
    found: str = contoso.call("GET", PROVIDER).body["registrationState"]
    return found


def test_a_provider_must_be_registered_and_that_takes_a_while(contoso: Contoso) -> None:
    contoso.azure.habits = Habits(unregistered=frozenset({"contoso.things"}))
    contoso.azure.timings = Timings(registration=60)
    one = f"{GROUP}/providers/{BOX}/box"
    assert state(contoso) == "NotRegistered"
    refused = contoso.call("PUT", one, {"location": "westeurope"}, version=VERSION)
    assert (refused.status, refused.body["error"]) == (409, WRONG | {"details": [WRONG | {"target": "Contoso.Things"}]})
    for attempt in ("PUT", "POST"):
        path = f"{DEPLOYMENT}/main" + ("/validate" if attempt == "POST" else "")
        assert contoso.call(attempt, path, properties(template(box()))).body["error"]["code"] == WRONG["code"]
    assert contoso.call("GET", f"{GROUP}/providers/{BOX}", version=VERSION).status == 200
    assert contoso.call("POST", f"{PROVIDER}/register").body["registrationState"] == "Registering"
    for _ in range(6):
        assert state(contoso) == "Registering"
        assert contoso.call("PUT", one, {"location": "westeurope"}, version=VERSION).status == 409
        contoso.azure.clock.advance(10)
    assert state(contoso) == "Registered"
    assert contoso.call("POST", f"{PROVIDER}/register").body["registrationState"] == "Registered"
    assert contoso.call("PUT", one, {"location": "westeurope"}, version=VERSION).status == 200
    there = contoso.call("POST", f"{PROVIDER}/unregister")
    assert (there.status, there.body["error"]["code"]) == (409, "CannotUnregisterResourceProvider")
    assert one in there.body["error"]["message"]
    assert state(contoso) == "Registered"
    contoso.call("DELETE", one, version=VERSION)
    assert contoso.call("POST", f"{PROVIDER}/unregister").body["registrationState"] == "Unregistering"
    contoso.azure.clock.advance(60)
    assert state(contoso) == "Unregistered"


@pytest.mark.parametrize(
    ("method", "path", "action"),
    [
        ("GET", "", "Microsoft.Resources/subscriptions/providers/read"),
        ("POST", "/register", "Contoso.Things/register/action"),
        ("POST", "/unregister", "Contoso.Things/unregister/action"),
    ],
)
def test_a_denial_names_the_right_of_the_provider_and_the_subscription(
    contoso: Contoso, method: str, path: str, action: str
) -> None:
    refused = contoso.call(method, PROVIDER + path, caller=Principal("0" * 8, "1" * 8, TENANT))
    assert (refused.status, refused.body["error"]["code"]) == (403, "AuthorizationFailed")
    assert f"perform action '{action}' over scope '/subscriptions/{SUBSCRIPTION}' or" in refused.body["error"]["message"]


def test_before_2019_the_refusal_had_no_details(contoso: Contoso) -> None:
    contoso.azure.habits = Habits(unregistered=frozenset({"Contoso.Things"}), registration_details=False)
    refused = contoso.call("PUT", f"{GROUP}/providers/{BOX}/box", {"location": "westeurope"}, version=VERSION)
    assert refused.body == {"error": WRONG}


def test_generic_clients_find_their_versions(contoso: Contoso) -> None:
    found = contoso.call("GET", f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Resources").body
    versions = {each["resourceType"]: each["apiVersions"] for each in found["resourceTypes"]}
    assert {"deployments", "resourceGroups", "tags"} <= versions.keys()
    assert "2022-09-01" in versions["deployments"]
    assert found["registrationPolicy"] == "RegistrationRequired"
    older = contoso.call("GET", PROVIDER, version="2016-02-01").body
    assert "registrationPolicy" not in older


def test_two_slashes_are_one(contoso: Contoso) -> None:
    path = f"{GROUP}/providers/{BOX}/box".replace("Things/", "Things//")
    assert contoso.call("PUT", path, {"location": "westeurope"}, version=VERSION).status == 200
    assert contoso.call("GET", path.replace("//", "/"), version=VERSION).status == 200
