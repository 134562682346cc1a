"""What keys, secrets and certificates have in common: lists, deletion, recovery, purge, backup and restore."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Request, Response
from dpsops.emulator.keyvault import backups, certificate_operations, objects, vaults
from dpsops.emulator.keyvault.access import Operation
from dpsops.emulator.keyvault.bodies import body_of, required_text
from dpsops.emulator.keyvault.errors import conflict, forbidden
from dpsops.emulator.keyvault.objects import Collection
from dpsops.emulator.keyvault.pages import page
from dpsops.emulator.keyvault.vaults import Vault
from dpsops.emulator.world import World


@dataclass(frozen=True, slots=True)
class Seen:
    """An object as one request sees it: in which vault, at which API version, and at which of its versions."""

    vault: Vault
    api_version: str
    head: JSON
    version: JSON

    @property
    def attributes(self) -> JSON:
        """The version's attributes, with the vault's recovery level."""
        return {**self.version["attributes"], **self.vault.recovery(self.api_version)}

    @property
    def tags(self) -> JSON:
        """The tags as a field, or no field."""
        return {} if self.version["tags"] is None else {"tags": self.version["tags"]}

    @property
    def managed(self) -> JSON:
        """`managed` as a field of a certificate's key or secret, or no field."""
        return {"managed": True} if self.head["managed"] else {}

    def identifier(self, collection: Collection, *, versioned: bool = True) -> str:
        """The object's URL in one of the collections."""
        suffix = f"/{self.version['version']}" if versioned else ""
        return f"{self.vault.url}/{collection.plural}/{self.head['name']}{suffix}"


@dataclass(frozen=True, slots=True)
class Shapes:
    """How one collection shows its objects.

    bundle: the whole object, as its GET does (a secret's without the value). item: the object in a list of
    objects (`versioned` False), of versions, or, with `deleted`, of deleted ones; None leaves it out.
    """

    bundle: Callable[[Seen], JSON]
    item: Callable[[Seen, Request, bool, bool], JSON | None]


def operations(collection: Collection, shapes: Shapes) -> list[Operation]:
    """The operations that every collection has."""
    plural = collection.plural

    def list_all(world: World, request: Request, vault: str) -> Response:
        opened = vaults.require(world, vault)

        def show(head: JSON) -> JSON | None:
            if not objects.is_listed_as_living(world, head):
                return None
            return shapes.item(_see(world, opened, request, collection, head), request, False, False)

        return page(world, request, collection.heads, f"{opened.key}/", show)

    def list_versions(world: World, request: Request, vault: str, name: str) -> Response:
        opened = vaults.require(world, vault)
        head, _ = objects.require(world, opened, collection, name)

        def show(version: JSON) -> JSON | None:
            return shapes.item(Seen(opened, request.api_version, head, version), request, True, False)

        return page(world, request, collection.versions, f"{opened.key}/{name.lower()}/", show)

    def list_deleted(world: World, request: Request, vault: str) -> Response:
        opened = vaults.require(world, vault)

        def show(head: JSON) -> JSON | None:
            if not objects.is_listed_as_deleted(world, opened, head):
                return None
            item = shapes.item(_see(world, opened, request, collection, head), request, False, True)
            return None if item is None else _deletion(opened, collection, head) | item

        return page(world, request, collection.heads, f"{opened.key}/", show)

    def delete(world: World, request: Request, vault: str, name: str) -> Response:
        opened = vaults.require(world, vault)
        head, version = objects.require(world, opened, collection, name)
        objects.refuse_managed(collection, head, "delete")
        objects.delete(world, opened, collection, name)
        bundle = shapes.bundle(Seen(opened, request.api_version, head, version))
        if not opened.soft_delete:
            return Response(200, bundle)
        return Response(200, _deletion(opened, collection, head | {"deleted": int(world.now)}) | bundle)

    def get_deleted(world: World, request: Request, vault: str, name: str) -> Response:
        opened = vaults.require(world, vault)
        head, version = objects.require_deleted(world, opened, collection, name)
        bundle = shapes.bundle(Seen(opened, request.api_version, head, version))
        return Response(200, _deletion(opened, collection, head) | bundle)

    def recover(world: World, request: Request, vault: str, name: str) -> Response:
        opened = vaults.require(world, vault)
        head, version = objects.require_settled(world, opened, collection, name)
        objects.refuse_managed(collection, head, "recover")
        objects.recover(world, opened, collection, name)
        return Response(200, shapes.bundle(Seen(opened, request.api_version, head, version)))

    def purge(world: World, request: Request, vault: str, name: str) -> Response:
        opened = vaults.require(world, vault)
        head, _ = objects.require_settled(world, opened, collection, name)
        objects.refuse_managed(collection, head, "purge")
        if opened.purge_protection:
            raise forbidden(
                'Operation "purge" is not allowed because purge protection is enabled for this vault. Key Vault service will '
                "automatically purge it after the retention period has passed."
            )
        objects.purge(world, opened, collection, name)
        return Response(204)

    def backup(world: World, request: Request, vault: str, name: str) -> Response:
        opened = vaults.require(world, vault)
        head, _ = objects.require(world, opened, collection, name)
        objects.refuse_managed(collection, head, "backup")
        return Response(200, {"value": backups.seal(world, opened, collection, head["name"])})

    def restore(world: World, request: Request, vault: str) -> Response:
        opened = vaults.require(world, vault)
        name, documents = backups.unseal(world, opened, collection, required_text(body_of(request), "value"))
        for each, _, _ in documents:
            objects.refuse_name_in_use(world, opened, each, name)
        if any(objects.exists(world, opened, each, name) for each, _, _ in documents):
            raise conflict(f"{collection.noun.capitalize()} {name} already exists, and can not be restored over itself.")
        for each, head, versions in documents:
            for version in versions:
                objects.save(world, opened, each, head, version)
        if collection is objects.CERTIFICATES:
            certificate_operations.save(world, opened, documents[0][1])
        head, version = objects.require(world, opened, collection, name)
        return Response(200, shapes.bundle(Seen(opened, request.api_version, head, version)))

    return [
        Operation("GET", f"/{plural}", list_all, collection.read_action, f"{plural}/list"),
        Operation("POST", f"/{plural}/restore", restore, f"{plural}/restore/action", f"{plural}/restore"),
        Operation("DELETE", f"/{plural}/{{name}}", delete, f"{plural}/delete", f"{plural}/delete"),
        Operation("GET", f"/{plural}/{{name}}/versions", list_versions, collection.read_action, f"{plural}/list"),
        Operation("POST", f"/{plural}/{{name}}/backup", backup, f"{plural}/backup/action", f"{plural}/backup"),
        Operation("GET", f"/deleted{plural}", list_deleted, collection.read_action, f"{plural}/list"),
        Operation("GET", f"/deleted{plural}/{{name}}", get_deleted, collection.read_action, f"{plural}/get"),
        Operation("DELETE", f"/deleted{plural}/{{name}}", purge, f"{plural}/purge/action", f"{plural}/purge"),
        Operation("POST", f"/deleted{plural}/{{name}}/recover", recover, f"{plural}/recover/action", f"{plural}/recover"),
    ]


def _see(world: World, vault: Vault, request: Request, collection: Collection, head: JSON) -> Seen:
    version = objects.find_version(world, vault, collection, head)
    assert version is not None, "every head has a current version"
    return Seen(vault, request.api_version, head, version)


def _deletion(vault: Vault, collection: Collection, head: JSON) -> JSON:
    return {
        "recoveryId": f"{vault.url}/deleted{collection.plural}/{head['name']}",
        "deletedDate": head["deleted"],
        "scheduledPurgeDate": head["deleted"] + vault.retention_seconds,
    }
