"""What an SDK raises is an `Error` of one kind, and an answer of another shape is one too."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from azure.core.exceptions import AzureError, DecodeError
from azure.keyvault.secrets import SecretClient
from pydantic import BaseModel

from dpsops.azure.errors import explain, understood
from dpsops.errors import Denied, Error, NotAllowed, Refused, Silent, Unreadable, Unsound, ends_command
from tests.azure.answers import Token, authorization_failed, gateway, raised, transport

SCOPE = "/subscriptions/s/resourceGroups/g"


def of_a_vault(status: int, code: str) -> AzureError:
    """What the SDK of a vault raises for an answer with this inner code."""
    body = gateway("Forbidden", "No.", innererror={"code": code})
    vault = SecretClient("https://kv-dpsops-dev.vault.azure.net", Token(), transport=transport((status, body, {})), retry_total=0)
    with pytest.raises(AzureError) as failed:
        vault.get_secret("x")
    return failed.value


def denied(error: AzureError) -> Denied:
    """The denial that an error is."""
    found = explain(error)
    assert isinstance(found, Denied)
    return found


def test_a_role_that_arrives_later_opens_some_doors_and_not_others() -> None:
    assert denied(of_a_vault(403, "ForbiddenByRbac")).for_want_of_a_role
    assert denied(raised(403, authorization_failed("x/y/read", SCOPE))).for_want_of_a_role
    assert denied(raised(401, {"Message": "ErrorCode:IotHubUnauthorizedAccess;Unauthorized"})).for_want_of_a_role
    for code in ("ForbiddenByFirewall", "ForbiddenByConnection", "ForbiddenByPolicy", "AccessDenied"):
        assert not denied(of_a_vault(403, code)).for_want_of_a_role, code
    assert not denied(raised(403, gateway("ForbiddenByFirewall", "No."))).for_want_of_a_role


def test_a_service_that_failed_has_answered_and_one_that_is_gone_has_not() -> None:
    failed = explain(raised(503, gateway("ServiceUnavailable", "Busy.")))
    assert isinstance(failed, Silent)
    assert failed.answered
    assert not Silent("gone", "").answered


class _Shape(BaseModel):
    etag: str


def _no_such_member() -> None:
    [].get("value")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("read", "what"),
    [
        (_no_such_member, "'list' object has no attribute 'get'"),
        (lambda: json.loads("{}")["etag"], "KeyError"),
        (lambda: json.loads("<html>"), "JSONDecodeError"),
        (lambda: "x" + None, 'can only concatenate str (not "NoneType") to str'),  # type: ignore[operator]
        (lambda: _Shape.model_validate({"etag": 7}), "etag: Input should be a valid string"),
        (lambda: json.loads("[" * 100_000), "RecursionError"),
    ],
)
def test_an_answer_of_another_shape_is_named(read: Callable[[], Any], what: str) -> None:
    with pytest.raises(Unreadable) as unreadable, understood("the DPS"):
        read()
    assert unreadable.value.message == f"the DPS answered what dpsops cannot read ({what})"
    assert "--verbose" in unreadable.value.hint


def test_a_value_that_was_answered_is_not_quoted() -> None:
    """It may be a key."""
    for read in (lambda: int("SharedAccessKey=abc"), lambda: _Shape.model_validate({"etag": ["SharedAccessKey=abc"]})):
        with pytest.raises(Unreadable) as unreadable, understood("Azure"):
            read()
        assert "abc" not in unreadable.value.message


def test_what_is_no_json_is_unreadable() -> None:
    assert isinstance(explain(DecodeError("JSON is invalid: <html>", response=raised(404, "").response)), Unreadable)


def test_an_error_of_our_own_passes() -> None:
    with pytest.raises(Refused, match="not this"), understood("Azure"):
        raise Refused("not this", "")


def test_a_defect_is_no_answer() -> None:
    with pytest.raises(AssertionError), understood("Azure"):
        raise AssertionError


def test_what_befalls_every_device_ends_a_command() -> None:
    for error in (explain(of_a_vault(403, "ForbiddenByRbac")), Silent("gone", ""), Unsound("", ""), NotAllowed("", "")):
        assert ends_command(error)
    for error in (explain(raised(status, {})) for status in (400, 404, 409, 412, 429, 500)):
        assert not ends_command(error)
    assert not ends_command(Error("its secret holds no certificate", ""))
