"""Deletion, recovery, purge, backup."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from dpsops.emulator.world import Timings
from tests.emulator.keyvault.lab import NOW, URL, VAULT, VAULT_ID, Lab, policy, properties

DAY = 86_400
CREATE: dict[str, tuple[str, str, Any]] = {
    "certificates": ("POST", "/certificates/x/create", policy()),
    "keys": ("POST", "/keys/x/create", {"kty": "EC"}),
    "secrets": ("PUT", "/secrets/x", {"value": "v"}),
}
NOUNS = {"certificates": "Certificate", "keys": "Key", "secrets": "Secret"}
every_kind = pytest.mark.parametrize("kind", CREATE)


def create(lab: Lab, kind: str, **options: str) -> Any:
    lab.ok(*CREATE[kind], **options)
    lab.clock.advance(lab.timings.certificate)
    return without_value(lab.ok("GET", f"/{kind}/x/", **options))


def without_value(bundle: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in bundle.items() if name != "value"}


@every_kind
def test_deletion(kind: str) -> None:
    lab = Lab(Timings(deletion=10))
    lab.clock.advance(10)
    bundle = create(lab, kind)
    now = int(lab.clock.now())
    deletion = {"recoveryId": f"{URL}/deleted{kind}/x", "deletedDate": now, "scheduledPurgeDate": now + 90 * DAY}
    assert lab.ok("DELETE", f"/{kind}/x") == deletion | bundle
    noun = NOUNS[kind]
    assert lab.refused("GET", f"/{kind}/x/")[:2] == (404, f"{noun}NotFound")
    assert lab.refused("GET", f"/deleted{kind}/x") == (404, f"{noun}NotFound", f"Deleted {noun} not found: x")
    assert lab.ok("GET", f"/deleted{kind}") == {"value": [], "nextLink": None}
    lab.clock.advance(9)
    assert lab.refused("GET", f"/deleted{kind}/x")[0] == 404
    lab.clock.advance(1)
    assert lab.ok("GET", f"/deleted{kind}/x") == deletion | bundle
    assert lab.ok("GET", f"/{kind}") == {"value": [], "nextLink": None}
    assert lab.refused("DELETE", f"/{kind}/x")[0] == 404


def test_items_among_the_deleted(lab: Lab) -> None:
    bundle = create(lab, "certificates")
    lab.ok("DELETE", "/certificates/x")
    deletion = {"deletedDate": NOW, "scheduledPurgeDate": NOW + 90 * DAY}
    assert lab.ok("GET", "/deletedcertificates") == {
        "value": [
            {
                "recoveryId": f"{URL}/deletedcertificates/x",
                **deletion,
                "id": f"{URL}/certificates/x",
                "x5t": bundle["x5t"],
                "attributes": bundle["attributes"],
            }
        ],
        "nextLink": None,
    }
    (key,) = lab.ok("GET", "/deletedkeys")["value"]
    assert (key["recoveryId"], key["kid"], key["managed"]) == (f"{URL}/deletedkeys/x", f"{URL}/keys/x", True)
    (secret,) = lab.ok("GET", "/deletedsecrets")["value"]
    assert (secret["id"], secret["contentType"]) == (f"{URL}/secrets/x", "application/x-pkcs12")


@every_kind
def test_a_deleted_name_is_taken(kind: str) -> None:
    lab = Lab(Timings(deletion=10))
    create(lab, kind)
    lab.ok("DELETE", f"/{kind}/x")
    noun = NOUNS[kind]
    expected = (409, "ObjectIsBeingDeleted", f"{noun} x is currently being deleted.")
    assert lab.refused(*CREATE[kind]) == expected
    assert lab.refused("POST", f"/deleted{kind}/x/recover") == expected
    assert lab.refused("DELETE", f"/deleted{kind}/x") == expected
    lab.clock.advance(10)
    assert lab.refused(*CREATE[kind]) == (
        409,
        "ObjectIsDeletedButRecoverable",
        f"{noun} x is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the "
        f"{noun.lower()} can only be recovered or purged.",
    )
    lab.ok("DELETE", f"/deleted{kind}/x")
    lab.ok(*CREATE[kind])


def test_import_into_a_deleted_name(lab: Lab) -> None:
    create(lab, "certificates")
    lab.ok("DELETE", "/certificates/x")
    assert lab.refused("POST", "/certificates/x/import", {"value": "AA=="})[1] == "ObjectIsDeletedButRecoverable"


def test_key_and_secret_of_a_deleted_certificate_are_taken(lab: Lab) -> None:
    create(lab, "certificates")
    lab.ok("DELETE", "/certificates/x")
    for kind in ("keys", "secrets"):
        assert lab.refused(*CREATE[kind])[1] == "ObjectIsDeletedButRecoverable"
        assert lab.refused("POST", f"/deleted{kind}/x/recover")[0] == 403
        assert lab.refused("DELETE", f"/deleted{kind}/x")[0] == 403
    lab.ok("DELETE", "/deletedcertificates/x")
    for kind in ("keys", "secrets"):
        lab.ok(*CREATE[kind])


@every_kind
def test_recovery(kind: str) -> None:
    lab = Lab(Timings(deletion=10))
    bundle = create(lab, kind)
    lab.ok("DELETE", f"/{kind}/x")
    lab.clock.advance(10)
    recovered = lab.ok("POST", f"/deleted{kind}/x/recover")
    assert recovered == bundle
    assert lab.refused("GET", f"/{kind}/x/")[0] == 404
    assert lab.refused("GET", f"/deleted{kind}/x")[0] == 404
    assert lab.refused(*CREATE[kind])[1] == "ObjectIsBeingRecovered"
    lab.clock.advance(10)
    assert without_value(lab.ok("GET", f"/{kind}/x/")) == bundle


def test_recovery_brings_key_and_secret_along(lab: Lab) -> None:
    create(lab, "certificates")
    secret = lab.ok("GET", "/secrets/x/")
    lab.ok("DELETE", "/certificates/x")
    assert lab.refused("POST", "/keys/x//sign", {"alg": "ES256", "value": "A" * 43})[1] == "KeyNotFound"
    lab.ok("POST", "/deletedcertificates/x/recover")
    lab.ok("POST", "/keys/x//sign", {"alg": "ES256", "value": "A" * 43})
    assert lab.ok("GET", "/secrets/x/") == secret


def test_an_operation_goes_on_after_recovery() -> None:
    lab = Lab(Timings(certificate=60))
    lab.ok("POST", "/certificates/x/create", policy())
    lab.ok("DELETE", "/certificates/x")
    lab.clock.advance(100)
    assert "cer" not in lab.ok("GET", "/deletedcertificates/x")
    lab.ok("POST", "/deletedcertificates/x/recover")
    assert lab.ok("GET", "/certificates/x/")["attributes"]["created"] == NOW + 60


@every_kind
def test_purge(lab: Lab, kind: str) -> None:
    create(lab, kind)
    lab.ok("DELETE", f"/{kind}/x")
    answer = lab.call("DELETE", f"/deleted{kind}/x")
    assert (answer.status, answer.content()) == (204, b"")
    assert lab.refused("GET", f"/deleted{kind}/x")[0] == 404
    assert lab.refused("POST", f"/deleted{kind}/x/recover")[0] == 404
    assert lab.refused("DELETE", f"/deleted{kind}/x")[0] == 404
    lab.ok(*CREATE[kind])
    listed = lab.ok("GET", f"/{kind}/x/versions")["value"]
    assert len(listed) == 1, "the purged version does not come back"


@every_kind
def test_purge_protection(lab: Lab, kind: str) -> None:
    lab.create_vault("kv-protected", enablePurgeProtection=True)
    create(lab, kind, vault="kv-protected")
    lab.ok("DELETE", f"/{kind}/x", vault="kv-protected")
    status, code, message = lab.refused("DELETE", f"/deleted{kind}/x", vault="kv-protected")
    assert (status, code) == (403, "Forbidden")
    assert "purge protection is enabled for this vault" in message
    lab.ok("POST", f"/deleted{kind}/x/recover", vault="kv-protected")


@every_kind
def test_retention_ends(lab: Lab, kind: str) -> None:
    lab.create_vault("kv-seven", softDeleteRetentionInDays=7)
    create(lab, kind, vault="kv-seven")
    assert lab.ok("DELETE", f"/{kind}/x", vault="kv-seven")["scheduledPurgeDate"] == NOW + 7 * DAY
    lab.clock.advance(7 * DAY - 1)
    lab.ok("GET", f"/deleted{kind}/x", vault="kv-seven")
    lab.clock.advance(1)
    assert lab.refused("GET", f"/deleted{kind}/x", vault="kv-seven")[0] == 404
    lab.ok(*CREATE[kind], vault="kv-seven")


@every_kind
def test_without_soft_delete_a_deletion_is_final(lab: Lab, kind: str) -> None:
    path = VAULT_ID.replace(VAULT, "kv-hard")
    lab.arm("PUT", path, {"location": "westeurope", "properties": properties(enableSoftDelete=False)}, version="2019-09-01")
    bundle = create(lab, kind, vault="kv-hard")
    assert bundle["attributes"]["recoveryLevel"] == "Purgeable"
    assert lab.ok("DELETE", f"/{kind}/x", vault="kv-hard") == bundle
    assert lab.refused("GET", f"/deleted{kind}/x", vault="kv-hard")[0] == 404
    lab.ok(*CREATE[kind], vault="kv-hard")


@every_kind
def test_backup_and_restore(lab: Lab, kind: str) -> None:
    create(lab, kind)
    bundle = create(lab, kind)
    bundle.pop("pending", None)
    versions = lab.ok("GET", f"/{kind}/x/versions")
    blob = lab.ok("POST", f"/{kind}/x/backup")["value"]
    assert lab.refused("POST", f"/{kind}/restore", {"value": blob})[0] == 409
    lab.ok("DELETE", f"/{kind}/x")
    assert lab.refused("POST", f"/{kind}/restore", {"value": blob})[:2] == (409, "ObjectIsDeletedButRecoverable")
    lab.ok("DELETE", f"/deleted{kind}/x")
    assert lab.ok("POST", f"/{kind}/restore", {"value": blob}) == bundle
    assert lab.ok("GET", f"/{kind}/x/versions") == versions
    if kind != "secrets":
        lab.ok("POST", "/keys/x//sign", {"alg": "ES256", "value": "A" * 43})


def test_a_certificate_is_restored_with_key_and_secret_into_another_vault(lab: Lab) -> None:
    create(lab, "certificates")
    secret = lab.ok("GET", "/secrets/x/")["value"]
    blob = lab.ok("POST", "/certificates/x/backup")["value"]
    lab.create_vault("kv-other")
    restored = lab.ok("POST", "/certificates/restore", {"value": blob}, vault="kv-other")
    assert restored["kid"].startswith("https://kv-other.vault.azure.net/keys/x/")
    assert lab.ok("GET", "/secrets/x/", vault="kv-other")["value"] == secret


def test_a_backup_gives_nothing_away(lab: Lab) -> None:
    lab.ok("PUT", "/secrets/x", {"value": "a very secret value"})
    blob = lab.ok("POST", "/secrets/x/backup")["value"]
    data = base64.urlsafe_b64decode(blob + "=" * (-len(blob) % 4))
    assert data.startswith(b")AzureKeyVaultSecretBackupV1.microsoft.com")
    assert b"secret value" not in data
    assert lab.ok("POST", "/secrets/x/backup")["value"] != blob


@pytest.mark.parametrize("change", ["another kind", "tampered", "truncated", "garbage"])
def test_invalid_backups(lab: Lab, change: str) -> None:
    create(lab, "keys")
    blob = lab.ok("POST", "/keys/x/backup")["value"]
    lab.ok("DELETE", "/keys/x")
    lab.ok("DELETE", "/deletedkeys/x")
    kind = "certificates" if change == "another kind" else "keys"
    value = {"tampered": blob[:-8] + "AAAAAAAA", "truncated": blob[:60], "garbage": "AAAA"}.get(change, blob)
    assert lab.refused("POST", f"/{kind}/restore", {"value": value})[:2] == (400, "BadParameter")


def test_a_pending_operation_is_not_in_a_backup(lab: Lab) -> None:
    bundle = create(lab, "certificates")
    bundle.pop("pending")
    lab.ok("POST", "/certificates/x/create", policy(issuer="Unknown"))
    blob = lab.ok("POST", "/certificates/x/backup")["value"]
    lab.create_vault("kv-other")
    lab.ok("POST", "/certificates/restore", {"value": blob}, vault="kv-other")
    assert lab.refused("GET", "/certificates/x/pending", vault="kv-other")[1] == "PendingCertificateNotFound"
    assert [item["kid"].rpartition("/")[2] for item in lab.ok("GET", "/keys/x/versions", vault="kv-other")["value"]] == [
        bundle["kid"].rpartition("/")[2]
    ]


def test_a_certificate_that_was_never_issued_has_no_backup() -> None:
    lab = Lab(Timings(certificate=60))
    lab.ok("POST", "/certificates/x/create", policy())
    assert lab.refused("POST", "/certificates/x/backup")[0] == 403
