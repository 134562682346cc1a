"""The API versions that `doctor` looks up are those in which the commands ask Resource Manager, and a missing one is named."""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from pathlib import Path

import pytest

from dpsops.azure.api_versions import api_versions
from dpsops.emulator.arm import providers
from dpsops.emulator.azure import Azure
from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Request, Response
from dpsops.emulator.world import Timings
from dpsops.model import needs
from dpsops.model.checkup import Finding, Outcome
from dpsops.model.needs import NEEDS
from tests.workflows.by_hand import azure
from tests.workflows.commands import doctor, up
from tests.workflows.identities import as_identity, custom_role, define, principal
from tests.workflows.saved import Saved
from tests.workflows.test_doctor import failed
from tests.workflows.test_identities import BESIDE, COMMANDS, MORE, Command, settings, states
from tests.worlds import World, environment, predictable_entropy

__all__ = ["states"]
pytestmark = pytest.mark.usefixtures("unmeasured")

Pair = tuple[str, str]
BESIDE_TYPES = {
    "checknameavailability", "checkprovisioningservicenameavailability", "deletedvaults", "locations/deletedvaults", "providers",
    "resources",
}  # fmt: skip
"""What is asked for beside resources, by the clients of which another type is looked up; an operation, too, is asked for its
state at the address that Azure gave."""

OLDER = {("microsoft.devices/provisioningservices", "2026-11-01")}
"""What the commands can do without."""


def pair(request: Request) -> Pair:
    """The type that a request to Resource Manager is about, in lower case, and its API version."""
    path = request.path.lower()
    if "/providers/" not in path:
        return f"microsoft.resources/{path.split('/')[3]}", request.api_version
    _, _, rest = path.rpartition("/providers/")
    parts = rest.split("/")
    kind = "/".join(parts[1::2])
    if path.count("/") == 4 or parts[-1] in ("register", "unregister") or len(parts) == 1:
        return "microsoft.resources/providers", request.api_version
    return f"{parts[0]}/{kind}", request.api_version


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> set[Pair]:
    """What Resource Manager was asked for."""
    found: set[Pair] = set()
    handle = Azure.handle

    def spy(azure: Azure, request: Request) -> Response:
        if request.host == "management.azure.com":
            found.add(pair(request))
        return handle(azure, request)

    monkeypatch.setattr(Azure, "handle", spy)
    return found


def looked_up(world: World) -> set[Pair]:
    found = api_versions(world.connect(settings()).clients)
    return {(type_.lower(), version) for type_, versions in found.items() for version in versions}


def belongs(type_: str, types: Container[str]) -> str:
    """The type that is looked up for another one, which is below it: providers do not list `IotHubs/certificates`."""
    above = type_
    while above not in types and above.count("/") > 1:
        above = above.rpartition("/")[0]
    return above if above in types else type_


def test_the_commands_ask_in_the_versions_that_are_looked_up(
    embedded: World, states: dict[str, Saved], tmp_path: Path, asked: set[Pair]
) -> None:
    azure(embedded).timings = Timings()
    embedded.clock.advance(7200)
    embedded.entropy = predictable_entropy(3)
    others: dict[str, Command] = {name: each for name, each in MORE.items() if name != "doctor"}
    for command in (COMMANDS | BESIDE | others).values():
        states[command.state].restore(tmp_path)
        command.run(embedded.connect(settings(command.hubs)))
    known = looked_up(embedded)
    types = {type_ for type_, _ in known}
    used = {(belongs(type_, types), version) for type_, version in asked} - OLDER
    assert {each for each in used if each[0] in types} <= known, "it asks in a version that is not looked up"
    elsewhere = {type_.partition("/")[2] for type_, _ in used if type_ not in types and "operationresults" not in type_}
    assert elsewhere <= BESIDE_TYPES
    in_template = {("microsoft.resources/deployments", "2025-04-01")}
    assert known - in_template <= used, "it looks up what no command asks for"


def dropped(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Takes an API version from what a provider lists."""
    offer, away = providers._offer, set[Pair]()

    def listed(kind: str, versions: frozenset[str], locations: Container[str]) -> JSON:
        gone = {version for name, version in away if name.partition("/")[2].lower() == kind.lower()}
        return offer(kind, versions - gone, locations)

    monkeypatch.setattr(providers, "_offer", listed)

    def drop(type_: str, version: str) -> None:
        away.clear()
        away.add((type_, version))

    return drop


def api(found: list[Finding]) -> list[Finding]:
    return [each for each in found if each.check == "api-version"]


def test_a_version_that_is_not_listed_is_named_with_who_uses_it(quick: World, monkeypatch: pytest.MonkeyPatch) -> None:
    drop = dropped(monkeypatch)
    for type_, versions in api_versions(quick.connect().clients).items():
        for version in versions:
            drop(type_, version)
            (found,) = api(failed(doctor(quick.connect())))
            assert found.subject == type_
            assert version in found.detail
            assert re.search(r"install (a newer|an older) release of dpsops$", found.hint)


def test_only_the_versions_of_the_commands_that_are_meant(quick: World, monkeypatch: pytest.MonkeyPatch) -> None:
    drop = dropped(monkeypatch)
    drop("Microsoft.ManagedIdentity/userAssignedIdentities", "2024-11-30")
    assert not failed(doctor(quick.connect(), "up"))
    (found,) = failed(doctor(quick.connect(), "pipeline setup"))
    assert (found.check, "pipeline setup" in found.detail) == ("api-version", True)
    (found,) = failed(doctor(quick.connect(), *needs.chosen("device list"), "pipeline setup"))
    assert "device list" not in found.detail


def test_a_command_that_asks_resource_manager_for_nothing_looks_nothing_up(quick: World) -> None:
    found = doctor(quick.connect(), "device export").findings
    assert not {each.check for each in found} & {"api-version", "provider"}
    assert not any("/providers/Microsoft." in each.path and each.path.count("/") == 4 for each in quick.exchanges)


def test_all_that_is_listed_is_one_line_for_each_provider(quick: World) -> None:
    found = api([each for each in doctor(quick.connect()).findings if each.outcome is Outcome.OK])
    assert {each.subject for each in found} == {
        f"Microsoft.{each}" for each in ("Authorization", "Devices", "Insights", "KeyVault", "ManagedIdentity", "Resources")
    }
    (vaults,) = [each for each in found if each.subject == "Microsoft.KeyVault"]
    assert vaults.detail == "lists vaults 2026-02-01, vaults 2026-05-15"


@pytest.mark.parametrize(("link", "version"), [("key", "2022-12-12"), ("identity", "2026-11-01")])
def test_a_link_by_identity_needs_a_newer_version(embedded: World, link: str, version: str) -> None:
    found = api_versions(embedded.connect(environment(dps={"name": "dps-dpsops-test", "link": link})).clients)
    assert version in found["Microsoft.Devices/provisioningServices"]
    assert ("2026-11-01" in found["Microsoft.Devices/provisioningServices"]) == (link == "identity")


def test_who_may_not_look_is_told_once(quick: World) -> None:
    up(quick.connect())
    planner = as_identity(quick, principal("planner"), define(quick, custom_role("planner")))
    found = [each for each in doctor(planner.connect(), *NEEDS).findings if each.check == "provider"]
    assert [each.outcome for each in found] == [Outcome.UNKNOWN]
    assert found[0].subject == "Microsoft.Devices and 5 more"
    assert "Microsoft.Resources/subscriptions/providers/read on /subscriptions/" in found[0].detail
    assert found[0].hint.startswith("assign the role 'Reader' on /subscriptions/")
