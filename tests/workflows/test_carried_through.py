"""What others have set on a hub, a DPS and a vault is still there after every kind of deployment.

The world resets what a PUT leaves out: of a hub the specification says so, of a DPS and a vault nobody knows.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from dpsops.emulator.habits import Habits
from dpsops.settings import Environment
from tests.conformance.openapi import ABSENT, FOLDER
from tests.workflows.by_hand import azure
from tests.workflows.commands import plan, up
from tests.workflows.history import DPS, GROUP, HUB, VAULT, put, resource
from tests.worlds import World, environment

pytestmark = pytest.mark.usefixtures("unmeasured")

STORAGE = "DefaultEndpointsProtocol=https;EndpointSuffix=core.windows.net;AccountName=plant3;AccountKey=YWJj"
EVENT_HUB = "Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=a;SharedAccessKey=YWJj;EntityPath=e"

OF_HUB: dict[str, Any] = {
    "allowedFqdnList": ["contoso.example"],
    "authorizationPolicies": [
        {"keyName": "telemetry", "rights": "ServiceConnect", "primaryKey": "a2V5MQ==", "secondaryKey": "a2V5Mg=="},
        {"keyName": "all", "rights": "RegistryWrite, ServiceConnect, DeviceConnect", "primaryKey": "a2V5Mw==",
         "secondaryKey": "a2V5NA=="},
    ],
    "cloudToDevice": {"maxDeliveryCount": 7, "defaultTtlAsIso8601": "PT2H",
                      "feedback": {"lockDurationAsIso8601": "PT2M", "ttlAsIso8601": "PT3H", "maxDeliveryCount": 8}},
    "comments": "the factory's",
    "disableDeviceSAS": True,
    "disableModuleSAS": True,
    "enableFileUploadNotifications": True,
    "eventHubEndpoints": {"events": {"retentionTimeInDays": 7, "partitionCount": 4}},
    "features": "DeviceManagement",
    "ipFilterRules": [{"filterName": "office", "action": "Accept", "ipMask": "203.0.113.0/24"}],
    "messagingEndpoints": {"fileNotifications": {"lockDurationAsIso8601": "PT2M", "ttlAsIso8601": "PT3H", "maxDeliveryCount": 8}},
    "minTlsVersion": "1.2",
    "networkRuleSets": {
        "defaultAction": "Deny",
        "applyToBuiltInEventHubEndpoint": True,
        "ipRules": [{"filterName": "office", "action": "Allow", "ipMask": "203.0.113.0/24"}],
    },
    "publicNetworkAccess": "Disabled",
    "restrictOutboundNetworkAccess": True,
    "storageEndpoints": {"$default": {"sasTtlAsIso8601": "PT2H", "connectionString": STORAGE, "containerName": "files"}},
    "routing": {
        "endpoints": {"eventHubs": [{"name": "eh", "connectionString": EVENT_HUB, "subscriptionId": "{subscription}",
                                     "resourceGroup": GROUP}]},
        "routes": [{"name": "r1", "source": "DeviceMessages", "condition": "true", "endpointNames": ["eh"], "isEnabled": True}],
        "fallbackRoute": {"name": "$fallback", "source": "DeviceMessages", "condition": "true", "endpointNames": ["events"],
                          "isEnabled": False},
        "enrichments": [{"key": "site", "value": "plant-3", "endpointNames": ["eh"]}],
    },
}  # fmt: skip
"""Every settable property of a hub, but for those in `UNSET`."""

OF_DPS: dict[str, Any] = {
    "authorizationPolicies": [
        {"keyName": "factory", "rights": "EnrollmentRead", "primaryKey": "a2V5NQ==", "secondaryKey": "a2V5Ng=="},
    ],
    "ipFilterRules": [{"filterName": "office", "action": "Accept", "ipMask": "198.51.100.0/24", "target": "all"}],
    "publicNetworkAccess": "Enabled",
    "portalOperationsHostName": "dps-dpsops-test.azure-devices-provisioning.net",
}
"""The same of a DPS, whose policy and links are the settings'."""

OF_VAULT: dict[str, Any] = {
    "enabledForDeployment": True,
    "enabledForDiskEncryption": True,
    "enabledForTemplateDeployment": True,
    "networkAcls": {"bypass": "None", "defaultAction": "Deny", "ipRules": [{"value": "198.51.100.0/24"}],
                    "virtualNetworkRules": []},
    "publicNetworkAccess": "Enabled",
}  # fmt: skip
"""The same of a vault."""

UNSET = {
    HUB: {
        "disableLocalAuth": "the DPS is linked by a key",
        "enableDataResidency": "only where it was made so",
        "privateEndpointConnections": "there are no private networks here",
    },
    DPS: {
        "allocationPolicy": "the settings say it",
        "deviceRegistryNamespaces": "read only",
        "disableLocalAuth": "of 2026-11-01",
        "enableDataResidency": "only where it was made so",
        "iotHubs": "another test",
        "privateEndpointConnections": "there are no private networks here",
        "provisioningState": "the service's own",
        "state": "the service's own",
    },
    VAULT: {
        "accessPolicies": "none in the model of roles",
        "createMode": "no state",
        "enablePurgeProtection": "the settings say it",
        "enableRbacAuthorization": "the settings say it",
        "enableSoftDelete": "the settings say it",
        "provisioningState": "the service's own",
        "sku": "the settings say it",
        "softDeleteRetentionInDays": "the settings say it",
        "tenantId": "the template says it",
        "vaultUri": "the service's own",
    },
}
"""What is not set here, and why."""

SET = {HUB: OF_HUB, DPS: OF_DPS, VAULT: OF_VAULT}


@pytest.fixture
def busy(quick: World) -> World:
    """An environment whose resources have a history: every property of theirs is set by somebody else."""
    for name, properties in SET.items():
        document = resource(quick, name)
        text = json.dumps(properties).replace("{subscription}", quick.connect().clients.subscription)
        document["properties"] |= json.loads(text)
        document["tags"] = {"owner": "factory"}
        if name == HUB:
            document["identity"] = {"type": "SystemAssigned"}
        put(quick, name, document)
    return quick


def added(*hubs: dict[str, Any], **changes: Any) -> Environment:
    """The environment of the world, with other settings."""
    return environment(**{"root": {"key": "EC-P256"}} | ({"hub": list(hubs)} if hubs else {}) | changes)


def policies(world: World) -> dict[str, tuple[str, str]]:
    """Rights and key of each access policy of the hub and of the DPS: a GET shows no key."""
    clients = world.connect().clients
    listed = [
        *clients.hubs.iot_hub_resource.list_keys(GROUP, "iot-dpsops-test"),
        *clients.dps.iot_dps_resource.list_keys("dps-dpsops-test", GROUP),
    ]
    return {str(each.key_name): (str(each.rights), str(each.primary_key)) for each in listed}


def forget_roles(world: World) -> None:
    """As another operator, who has no roles yet: those on the vault are gone."""
    clients = world.connect().clients
    base = f"/subscriptions/{clients.subscription}/resourceGroups/{GROUP}/providers/{VAULT}"
    for each in clients.authorization.pages(f"{base}/providers/Microsoft.Authorization/roleAssignments"):
        if "/vaults/" in each["properties"]["scope"]:
            clients.authorization.delete(each["id"], "*")


ONE = {"name": "iot-dpsops-test"}
DEPLOYMENTS: dict[str, tuple[Environment, bool]] = {
    "a tag added": (added(tags={"team": "press"}), False),
    "a second hub": (added(ONE, {"name": "iot-dpsops-two"}), False),
    "a capacity": (added(ONE | {"capacity": 2}), False),
    "a new operator's roles": (added(), False),
    "a link": (added(), True),
}


@pytest.mark.parametrize("absent", ["reset", "kept"])
@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_what_others_have_set_is_still_there(busy: World, name: str, absent: Any) -> None:
    habits: Habits = azure(busy).habits
    azure(busy).habits = replace(habits, dps_put_absent=absent, vault_put_absent=absent, policies_absent=absent)
    wanted, relink = DEPLOYMENTS[name]
    before, keys = {each: resource(busy, each) for each in SET}, policies(busy)
    if name == "a new operator's roles":
        forget_roles(busy)
    assert up(busy.connect(wanted), relink=relink)
    for each, properties in SET.items():
        after = resource(busy, each)
        for key in properties:
            assert after["properties"].get(key) == before[each]["properties"].get(key), (each, key)
        assert after["tags"].items() >= {"owner": "factory"}.items()
        assert after.get("identity") == before[each].get("identity"), each
    assert {"telemetry", "all", "factory"} <= keys.keys()
    assert policies(busy) == keys
    assert up(busy.connect(wanted)) == []
    assert not [exchange for exchange in busy.exchanges if exchange.writes]


@pytest.mark.parametrize("name", SET)
def test_the_history_is_of_all_that_the_specification_knows(name: str) -> None:
    file, definition = {
        HUB: ("iothub-mgmt/2023-06-30/iothub.json", "IotHubProperties"),
        DPS: ("deviceprovisioningservices-mgmt/2026-11-01/iotdps.json", "IotDpsPropertiesDescription"),
        VAULT: ("keyvault-mgmt/2026-05-15/openapi.json", "VaultProperties"),
    }[name]
    if not (FOLDER / file).is_file():
        pytest.skip(ABSENT)
    known = json.loads((FOLDER / file).read_text(encoding="utf-8"))["definitions"][definition]["properties"]
    settable = {key for key, each in known.items() if not each.get("readOnly")}
    assert settable <= SET[name].keys() | UNSET[name].keys()


@pytest.mark.parametrize("kind", ["carried", "deleted", "created"])
def test_a_second_up_on_a_history_says_that_nothing_changed(busy: World, kind: Any) -> None:
    azure(busy).habits = replace(azure(busy).habits, what_if_defaults=kind, shuffled=True)
    assert plan(busy.connect()).actions == ()
    assert up(busy.connect()) == []
    assert not [exchange for exchange in busy.exchanges if exchange.writes]
    assert len(busy.exchanges) <= 15
