"""What is refused before anything is made: by validation and the PUT alike, and by a what-if in its result."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from dpsops.emulator.arm.gateway import resource_manager
from dpsops.emulator.arm.service import SERVICE
from dpsops.emulator.documents import JSON
from dpsops.emulator.identity.state import SUBSCRIPTION, TENANT
from tests.emulator.arm.contoso import BOX, DEPLOYMENT, GROUP, ROUTES, TYPES, Contoso, box, boxes, module, properties, template

VAULT: JSON = {
    "type": "Microsoft.KeyVault/vaults",
    "apiVersion": "2023-07-01",
    "name": "kv-preflight",
    "location": "westeurope",
    "properties": {
        "sku": {"family": "A", "name": "standard"},
        "tenantId": TENANT,
        "enableRbacAuthorization": True,
    },
}
HUB: JSON = {
    "type": "Microsoft.Devices/IotHubs",
    "apiVersion": "2023-06-30",
    "name": "hub-preflight",
    "location": "westeurope",
    "sku": {"name": "S1", "capacity": 1},
    "properties": {},
}
DPS: JSON = {
    "type": "Microsoft.Devices/provisioningServices",
    "apiVersion": "2022-12-12",
    "name": "dps-preflight",
    "location": "westeurope",
    "sku": {"name": "S1", "capacity": 1},
    "properties": {},
}
KEYS = "listKeys(resourceId('Microsoft.Devices/IotHubs', 'hub-preflight'), '2023-06-30').value[0].primaryKey"


@pytest.fixture
def real() -> Contoso:
    """The operator's client of the embedded Azure's own providers."""
    found = Contoso()
    found.azure.services = (SERVICE,)
    return found


def changed(resource: JSON, **properties: Any) -> JSON:
    """The resource with other properties."""
    return resource | {"properties": resource["properties"] | properties}


@pytest.mark.parametrize(
    "wrong",
    [
        changed(VAULT, softDeleteRetentionInDays=3),
        changed(VAULT, tenantId="mine"),
        VAULT | {"name": "kv--preflight"},
        changed(VAULT, sku={"family": "A", "name": "basic"}),
        HUB | {"sku": {"name": "S9", "capacity": 1}},
        DPS | {"sku": {"name": "S1", "capacity": 0}},
        DPS | {"name": "d"},
    ],
    ids=["property", "tenant", "vault's name", "vault's SKU", "hub's SKU", "quota", "service's name"],
)
def test_a_provider_refuses_before_anything_is_made(real: Contoso, wrong: JSON) -> None:
    body = properties(template(VAULT | {"name": "kv-innocent"}, wrong))
    for method, path in (("POST", f"{DEPLOYMENT}/main/validate"), ("PUT", f"{DEPLOYMENT}/main")):
        answer = real.call(method, path, body)
        assert (answer.status, answer.body["error"]["code"]) == (400, "InvalidTemplateDeployment"), answer.body
        said = answer.body["error"]["message"]
        assert re.fullmatch(
            r"The template deployment 'main' is not valid according to the validation procedure\. The tracking id is "
            r"'[0-9a-f-]{36}'\. See inner errors for details\.",
            said,
        )
        (detail,) = answer.body["error"]["details"]
        assert detail["code"]
    assert real.call("HEAD", f"{DEPLOYMENT}/main").status == 404
    assert real.call("GET", f"/subscriptions/{SUBSCRIPTION}/resources").body["value"] == []
    begun = real.call("POST", f"{DEPLOYMENT}/main/whatIf", body)
    assert begun.status == 202
    result = real.follow(begun.headers["Location"])
    assert (result.status, result.body["status"]) == (200, "Failed")
    assert result.body["error"]["code"] == "InvalidTemplateDeployment"


def test_every_refusal_is_told(real: Contoso) -> None:
    body = properties(template(changed(VAULT, tenantId="mine"), HUB | {"sku": {"name": "S9", "capacity": 1}}))
    assert len(real.call("POST", f"{DEPLOYMENT}/main/validate", body).body["error"]["details"]) == 2


def test_a_module_is_looked_into_too(real: Contoso) -> None:
    body = properties(template(module("m", template(changed(VAULT, tenantId="mine")))))
    assert real.call("PUT", f"{DEPLOYMENT}/main", body).body["error"]["code"] == "InvalidTemplateDeployment"


def test_what_only_the_run_can_tell_is_no_reason_to_refuse(real: Contoso) -> None:
    connection = f"[concat('HostName=hub-preflight.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey=', {KEYS})]"
    linked = changed(DPS, iotHubs=[{"connectionString": connection, "location": "westeurope"}]) | {"dependsOn": ["hub-preflight"]}
    answer = real.call("PUT", f"{DEPLOYMENT}/main", properties(template(HUB, linked)))
    assert answer.status == 201, answer.body
    found = real.call("GET", f"{DEPLOYMENT}/main").body["properties"]
    assert found["provisioningState"] == "Succeeded", found


def test_a_taken_name_is_refused_and_a_busy_resource_is_not(real: Contoso) -> None:
    real.call("PUT", f"{GROUP}-2", {"location": "westeurope"})
    real.call("PUT", f"{GROUP}-2/providers/Microsoft.KeyVault/vaults/kv-preflight", VAULT, version="2023-07-01")
    taken = real.call("POST", f"{DEPLOYMENT}/main/validate", properties(template(VAULT)))
    assert [each["code"] for each in taken.body["error"]["details"]] == ["VaultAlreadyExists"]
    real.slow_down(60)
    hub = f"{GROUP}/providers/Microsoft.Devices/IotHubs/hub-preflight"
    assert real.call("PUT", hub, HUB, version="2023-06-30").status == 201
    assert real.call("POST", f"{DEPLOYMENT}/main/validate", properties(template(HUB))).status == 200


def test_the_level_of_validation() -> None:
    contoso = Contoso()
    checked = [replace(each, check=each.put) for each in TYPES]
    contoso.azure.services = (resource_manager(checked, ROUTES),)
    body = properties(template(box(properties={"size": 12})))
    path = f"{DEPLOYMENT}/main/validate"
    for level, status in (("Provider", 400), ("ProviderNoRbac", 400), ("template", 200), ("Sometimes", 400)):
        body["properties"]["validationLevel"] = level
        answer = contoso.call("POST", path, body)
        assert answer.status == status, level
    assert answer.body["error"]["code"] == "InvalidRequestContent"
    assert boxes(contoso) == []
    assert contoso.call("GET", f"{GROUP}/providers/{BOX}/box", version="2024-01-01").status == 404
