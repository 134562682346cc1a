"""The observer finds what is wrong on the wire, and only that."""

from __future__ import annotations

from typing import Any

import pytest

from dpsops.emulator.http import Request, Response
from tests.conformance.exchanges import ValidatingObserver
from tests.conformance.openapi import Specification

SECRET = {"value": "x", "id": "https://v.vault.azure.net/secrets/s/1", "attributes": {"enabled": True, "created": 1}}


@pytest.fixture
def observer(specification: Specification) -> ValidatingObserver:
    """A fresh one."""
    return ValidatingObserver(specification)


def put(body: bytes = b'{"value": "x"}', **query: str) -> Request:
    return Request("PUT", "v.vault.azure.net", "/secrets/s", {"api-version": "2026-04-01", **query}, {}, body)


def test_nothing_is_wrong(observer: ValidatingObserver) -> None:
    observer(put(), Response(200, SECRET))
    assert (observer.judged, observer.violations, observer.unmatched) == (1, [], [])


@pytest.mark.parametrize(
    ("request_body", "status", "answer"),
    [
        (b"{}", 200, SECRET),
        (b'{"value": 1}', 200, SECRET),
        (b'{"value": "x", "colour": "red"}', 200, SECRET),
        (b'{"value": "x"}', 201, SECRET),
        (b'{"value": "x"}', 200, SECRET | {"attributes": {"created": "1"}}),
        (b'{"value": "x"}', 200, SECRET | {"colour": "red"}),
        (b'{"value": "x"}', 409, {"error": "no"}),
    ],
)
def test_something_is_wrong(observer: ValidatingObserver, request_body: bytes, status: int, answer: Any) -> None:
    observer(put(request_body), Response(status, answer))
    assert len(observer.violations) == 1


def test_it_is_said_which_exchanges_the_file_of_another_version_judges(observer: ValidatingObserver) -> None:
    observer(put(), Response(200, SECRET))
    path = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Devices/provisioningServices/d/certificates"
    request = Request("GET", "management.azure.com", path, {"api-version": "2022-12-12"}, {}, b"")
    observer(request, Response(200, {"value": 1}))
    assert (observer.judged, dict(observer.by_newer)) == (
        2, {"deviceprovisioningservices-mgmt 2022-12-12 judged by 2026-11-01": 1}
    )  # fmt: skip
    (violation,) = observer.violations
    assert f"{path} (2022-12-12) 200, judged by 2026-11-01: response.body.value" in violation


def test_a_header_is_missing(observer: ValidatingObserver) -> None:
    host, path = "global.azure-devices-provisioning.net", "/0ne00000001/registrations/d1/register"
    request = Request("PUT", host, path, {"api-version": "2021-10-01"}, {}, b'{"registrationId": "d1"}')
    shown = {"operationId": "o", "status": "assigning"}
    observer(request, Response(202, shown, {"Location": "l", "Retry-After": "3"}))
    assert (observer.violations, observer.unmatched) == ([], [])
    observer(request, Response(202, shown, {"Location": "l"}))
    (violation,) = observer.violations
    assert "response.header.retry-after" in violation


def test_a_wrong_request_that_is_refused_is_no_violation(observer: ValidatingObserver) -> None:
    observer(put(b"{}"), Response(400, {"error": {"code": "BadParameter", "message": "No value."}}))
    assert (observer.judged, observer.violations) == (1, [])


def test_what_no_file_describes_is_unmatched(observer: ValidatingObserver) -> None:
    observer(Request("GET", "v.vault.azure.net", "/nonsense"), Response(200, {}))
    assert observer.unmatched == ["GET v.vault.azure.net/nonsense () 200"]


def test_the_gateway_answers_in_its_own_shape(observer: ValidatingObserver) -> None:
    path = "/subscriptions/1/resourceGroups/g/providers/Microsoft.Devices/provisioningServices/dps"
    request = Request("GET", "management.azure.com", path, {"api-version": "2026-11-01"})
    observer(request, Response(404, {"error": {"code": "ResourceNotFound", "message": "No."}}))
    assert observer.violations == []
    observer(request, Response(404, {"error": {"code": 404, "message": "No."}}))
    assert observer.violations
