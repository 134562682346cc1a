"""Backups: all versions of an object in a blob that only the vaults of the same subscription can open.

The blob is sealed with AES-GCM under a key of the embedded Azure's own, so that what it holds leaves no vault.
"""

from __future__ import annotations

import base64
import json
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from dpsops.emulator.documents import JSON
from dpsops.emulator.keyvault import objects
from dpsops.emulator.keyvault.bodies import base64url_decode, base64url_encode
from dpsops.emulator.keyvault.errors import bad_parameter, forbidden
from dpsops.emulator.keyvault.objects import CERTIFICATES, KEYS, SECRETS, Collection
from dpsops.emulator.keyvault.vaults import Vault
from dpsops.emulator.world import World

Documents = list[tuple[Collection, JSON, list[JSON]]]
"""For each collection that the object is in: its head and its versions."""

_KIND = "keyvault.backupKey"
_MARKS = {KEYS: b"&AzureKeyVaultKeyBackupV1.microsoft.com", SECRETS: b")AzureKeyVaultSecretBackupV1.microsoft.com"}
_NONCE = 12


def seal(world: World, vault: Vault, collection: Collection, name: str) -> str:
    """The blob of an object, and of what it owns."""
    head, _ = objects.require(world, vault, collection, name)
    placeholder = head.get("placeholder")
    if placeholder and head["current"] == placeholder:
        raise forbidden("Operation backup is not allowed on a certificate that was never issued.")  # stricter guess
    parts = []
    for each in objects.owned_by(collection):
        own, versions = objects.export(world, vault, each, name)
        pending = {"operation": None, "placeholder": None} if each is CERTIFICATES else {}
        parts.append((each.noun, own | pending, [version for version in versions if version["version"] != placeholder]))
    nonce = secrets.token_bytes(_NONCE)
    sealed = AESGCM(_key(world)).encrypt(nonce, json.dumps(parts).encode(), _context(vault, collection))
    return base64url_encode(_mark(collection) + nonce + sealed)


def unseal(world: World, vault: Vault, collection: Collection, blob: str) -> tuple[str, Documents]:
    """The name of the object in the blob, and its documents. Refused if the blob is not one for this place."""
    data, mark = base64url_decode(blob, "value"), _mark(collection)
    nonce, sealed = data[len(mark) : len(mark) + _NONCE], data[len(mark) + _NONCE :]
    try:
        if not data.startswith(mark) or len(nonce) < _NONCE:
            raise InvalidTag
        parts = json.loads(AESGCM(_key(world)).decrypt(nonce, sealed, _context(vault, collection)))
    except InvalidTag as invalid:
        raise bad_parameter("The backup blob is not valid, or it is not of this kind and subscription.") from invalid
    by_noun = {each.noun: each for each in (CERTIFICATES, KEYS, SECRETS)}
    return parts[0][1]["name"], [(by_noun[noun], head, versions) for noun, head, versions in parts]


def _mark(collection: Collection) -> bytes:
    return _MARKS.get(collection, _MARKS[KEYS])  # a certificate's backup begins like a key's


def _context(vault: Vault, collection: Collection) -> bytes:
    return f"{vault.id.subscription.lower()}/{collection.noun}".encode()


def _key(world: World) -> bytes:
    document = world.state.get(_KIND, "key")
    if document is None:
        document = {"key": base64.b64encode(AESGCM.generate_key(256)).decode()}
        world.state.put(_KIND, "key", document)
    return base64.b64decode(document["key"])
