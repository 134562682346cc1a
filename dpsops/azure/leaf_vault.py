"""The devices' secrets in the vault: each contains a bundle, and has tags that describe the certificate without the key.

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
    """The vault of an environment: the secrets of its devices."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    @understood(_WHO)
    def all(self) -> list[Leaf]:
        """The certificate of every device that has a secret in the vault, from the tags; no key is read. Raises `Refused` if the
        tag of a secret does not name the same device as its name: anybody with access can edit a tag."""
        found = []
        for properties in answers.every(self._clients.secrets.list_properties_of_secrets()):
            leaf = read_leaf(answers.tags(properties.tags), answers.moment(properties.expires_on))
            if leaf is None:
                continue
            if properties.name != secret_name(DeviceId(leaf.device)):
                raise Refused(
                    f"the secret {properties.name} in the vault has a tag of another device, {leaf.device!r}",
                    f"find out who changed its tag {DEVICE_TAG!r}; correct the tag, then run the command again",
                )
            found.append(leaf)
        return found

    @understood(_WHO)
    def versions(self, device: DeviceId) -> list[SecretVersion]:
        """The enabled versions of a device's secret, the newest first by their creation dates. For an unknown name a vault may
        answer an empty list or 404."""
        found = []
        try:
            for properties in answers.every(self._clients.secrets.list_properties_of_secret_versions(secret_name(device))):
                if not properties.enabled:
                    continue
                tags = answers.tags(properties.tags)
                leaf = read_leaf(tags, answers.moment(properties.expires_on))
                created = answers.moment(properties.created_on)
                found.append(SecretVersion(str(properties.version or ""), str(properties.id or ""), created, tags, leaf))
        except ResourceNotFoundError:
            return []
        return sorted(found, key=lambda each: each.created or _LONG_AGO, reverse=True)

    def history(self, device: DeviceId) -> list[SecretVersion]:
        """The enabled versions, the newest surely first: a vault dates them to the second, so two of the same second are told
        apart by one more request."""
        found = self.versions(device)
        if len(found) < 2 or found[0].created != found[1].created:
            return found
        newest = self._newest_version(device)
        return sorted(found, key=lambda each: each.version != newest)

    def leaves(self, device: DeviceId) -> tuple[Leaf, ...]:
        """The device's certificates in enabled versions of its secret, the newest first."""
        return tuple(version.leaf for version in self.versions(device) if version.leaf is not None)

    def bundle(self, device: DeviceId) -> str:
        """The device's bundle as PEM. Raises `Missing` if it has none."""
        return self._value(device, None)

    def chain(self, device: DeviceId, version: str | None = None) -> list[x509.Certificate]:
        """The device's certificate and its chain up to the root, from a version of its secret (None: the newest). The secret may
        be without the key. Raises `Missing` if there is no secret, `Error` if it contains no certificate."""
        value = self._value(device, version)
        try:
            return answers.certificates(value)
        except ValueError as cause:
            raise Error(f"the secret of {device} contains no certificate", f"dpsops device renew {device} --again") from cause

    @understood(_WHO)
    def put(self, device: DeviceId, bundle: str, leaf: x509.Certificate, generation: int, *, key_on_device: bool = False) -> str:
        """Stores a device's bundle, without the key if that is on the device alone, in a new version of its secret. Returns the
        versioned ID."""
        secret = self._clients.secrets.set_secret(
            secret_name(device),
            bundle,
            content_type=_CONTENT_TYPE,
            not_before=leaf.not_valid_before_utc,
            expires_on=leaf.not_valid_after_utc,
            tags=leaf_tags(device, leaf, generation, key_on_device=key_on_device),
        )
        return str(secret.id or "")

    @understood(_WHO)
    def set_blocked(self, device: DeviceId, version: SecretVersion, *, blocked: bool) -> None:
        """Sets or removes the tag of a blocked device on a version."""
        tags = blocked_tags(version.tags, blocked=blocked)
        self._clients.secrets.update_secret_properties(secret_name(device), version.version, tags=tags)

    @understood(_WHO)
    def _newest_version(self, device: DeviceId) -> str:
        return str(self._clients.secrets.get_secret(secret_name(device)).properties.version or "")

    @understood(_WHO)
    def _value(self, device: DeviceId, version: str | None) -> str:
        try:
            value = self._clients.secrets.get_secret(secret_name(device), version).value
        except ResourceNotFoundError:
            raise Missing(f"{device} has no certificate in the vault", f"dpsops device issue {device}") from None
        return "" if value is None else str(value)
