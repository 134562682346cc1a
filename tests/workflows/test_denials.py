"""Every request of dpsops to a vault, a DPS or a hub, denied: the error names a role that allows it, and that `up` assigns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase

import pytest
from azure.core.exceptions import HttpResponseError

from dpsops.azure.errors import explain
from dpsops.emulator import rbac
from dpsops.emulator.dps.access import Operation as DpsOperation
from dpsops.emulator.http import Request, Response
from dpsops.emulator.identity.state import SUBSCRIPTION
from dpsops.emulator.iothub.access import Operation as HubOperation
from dpsops.emulator.keyvault.access import Operation as VaultOperation
from dpsops.emulator.services import SERVICES
from dpsops.emulator.world import Timings
from dpsops.errors import Denied
from dpsops.model.enrollment import IndividualSettings
from dpsops.model.roles import HUB, ROLES, SERVICE, VAULT
from tests.azure.answers import raised
from tests.planes import device_registry
from tests.workflows import commands
from tests.workflows.by_hand import azure, remove_the_roles
from tests.workflows.doing import OTHER, PRESS
from tests.worlds import World, environment

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-dpsops-test"

USED = {
    "Microsoft.Devices/IotHubs/devices/read",
    "Microsoft.Devices/IotHubs/devices/write",
    "Microsoft.Devices/provisioningServices/enrollmentGroups/read",
    "Microsoft.Devices/provisioningServices/enrollmentGroups/write",
    "Microsoft.Devices/provisioningServices/enrollments/delete",
    "Microsoft.Devices/provisioningServices/enrollments/read",
    "Microsoft.Devices/provisioningServices/enrollments/write",
    "Microsoft.Devices/provisioningServices/registrationStates/delete",
    "Microsoft.Devices/provisioningServices/registrationStates/read",
    "Microsoft.KeyVault/vaults/certificates/create/action",
    "Microsoft.KeyVault/vaults/certificates/read",
    "Microsoft.KeyVault/vaults/certificates/update/action",
    "Microsoft.KeyVault/vaults/keys/read",
    "Microsoft.KeyVault/vaults/keys/sign/action",
    "Microsoft.KeyVault/vaults/secrets/getSecret/action",
    "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
    "Microsoft.KeyVault/vaults/secrets/setSecret/action",
    "Microsoft.KeyVault/vaults/secrets/update/action",
}
"""The data actions that dpsops uses."""

_TYPES = {DpsOperation: SERVICE, HubOperation: HUB, VaultOperation: VAULT}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of dpsops, the data actions that it needs, and the type of the resource."""

    request: Request
    actions: tuple[str, ...]
    type: str


def asked(requests: list[Request]) -> Iterator[Asked]:
    """One request for each operation."""
    seen = set()
    for request in requests:
        service = next((each for each in SERVICES if each.host.fullmatch(request.host)), None)
        found = service.router.find(request.method, request.path) if service else None
        if found is None or type(found[0]) not in _TYPES or "authorization" not in request.headers:
            continue
        operation, type_ = found[0], _TYPES[type(found[0])]
        if operation not in seen:
            seen.add(operation)
            yield Asked(request, tuple(f"{type_}/{each}" for each in operation.action.split()), type_)


def everything(world: World) -> list[Request]:
    """What dpsops sends while it does nearly everything that it can do."""
    sent: list[Request] = []

    def observe(request: Request, _: Response) -> None:
        sent.append(request)

    azure(world).observers.append(observe)
    settings = environment(root={"key": "EC-P256"})
    commands.up(world.connect(settings))
    commands.issue_to(world.connect(settings), PRESS)
    commands.issue_to(world.connect(settings), OTHER, individual=IndividualSettings())
    commands.block(world.connect(settings), PRESS)
    commands.unblock(world.connect(settings), PRESS)
    commands.members(world.connect(settings))
    commands.member(world.connect(settings), PRESS)
    commands.rotate(world.connect(settings))
    commands.status(world.connect(settings))
    clients = world.connect(settings).clients
    with suppress(HttpResponseError):  # nobody has registered
        device_registry(clients, settings.hub[0].host).put(f"/devices/{PRESS}", {}, "x")
    device_registry(clients, settings.hub[0].host).get(f"/devices/{PRESS}")
    clients.enrollments.delete(f"/registrations/{PRESS}", "x")
    azure(world).observers.remove(observe)
    return sent


def test_each_denial_names_a_role_that_allows_it_and_that_up_assigns(embedded: World) -> None:
    azure(embedded).timings = Timings()
    operations = list(asked(everything(embedded)))
    assert {action for each in operations for action in each.actions} == USED
    remove_the_roles(embedded)
    for each in operations:
        denied = denial(embedded, each.request)
        assert denied.role_missing
        role = role_in(denied.hint)
        assert role.name in {wanted.name for wanted in ROLES[each.type]}
        for action in each.actions:
            assert any(fnmatchcase(action.lower(), pattern.lower()) for pattern in role.data_actions), (action, role.name)
            assert action in denied.message + denied.hint
        place = {VAULT: f"on {GROUP}/providers/{VAULT}/kv-dpsops-test", SERVICE: "on the DPS dps-dpsops-test",
                 HUB: "on the IoT Hub iot-dpsops-test"}[each.type]  # fmt: skip
        assert f"{place} and try again in a few minutes".lower() in denied.hint.lower()


def test_the_roles_that_up_assigns_are_enough_for_everything(embedded: World) -> None:
    """Each data action that dpsops uses is in a role that `model/roles` names, by Azure's own ID."""
    azure(embedded).timings = Timings()
    for each in asked(everything(embedded)):
        allowed = [pattern for wanted in ROLES[each.type] for pattern in rbac.ROLES[wanted.id].data_actions]
        assert all(any(fnmatchcase(action.lower(), pattern.lower()) for pattern in allowed) for action in each.actions)


@pytest.mark.parametrize("status", [401, 403])
def test_a_service_that_names_no_action_and_is_not_asked_for_one(status: int) -> None:
    words = "Principal x is not authorized for GET on /jobs due to no assigned permissions"
    error = explain(raised(status, {"Message": words}, url="https://iot-dpsops-test.azure-devices.net/jobs"))
    assert isinstance(error, Denied)
    assert (error.role_missing, error.hint) == (True, "ask an owner of the subscription for access")


@pytest.mark.parametrize(
    ("method", "path", "action", "role"),
    [
        ("POST", "/devices/query", "twins/read", "IoT Hub Data Reader"),
        ("GET", "/devices/press-07", "devices/read", "IoT Hub Registry Contributor"),
        ("POST", "/devices", "devices/write", "IoT Hub Registry Contributor"),
    ],
)
def test_a_hub_names_no_action_so_that_it_is_found_by_what_was_asked(method: str, path: str, action: str, role: str) -> None:
    words = f"Principal x is not authorized for {method} on {path} due to no assigned permissions"
    error = explain(raised(401, {"Message": words}, method=method, url=f"https://iot-dpsops-test.azure-devices.net{path}"))
    assert isinstance(error, Denied)
    assert error.hint.startswith(
        f"assign the role '{role}', which allows Microsoft.Devices/IotHubs/{action}, on the IoT Hub iot-dpsops-test"
    )


def test_a_hub_that_does_not_say_that_a_role_is_missing() -> None:
    """It answers 401 without a sign-in too."""
    body = {"Message": "ErrorCode:IotHubUnauthorizedAccess;Unauthorized"}
    error = explain(raised(401, body, url="https://iot-dpsops-test.azure-devices.net/devices/press-07"))
    assert error.hint == "sign in with 'az login', or check the pipeline's federated credential"


def denial(world: World, request: Request) -> Denied:
    """The error for the embedded Azure's answer to a request."""
    answer = azure(world).handle(request)
    url = f"https://{request.host}{request.path}"
    found = explain(raised(answer.status, answer.body, answer.headers, method=request.method, url=url))
    assert isinstance(found, Denied), url
    return found


def role_in(hint: str) -> rbac.Role:
    """The role that a hint names."""
    name = re.search(r"assign the role '([^']+)'", hint)
    assert name is not None, hint
    return next(role for role in rbac.ROLES.values() if role.name == name[1])
