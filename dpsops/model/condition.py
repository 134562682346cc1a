"""The condition of what exists: networks, room for CA certificates, names that are blocked, protection of the vault."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from dpsops.model import needs
from dpsops.model.checkup import Finding, Outcome, Unseen
from dpsops.model.endpoints import Entry
from dpsops.model.entitlement import Subject
from dpsops.model.permissions import narrowest_role
from dpsops.model.proof import MAX_CERTIFICATES
from dpsops.model.root import root_name
from dpsops.settings import Environment

_FEW_LEFT = 2
_MAKE_A_ROOT = ("up", "root csr", "root merge", "rotate", "rotate --compromised")


@dataclass(frozen=True, slots=True)
class Seen:
    """A resource: its properties, if it exists and this identity may read them, and how its own host received the identity."""

    subject: Subject
    properties: Mapping[str, object] | None
    entry: Entry


def makes_a_root(commands: Collection[str]) -> bool:
    """Whether any of these commands may make a root."""
    return any(each in commands for each in _MAKE_A_ROOT)


def network(seen: Seen, commands: Sequence[str], environment: Environment) -> Finding | None:
    """Whether the network of a resource lets this address in; None if no command goes there."""
    place = seen.subject.place
    going = [
        command
        for command in commands
        if any(each.data and each.place is place for each in needs.of(command, environment, group_exists=True, complete=True))
    ]
    if not going:
        return None
    name = seen.subject.name
    if seen.entry is Entry.CLOSED:
        detail = f"its network does not let this address in: {_rule(seen.properties or {})}; it stops {', '.join(going)}"
        return Finding("network", name, Outcome.FAILED, detail, "allow this address on it, or run from an allowed network")
    if seen.entry is Entry.UNKNOWN:
        return Finding("network", name, Outcome.UNKNOWN, "it gives no answer that tells", "--verbose shows each request")
    restricted = _rule(seen.properties or {}) if _is_restricted(seen.properties or {}) else "open to all networks"
    return Finding("network", name, Outcome.OK, f"this address is let in ({restricted})")


def _is_restricted(properties: Mapping[str, object]) -> bool:
    acls = properties.get("networkAcls") or properties.get("networkRuleSets")
    by_default = str(acls.get("defaultAction")).lower() if isinstance(acls, Mapping) else ""
    closed = str(properties.get("publicNetworkAccess")).lower() == "disabled"
    return closed or by_default == "deny" or bool(properties.get("ipFilterRules"))


def _rule(properties: Mapping[str, object]) -> str:
    if str(properties.get("publicNetworkAccess", "")).lower() == "disabled":
        return "public network access is disabled"
    return "its firewall or its IP filter allows some addresses only"


def vault(seen: Seen, environment: Environment) -> Iterator[Finding]:
    """How a vault is protected."""
    name, properties = seen.subject.name, seen.properties
    if properties is None:
        action = "Microsoft.KeyVault/vaults/read"
        hint = f"assign the role '{narrowest_role(action)}' on {seen.subject.id} and try again in a few minutes"
        yield Unseen("", hint, action, seen.subject.id).finding("vault", name)
        return
    if properties.get("enableRbacAuthorization") is not True:
        hint = "az keyvault update --enable-rbac-authorization true --name " + name.rpartition(" ")[2]
        yield Finding("vault", name, Outcome.FAILED, "it goes by access policies, not by roles", hint)
    if properties.get("enablePurgeProtection") is True:
        yield Finding("purge-protection", name, Outcome.OK, "on")
    else:
        wanted = environment.vault.purge_protection
        hint = "dpsops up" if wanted else "set purge_protection = true under [vault] in the settings, then dpsops up"
        detail = "off: whoever may purge it can destroy the root for ever"
        yield Finding("purge-protection", name, Outcome.WARNING, detail, hint)


def quota(owner: str, names: Collection[str]) -> Finding:
    """Whether a DPS or a hub has room for the CA certificate of the next root."""
    used = f"{len(names)} of {MAX_CERTIFICATES} CA certificates"
    hint = f"remove CA certificates that no enrollment names from {owner}: {', '.join(sorted(names)[:5])}, ..."
    if len(names) >= MAX_CERTIFICATES:
        return Finding("quota", owner, Outcome.FAILED, f"{used}: no room for the next root", hint)
    if len(names) > MAX_CERTIFICATES - _FEW_LEFT:
        return Finding("quota", owner, Outcome.WARNING, f"{used}: room for {MAX_CERTIFICATES - len(names)} more", hint)
    return Finding("quota", owner, Outcome.OK, used)


def next_root(generations: Collection[int]) -> str:
    """The name of the next root. `generations`: those that are in the vault."""
    return root_name(max(generations, default=0) + 1)


def newest_root(generations: Collection[int]) -> str:
    """The name of the newest root, of those that are in the vault: there is one at least."""
    return root_name(max(generations))


def blocked_name(name: str, vault_name: str, *, deleted: bool) -> Finding:
    """Whether a deleted certificate has the name of the next root."""
    subject = f"{name} in the vault {vault_name}"
    if not deleted:
        return Finding("name", subject, Outcome.OK, "free for the next root")
    hint = (
        f"recover it (az keyvault certificate recover --vault-name {vault_name} --name {name}), or wait until the vault has "
        "purged it"
    )
    return Finding("name", subject, Outcome.FAILED, "a deleted certificate has this name, which the next root needs", hint)
