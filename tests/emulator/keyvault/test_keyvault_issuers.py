"""Certificate issuers and contacts: kept and shown as Azure was recorded to, though no authority is asked and nobody is told."""

from __future__ import annotations

import pytest

from dpsops.emulator.documents import JSON
from dpsops.emulator.habits import Habits
from dpsops.emulator.identity.state import SUBSCRIPTION
from tests.emulator.keyvault.lab import (
    CERTIFICATES_OFFICER,
    KEEPER,
    NOW,
    SECRETS_OFFICER,
    STRANGER,
    URL,
    VAULT,
    VAULT_ID,
    Lab,
    policy,
)
from tests.emulator.models import definitions, fields_of, value_at

DELETED = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.KeyVault/locations/westeurope/deletedVaults"
CERTIFICATES = "keyvault-certificates/2026-04-01/certificates.json"
ONE = "/certificates/issuers/ca1"
CONTACTS = "/certificates/contacts"
PEOPLE = [{"email": "a@contoso.com", "name": "A", "phone": "123"}, {"email": "b@contoso.com"}]
ISSUER: JSON = {
    "provider": "Test",
    "credentials": {"account_id": "keyvaultuser"},
    "org_details": {
        "id": "TestOrg",
        "admin_details": [{"first_name": "J", "last_name": "D", "email": "j@contoso.com", "phone": "42"}, {"email": "x@y.z"}],
    },
    "attributes": {"enabled": False},
}


def test_an_issuer_is_shown_as_recorded(lab: Lab) -> None:
    shown = lab.ok("PUT", ONE, {"provider": "test", "credentials": {}, "org_details": {"admin_details": []}})
    assert shown == {
        "id": URL + ONE,
        "provider": "Test",
        "credentials": {},
        "org_details": {"zip": 0, "admin_details": []},
        "attributes": {"enabled": True, "created": int(NOW), "updated": int(NOW)},
    }
    assert lab.ok("GET", ONE) == shown
    assert lab.ok("GET", "/certificates/issuers") == {"value": [{"id": URL + ONE, "provider": "Test"}], "nextLink": None}


def test_every_field_of_an_issuer_is_kept_but_the_password(lab: Lab) -> None:
    fields = set(fields_of(definitions(CERTIFICATES), "IssuerBundle"))
    shown = lab.ok("PUT", ONE, ISSUER | {"credentials": {"account_id": "keyvaultuser", "pwd": "hunter2"}})
    the_services = {"id", "attributes.created", "attributes.updated"}
    for field in fields - the_services - {"credentials.pwd"}:
        assert value_at(shown, field) == value_at(ISSUER, field) is not None, field
    assert all(value_at(shown, field) for field in the_services)
    assert "hunter2" not in str(lab.ok("GET", ONE))
    with lab.world() as world:
        assert "hunter2" not in str(world.state.list("keyvault.issuer"))


def test_a_put_replaces_and_a_patch_leaves(lab: Lab) -> None:
    first = lab.ok("PUT", ONE, ISSUER)
    lab.clock.advance(60)
    patched = lab.ok("PATCH", ONE, {})
    assert patched == first | {"attributes": first["attributes"] | {"updated": int(NOW) + 60}}
    assert lab.ok("PATCH", ONE, {"attributes": {"enabled": True}})["org_details"] == first["org_details"]
    assert lab.ok("PATCH", ONE, {"credentials": {"account_id": "other"}})["attributes"]["enabled"] is True
    replaced = lab.ok("PUT", ONE, {"provider": "GlobalSign"})
    assert replaced == {
        "id": URL + ONE,
        "provider": "GlobalSign",
        "credentials": {},
        "attributes": {"enabled": True, "created": int(NOW), "updated": int(NOW) + 60},
    }


def test_a_deleted_issuer_is_gone_at_once(lab: Lab) -> None:
    shown = lab.ok("PUT", ONE, ISSUER)
    assert lab.ok("DELETE", ONE) == shown
    for method, body in (("GET", None), ("DELETE", None), ("PATCH", {})):
        assert lab.refused(method, ONE, body) == (404, "CertificateIssuerNotFound", "Issuer not found")


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        (ONE, {}, "provider is required"),
        (ONE, {"provider": "Acme"}, "provider has invalid value Acme"),
        (ONE, {"provider": "DigiCert"}, "Id in organization details is not set"),
        (ONE, {"provider": "Test", "credentials": 5}, "credentials has invalid value"),
        (ONE, {"provider": "Test", "credentials": {"pwd": 5}}, "pwd has invalid value"),
        (ONE, {"provider": "Test", "org_details": {"admin_details": ["x"]}}, "admin_details has invalid value"),
        ("/certificates/issuers/Self", {"provider": "Test"}, "reserved"),
        ("/certificates/issuers/unknown", {"provider": "Test"}, "reserved"),
        ("/certificates/issuers/a_b", {"provider": "Test"}, "invalid name"),
    ],
)
def test_issuers_that_cannot_be(lab: Lab, path: str, body: JSON, words: str) -> None:
    status, code, message = lab.refused("PUT", path, body)
    assert (status, code, words in message) == (400, "BadParameter", True)


def test_no_authority_is_asked(lab: Lab) -> None:
    lab.ok("PUT", ONE, ISSUER)
    assert lab.refused("POST", "/certificates/leaf/create", policy(issuer="ca1"))[:2] == (404, "CertificateIssuerNotFound")


def test_contacts_are_one_list(lab: Lab) -> None:
    shown = lab.ok("PUT", CONTACTS, {"contacts": PEOPLE})
    assert shown == {"id": URL + CONTACTS, "contacts": PEOPLE}
    assert lab.ok("GET", CONTACTS + "/") == shown
    assert lab.ok("PUT", CONTACTS, {"contacts": PEOPLE[1:]})["contacts"] == PEOPLE[1:]
    assert lab.ok("DELETE", CONTACTS)["contacts"] == PEOPLE[1:]
    assert {f"contacts[].{each}" for each in PEOPLE[0]} | {"id"} == set(fields_of(definitions(CERTIFICATES), "Contacts"))


def test_a_vault_without_contacts(lab: Lab) -> None:
    nobody = (404, "ContactsNotFound", "Contacts not found")
    assert lab.refused("GET", CONTACTS) == nobody
    lab.azure.habits = Habits(no_contacts="empty")
    assert lab.ok("GET", CONTACTS) == {"id": URL + CONTACTS, "contacts": []}
    assert lab.refused("DELETE", CONTACTS) == nobody


@pytest.mark.parametrize("contacts", [None, [], ["x"], [{"name": "A"}], [{"email": 5}], {}])
def test_contacts_that_cannot_be(lab: Lab, contacts: object) -> None:
    assert lab.refused("PUT", CONTACTS, {"contacts": contacts})[:2] == (400, "BadParameter")


@pytest.mark.parametrize("name", ["issuers", "Contacts"])
def test_no_certificate_has_their_names(lab: Lab, name: str) -> None:
    for request in ("create", "import"):
        assert lab.refused("POST", f"/certificates/{name}/{request}", policy() | {"value": "x"})[0] == 400


REQUESTS: list[tuple[str, str, JSON | None, str]] = [
    ("PUT", ONE, ISSUER, "setissuers"),
    ("PATCH", ONE, {}, "setissuers"),
    ("GET", ONE, None, "getissuers"),
    ("GET", "/certificates/issuers", None, "getissuers"),
    ("DELETE", ONE, None, "deleteissuers"),
    ("PUT", CONTACTS, {"contacts": PEOPLE}, "managecontacts"),
    ("GET", CONTACTS, None, "managecontacts"),
    ("DELETE", CONTACTS, None, "managecontacts"),
]


def test_roles(lab: Lab) -> None:
    lab.assign(STRANGER, SECRETS_OFFICER)
    for method, path, body, _ in REQUESTS:
        assert lab.refused(method, path, body, caller=STRANGER)[:2] == (403, "ForbiddenByRbac"), path
    lab.assign(STRANGER, CERTIFICATES_OFFICER)
    for method, path, body, _ in REQUESTS:
        assert lab.call(method, path, body, caller=STRANGER).status == 200, path


def test_access_policies(lab: Lab) -> None:
    """One of the permissions that an operation's description names is enough, and no other is."""
    for method, path, body, permission in REQUESTS:
        for granted in ("setissuers", "getissuers", "deleteissuers", "manageissuers", "managecontacts", "get", "listissuers"):
            rights = {"objectId": KEEPER.object_id, "tenantId": KEEPER.tenant_id, "permissions": {"certificates": [granted]}}
            lab.create_vault("kv-policies", enableRbacAuthorization=False, accessPolicies=[rights])
            wanted = {permission} | ({"manageissuers"} if permission in ("getissuers", "deleteissuers") else set())
            status = lab.call(method, path, body, vault="kv-policies").status
            assert (status != 403) == (granted in wanted), (method, path, granted)


def test_a_purged_vault_takes_them_along(lab: Lab) -> None:
    lab.ok("PUT", ONE, ISSUER)
    lab.ok("PUT", CONTACTS, {"contacts": PEOPLE})
    with lab.world() as world:
        assert world.state.list("keyvault.issuer", f"{VAULT}/")
    assert lab.arm("DELETE", VAULT_ID).status == 200
    assert lab.arm("POST", f"{DELETED}/{VAULT}/purge").status == 202
    with lab.world() as world:
        assert world.state.list("keyvault.issuer") == world.state.list("keyvault.contacts") == []
