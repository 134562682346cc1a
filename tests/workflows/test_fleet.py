"""Many devices: pages and bulk requests instead of one request for each, and one by one where that is not possible."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from dpsops.azure.hub import Hubs
from dpsops.emulator.faults import Fault, Refuse
from dpsops.emulator.http import Response
from dpsops.emulator.world import Timings
from dpsops.model.action import Action, Note, Result
from dpsops.model.device import BEFORE_TAG, Issued, Order
from dpsops.model.rotation import GRACE, Phase
from dpsops.pki.names import DeviceId, device_id, secret_name
from dpsops.steps.use_root import issuer
from tests.workflows.commands import (
    consent,
    issue_to,
    leaf_issuer,
    members,
    renew,
    replace_compromised,
    rotate,
    rotation,
    rotation_status,
    up,
)
from tests.workflows.doing import fetched, over
from tests.workflows.rotations import NONE
from tests.workflows.saved import Saved
from tests.worlds import BEGINNING, World, embedded_world, environment, predictable_entropy, start_embedded, waited

pytestmark = pytest.mark.usefixtures("unmeasured")

NO_QUERY = Fault(
    Refuse(Response(401, {"Message": "ErrorCode:IotHubUnauthorizedAccess;Unauthorized"})),
    lambda request: request.path == "/devices/query",
    times=None,
)
LATE = device_id("press-99")
FLEET = [device_id(f"press-{number:02}") for number in range(60)]
TWO_HUBS = environment(root={"key": "EC-P256"}, hub=[{"name": "iot-dpsops-test"}, {"name": "iot-dpsops-two"}])


@pytest.fixture(scope="module")
def _registered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Saved, float]:
    """The state with sixty devices that are registered on two hubs, and how many seconds passed."""
    directory = tmp_path_factory.mktemp("registered")
    with start_embedded(directory, Timings()) as server:
        world = embedded_world(server, TWO_HUBS, direct=True)
        up(world.connect())
        issue_to(world.connect(), *FLEET)
        connection = world.connect()
        for device in FLEET:
            over("https", connection, fetched(connection, device), device)
        return Saved.of(directory), server.azure.clock.now() - BEGINNING.timestamp()


@pytest.fixture
def fleet(quick: World, tmp_path: Path, _registered: tuple[Saved, float]) -> World:
    """Sixty devices that are registered on two hubs, an hour ago: what has changed just now, a query may not show yet."""
    quick.environment = TWO_HUBS
    quick.entropy = predictable_entropy(3)
    saved, seconds = _registered
    saved.restore(tmp_path)
    quick.clock.advance(seconds + 3600)
    return quick


def asked(world: World) -> Counter[str]:
    """How often each kind of request was sent since the last connection."""
    kinds = Counter[str]()
    for each in world.exchanges:
        if each.host.endswith(".azure-devices.net"):
            kinds["query" if each.path.endswith("/query") else "bulk" if each.path == "/devices" else "identity"] += 1
        elif each.path.startswith("/secrets"):
            kinds["secrets" if each.path == "/secrets" else "secret"] += 1
        elif "azure-devices-provisioning" in each.host:
            kinds["dps"] += 1
    return kinds


def test_the_list_costs_pages(fleet: World) -> None:
    found = members(fleet.connect())
    assert [member.leaf.device for member in found] == FLEET
    assert all(member.uses_newest_leaf and member.identity_enabled for member in found)
    assert len({member.hub for member in found}) == 2
    assert asked(fleet) == {"secrets": 3, "dps": 2, "query": 2}


def test_without_the_role_for_queries_the_devices_are_read_one_by_one(fleet: World) -> None:
    assert fleet.embedded is not None
    fleet.embedded.azure.faults.add(NO_QUERY)
    fleet.said.clear()
    found = members(fleet.connect())
    assert all(member.uses_newest_leaf for member in found)
    assert asked(fleet)["identity"] == 60
    assert any("one by one, because it takes no query" in text for text in fleet.said)


def test_a_breach_disables_and_enables_by_the_hundred(fleet: World) -> None:
    done = replace_compromised(fleet.connect())
    kinds = asked(fleet)
    assert kinds["secrets"] == 2 * 3  # at the beginning, and before the last step
    assert kinds["query"] == 4
    assert kinds["bulk"] == 4
    assert kinds["identity"] == 0
    assert kinds["secret"] == 1 + 3 * len(FLEET)  # of the root; the new versions, what there is, and what is disabled
    actions = [(each.action, each.target.split()[0]) for each in done if isinstance(each, Action)]
    assert actions.count(("disable", "identity")) == actions.count(("enable", "identity")) == 60
    assert actions.count(("reissue", "leaf")) == actions.count(("disable", "older")) == 60
    cut_off = max(number for number, each in enumerate(actions) if each == ("disable", "identity"))
    assert cut_off < next(number for number, each in enumerate(actions) if each[0] == "create key of")
    found = members(fleet.connect())
    assert all(member.identity_enabled and member.leaf.generation == 2 for member in found)


def test_what_changes_meanwhile_is_changed_one_by_one(fleet: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A device registers between the query and the change."""
    put, changed = Hubs.put_identities, list[str]()

    async def late(hubs: Hubs, host: str, identities: list[object]) -> list[str]:
        if not changed:
            connection = fleet.connect()
            found = await hubs.identity(host, identities[0].device)  # type: ignore[attr-defined]
            assert found is not None
            changed.append(found.device)
            registry = connection.clients.registry(host)
            await registry.put(f"/devices/{found.device}", {**found.document, "statusReason": "seen"}, "*")
        return await put(hubs, host, identities)  # type: ignore[arg-type]

    monkeypatch.setattr(Hubs, "put_identities", late)
    replace_compromised(fleet.connect())
    assert all(member.identity_enabled for member in members(fleet.connect()))
    assert changed


def test_a_hub_without_queries_is_cut_off_nevertheless(fleet: World) -> None:
    assert fleet.embedded is not None
    fleet.embedded.azure.faults.add(NO_QUERY)
    done = replace_compromised(fleet.connect())
    assert sum(isinstance(each, Action) and each.target.startswith("identity") for each in done) == 2 * 60
    assert asked(fleet)["bulk"] == 0


def test_a_whole_rotation_lists_the_devices_twice(fleet: World) -> None:
    """At the beginning, and before the old root is retired."""
    done = list(rotation(fleet.connect()).rotate(until=Phase.STABLE, grace=NONE, replace=1, leave=consent))
    assert asked(fleet)["secrets"] == 2 * 3
    assert sum(isinstance(each, Action) and each.action == "reissue" for each in done) == len(FLEET)
    assert sum(isinstance(each, Action) and each.action == "settle" for each in done) == 1
    again = list(rotation(fleet.connect()).rotate(until=Phase.STABLE, grace=NONE))
    assert (again, asked(fleet)["secrets"]) == ([Note(again[0].text)], 3)  # type: ignore[union-attr]


def test_a_device_that_appears_during_a_rotation_is_not_overlooked(fleet: World) -> None:
    """Another run, which has found the old root before, issues to a new device just before the grace period begins."""
    steps = rotation(fleet.connect()).rotate(until=Phase.STABLE, grace=NONE, replace=1, leave=consent)
    connection = fleet.connect()
    old = issuer(connection.run, connection.roots, connection.dps)
    done = list[Result]()
    for result in steps:
        done.append(result)
        if isinstance(result, Action) and result.action == "drain":
            (late,) = leaf_issuer(connection, old).issue([LATE], Order.ISSUE)
            assert isinstance(late, Issued)
    issued = [each.target for each in done if isinstance(each, Action) and each.action == "reissue"]
    assert issued[-1] == f"leaf of {LATE}"
    assert len(issued) == len(FLEET) + 1
    assert {leaf.generation for leaf in waited(fleet.connect().leaves.all())} == {2}


def test_devices_of_an_earlier_dpsops_are_asked_for_until_they_are_renewed(fleet: World) -> None:
    """Their tags do not say what was before."""
    old = FLEET[:30]
    _forget_before(fleet, old)
    rotate(fleet.connect(), until=Phase.DRAINING, grace=NONE)
    assert asked(fleet)["secret"] == 1 + len(FLEET) + len(old)  # of the root, new versions, and what was before
    _forget_before(fleet, old)
    assert {each.device for each in rotation_status(fleet.connect()).waiting.devices} == set(FLEET)
    assert asked(fleet)["secret"] == len(old)


def _forget_before(fleet: World, devices: list[DeviceId]) -> None:
    leaves = fleet.connect().leaves
    plane = fleet.connect().clients.leaf_vault(leaves.names[0])
    for device in devices:
        newest = waited(leaves.history(device))[0]
        tags = {name: value for name, value in newest.tags.items() if name != BEFORE_TAG}
        waited(plane.patch(f"/secrets/{secret_name(device)}/{newest.version}", {"tags": tags}))


def test_a_rotation_waits_for_the_fleet_and_leaves_nobody_behind(fleet: World) -> None:
    rotate(fleet.connect(), until=Phase.DRAINING, grace=NONE)
    report = rotation_status(fleet.connect())
    assert {each.device for each in report.waiting.devices} == set(FLEET)
    assert {each.reason for each in report.waiting.devices} == {"last registered with an older certificate"}
    assert asked(fleet) == {"secrets": 3, "dps": 3, "query": 2}
    connection = fleet.connect()
    for device in FLEET:
        over("https", connection, fetched(connection, device), device)
    assert rotation_status(fleet.connect()).waiting.devices == ()
    assert asked(fleet) == {"secrets": 3, "dps": 3, "query": 2}
    fleet.clock.advance(3600)
    done = list(rotation(fleet.connect()).rotate(until=Phase.STABLE, grace=GRACE, replace=1))
    kinds = asked(fleet)
    assert sum(isinstance(each, Action) and each.target.startswith("older secret versions") for each in done) == len(FLEET)
    assert (kinds["secrets"], kinds["secret"], kinds["identity"]) == (3, 2 * len(FLEET), 0)  # what there is, and what is disabled
    fleet.clock.advance(10)
    renew(fleet.connect(), *FLEET)
    assert asked(fleet)["secret"] == 2 * len(FLEET)  # new versions, and what there is before the one in use
    assert {leaf.generation for leaf in waited(fleet.connect().leaves.all())} == {2}
