"""Federated credentials of identities, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from dpsops.emulator.documents import JSON
from dpsops.emulator.habits import Habits
from dpsops.emulator.http import Request, Response
from tests.emulator.managedidentity.lab import ALL, AUDIENCE, CREDENTIALS, FIRST, ISSUER, ONE, PLAIN, SUBJECT, VERSION, credential
from tests.emulator.subscription.lab import Subscription

CONCURRENT = (409, "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity")
DUPLICATE = "Issuer and subject combination already exists for this Managed Identity."
Words = tuple[int, str, str]


def refusal(azure: Subscription, path: str, body: Any) -> Words:
    """Status, code and message of a PUT that has to be refused."""
    answer = azure.call("PUT", path, body)
    assert answer.status >= 400, answer
    return answer.status, answer.body["error"]["code"], answer.body["error"]["message"]


def named(azure: Subscription, query: str = "") -> list[str]:
    return [each["name"] for each in azure.ok("GET", CREDENTIALS + query)["value"]]


def test_a_credential_is_made_and_shown_as_recorded(azure: Subscription) -> None:
    made = azure.call("PUT", FIRST, credential(), version="2022-01-31-preview")
    assert made.body == {
        "id": f"{azure.ok('GET', ONE)['id']}/federatedIdentityCredentials/github-prod",
        "name": "github-prod",
        "type": "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials",
        "properties": {"issuer": ISSUER, "subject": SUBJECT, "audiences": [AUDIENCE]},
    }
    assert (made.status, made.headers["Location"]) == (201, made.body["id"])
    assert azure.ok("GET", FIRST.upper(), version=VERSION) == made.body
    assert azure.ok("GET", CREDENTIALS) == {"value": [made.body]}

    again = azure.call("PUT", FIRST, credential())
    assert (again.status, again.body) == (200, made.body)
    changed = azure.call("PUT", f"{CREDENTIALS}/GITHUB-prod", credential(subject="another"))
    assert (changed.status, changed.body["name"]) == (200, "github-prod")
    assert azure.ok("GET", FIRST)["properties"]["subject"] == "another"

    assert azure.call("DELETE", FIRST).status == 200
    assert azure.call("DELETE", FIRST).status == 204
    assert azure.refused("GET", FIRST) == (404, "ResourceNotFound")
    assert azure.ok("GET", CREDENTIALS) == {"value": []}


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_credential_is_of_an_identity_that_exists(azure: Subscription, method: str) -> None:
    path = f"{ALL}/id-nobody/federatedIdentityCredentials/github"
    assert azure.refused(method, path, credential() if method == "PUT" else None) == (404, "ParentResourceNotFound")
    assert azure.refused("GET", path.rpartition("/")[0]) == (404, "ParentResourceNotFound")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "Federated Identity Credential from HTTP body has empty properties"),
        ({"properties": {}}, "Federated Identity Credential from HTTP body has empty properties"),
        (credential(issuer=None), "must specify 'issuer', 'subject' and 'audience'"),
        (credential(subject=""), "must specify 'issuer', 'subject' and 'audience'"),
        (credential(audiences=[]), "must specify 'issuer', 'subject' and 'audience'"),
        (credential(audiences=[AUDIENCE, "api://other"]), "Federated identity credentials must have exactly one audience."),
        (credential(audiences=[1]), "Federated identity credentials must have exactly one audience."),
        (credential(issuer="http://issuer.example"), "is not a valid HTTPS URL"),
        (credential(issuer="issuer.example"), "is not a valid HTTPS URL"),
        (credential(issuer="https://"), "is not a valid HTTPS URL"),
        (credential(issuer=" https://issuer.example"), "is not a valid HTTPS URL"),
        (credential(issuer="https://issuer.example/ "), "is not a valid HTTPS URL"),
        (credential(issuer="https://[issuer"), "is not a valid HTTPS URL"),
        (credential(issuer=f"https://{'i' * 600}"), "The issuer of a federated identity credential"),
        (credential(subject="s" * 601), "The subject of a federated identity credential"),
        (credential(audiences=["a" * 601]), "The audience of a federated identity credential"),
        (
            credential(claimsMatchingExpression={"value": "x", "languageVersion": 1}),
            "'claimsMatchingExpression' is not supported",
        ),
        (credential(subject="repo:acme/*"), "The subject of a federated identity credential"),
    ],
)
def test_a_credential_that_cannot_be(azure: Subscription, body: JSON, words: str) -> None:
    status, code, message = refusal(azure, FIRST, body)
    assert (status, code) == (400, "BadRequest")
    assert words in message
    assert named(azure) == []


@pytest.mark.parametrize("body", [[], credential(subject=1), {"properties": []}])
def test_a_body_of_another_shape(azure: Subscription, body: Any) -> None:
    assert refusal(azure, FIRST, body)[0] == 400


@pytest.mark.parametrize(("name", "valid"), [("abc", True), ("a" * 120, True), ("0_-", True), ("ab", False), ("a" * 121, False),
                                             ("-abc", False), ("_abc", False), ("a.bc", False)])  # fmt: skip
def test_names(azure: Subscription, name: str, valid: bool) -> None:
    answer = azure.call("PUT", f"{CREDENTIALS}/{name}", credential(subject="s" * 600))
    assert answer.status == (201 if valid else 400)
    if not valid:
        assert answer.body["error"]["message"] == f"Federated Identity Credential name '{name}' is invalid."


def test_issuer_and_subject_are_an_identitys_only_once(azure: Subscription) -> None:
    azure.ok("PUT", FIRST, credential())
    second = f"{CREDENTIALS}/second"
    assert refusal(azure, second, credential(audiences=["api://other"])) == (409, "Conflict", DUPLICATE)
    azure.azure.habits = Habits(second_federation="BadRequest")
    assert refusal(azure, second, credential()) == (400, "BadRequest", DUPLICATE)
    azure.ok("PUT", second, credential(subject=SUBJECT.upper()))
    assert refusal(azure, second, credential()) == (400, "BadRequest", DUPLICATE)
    azure.azure.habits = Habits(unregistered=frozenset())
    azure.ok("PUT", f"{ALL}/id-issuer", PLAIN)
    azure.ok("PUT", f"{ALL}/id-issuer/federatedIdentityCredentials/github-prod", credential())


def test_an_identity_has_at_most_20(azure: Subscription) -> None:
    for number in range(20):
        azure.ok("PUT", f"{CREDENTIALS}/github-{number:02}", credential(subject=f"repo:acme/{number}"))
    status, code, message = refusal(azure, FIRST, credential())
    assert (status, code) == (400, "BadRequest")
    assert "more than 20" in message
    azure.ok("PUT", f"{CREDENTIALS}/github-19", credential())
    azure.ok("DELETE", f"{CREDENTIALS}/github-07")
    azure.ok("PUT", FIRST, credential(subject="another"))
    assert len(named(azure)) == 20


def test_a_list_has_pages_for_whoever_asks(azure: Subscription) -> None:
    for name in ("cc-1", "aa-1", "bb-1"):
        azure.ok("PUT", f"{CREDENTIALS}/{name}", credential(subject=name))
    first = azure.ok("GET", f"{CREDENTIALS}?$top=2")
    assert [each["name"] for each in first["value"]] == ["aa-1", "bb-1"]
    rest = azure.ok("GET", first["nextLink"])
    assert [each["name"] for each in rest["value"]] == ["cc-1"]
    assert "nextLink" not in rest
    assert named(azure, "?$top=3") == ["aa-1", "bb-1", "cc-1"]
    assert azure.refused("GET", f"{CREDENTIALS}?$top=0") == (400, "BadRequest")


def test_identities_in_east_asia_have_none(azure: Subscription) -> None:
    azure.ok("PUT", f"{ALL}/id-far", {"location": "East Asia"})
    path = f"{ALL}/id-far/federatedIdentityCredentials/github"
    message = "The request format was unexpected: Support for federated identity credentials not enabled."
    assert refusal(azure, path, credential()) == (405, "MethodNotAllowed", message)


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize(
    ("during", "refused"),
    [
        (("PUT", FIRST), True),
        (("DELETE", FIRST), True),
        (("PUT", f"{CREDENTIALS}/second"), True),
        (("GET", FIRST), False),
        (("PUT", ONE), False),
        (("PUT", f"{ALL}/id-planner-2/federatedIdentityCredentials/github-prod"), False),
    ],
)
def test_two_writes_of_an_identity_at_once(azure: Subscription, method: str, during: tuple[str, str], refused: bool) -> None:
    """The second comes before the first has been answered. Only the first is done."""
    azure.ok("PUT", f"{ALL}/id-planner-2", PLAIN)
    beside = f"{CREDENTIALS}/beside"
    answers: list[Response] = []

    def meanwhile(request: Request, _: Response) -> None:
        if (request.method, request.path) == during:
            body = credential(subject="beside") if method == "PUT" else None
            answers.append(azure.call(method, beside, body))

    azure.azure.observers.append(meanwhile)
    azure.call(*during, credential() if "federated" in during[1] else PLAIN)
    (second,) = answers
    if refused:
        assert (second.status, second.body["error"]["code"]) == CONCURRENT
        assert f"for the managed identity '{ONE.lower()}'." in second.body["error"]["message"]
        assert "beside" not in named(azure)
    else:
        assert second.status in (201, 204)
    azure.ok("PUT", beside, credential(subject="beside"))
