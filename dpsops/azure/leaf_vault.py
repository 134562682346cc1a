"""The devices' secrets in the vault: key, leaf and chain of each, and the tags that tell of them without their keys.

Source: Key Vault REST API 2026-04-01, "Secrets".
"""

from __future__ import annotations

from datetime import UTC, datetime

from azure.core.exceptions import ResourceNotFoundError
from cryptography import x509

from dpsops.azure import answers
from dpsops.azure.clients import Clients
from dpsops.azure.errors import understood
from dpsops.errors import Error, Missing, Refused
from dpsops.model.device import DEVICE_TAG, Leaf, SecretVersion, blocked_tags, leaf_tags, read_leaf
from dpsops.pki.names import DeviceId, secret_name

_WHO = "Key Vault"
_CONTENT_TYPE = "application/x-pem-file"
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class LeafVault:
    """The vault of an environment, as far as its devices go."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    @understood(_WHO)
    def all(self) -> list[Leaf]:
        """Every device that has a secret in the vault, by the secrets' tags; no key is read. Raises `Refused` for a secret
        whose tag names another device than its name does: anybody can edit a tag."""
        found = []
        for properties in self._clients.secrets.list_properties_of_secrets():
            leaf = read_leaf(answers.tags(properties.tags), answers.moment(properties.expires_on))
            if leaf is None:
                continue
            if properties.name != secret_name(DeviceId(leaf.device)):
                raise Refused(
                    f"the secret {properties.name} in the vault says that it is of the device {leaf.device!r}",
                    f"find out who has changed its tag {DEVICE_TAG!r}; correct it, then run the command again",
                )
            found.append(leaf)
        return found

    @understood(_WHO)
    def versions(self, device: DeviceId) -> list[SecretVersion]:
        """The versions of a device's secret that are enabled, the newest first as far as their dates tell. A vault may answer
        a name that it does not know with nothing or with 404."""
        found = []
        try:
            for properties in self._clients.secrets.list_properties_of_secret_versions(secret_name(device)):
                if not properties.enabled:
                    continue
                tags = answers.tags(properties.tags)
                leaf = read_leaf(tags, answers.moment(properties.expires_on))
                created = answers.moment(properties.created_on)
                found.append(SecretVersion(str(properties.version or ""), created, tags, leaf))
        except ResourceNotFoundError:
            return []
        return sorted(found, key=lambda each: each.created or _LONG_AGO, reverse=True)

    def leaves(self, device: DeviceId) -> tuple[Leaf, ...]:
        """The device's leaves that are enabled."""
        return tuple(version.leaf for version in self.versions(device) if version.leaf is not None)

    def bundle(self, device: DeviceId) -> str:
        """The device's key, leaf and chain as PEM. Raises `Missing` where it has none."""
        return self._value(device, None)

    def chain(self, device: DeviceId, version: str | None = None) -> list[x509.Certificate]:
        """The device's leaf and what signed it, up to the root, out of a version of its secret (None: the newest), which need
        not hold the key. Raises `Missing` where it has none, `Error` where its secret holds no certificate."""
        value = self._value(device, version)
        try:
            return answers.certificates(value)
        except ValueError as cause:
            raise Error(f"the secret of {device} holds no certificate", f"dpsops device renew {device}") from cause

    @understood(_WHO)
    def put(self, device: DeviceId, bundle: str, leaf: x509.Certificate, generation: int) -> str:
        """Keeps a device's key, leaf and chain in a new version of its secret; its versioned ID."""
        secret = self._clients.secrets.set_secret(
            secret_name(device),
            bundle,
            content_type=_CONTENT_TYPE,
            not_before=leaf.not_valid_before_utc,
            expires_on=leaf.not_valid_after_utc,
            tags=leaf_tags(device, leaf, generation),
        )
        return str(secret.id or "")

    @understood(_WHO)
    def set_blocked(self, device: DeviceId, version: SecretVersion, *, blocked: bool) -> None:
        """Tags a version as that of a blocked device, or takes the tag away."""
        tags = blocked_tags(version.tags, blocked=blocked)
        self._clients.secrets.update_secret_properties(secret_name(device), version.version, tags=tags)

    @understood(_WHO)
    def _value(self, device: DeviceId, version: str | None) -> str:
        try:
            value = self._clients.secrets.get_secret(secret_name(device), version).value
        except ResourceNotFoundError:
            raise Missing(f"{device} has no certificate in the vault", f"dpsops device issue {device}") from None
        return "" if value is None else str(value)
