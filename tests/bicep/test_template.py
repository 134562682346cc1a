"""The Bicep files and the template compiled from them: they match, and the template can be deployed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from dpsops.emulator.arm.service import SERVICE
from dpsops.emulator.azure import Azure
from dpsops.emulator.habits import Habits
from dpsops.emulator.http import Request
from dpsops.emulator.identity.state import OPERATOR, SUBSCRIPTION, bootstrap
from dpsops.emulator.identity.tokens import issue_token
from dpsops.emulator.state import Database
from dpsops.emulator.world import Clock, Timings, World
from tests.bicep import syntax as s
from tests.bicep.compiler import FOLDER, compile_file, sources, written
from tests.bicep.program import Program
from tests.bicep.schemas import JSON

FILES = sources()
COMPILED = (FOLDER / "main.json").read_text(encoding="utf-8")
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg"
DEPLOYMENT = f"{GROUP}/providers/Microsoft.Resources/deployments/dpsops-test"
HUB = {"location": "westeurope", "sku": "S1", "capacity": 1, "allocationWeight": 1, "applyAllocationPolicy": True}
REQUIRED: JSON = {
    "vaultName": "kv-dpsops-test",
    "dpsName": "dps-dpsops-test",
    "hubs": [HUB | {"name": "iot-one"}, HUB | {"name": "iot-two", "location": "northeurope", "allocationWeight": 3}],
    "principalId": "0b9f3c51-3d0a-4f0e-9d62-7f1a2b3c4d5e",
}
ROLES = {
    "a4417e6f-fecd-4de8-b567-7b0420556985": "Microsoft.KeyVault/vaults/kv-dpsops-test",
    "12338af0-0e69-4776-bea7-57ae8d297424": "Microsoft.KeyVault/vaults/kv-dpsops-test",
    "b86a8fe4-44ce-4948-aee5-eccb2c155cd7": "Microsoft.KeyVault/vaults/kv-dpsops-test",
    "dfce44e4-17b7-4bd1-a6d1-04996ec95633": "Microsoft.Devices/provisioningServices/dps-dpsops-test",
}


# the files


def test_the_compiled_template_is_that_of_the_bicep_files() -> None:
    assert compile_file("main.bicep", FILES) == json.loads(COMPILED), "run: python -m tests.bicep.compiler"
    assert written(json.loads(COMPILED)) == COMPILED


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("main.bicep", "param vaultName string", "param vaultNames string"),
        ("main.bicep", "param softDeleteRetentionDays int = 90", "param softDeleteRetentionDays int"),
        ("main.bicep", "param softDeleteRetentionDays int = 90", "param softDeleteRetentionDays int = 30"),
        ("main.bicep", "param tags object", "param tags array"),
        ("main.bicep", "  'GeoLatency'\n", ""),
        ("main.bicep", "@maxLength(24)", "@maxLength(25)"),
        ("main.bicep", "@minValue(7)", "@minValue(1)"),
        ("main.bicep", "Optional. Tags of every resource.", "Optional. Tags."),
        ("main.bicep", "name: 'hub-${hub.name}'", "name: 'iot-${hub.name}'"),
        ("main.bicep", "  dependsOn: [\n    linkedHubs\n  ]\n", ""),
        ("main.bicep", "dps.outputs.idScope", "dps.outputs.name"),
        ("main.bicep", "output deviceHost string", "output registrationHost string"),
        ("vault.bicep", "@2026-02-01", "@2023-07-01"),
        ("vault.bicep", "enableRbacAuthorization: true", "enableRbacAuthorization: false"),
        ("vault.bicep", "purgeProtection ? true : null", "purgeProtection"),
        ("hub.bicep", "Microsoft.Devices/IotHubs", "Microsoft.Devices/iotHubs"),
        ("hub.bicep", "hub.properties.hostName", "hub.name"),
        ("dps.bicep", "capacity: 1", "capacity: 2"),
        ("dps.bicep", "allocationWeight: hub.allocationWeight", "allocationWeight: 1"),
        ("dps.bicep", ".value[0].primaryKey", ".value[0].secondaryKey"),
        ("access.bicep", "dfce44e4", "dfce44e5"),
        ("access.bicep", "scope: dps", "scope: vault"),
        ("access.bicep", "guid(vault.id, principalId, role)", "guid(vault.id, role)"),
    ],
)
def test_a_change_of_the_bicep_files_alone_is_detected(file: str, old: str, new: str) -> None:
    assert old in FILES[file]
    changed = FILES | {file: FILES[file].replace(old, new)}
    assert template_of(changed) != json.loads(COMPILED)


def template_of(files: dict[str, str]) -> JSON | None:
    """What the files stand for: nothing, if they use a name that nothing has."""
    try:
        return compile_file("main.bicep", files)
    except s.Refused as refused:
        if not str(refused).startswith("the name "):
            raise
        return None


def _strings(value: Any, path: str = "") -> Iterator[str]:
    """The paths of the strings in a template."""
    match value:
        case dict():
            for key, each in value.items():
                yield from _strings(each, f"{path}/{key}")
        case list():
            for place, each in enumerate(value):
                yield from _strings(each, f"{path}/{place}")
        case str():
            yield path


@pytest.mark.parametrize("path", list(_strings(json.loads(COMPILED)))[::7])
def test_a_change_of_the_compiled_template_alone_is_detected(path: str) -> None:
    changed = json.loads(COMPILED)
    *way, last = path.strip("/").split("/") if "Microsoft" not in path else []
    spot: Any = changed
    for step in way:
        spot = spot[int(step) if isinstance(spot, list) else step]
    spot[int(last) if isinstance(spot, list) else last] += "x"
    assert compile_file("main.bicep", FILES) != changed


@pytest.mark.parametrize("file", FILES)
def test_every_parameter_and_output_is_described(file: str) -> None:
    program = Program.read(file, FILES)
    for name, parameter in program.all(s.Parameter).items():
        kind = "Required" if parameter.default is None else "Optional"
        assert re.fullmatch(rf"{kind}\. [A-Z].*\.", description(parameter.decorators)), name
    for name, output in program.all(s.Output).items():
        assert re.fullmatch(r"[A-Z].*\.", description(output.decorators)), name


def description(decorators: tuple[s.Decorator, ...]) -> str:
    """What `@description()` says."""
    (found,) = [each.arguments[0] for each in decorators if each.name == "description"]
    assert isinstance(found, s.Literal)
    return str(found.value)


@pytest.mark.parametrize("file", FILES)
def test_the_sections_have_one_order(file: str) -> None:
    order = ["param", "var", "resource", "module", "output"]
    found = [match[1] for match in re.finditer(rf"^({'|'.join(order)}) ", FILES[file], re.MULTILINE)]
    assert found == sorted(found, key=order.index)
    headings = re.findall(r"^// (parameters|variables|resources|outputs)$", FILES[file], re.MULTILINE)
    wanted = {"param": "parameters", "var": "variables", "resource": "resources", "module": "resources", "output": "outputs"}
    assert headings == list(dict.fromkeys(wanted[each] for each in found))


def test_the_contract_with_the_client() -> None:
    template = json.loads(COMPILED)
    required = [name for name, each in template["parameters"].items() if "defaultValue" not in each]
    assert sorted(required) == sorted(REQUIRED)
    assert list(template["outputs"]) == ["vaultName", "vaultUri", "dpsName", "idScope", "dpsHost", "deviceHost", "hubs"]


# the deployment


class Client:
    """The operator, with an embedded Azure about as slow as the real one."""

    def __init__(self) -> None:
        self.azure = Azure(Database(None), Clock(1_772_366_400.0), Timings(operation=40, role=95), services=(SERVICE,))
        with self.azure.database.transaction() as state:
            bootstrap(World(state, self.azure.clock.now()))
        self.call("PUT", GROUP, {"location": "westeurope"})

    def call(self, method: str, path: str, body: Any = None, version: str = "2026-06-01") -> JSON:
        """One request, which succeeds."""
        with self.azure.database.transaction() as state:
            token = issue_token(World(state, self.azure.clock.now()), OPERATOR, "https://management.azure.com")
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        content = b"" if body is None else json.dumps(body).encode()
        request = Request(method, "management.azure.com", path, {"api-version": version}, headers, content)
        answer = self.azure.handle(request)
        assert answer.status < 300, answer.body
        self.location = answer.headers.get("Location", "").removeprefix("https://management.azure.com").split("?")[0]
        return answer.body if isinstance(answer.body, dict) else {}

    def deploy(self, **changes: Any) -> JSON:
        """Deploys, and returns the outputs."""
        self.call("PUT", DEPLOYMENT, body(**changes))
        self.azure.clock.advance(120)
        found = self.call("GET", DEPLOYMENT)["properties"]
        assert found["provisioningState"] == "Succeeded", found.get("error")
        return {name: each["value"] for name, each in found["outputs"].items()}

    def changes(self, **changes: Any) -> list[tuple[str, str]]:
        """The changes that what-if reports, without the noise: (kind, resource ID below the group)."""
        self.call("POST", f"{DEPLOYMENT}/whatIf", body(**changes))
        self.azure.clock.advance(40)
        result = self.call("GET", self.location)
        assert result["status"] == "Succeeded", result
        assert "diagnostics" not in result["properties"]
        return [
            (change["changeType"], change["resourceId"].removeprefix(f"{GROUP}/providers/"))
            for change in result["properties"]["changes"]
            if change["changeType"] == "Create" or any(map(is_real, change.get("delta", ())))
        ]


def body(**changes: Any) -> JSON:
    """The request that deploys the template, with some parameters changed."""
    parameters = {name: {"value": value} for name, value in (REQUIRED | changes).items()}
    return {"properties": {"mode": "Incremental", "template": json.loads(COMPILED), "parameters": parameters}}


def is_real(delta: JSON) -> bool:
    """Whether a property change is neither a default of the provider nor an expression that was not evaluated."""
    if "children" in delta:
        return any(map(is_real, delta["children"]))
    unevaluated = str(delta.get("after", "")).startswith("[")
    return delta["propertyChangeType"] != "Delete" and not unevaluated


@pytest.fixture(params=["carried", "deleted"])
def client(request: pytest.FixtureRequest) -> Client:
    """A client of an Azure with one empty resource group, whose what-if tells of the services' own defaults, or does not."""
    found = Client()
    found.azure.habits = Habits(what_if_defaults=request.param)
    return found


def test_a_deployment_creates_everything_and_a_second_changes_nothing(client: Client) -> None:
    foreseen = client.changes()
    assert {kind for kind, _ in foreseen} == {"Create"}
    outputs = client.deploy()
    assert outputs == {
        "vaultName": "kv-dpsops-test",
        "vaultUri": "https://kv-dpsops-test.vault.azure.net/",
        "dpsName": "dps-dpsops-test",
        "idScope": outputs["idScope"],
        "dpsHost": "dps-dpsops-test.azure-devices-provisioning.net",
        "deviceHost": "global.azure-devices-provisioning.net",
        "hubs": [
            {"name": "iot-one", "host": "iot-one.azure-devices.net"},
            {"name": "iot-two", "host": "iot-two.azure-devices.net"},
        ],
    }
    assert re.fullmatch(r"0ne[0-9A-F]{8}", outputs["idScope"])
    made = [each["id"] for each in client.call("GET", DEPLOYMENT)["properties"]["outputResources"]]
    assert sorted(made) == sorted(f"{GROUP}/providers/{target}" for _, target in foreseen)
    assert client.changes() == []
    assert client.deploy() == outputs
    assert client.changes() == []


def test_the_resources_that_are_created(client: Client) -> None:
    client.deploy(tags={"team": "iot"})
    vault = client.call("GET", f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv-dpsops-test", version="2026-02-01")
    assert vault["tags"] == {"team": "iot"}
    assert vault["properties"]["enableRbacAuthorization"] is True
    assert vault["properties"]["enableSoftDelete"] is True
    assert vault["properties"]["enablePurgeProtection"] is True
    assert vault["properties"]["softDeleteRetentionInDays"] == 90
    path = f"{GROUP}/providers/Microsoft.Devices/provisioningServices/dps-dpsops-test"
    service = client.call("GET", path, version="2022-12-12")
    assert (service["sku"]["name"], service["sku"]["capacity"]) == ("S1", 1)
    assert service["properties"]["allocationPolicy"] == "Hashed"
    linked = [(each["name"], each["location"], each["allocationWeight"]) for each in service["properties"]["iotHubs"]]
    assert linked == [("iot-one.azure-devices.net", "westeurope", 1), ("iot-two.azure-devices.net", "northeurope", 3)]
    assert all(each["connectionString"].endswith("SharedAccessKey=****") for each in service["properties"]["iotHubs"])


def test_the_identity_gets_the_roles_that_it_needs_and_no_others(client: Client) -> None:
    client.deploy()
    path = f"{GROUP}/providers/Microsoft.Authorization/roleAssignments"
    found = [each["properties"] for each in client.call("GET", path, version="2022-04-01")["value"]]
    held = {
        (each["roleDefinitionId"].rpartition("/")[2], each["scope"].removeprefix(f"{GROUP}/providers/"))
        for each in found
        if each["principalId"] == REQUIRED["principalId"]
    }
    hub_role = "4ea46cd5-c1b2-4a8e-910b-273211f9ce47"
    hubs = {(hub_role, f"Microsoft.Devices/IotHubs/{hub['name']}") for hub in REQUIRED["hubs"]}
    assert held == set(ROLES.items()) | hubs


def test_what_if_reports_a_change_of_the_parameters(client: Client) -> None:
    client.deploy(allocationPolicy="Static")
    third = [*REQUIRED["hubs"], HUB | {"name": "iot-three"}]
    service, hub = "Microsoft.Devices/provisioningServices/dps-dpsops-test", "Microsoft.Devices/IotHubs/iot-three"
    foreseen = client.changes(allocationPolicy="GeoLatency", hubs=third)
    assert ("Modify", service) in foreseen
    assert ("Create", hub) in foreseen
    assert len(foreseen) == 3  # and the role on the new hub
    client.deploy(allocationPolicy="GeoLatency", hubs=third)
    found = client.call("GET", f"{GROUP}/providers/{service}", version="2022-12-12")["properties"]
    assert (found["allocationPolicy"], len(found["iotHubs"])) == ("GeoLatency", 3)


def test_purge_protection_is_left_out_rather_than_refused(client: Client) -> None:
    client.deploy(purgeProtection=False, softDeleteRetentionDays=7)
    vault = client.call("GET", f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv-dpsops-test", version="2026-02-01")
    assert "enablePurgeProtection" not in vault["properties"]
    assert client.changes(purgeProtection=False, softDeleteRetentionDays=7) == []


def test_without_hubs_there_is_a_service_without_links(client: Client) -> None:
    assert client.deploy(hubs=[])["hubs"] == []
    assert client.changes(hubs=[]) == []
