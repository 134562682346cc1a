"""Vaults that were deleted: listed, recovered, purged."""

from __future__ import annotations

from typing import Any

from dpsops.emulator.identity.state import SUBSCRIPTION
from dpsops.emulator.world import Timings
from tests.emulator.keyvault.lab import GROUP, VAULT, VAULT_ID, Lab, properties

PROVIDER = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.KeyVault"
DELETED = f"{PROVIDER}/locations/westeurope/deletedVaults"
NEW = f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv-New"


def put(lab: Lab, path: str = NEW, *, version: str = "2026-02-01", **changes: Any) -> Any:
    return lab.arm("PUT", path, {"location": "westeurope", "properties": properties(**changes)}, version=version)


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status, answer.body["error"]["code"]


def test_deletion(lab: Lab) -> None:
    lab.ok("PUT", "/secrets/s", {"value": "kept"})
    answer = lab.arm("DELETE", VAULT_ID)
    assert (answer.status, answer.content()) == (200, b"")
    assert lab.arm("GET", VAULT_ID).status == 404
    assert lab.arm("DELETE", VAULT_ID).status == 204
    assert lab.call("GET", "/secrets/s").status == 404
    expected = {
        "id": f"{DELETED}/{VAULT}",
        "name": VAULT,
        "type": "Microsoft.KeyVault/deletedVaults",
        "properties": {
            "vaultId": VAULT_ID,
            "location": "westeurope",
            "tags": {},
            "deletionDate": "2026-02-20T12:00:00Z",
            "scheduledPurgeDate": "2026-05-21T12:00:00Z",
        },
    }
    assert lab.arm("GET", f"{DELETED}/{VAULT}").body == expected
    assert lab.arm("GET", f"{PROVIDER}/deletedVaults").body == {"value": [expected]}
    assert lab.arm("GET", f"{DELETED.replace('westeurope', 'eastus')}/{VAULT}").status == 404
    assert lab.arm("GET", f"{GROUP}/providers/Microsoft.KeyVault/vaults").body == {"value": []}


def test_a_deleted_vaults_name_is_taken(lab: Lab) -> None:
    lab.arm("DELETE", VAULT_ID)
    answer = put(lab, VAULT_ID)
    assert refusal(answer) == (409, "ConflictError")
    assert answer.body["error"]["message"] == (
        "A vault with the same name already exists in deleted state. You need to either recover or purge existing key vault. "
        "Follow this link https://go.microsoft.com/fwlink/?linkid=2149745 for more information on soft delete."
    )
    check = lab.arm("POST", f"{PROVIDER}/checkNameAvailability", {"name": VAULT, "type": "Microsoft.KeyVault/vaults"}).body
    assert check["reason"] == "AlreadyExists"


def test_recovery_gives_everything_back(lab: Lab) -> None:
    lab.ok("PUT", "/secrets/s", {"value": "kept"})
    before = lab.arm("GET", VAULT_ID).body["properties"]
    lab.arm("DELETE", VAULT_ID)
    lab.clock.advance(100)
    recovered = put(lab, VAULT_ID, createMode="recover", sku={"family": "A", "name": "premium"})
    assert (recovered.status, recovered.body["properties"]) == (200, before)
    assert lab.ok("GET", "/secrets/s")["value"] == "kept"
    assert lab.arm("GET", f"{DELETED}/{VAULT}").status == 404


def test_only_what_was_deleted_can_be_recovered(lab: Lab) -> None:
    assert refusal(put(lab, createMode="recover")) == (404, "DeletedVaultNotFound")
    assert refusal(put(lab, VAULT_ID, createMode="recover")) == (404, "DeletedVaultNotFound")


def test_purge() -> None:
    lab = Lab(Timings(operation=20))
    lab.ok("PUT", "/secrets/s", {"value": "gone"})
    lab.arm("DELETE", VAULT_ID)
    answer = lab.arm("POST", f"{DELETED}/{VAULT}/purge")
    assert (answer.status, answer.content(), answer.headers["Retry-After"]) == (202, b"", "5")
    location = answer.headers["Location"]
    assert location.startswith(f"https://management.azure.com{PROVIDER}/locations/westeurope/operationResults/")
    waiting = lab.arm("GET", location)
    assert (waiting.status, waiting.body) == (202, {"createdDateTime": "2026-02-20 12:00:20Z", "status": "NotStarted"})
    assert waiting.headers["Location"] == location
    lab.clock.advance(20)
    done = lab.arm("GET", location)
    times = {"createdDateTime": "2026-02-20 12:00:20Z", "lastActionDateTime": "2026-02-20 12:00:40Z"}
    assert (done.status, done.body) == (200, times | {"status": "Succeeded"})
    assert lab.arm("GET", f"{DELETED}/{VAULT}").status == 404
    lab.create_vault()
    assert lab.ok("GET", "/secrets") == {"value": [], "nextLink": None}
    assert lab.refused("PUT", "/secrets/s")[0] == 400


def test_a_purge_that_was_never_begun(lab: Lab) -> None:
    assert lab.arm("GET", f"{PROVIDER}/locations/westeurope/operationResults/nothing").status == 404
    assert refusal(lab.arm("POST", f"{DELETED}/nobody/purge")) == (404, "DeletedVaultNotFound")
    assert refusal(lab.arm("POST", f"{DELETED}/{VAULT}/purge")) == (404, "DeletedVaultNotFound")


def test_purge_protection(lab: Lab) -> None:
    put(lab, enablePurgeProtection=True)
    lab.arm("DELETE", NEW)
    assert lab.arm("GET", f"{DELETED}/kv-new").body["properties"]["purgeProtectionEnabled"] is True
    assert refusal(lab.arm("POST", f"{DELETED}/kv-new/purge")) == (405, "MethodNotAllowed")
    assert put(lab, createMode="recover").status == 200


def test_retention_ends(lab: Lab) -> None:
    put(lab, softDeleteRetentionInDays=7, enablePurgeProtection=True)
    lab.arm("DELETE", NEW)
    lab.clock.advance(7 * 86_400 - 1)
    assert refusal(put(lab)) == (409, "ConflictError")
    lab.clock.advance(1)
    assert lab.arm("GET", f"{PROVIDER}/deletedVaults").body == {"value": []}
    assert put(lab).status == 200


def test_without_soft_delete_a_deletion_is_final(lab: Lab) -> None:
    put(lab, version="2019-09-01", enableSoftDelete=False)
    lab.arm("DELETE", NEW)
    assert lab.arm("GET", f"{DELETED}/kv-new").status == 404
    assert put(lab).status == 200
