"""Whether each row of a result is so: what a run says it has created, issued, blocked or removed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from dpsops.emulator.rbac import ASSIGNMENT, CUSTOM_ROLE
from tests.matrices.documents import Documents
from tests.workflows.identities import role_named

_KINDS = {"vaults": "keyvault.vault", "iothubs": "iotHub", "provisioningservices": "provisioningService"}
Row = re.Match[str]
Check = Callable[[Documents, Path, Row], bool]


def untrue_rows(out: str, place: Path, now: float, beside: str = "") -> Iterator[str]:
    """The rows that are not so, and those of which nobody here knows whether they are. The last row about one thing counts.

    beside: the result of another run, which may have changed the same things since.
    """
    touched = {key for key, _, _ in _rows(beside)}
    last: dict[tuple[int, str], tuple[Row, Check]] = {}
    for key, row, check in _rows(out):
        if row is None or check is None:
            yield f"nobody knows whether this is so: {key[1]}"
        elif key not in touched:
            last[key] = row, check
    if not last:
        return
    documents = Documents.of(place, now)
    for row, check in last.values():
        if not check(documents, place, row):
            yield f"it is not so: {row.string}"


def _rows(out: str) -> Iterator[tuple[tuple[int, str], Row | None, Check | None]]:
    """Each row of a result: what it is about, by rule and target, and the check of it."""
    for line in out.splitlines():
        if not line.startswith("✓ "):
            continue
        text = line.removeprefix("✓ ")
        for number, (pattern, check) in enumerate(_RULES.items()):
            if row := re.fullmatch(pattern, text):
                yield (number, row[1]), row, check
                break
        else:
            yield (-1, text), None, None


def _group(documents: Documents, _: Path, row: Row) -> bool:
    found = documents.named("resourceGroup", row[1])
    return (found is not None and not found["gone"]) is (row[2] == "created")


def _resource(documents: Documents, _: Path, row: Row) -> bool:
    kind, name = row[1].split("/")
    found = documents.named(_KINDS[kind.lower()], name)
    deleting = found is not None and found.get("state") == "Deleting" and found["ready"] <= documents.now
    gone = found is None or bool(found.get("deleted")) or deleting
    return gone is (row[2] == "removed")


def _purged(documents: Documents, _: Path, row: Row) -> bool:
    return documents.named("keyvault.vault", row[1]) is None


def _role(documents: Documents, _: Path, row: Row) -> bool:
    role, name, principal = re.fullmatch(r"(.+) on \S+/(\S+) to \S+ (\S+)", row[1]).groups()  # type: ignore[union-attr]
    return _is_assigned(documents, role_named(role), principal, name)


def _is_assigned(documents: Documents, role: str, principal: str, scope: str) -> bool:
    return any(
        each["role"] == role and each["principal"] == principal and each["scope"].endswith(f"/{scope}")
        for each in documents.all(ASSIGNMENT).values()
    )


def _root(documents: Documents, _: Path, row: Row) -> bool:
    found, said = documents.root(row[1]), row[2]
    if said in ("key created", "certificate requested"):
        return documents.named("keyvault.key", row[1]) is not None
    tags: Mapping[str, str] = found["tags"] if found else {}
    if said in ("signed and merged", "merged"):
        return found is not None and bool(found["certificate"])
    if said == "checked and sealed":
        return tags.get("sealed") == "yes"
    if said.startswith(("disabled", "enabled")):
        return found is not None and found["attributes"]["enabled"] is said.startswith("enabled")
    if said.startswith("marked"):
        return "breach" in tags
    return tags.get("breach") in ("cut", "over")


def _store(documents: Documents, _: Path, row: Row) -> bool:
    name, owner = row[1].split(" in ")
    found = documents.named("certificate", f"{owner.rpartition(' ')[2]}/certificates/{name}")
    if row[2] == "removed":
        return found is None
    return found is not None and (row[2] == "uploaded" or found["isVerified"])


def _enrollment_group(documents: Documents, _: Path, row: Row) -> bool:
    found, said = documents.named("enrollmentGroup", row[1]), row[2]
    if found is None:
        return False
    enabled = found["settings"]["provisioningStatus"] == "enabled"
    if said.startswith("disabled"):
        return not enabled
    if roots := re.findall(r"root-g\d+", said):
        named = found["attestation"]["caReferences"]
        return [each for each in (named.get("primary"), named.get("secondary")) if each] == roots and (
            enabled or not said.startswith("open")
        )
    return True


def _enrollment(documents: Documents, _: Path, row: Row) -> bool:
    found, said = documents.named("enrollment", row[1]), row[2]
    if said == "removed" or found is None:
        return said == "removed" and found is None
    enabled = found["settings"]["provisioningStatus"] == "enabled"
    if said in ("disabled", "enabled"):
        return enabled is (said == "enabled")
    newest = dict(documents.newest()).get(row[1])
    pinned = {each["thumbprint"] for each in found["attestation"].get("certificates", {}).values() if each}
    if said == "holds the new leaf alone":
        return newest is not None and pinned == {newest["tags"]["thumbprint"]}
    return newest is not None and newest["tags"]["thumbprint"] in pinned


def _tagged(documents: Documents, _: Path, row: Row) -> bool:
    versions = documents.versions(row[1])
    return bool(versions) and all(("blocked" in each["tags"]) is (row[2] == "tagged as blocked") for each in versions)


def _identity(documents: Documents, _: Path, row: Row) -> bool:
    device, host = row[1].split(" in ")
    found = documents.named("device", f"{host.partition('.')[0]}/{device}")
    if found is None or found["status"] != row[2].partition(",")[0]:
        return False
    newest = dict(documents.newest()).get(device)
    used = found["authentication"]["x509Thumbprint"]["primaryThumbprint"]
    return "new leaf" not in row[2] or (newest is not None and used == newest["tags"]["thumbprint"])


def _registration(documents: Documents, _: Path, row: Row) -> bool:
    return documents.named("registration", row[1]) is None


def _registered(documents: Documents, _: Path, row: Row) -> bool:
    found = documents.named("registration", row[1])
    return found is not None and found["status"] == "assigned" and found["hub"] == row[2]


def _connected(documents: Documents, _: Path, row: Row) -> bool:
    return any(f"/{row[1]}/" in key for key in documents.all("deviceMessage"))


def _reissued(documents: Documents, _: Path, row: Row) -> bool:
    newest = dict(documents.newest()).get(row[1])
    return newest is not None and f"root-g{newest['tags']['generation']}" == row[2]


def _issued(documents: Documents, _: Path, row: Row) -> bool:
    found: Any = documents.all("keyvault.secretVersion").get(f"{row[3]}/{row[4]}")
    until = datetime.fromisoformat(row[2].replace("Z", "+00:00")).timestamp()
    return found is not None and found["attributes"]["exp"] == until and found["tags"]["device"] == row[1]


def _written(documents: Documents, place: Path, row: Row) -> bool:
    there = (place / row[2]).is_file() and "PRIVATE KEY" in (place / row[2]).read_text()
    with_key = [each for each in documents.versions(row[1]) if "PRIVATE KEY" in (each["value"] or "")]
    return there and not (row[3] and with_key)


def _superseded(documents: Documents, _: Path, row: Row) -> bool:
    versions = [each for key, each in documents.all("keyvault.secretVersion").items() if f"/device-{row[1]}/" in key]
    return sum(1 for each in versions if not each["attributes"]["enabled"]) >= int(row[2])


def _draining(documents: Documents, _: Path, row: Row) -> bool:
    old, new = documents.root(row[1]), documents.root(row[2])
    return old is not None and new is not None and ("draining" in new["tags"] or not old["attributes"]["enabled"])


def _over(documents: Documents, _: Path, row: Row) -> bool:
    found = documents.root(row[1])
    return found is not None and "draining" not in found["tags"]


def _pipeline_identity(documents: Documents, _: Path, row: Row) -> bool:
    return documents.named("managedIdentity", row[1]) is not None


def _custom_role(documents: Documents, _: Path, row: Row) -> bool:
    return any(each["roleName"] == row[1] for each in documents.all(CUSTOM_ROLE).values())


def _pipeline_role(documents: Documents, _: Path, row: Row) -> bool:
    role, name, scope = re.fullmatch(r"(.+) to (\S+) on (\S+)", row[1]).groups()  # type: ignore[union-attr]
    identity = documents.named("managedIdentity", name)
    roles = [key for key, each in documents.all(CUSTOM_ROLE).items() if each["roleName"].startswith(f"{role} (")]
    return identity is not None and any(_is_assigned(documents, each, identity["principalId"], scope) for each in roles)


def _credential(documents: Documents, _: Path, row: Row) -> bool:
    found = documents.named("federatedCredential", row[1])
    return found is not None and found["subject"] == row[2]


def _provider(documents: Documents, _: Path, row: Row) -> bool:
    found = documents.named("registration", row[1])
    return found is None or bool(found["registered"])  # without a document it is registered from the start


_RULES: dict[str, Check] = {
    r"resource group (\S+): (created|removed)": _group,
    r"Microsoft\.\w+/(\w+/[\w-]+): (created|modified|removed)": _resource,
    r"deleted vault (\S+): purged": _purged,
    r"(.+ on Microsoft\.\S+ to \S+ \S+): assigned": _role,
    r"root (root-g\d+): (.+)": _root,
    r"(root-g\d+ in .+): (uploaded|verified|verified by somebody else meanwhile|removed)": _store,
    r"enrollment group (\S+): (.+)": _enrollment_group,
    r"enrollment (\S+): (.+)": _enrollment,
    r"secret of (\S+): (tagged as blocked|tag removed)": _tagged,
    r"identity (\S+ in \S+): (disabled|enabled.*)": _identity,
    r"registration (\S+): removed": _registration,
    r"leaf of (\S+): issued by (root-g\d+)": _reissued,
    r"([\w-]+): valid until (\S+), in https://([\w-]+)\.vault\.azure\.net/secrets/(device-[\w-]+/\w+)": _issued,
    r"([\w-]+): (?:written to|is in) ([^,]+)(, and its key is no longer in the vault)?": _written,
    r"([\w-]+): connected to the hub and sent a message": _connected,
    r"([\w-]+): registered over \w+, assigned to (\S+).*": _registered,
    r"older secret versions of (\S+): disabled: (\d+)": _superseded,
    r"(root-g\d+): draining: .*(root-g\d+)": _draining,
    r"rotation to (root-g\d+): done": _over,
    r"replacement of \S+ by (root-g\d+): done": _over,
    r"identity (id-\S+): created": _pipeline_identity,
    r"role (dpsops .+\)): (?:created|modified)": _custom_role,
    r"role (dpsops .+): assigned": _pipeline_role,
    r"federated credential (\S+) of \S+: (.+): created": _credential,
    r"resource provider (\S+): registered": _provider,
}
"""What a row may be, its first group what it is about; and whether it is so."""
