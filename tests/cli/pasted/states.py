"""States in which commands have something to say."""

from __future__ import annotations

import base64

from azure.core import MatchConditions

from dpsops.cli.connection import Connection
from dpsops.pki import chains
from tests.cli.pasted.person import Person
from tests.workflows.history import put, resource
from tests.workflows.rotations import certificate_of

GROUP = "rg-dpsops-local"
HUB_RESOURCE = "Microsoft.Devices/IotHubs/iot-dpsops-local"
DPS_RESOURCE = "Microsoft.Devices/provisioningServices/dps-dpsops-local"
RIGHTS = "RegistryRead, RegistryWrite, ServiceConnect, DeviceConnect"


def issued(person: Person, *devices: str) -> None:
    """An environment in which these devices have certificates; press-07 if none is named."""
    person.stands()
    person(f"device issue {' '.join(devices or ('press-07',))}")


def renew_the_keys(person: Person) -> None:
    """Somebody gives the hub other keys."""
    found = resource(person.world(), HUB_RESOURCE, GROUP)
    key = base64.b64encode(bytes(32)).decode()
    owner = {"keyName": "iothubowner", "primaryKey": key, "secondaryKey": key, "rights": RIGHTS}
    found["properties"]["authorizationPolicies"] = [owner]
    put(person.world(), HUB_RESOURCE, found, GROUP)


def unverify(connection: Connection) -> None:
    """Somebody uploads the root to the DPS anew, and proves nothing."""
    environment = connection.run.environment
    pem = chains.pem(certificate_of(connection, "root-g1"))
    found = connection.stores[0].get("root-g1")
    assert found is not None
    connection.clients.dps.dps_certificate.delete(
        environment.resource_group, environment.dps.name, "root-g1",
        etag=found.etag, match_condition=MatchConditions.IfNotModified,
    )  # fmt: skip
    connection.stores[0].upload("root-g1", pem)


def again_by_another_name(person: Person, *resources: str) -> None:
    """Somebody uploads root-g1 under another name, verified, to these resources."""
    content = base64.b64encode(chains.pem(certificate_of(person.connect(), "root-g1")).encode()).decode()
    for each in resources:
        properties = {"properties": {"certificate": content, "isVerified": True}}
        put(person.world(), f"{each}/certificates/root-again", properties, GROUP)
