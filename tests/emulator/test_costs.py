"""What a request costs the embedded Azure does not grow with what else is in a vault, a hub or a service."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from dpsops.emulator.azure import Azure
from dpsops.emulator.documents import JSON
from dpsops.emulator.dps.registrations import save_registration
from dpsops.emulator.dps.state import load_service
from dpsops.emulator.http import Response
from dpsops.emulator.iothub.devices import add_device, new_device, self_signed
from tests.emulator.dps.fleet import enrolled
from tests.emulator.dps.lab import DPS
from tests.emulator.dps.lab import Lab as DpsLab
from tests.emulator.iothub.lab import Lab as HubLab
from tests.emulator.keyvault.lab import Lab as VaultLab
from tests.emulator.microsoft_devices.control_plane import NOW

FEW, MANY = 40, 800
Ask = Callable[[], Response]


def steps(azure: Azure, ask: Ask) -> int:
    """How many steps SQLite's virtual machine takes for one request, which is accepted."""
    counted = 0

    def count() -> int:
        nonlocal counted
        counted += 1
        return 0

    azure.database._connection.set_progress_handler(count, 1)
    answer = ask()
    azure.database._connection.set_progress_handler(None, 1)
    assert answer.status < 300, answer
    return counted


def fill_vault(lab: VaultLab, count: int) -> None:
    """Puts so many secrets into the vault, as fast as it takes them."""
    for number in range(count):
        if number % 300 == 0:
            lab.clock.advance(10)
        lab.ok("PUT", f"/secrets/s{number:04}", {"value": "x"})
    lab.clock.advance(10)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/secrets?maxresults=25", None),
        ("GET", "/secrets/s0020/versions?maxresults=25", None),
        ("GET", "/secrets/s0020", None),
        ("PUT", "/secrets/s0020", {"value": "y"}),
        ("PUT", "/secrets/new", {"value": "y"}),
        ("PATCH", "/secrets/s0020", {"attributes": {"enabled": False}}),
        ("POST", "/keys/k//sign", {"alg": "ES256", "value": "A" * 43}),
    ],
)
def test_a_vault(method: str, path: str, body: object) -> None:
    costs = []
    for count in (FEW, MANY):
        lab = VaultLab()
        lab.ok("POST", "/keys/k/create", {"kty": "EC"})
        fill_vault(lab, count)
        costs.append(steps(lab.azure, partial(lab.call, method, path, body)))
    assert costs[1] < 1.2 * costs[0]


def test_a_page_of_secrets_costs_the_same_at_the_end_of_the_list() -> None:
    lab = VaultLab()
    fill_vault(lab, MANY)
    links, link = [], "/secrets?maxresults=25"
    while link:
        links.append(link)
        link = (lab.ok("GET", link)["nextLink"] or "").partition(":443")[2]
    first, last = (steps(lab.azure, partial(lab.call, "GET", path)) for path in (links[0], links[-1]))
    assert last < 1.2 * first


def hub_of(count: int) -> HubLab:
    """A hub with so many devices."""
    lab = HubLab()
    hub = lab.hub()
    with lab.world() as world:
        for number in range(count):
            add_device(world, hub, new_device(world, f"d{number:04}", self_signed("AB" * 32)))
    return lab


def disabled(name: str) -> object:
    """The entry of a bulk request that disables a device."""
    return {"id": name, "importMode": "update", "status": "disabled", "authentication": self_signed("AB" * 32)}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/devices/query", {"query": "SELECT * FROM devices"}),
        ("/devices/query", {"query": "SELECT deviceId, status FROM devices"}),
        ("/devices", [disabled(f"d{number:04}") for number in range(20)]),
        ("/devices", [{"id": "new", "importMode": "create"}]),
    ],
)
def test_a_hub(path: str, body: object) -> None:
    few, many = hub_of(FEW), hub_of(MANY)
    headers = {"x-ms-max-item-count": str(FEW // 2)}
    costs = [steps(lab.azure, partial(lab.call, "POST", path, body, headers=headers)) for lab in (few, many)]
    assert costs[1] < 1.2 * costs[0]


def service_of(count: int) -> DpsLab:
    """A service that knows 40 devices of its group, and before them in the order of their IDs so many of a former group."""
    lab = DpsLab()
    enrolled(lab)
    groups = [("Fleet", f"f{number:04}") for number in range(FEW)] + [("former", f"a{number:04}") for number in range(count)]
    with lab.world() as world:
        service = load_service(world, DPS)
        assert service is not None
        for group, name in groups:
            save_registration(world, service, assigned(group, name))
    return lab


def assigned(group: str, name: str) -> JSON:
    """The registration of a device of the group."""
    now = {"created": NOW, "updated": NOW, "etag": "e", "operation": {"id": "o", "ready": NOW, "thumbprint": "B" * 64}}
    outcome = {"status": "assigned", "substatus": "initialAssignment", "error": None, "hub": "hub1", "deviceId": name}
    return {"registrationId": name, "group": group, **now, **outcome}


@pytest.mark.parametrize("path", ["/registrations/fleet/query", "/enrollmentGroups/query"])
def test_a_provisioning_service(path: str) -> None:
    few, many = service_of(FEW), service_of(MANY)
    costs = [steps(lab.azure, partial(lab.call, "POST", path, {"query": "*"})) for lab in (few, many)]
    assert costs[1] < 1.2 * costs[0]
    assert len(many.ok("POST", "/registrations/fleet/query")) == FEW
