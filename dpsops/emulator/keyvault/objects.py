"""Keys, secrets and certificates as documents: heads, versions, and the life between deletion and purge.

A *head* is the object under its name: {"name", "current" (version), "managed", "deleted" (epoch s) or null,
"recovered" (epoch s) or null}; a certificate's has more. A *version* is {"version", "attributes" ({"enabled",
"nbf", "exp", "created", "updated"}), "tags" or null} and what its collection adds. A certificate owns the key and
the secret of its name: they are managed, and live and die with it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Refusal
from dpsops.emulator.keyvault.errors import conflict, deleted_not_found, forbidden, not_found
from dpsops.emulator.keyvault.vaults import Vault
from dpsops.emulator.world import World


@dataclass(frozen=True, slots=True)
class Collection:
    """One of a vault's three kinds of objects; `noun` and `plural` are Azure's own words for it."""

    noun: str
    read_action: str

    @property
    def plural(self) -> str:
        """The name of the collection, as in its URL."""
        return self.noun + "s"

    @property
    def heads(self) -> str:
        """The kind of a head's document, under `VAULT/NAME` in lower case."""
        return f"keyvault.{self.noun}"

    @property
    def versions(self) -> str:
        """The kind of a version's document, under `VAULT/NAME/VERSION`."""
        return f"keyvault.{self.noun}Version"


KEYS = Collection("key", "keys/read")
SECRETS = Collection("secret", "secrets/readMetadata/action")
CERTIFICATES = Collection("certificate", "certificates/read")

ISSUERS = "keyvault.issuer"
"""Under `VAULT/NAME` in lower case: {"name", "provider", "credentials" and "org_details" (as the API shows them; the latter may
be null), "enabled", "created" and "updated" (epoch s)}."""
CONTACTS = "keyvault.contacts"
"""Under `VAULT/`: {"contacts" (as the API shows them)}."""
RESERVED = ("issuers", "contacts")
"""What follows `/certificates/` and is the name of no certificate."""


def new_version() -> str:
    """A version identifier that no object has yet."""
    return secrets.token_hex(16)


def new_head(name: str, *, managed: bool = False) -> JSON:
    """The head of an object that has no version yet."""
    return {"name": name, "current": "", "managed": managed, "deleted": None, "recovered": None}


def new_attributes(world: World, enabled: bool = True, nbf: int | None = None, exp: int | None = None) -> JSON:
    """The attributes of a version that is made now."""
    now = int(world.now)
    validity = {name: value for name, value in (("nbf", nbf), ("exp", exp)) if value is not None}
    return {"enabled": enabled} | validity | {"created": now, "updated": now}


def changed_attributes(attributes: JSON, change: JSON, now: float) -> JSON:
    """A version's attributes after a change, in the order in which they are shown."""
    changed = attributes | change | {"updated": int(now)}
    return {name: changed[name] for name in ("enabled", "nbf", "exp", "created", "updated") if name in changed}


def save(world: World, vault: Vault, collection: Collection, head: JSON, version: JSON | None = None) -> None:
    """Writes the head, and `version` as one of its versions."""
    key = _key(vault, head["name"])
    world.state.put(collection.heads, key, head)
    if version is not None:
        world.state.put(collection.versions, f"{key}/{version['version']}", version)


def find(world: World, vault: Vault, collection: Collection, name: str) -> JSON | None:
    """The head of a living object; None also while it is being recovered."""
    head = _load(world, vault, collection, name)
    if head is None or head["deleted"] is not None or _recovering(world, head):
        return None
    return head


def names(world: World, vault: Vault, collection: Collection) -> tuple[str, ...]:
    """The names of the living objects of a collection, in their order."""
    heads = (head for _, head in world.state.list(collection.heads, f"{vault.key}/"))
    return tuple(head["name"] for head in heads if is_listed_as_living(world, head))


def exists(world: World, vault: Vault, collection: Collection, name: str) -> bool:
    """Whether there is such an object, living or deleted."""
    return _load(world, vault, collection, name) is not None


def require(world: World, vault: Vault, collection: Collection, name: str, version: str = "") -> tuple[JSON, JSON]:
    """Head and version (the current one if none is named) of a living object. Refused with 404 if there is none."""
    head = find(world, vault, collection, name)
    found = None if head is None else find_version(world, vault, collection, head, version)
    if head is None or found is None:
        separator = "/versions/" if collection is CERTIFICATES else "/"
        raise not_found(collection.noun, f"{name}{separator}{version}" if version else name)
    return head, found


def find_version(world: World, vault: Vault, collection: Collection, head: JSON, version: str = "") -> JSON | None:
    """The version named, or the current one."""
    return world.state.get(collection.versions, f"{_key(vault, head['name'])}/{(version or head['current']).lower()}")


def drop_version(world: World, vault: Vault, collection: Collection, name: str, version: str) -> None:
    """Removes one version's document, which only the vault itself does."""
    world.state.delete(collection.versions, f"{_key(vault, name)}/{version}")


def require_deleted(world: World, vault: Vault, collection: Collection, name: str) -> tuple[JSON, JSON]:
    """Head and current version of a deleted object. Refused with 404 until the deletion is complete."""
    head = _load(world, vault, collection, name)
    if head is None or head["deleted"] is None or not is_listed_as_deleted(world, vault, head):
        raise deleted_not_found(collection.noun, name)
    version = find_version(world, vault, collection, head)
    assert version is not None, "every head has a current version"
    return head, version


def require_settled(world: World, vault: Vault, collection: Collection, name: str) -> tuple[JSON, JSON]:
    """As `require_deleted`, for what is to be done with the object: refused with 409 until the deletion is complete."""
    head = _load(world, vault, collection, name)
    if head is not None and _being_deleted(world, head):
        raise _being(collection, name, "deleted")
    return require_deleted(world, vault, collection, name)


def is_listed_as_deleted(world: World, vault: Vault, head: JSON) -> bool:
    """Whether a head is among the deleted ones: its deletion complete, its retention not over."""
    deleted = head["deleted"]
    return deleted is not None and deleted + world.timings.deletion <= world.now < deleted + vault.retention_seconds


def is_listed_as_living(world: World, head: JSON) -> bool:
    """Whether a head is among the living ones."""
    return head["deleted"] is None and not _recovering(world, head)


def refuse_name_in_use(world: World, vault: Vault, collection: Collection, name: str) -> None:
    """Refuses (409) a name whose object is deleted but not purged, or on its way there or back."""
    head = _load(world, vault, collection, name)
    if head is None:
        return
    if _recovering(world, head):
        raise _being(collection, name, "recovered")
    if _being_deleted(world, head):
        raise _being(collection, name, "deleted")
    if head["deleted"] is None:
        return
    noun = collection.noun
    raise conflict(
        f"{noun.capitalize()} {name} is currently in a deleted but recoverable state, and its name cannot be reused; "
        f"in this state, the {noun} can only be recovered or purged.",
        "ObjectIsDeletedButRecoverable",
    )


def refuse_managed(collection: Collection, head: JSON, operation: str) -> None:
    """Refuses (403) to touch a certificate's key or secret other than through the certificate."""
    if head["managed"]:
        noun = collection.noun
        raise forbidden(f'Operation "{operation}" is not allowed on this {noun}, since it is associated with a certificate.')


def export(world: World, vault: Vault, collection: Collection, name: str) -> tuple[JSON, list[JSON]]:
    """Head and all versions of a living object, as they can be saved elsewhere."""
    head, _ = require(world, vault, collection, name)
    versions = [version for _, version in world.state.list(collection.versions, f"{_key(vault, name)}/")]
    return head | {"recovered": None}, versions


def owned_by(collection: Collection) -> tuple[Collection, ...]:
    """The collections that an object is in: a certificate is a key and a secret too."""
    return (CERTIFICATES, KEYS, SECRETS) if collection is CERTIFICATES else (collection,)


def delete(world: World, vault: Vault, collection: Collection, name: str) -> None:
    """Deletes an object and what it owns: softly, or for good in a vault without soft delete."""
    if not vault.soft_delete:
        purge(world, vault, collection, name)
        return
    _mark(world, vault, collection, name, {"deleted": int(world.now), "recovered": None})


def recover(world: World, vault: Vault, collection: Collection, name: str) -> None:
    """Brings a deleted object back, with what it owns."""
    _mark(world, vault, collection, name, {"deleted": None, "recovered": world.now})


def purge(world: World, vault: Vault, collection: Collection, name: str) -> None:
    """Removes an object and what it owns for ever."""
    key = _key(vault, name)
    for owned in owned_by(collection):
        world.state.delete(owned.heads, key)
        for version, _ in world.state.list(owned.versions, f"{key}/"):
            world.state.delete(owned.versions, version)


def purge_all(world: World, vault_key: str) -> None:
    """Removes everything that a purged vault held."""
    kinds = [kind for each in (KEYS, SECRETS, CERTIFICATES) for kind in (each.heads, each.versions)]
    for kind in (*kinds, ISSUERS, CONTACTS):
        for key, _ in world.state.list(kind, f"{vault_key}/"):
            world.state.delete(kind, key)


def _key(vault: Vault, name: str) -> str:
    return f"{vault.key}/{name.lower()}"


def _mark(world: World, vault: Vault, collection: Collection, name: str, change: JSON) -> None:
    for owned in owned_by(collection):
        head = world.state.get(owned.heads, _key(vault, name))
        if head is not None:  # a certificate that was never issued has no secret
            save(world, vault, owned, head | change)


def _load(world: World, vault: Vault, collection: Collection, name: str) -> JSON | None:
    head = world.state.get(collection.heads, _key(vault, name))
    if head is not None and head["deleted"] is not None and world.now >= head["deleted"] + vault.retention_seconds:
        purge(world, vault, collection, name)
        return None
    return head


def _recovering(world: World, head: JSON) -> bool:
    return head["recovered"] is not None and world.now < head["recovered"] + world.timings.deletion


def _being_deleted(world: World, head: JSON) -> bool:
    return head["deleted"] is not None and world.now < head["deleted"] + world.timings.deletion


def _being(collection: Collection, name: str, what: str) -> Refusal:
    noun = collection.noun.capitalize()
    return conflict(f"{noun} {name} is currently being {what}.", f"ObjectIsBeing{what.capitalize()}")
