"""Playing the device: from its leaf in the vault (or in a file) to a message in the hub that DPS assigned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from azure.core.exceptions import ResourceNotFoundError
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from dpsops.azure.provisioning import (
    Assigned,
    DeviceCredential,
    Wire,
    register_over_https,
    register_over_mqtt,
    send_message,
)
from dpsops.errors import Error, InvalidInput, RegistrationRefused
from dpsops.pki import chains
from dpsops.pki.names import DeviceId, secret_name
from dpsops.workflows.run import Run


@dataclass(frozen=True, slots=True)
class Registered:
    """What became of a registration; `sent` tells whether a message reached the hub."""

    assigned: Assigned
    transport: str
    sent: bool


def read_bundle(text: str, source: str) -> DeviceCredential:
    """Key and chain out of a PEM text. Raises `InvalidInput` where either is missing, or the key is not the first
    certificate's: TLS would fail over it, and say nothing that helps."""
    begin, end = "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"
    if begin not in text or end not in text:
        raise InvalidInput(
            f"{source} holds no private key (PKCS #8, PEM)", "a bundle is the device's key, its leaf and the chain"
        )
    key = text[text.index(begin) : text.index(end) + len(end)] + "\n"
    chain = text.replace(key, "")
    try:
        certificates = x509.load_pem_x509_certificates(chain.encode())
    except ValueError as cause:
        raise InvalidInput(f"{source} holds no certificate", "a bundle is the device's key, its leaf and the chain") from cause
    try:
        public_key = serialization.load_pem_private_key(key.encode(), password=None).public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InvalidInput(
            f"the private key in {source} cannot be read", "a bundle is the device's key, its leaf and the chain"
        ) from None
    if not chains.same_key(public_key, certificates[0].public_key()):
        name = chains.common_name(certificates[0].subject)
        raise InvalidInput(
            f"the private key in {source} is not that of its first certificate, {name}",
            "the device's own leaf comes first, then what signed it, up to the root",
        )
    return DeviceCredential(key, chain)


def bundle_of(run: Run, device: DeviceId) -> DeviceCredential:
    """The device's key and chain, out of its secret. Raises `Error` where it has none."""
    return read_bundle(_secret_of(run, device, None), f"the secret of {device}")


def chain_of(run: Run, device: DeviceId, version: str | None = None) -> list[x509.Certificate]:
    """The device's leaf and what signed it, up to the root, out of a version of its secret (None: the newest), which need
    not hold the key. Raises `Error` where there is none."""
    try:
        return x509.load_pem_x509_certificates(_secret_of(run, device, version).encode())
    except ValueError as cause:
        raise Error(f"the secret of {device} holds no certificate", f"dpsops device renew {device}") from cause


def _secret_of(run: Run, device: DeviceId, version: str | None) -> str:
    try:
        return run.cloud.secrets.get_secret(secret_name(device), version).value or ""
    except ResourceNotFoundError:
        raise Error(f"{device} has no certificate in the vault", f"dpsops device issue {device}") from None


def id_scope(run: Run) -> str:
    """The ID scope of the environment's DPS."""
    environment = run.environment
    properties = run.cloud.dps.iot_dps_resource.get(environment.dps.name, environment.resource_group).properties
    return (properties.id_scope if properties else None) or ""


def register(
    device: DeviceId,
    credential: DeviceCredential,
    scope: str,
    wire: Wire,
    *,
    transport: str,
    wait: Callable[[float], None],
    now: datetime,
    progress: Callable[[str], None],
) -> Registered:
    """Registers over `mqtt` or `https`, then, over MQTT, connects to the hub and sends one message.

    Raises `RegistrationRefused` where DPS does not let the device in, with what is wrong as far as it can be seen from here.
    """
    progress(f"{device} registers with DPS over {transport}")
    try:
        if transport == "https":
            return Registered(register_over_https(scope, device, credential, wire, wait), transport, sent=False)
        assigned = register_over_mqtt(scope, device, credential, wire)
    except RegistrationRefused as refusal:
        refusal.hint = diagnosis(device, credential, now) or refusal.hint
        raise
    progress(f"{device} connects to {assigned.hub}")
    send_message(assigned.hub, assigned.device, credential, wire, f"{device} says hello")
    return Registered(assigned, transport, sent=True)


def diagnosis(device: DeviceId, credential: DeviceCredential, now: datetime) -> str:
    """What is wrong with the certificates themselves, and what to do: DPS answers "Invalid certificate" to all of it.
    Empty where nothing is; then the cause is in DPS."""
    leaf, *above = x509.load_pem_x509_certificates(credential.chain.encode())
    name = chains.common_name(leaf.subject)
    if name != device:
        return f"the leaf is that of {name}: a device registers under its certificate's common name"
    if leaf.not_valid_after_utc <= now:
        return f"the leaf ended on {leaf.not_valid_after_utc:%Y-%m-%d}: dpsops device issue {device}"
    if leaf.not_valid_before_utc > now:
        return f"the leaf is not valid before {leaf.not_valid_before_utc:%Y-%m-%d %H:%M} UTC: set the clock right"
    if leaf.issuer != leaf.subject and not above:
        return "the bundle holds the leaf alone: a device must send its whole chain, up to the root"
    return ""
