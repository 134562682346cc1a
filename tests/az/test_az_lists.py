"""What the Azure CLI asks for by default: lists that are filtered and expanded, tags, names, issuers and contacts."""

from __future__ import annotations

import os

import pytest

from tests.az.conftest import Az

if "DPSOPS_TEST_AZ" not in os.environ:
    pytest.skip("needs the Azure CLI: make az", allow_module_level=True)

GROUP, VAULT = "rg-dpsops-local", "kv-dpsops-local"
IN_GROUP = ("--resource-group", GROUP)


def test_resources_say_when_they_were_made(az: Az) -> None:
    found = az("resource", "list", *IN_GROUP)
    assert len(found) >= 3
    assert all(each["createdTime"] and each["changedTime"] for each in found)
    assert {each["provisioningState"] for each in found} == {"Succeeded"}
    (vault,) = az("resource", "list", "--resource-type", "Microsoft.KeyVault/vaults")
    assert vault["name"] == VAULT
    assert az("resource", "list", "--location", vault["location"])


def test_tags_by_themselves_and_in_filters(az: Az) -> None:
    identifier = az("keyvault", "show", "--name", VAULT)["id"]
    before = az("tag", "list", "--resource-id", identifier)["properties"]["tags"]
    az("tag", "update", "--resource-id", identifier, "--operation", "merge", "--tags", "Line=7")
    assert [each["name"] for each in az("resource", "list", "--tag", "line=7")] == [VAULT]
    assert VAULT in {each["name"] for each in az("resource", "list", "--tag", "Li*")}
    assert az("resource", "list", "--tag", "line=8") == []
    az("tag", "update", "--resource-id", identifier, "--operation", "delete", "--tags", "Line=7")
    assert az("keyvault", "show", "--name", VAULT)["tags"] == before
    az("resource", "tag", "--ids", identifier, "--tags", "Line=9", "--is-incremental")
    assert az("keyvault", "show", "--name", VAULT)["tags"] == before | {"Line": "9"}
    az(
        "tag",
        "create",
        "--resource-id",
        identifier,
        "--tags",
        *(f"{name}={value}" for name, value in (before or {"a": "b"}).items()),
    )
    assert az("group", "list", "--tag", "nobody=here") == []


def test_vaults_names_and_deleted_vaults(az: Az) -> None:
    assert VAULT in {each["name"] for each in az("keyvault", "list")}
    assert isinstance(az("keyvault", "list-deleted"), list)
    assert az("keyvault", "check-name", "--name", "hsm-press")["nameAvailable"] is True


def test_issuers_and_contacts(az: Az) -> None:
    of_the_vault = ("--vault-name", VAULT)
    made = az("keyvault", "certificate", "issuer", "create", *of_the_vault, "--issuer-name", "ca1", "--provider-name", "Test")
    assert made["provider"] == "Test"
    named = (*of_the_vault, "--issuer-name", "ca1")
    az("keyvault", "certificate", "issuer", "update", *named, "--organization-id", "org", "--account-id", "me")
    assert az("keyvault", "certificate", "issuer", "show", *named)["organizationDetails"]["id"] == "org"
    az("keyvault", "certificate", "issuer", "admin", "add", *named, "--email", "a@contoso.com", "--first-name", "A")
    (admin,) = az("keyvault", "certificate", "issuer", "admin", "list", *named)
    assert "a@contoso.com" in admin.values()
    assert [each["id"].rpartition("/")[2] for each in az("keyvault", "certificate", "issuer", "list", *of_the_vault)] == ["ca1"]
    az("keyvault", "certificate", "issuer", "delete", *named)
    assert az("keyvault", "certificate", "issuer", "list", *of_the_vault) == []
    for email in ("a@contoso.com", "b@contoso.com"):
        az("keyvault", "certificate", "contact", "add", *of_the_vault, "--email", email, "--name", "N")
    az("keyvault", "certificate", "contact", "delete", *of_the_vault, "--email", "a@contoso.com")
    left = az("keyvault", "certificate", "contact", "list", *of_the_vault)
    assert "b@contoso.com" in str(left)
    assert "a@contoso.com" not in str(left)
