"""What hubs and provisioning services did in former years and former API versions, as recorded."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from dpsops.emulator.habits import Habits
from dpsops.emulator.world import Timings
from tests.emulator.microsoft_devices.control_plane import GROUP, S1, Authority, ControlPlane, code_of, encoded

PATH = "/IotHubs/hub1"
FIRST = "2017-07-01"
BODY = {"location": "westeurope", "sku": S1}
PROVIDER = "/subscriptions/sub/providers/Microsoft.Devices"


@pytest.mark.parametrize(
    ("habits", "below"),
    [
        (Habits(), f"{PROVIDER}/locations/westeurope"),
        (Habits(polled_below="subscription"), PROVIDER),
        (Habits(polled_below="resource"), f"{GROUP}{PATH}"),
    ],
)
def test_where_an_operation_is_asked_for(habits: Habits, below: str) -> None:
    arm = ControlPlane(Timings(operation=30), habits=habits)
    url = arm.call("PUT", PATH, BODY).headers["Azure-AsyncOperation"]
    assert url.startswith(f"https://management.azure.com{below}/operationResults/")
    assert arm.call("GET", url).body == {"status": "Running"}
    arm.clock.advance(30)
    assert arm.call("GET", url).body == {"status": "Succeeded"}


def test_the_first_version_shows_monitoring_and_no_regions() -> None:
    arm = ControlPlane()
    arm.hub()
    shown = arm.call("GET", PATH, version=FIRST).body["properties"]
    assert "locations" not in shown
    assert shown["operationsMonitoringProperties"]["events"]["Routes"] == "None"
    monitoring = shown["eventHubEndpoints"]["operationsMonitoringEvents"]
    assert monitoring.keys() == {"retentionTimeInDays", "partitionCount", "partitionIds", "path", "endpoint"}, "no keys in a GET"
    assert "operationsMonitoringProperties" not in arm.call("GET", PATH, version="2019-03-22").body["properties"]


def test_the_answer_to_a_put_completed_what_was_said() -> None:
    arm = ControlPlane(habits=Habits(hub_defaults_answered=True))
    given = {"routing": {}, "messagingEndpoints": {"fileNotifications": {"maxDeliveryCount": 3}}}
    properties = arm.call("PUT", PATH, BODY | {"properties": given}, version=FIRST).body["properties"]
    assert properties["routing"]["fallbackRoute"]["isEnabled"] is False
    notifications = {"lockDurationAsIso8601": "PT1M", "ttlAsIso8601": "PT1H", "maxDeliveryCount": 3}
    assert properties["messagingEndpoints"] == {"fileNotifications": notifications}


def test_a_ca_certificate_was_any_file_of_one() -> None:
    authority = Authority.make()
    pem = authority.certificate.public_bytes(Encoding.PEM).decode()
    der = base64.b64encode(authority.certificate.public_bytes(Encoding.DER)).decode()
    for content in (pem, der):
        now, then = ControlPlane(), ControlPlane(habits=Habits(certificate_files=True))
        one = f"{PATH}/certificates/root"
        for arm in (now, then):
            arm.hub()
        assert code_of(now.call("PUT", one, {"certificate": content}, version=FIRST)) == 500_019
        made = then.call("PUT", one, {"certificate": content}, version=FIRST)
        assert made.body["properties"].keys() == {"subject", "expiry", "thumbprint", "isVerified", "created", "updated"}
        nested = then.call("GET", one, version="2021-07-02").body["properties"]["certificate"]
        assert base64.b64decode(nested) == pem.encode()
        assert code_of(then.call("PUT", f"{PATH}/certificates/no", {"certificate": "eA=="}, version=FIRST)) == 500_019
        assert (
            then.call("PUT", f"{PATH}/certificates/two", {"certificate": encoded(authority.certificate)}, version=FIRST).status
            == 200
        )


def test_a_service_of_the_first_version_is_told_of_shortly() -> None:
    arm = ControlPlane()
    arm.hub()
    linked = {"iotHubs": [{"connectionString": arm.connection_string(), "location": "westeurope"}]}
    body = BODY | {"properties": linked}
    path = "/provisioningServices/dps1"
    assert "name" not in arm.call("PUT", path, body, version="2017-11-15").body["properties"]["iotHubs"][0]
    assert "name" in arm.call("PUT", path, body, version="2018-01-22").body["properties"]["iotHubs"][0]
    assert "provisioningState" not in arm.call("GET", path, version="2017-11-15").body["properties"]
    assert arm.call("GET", path, version="2018-01-22").body["properties"]["provisioningState"] == "Succeeded"
