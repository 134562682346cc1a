"""The devices' secrets in the vaults: each contains a bundle, and has tags that describe the certificate without the key.

A device's secret stays in the vault in which it is. A device that has none gets one in the vault where it is `placed`.

Source: Key Vault REST API 2026-04-01, "Secrets".
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from cryptography import x509

from dpsops.azure import answers
from dpsops.azure.answers import Shape
from dpsops.azure.clients import Clients
from dpsops.azure.errors import understood
from dpsops.azure.new_roles import lacks_role
from dpsops.azure.pool import Cost
from dpsops.errors import Error, Missing, Refused
from dpsops.model import rates
from dpsops.model.device import DEVICE_TAG, Leaf, SecretVersion, blocked_tags, leaf_tags, read_leaf
from dpsops.model.earlier import EarlierLeaf
from dpsops.model.placement import placed
from dpsops.pki.names import DeviceId, secret_name

_WHO = "Key Vault"
_CONTENT_TYPE = "application/x-pem-file"
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_PAGE = 25
"""The most secrets of one page."""


class LeafVaults:
    """The vaults of an environment in which devices have their secrets. `names`: of those in which devices get them. The root's
    vault is looked in too, because devices may have theirs there from a time without vaults of their own; an identity without
    rights there does without it."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._plane = cache(clients.leaf_vault)
        self._creates = cache(self._costs)
        self.names = clients.environment.leaf_vaults
        root = clients.environment.vault.name
        self._before = () if root in self.names else (root,)

    @understood(_WHO)
    async def pages(self) -> AsyncIterator[list[Leaf]]:
        """The newest certificate of every device, from the tags; no key is read. One request for each page. A device whose newest
        version is disabled is among them. Raises `Refused` if the tag of a secret does not name the same device as its name:
        anybody with access can edit a tag."""
        for vault in (*self.names, *self._before):
            try:
                async for page in self._plane(vault).pages(f"/secrets?maxresults={_PAGE}"):
                    found = (_leaf(each, vault) for each in page)
                    yield [leaf for leaf in found if leaf is not None]
            except HttpResponseError as error:
                if vault in self.names or not lacks_role(error.response):
                    raise

    async def all(self) -> list[Leaf]:
        """The same, all in one list."""
        return [leaf async for page in self.pages() for leaf in page]

    @understood(_WHO)
    async def versions(self, device: DeviceId) -> list[SecretVersion]:
        """The enabled versions of a device's secret, the newest first by their creation dates; none if no vault has one. For an
        unknown name a vault may answer an empty list or 404. One request, and one for each vault in which there is none."""
        for vault in self._likely(device):
            if found := await self._versions(vault, device):
                return sorted(found, key=lambda each: each.created or _LONG_AGO, reverse=True)
        return []

    async def _versions(self, vault: str, device: DeviceId) -> list[SecretVersion]:
        plane, found = self._plane(vault), []
        path = f"/secrets/{secret_name(device)}/versions?maxresults={_PAGE}"
        try:
            async for page in plane.pages(path):
                found += [_version(each, vault) for each in page]
        except ResourceNotFoundError:
            return []
        except HttpResponseError as error:
            if vault in self.names or not lacks_role(error.response):
                raise
        return [each for each in found if each is not None]

    async def history(self, device: DeviceId) -> list[SecretVersion]:
        """The enabled versions, the newest surely first: a vault dates them to the second, so two of the same second are told
        apart by one more request."""
        found = await self.versions(device)
        if len(found) < 2 or found[0].created != found[1].created:
            return found
        newest = await self._newest(device, found[0].vault)
        return sorted(found, key=lambda each: each.version != newest)

    @understood(_WHO)
    async def _newest(self, device: DeviceId, vault: str) -> str:
        """The newest version of a device's secret in a vault."""
        return _read(await self._secret(device, vault, "")).version

    async def leaves(self, device: DeviceId) -> tuple[Leaf, ...]:
        """The device's certificates in enabled versions of its secret, the newest first."""
        return tuple(version.leaf for version in await self.versions(device) if version.leaf is not None)

    async def bundle(self, device: DeviceId) -> str:
        """The device's bundle as PEM. Raises `Missing` if it has none."""
        return await self._value(device, "", "")

    async def chain(self, device: DeviceId, version: SecretVersion | None = None) -> list[x509.Certificate]:
        """The device's certificate and its chain up to the root, from a version of its secret (None: the newest). The secret may
        be without the key. Raises `Missing` if there is no secret, `Error` if it contains no certificate."""
        value = await self._value(device, version.vault if version else "", version.version if version else "")
        try:
            return answers.certificates(value)
        except ValueError as cause:
            raise Error(f"the secret of {device} contains no certificate", f"dpsops device renew {device} --again") from cause

    @understood(_WHO)
    async def put(
        self,
        device: DeviceId,
        bundle: str,
        leaf: x509.Certificate,
        generation: int,
        before: tuple[EarlierLeaf, ...] | None,
        *,
        vault: str = "",
        key_on_device: bool = False,
    ) -> tuple[str, Leaf]:
        """Stores a device's bundle, without the key if that is on the device alone, in a new version of its secret. Returns the
        versioned ID, and what the tags say. before: the certificates that the device had before, None if nobody knows; vault: in
        which it has its secret; empty: in none yet."""
        vault = vault or placed(device, self.names)
        tags = leaf_tags(device, leaf, generation, before, key_on_device=key_on_device)
        document = {
            "value": bundle,
            "contentType": _CONTENT_TYPE,
            "attributes": {"nbf": int(leaf.not_valid_before_utc.timestamp()), "exp": int(leaf.not_valid_after_utc.timestamp())},
            "tags": tags,
        }
        path = f"/secrets/{secret_name(device)}"
        found = _read(await self._plane(vault).put(path, document, None, *self._creates(vault)))
        stored = read_leaf(tags, leaf.not_valid_after_utc)
        assert stored is not None, "these are the tags of a device's secret"
        return found.id, replace(stored, vault=vault, stored=_moment(found.attributes.created))

    @understood(_WHO)
    async def set_blocked(self, device: DeviceId, version: SecretVersion, *, blocked: bool) -> None:
        """Sets or removes the tag of a blocked device on a version."""
        await self._update(device, version, {"tags": blocked_tags(version.tags, blocked=blocked)})

    @understood(_WHO)
    async def disable(self, device: DeviceId, version: SecretVersion) -> None:
        """Disables a version: nobody can read its key any more. A vault cannot delete one version."""
        await self._update(device, version, {"attributes": {"enabled": False}})

    async def _update(self, device: DeviceId, version: SecretVersion, changes: dict[str, object]) -> None:
        path = f"/secrets/{secret_name(device)}/{version.version}"
        await self._plane(version.vault).patch(path, changes)

    @understood(_WHO)
    async def _value(self, device: DeviceId, vault: str, version: str) -> str:
        value = (await self._secret(device, vault, version)).get("value")
        if value is not None and not isinstance(value, str):
            raise TypeError("a secret that is no text")
        return value or ""

    @understood(_WHO)
    async def _secret(self, device: DeviceId, vault: str, version: str) -> dict[str, Any]:
        """A version of a secret (empty: the newest), in this vault (empty: wherever it is). Raises `Missing`."""
        for each in [vault] if vault else self._likely(device):
            try:
                found = await self._plane(each).get(f"/secrets/{secret_name(device)}/{version}")
            except HttpResponseError as error:
                if each in self.names or not lacks_role(error.response):
                    raise
                continue
            if found is not None:
                return found
        raise Missing(f"{device} has no certificate in the vault", f"dpsops device issue {device}")

    def _costs(self, vault: str) -> tuple[Cost, ...]:
        """What a new secret costs: of the vault's limit, and of that which all vaults of the subscription share."""
        of_vault = rates.secret_creates(self._clients.environment, vault, len(self.names))
        return tuple((self._clients.pool.budget(rate), 1) for rate in of_vault)

    def _likely(self, device: DeviceId) -> list[str]:
        """The vaults, the one first in which a device is placed that has no secret."""
        first = placed(device, self.names)
        return [first, *(each for each in self.names if each != first), *self._before]


class _Attributes(Shape):
    enabled: bool | None = None
    exp: int | None = None
    created: int | None = None


class _Secret(Shape):
    id: str
    attributes: _Attributes = _Attributes()
    tags: dict[str, str] | None = None

    @property
    def version(self) -> str:
        """The version, from the ID: `https://VAULT/secrets/NAME/VERSION`."""
        return self.id.partition("/secrets/")[2].partition("/")[2]

    @property
    def name(self) -> str:
        """The name, from the ID."""
        return self.id.partition("/secrets/")[2].partition("/")[0]


def _read(document: Mapping[str, Any]) -> _Secret:
    return _Secret.model_validate(document)


def _leaf(document: Mapping[str, Any], vault: str) -> Leaf | None:
    found = _read(document)
    leaf = read_leaf(found.tags or {}, _moment(found.attributes.exp))
    if leaf is None:
        return None
    if found.name.lower() != secret_name(DeviceId(leaf.device)):
        raise Refused(
            f"the secret {found.name} in the vault has a tag of another device, {leaf.device!r}",
            f"find out who changed its tag {DEVICE_TAG!r}; correct the tag, then run the command again",
        )
    return replace(leaf, vault=vault, stored=_moment(found.attributes.created))


def _version(document: Mapping[str, Any], vault: str) -> SecretVersion | None:
    """One version, or None if it is disabled."""
    found = _read(document)
    if found.attributes.enabled is False:
        return None
    tags, created = found.tags or {}, _moment(found.attributes.created)
    leaf = read_leaf(tags, _moment(found.attributes.exp))
    return SecretVersion(found.version, found.id, created, tags, leaf and replace(leaf, vault=vault, stored=created), vault)


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
