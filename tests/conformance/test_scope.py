"""What the embedded Azure leaves out is all on one list, and nothing else is on it."""

from __future__ import annotations

import re

import pytest

from dpsops.emulator.services import SERVICES
from tests.conformance.messages import MANAGEMENT, Exchange, Message
from tests.conformance.openapi import Operation, Specification
from tests.conformance.scope import OMISSIONS, Standing, omission, standing

_HOSTS = {
    "keyvault-certificates": "v.vault.azure.net",
    "keyvault-keys": "v.vault.azure.net",
    "keyvault-secrets": "v.vault.azure.net",
    "deviceprovisioningservices-service": "d.azure-devices-provisioning.net",
    "deviceprovisioningservices-device": "global.azure-devices-provisioning.net",
}


def example(operation: Operation) -> tuple[str, str, str]:
    """Method, host and path of some request of this operation."""
    names = {"{scope}": "subscriptions/1/resourceGroups/g", "{operationKind}": "add"}
    path = re.sub(r"\{[^}]+\}", lambda found: names.get(found[0], "x"), operation.path)
    return operation.method, _HOSTS.get(operation.service, MANAGEMENT), path


def exchange(url: str) -> Exchange:
    return Exchange(0, "GET", url, Message({}, b""), 200, Message({}, b""))


def test_every_operation_is_there_or_left_out_for_a_reason(specification: Specification) -> None:
    wanted = [each for each in map(example, specification.operations) if each[2] != "/providers/Microsoft.Devices/operations"]
    assert [each for each in wanted if omission(*each, SERVICES) == ""] == []


@pytest.mark.parametrize("pattern", OMISSIONS)
def test_what_is_left_out_is_not_there(specification: Specification, pattern: str) -> None:
    meant = [
        each for each in map(example, specification.operations) if re.fullmatch(pattern, "{} {}{}".format(*each), re.IGNORECASE)
    ]
    assert not meant or any(omission(*each, SERVICES) for each in meant), "the embedded Azure has all of it by now"


@pytest.mark.parametrize(
    ("url", "treated"),
    [
        ("https://management.azure.com/subscriptions/1/resourceGroups/g?api-version=2021-04-01", Standing.JUDGED),
        ("https://management.azure.com/subscriptions/1/resourceGroups/g?api-version=2014-04-01", Standing.JUDGED),
        ("https://management.azure.com/subscriptions/1/resources?api-version=2015-11-01", Standing.JUDGED),
        (
            "https://management.azure.com/subscriptions/1/providers/Microsoft.Devices/IotHubs?api-version=2019-11-04",
            Standing.OLDER,
        ),
        ("https://management.azure.com/subscriptions/1/providers/Microsoft.Storage/x?api-version=2023-01-01", Standing.JUDGED),
        ("https://v.vault.azure.net/secrets?api-version=7.0", Standing.JUDGED),
        ("https://v.vault.azure.net/secrets?api-version=2025-07-01", Standing.JUDGED),
        ("https://v.vault.azure.net/secrets?api-version=2016-10-01", Standing.OLDER),
        ("https://d.azure-devices-provisioning.net/enrollmentGroups/g?api-version=2021-10-01", Standing.JUDGED),
        ("https://h.azure-devices.net/devices/d?api-version=2020-03-13", Standing.JUDGED),
        ("https://h.azure-devices.net/devices/d?api-version=2019-10-01", Standing.OLDER),
        ("https://graph.microsoft.com/v1.0/me", Standing.FOREIGN),
        ("https://login.microsoftonline.com/t/oauth2/v2.0/token", Standing.FOREIGN),
    ],
)
def test_standing(url: str, treated: Standing) -> None:
    assert standing(exchange(url)) is treated
