"""Every error of an SDK becomes one kind of `Error`. An answer of another shape does too."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from azure.core.exceptions import AzureError, DecodeError
from azure.keyvault.secrets import SecretClient
from pydantic import BaseModel

from dpsops.azure.answers import members
from dpsops.azure.errors import explain, understood
from dpsops.errors import (
    Denied,
    Error,
    InvalidCertificate,
    NotAllowed,
    Refused,
    Unavailable,
    Unreadable,
    ends_command,
    is_silence,
)
from tests.azure.answers import Token, authorization_failed, gateway, raised, transport

SCOPE = "/subscriptions/s/resourceGroups/g"


def of_a_vault(status: int, code: str) -> AzureError:
    """The error that a vault's SDK raises for an answer with this inner code."""
    body = gateway("Forbidden", "No.", innererror={"code": code})
    vault = SecretClient("https://kv-dpsops-dev.vault.azure.net", Token(), transport=transport((status, body, {})), retry_total=0)
    with pytest.raises(AzureError) as failed:
        vault.get_secret("x")
    return failed.value


def denied(error: AzureError) -> Denied:
    """The `Denied` for an error."""
    found = explain(error)
    assert isinstance(found, Denied)
    return found


def test_a_missing_role_is_distinguished_from_other_denials() -> None:
    assert denied(of_a_vault(403, "ForbiddenByRbac")).role_missing
    assert denied(raised(403, authorization_failed("x/y/read", SCOPE))).role_missing
    assert denied(raised(401, {"Message": "ErrorCode:IotHubUnauthorizedAccess;Unauthorized"})).role_missing
    assert not denied(of_a_vault(401, "Unauthorized")).role_missing  # a vault answers 403 for want of a role
    for code in ("ForbiddenByFirewall", "ForbiddenByConnection", "ForbiddenByPolicy", "AccessDenied"):
        assert not denied(of_a_vault(403, code)).role_missing, code
    assert not denied(raised(403, gateway("ForbiddenByFirewall", "No."))).role_missing


def test_an_answer_that_says_that_the_service_failed_is_unavailable_and_answered() -> None:
    failed = explain(raised(503, gateway("ServiceUnavailable", "Busy.")))
    assert isinstance(failed, Unavailable)
    assert failed.answered
    assert not Unavailable("no answer", "").answered


class _Shape(BaseModel):
    etag: str


def _no_such_member() -> None:
    [].get("value")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("read", "what"),
    [
        (_no_such_member, "AttributeError"),
        (lambda: json.loads("{}")["etag"], "KeyError"),
        (lambda: json.loads("<html>"), "JSONDecodeError"),
        (lambda: "x" + None, "TypeError"),  # type: ignore[operator]
        (lambda: _Shape.model_validate({"etag": 7}), "etag: Input should be a valid string"),
        (lambda: json.loads("[" * 100_000), "RecursionError"),
        (lambda: members([]), "no JSON object"),  # the words of dpsops itself, which quote nothing
    ],
)
def test_the_error_for_an_answer_of_another_shape_names_the_fault(read: Callable[[], Any], what: str) -> None:
    with pytest.raises(Unreadable) as unreadable, understood("the DPS"):
        read()
    assert unreadable.value.message == f"the answer of the DPS cannot be read ({what})"
    assert "--verbose" in unreadable.value.hint


def test_a_value_in_an_answer_is_not_quoted() -> None:
    """It may be a key."""
    for read in (lambda: int("SharedAccessKey=abc"), lambda: _Shape.model_validate({"etag": ["SharedAccessKey=abc"]})):
        with pytest.raises(Unreadable) as unreadable, understood("Azure"):
            read()
        assert "abc" not in unreadable.value.message


def test_an_answer_that_is_not_json_is_unreadable() -> None:
    assert isinstance(explain(DecodeError("JSON is invalid: <html>", response=raised(404, "").response)), Unreadable)


def test_dpsops_own_errors_are_not_changed() -> None:
    with pytest.raises(Refused, match="not this"), understood("Azure"):
        raise Refused("not this", "")


def test_a_defect_is_not_reported_as_an_answer() -> None:
    with pytest.raises(AssertionError), understood("Azure"):
        raise AssertionError


def test_an_error_that_concerns_every_device_ends_the_command() -> None:
    for error in (
        explain(of_a_vault(403, "ForbiddenByRbac")),
        InvalidCertificate("", ""),
        NotAllowed("", ""),
    ):
        assert ends_command(error)
    for error in (explain(raised(status, {})) for status in (400, 404, 409, 412, 429, 500)):
        assert not ends_command(error)
    assert not ends_command(Error("its secret contains no certificate", ""))


def test_only_no_answer_is_silence() -> None:
    assert is_silence(Unavailable("no answer", ""))
    assert not is_silence(explain(raised(500, {})))
    assert not is_silence(Error("", ""))
