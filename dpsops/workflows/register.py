"""Playing the device: from its bundle to a message in the hub that DPS assigned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from dpsops.azure.dps import Dps
from dpsops.azure.leaf_vault import LeafVault
from dpsops.azure.provisioning import Assigned, Wire, register_over_https, register_over_mqtt, send_message
from dpsops.errors import RegistrationRefused
from dpsops.pki import chains
from dpsops.pki.bundles import DeviceCredential, read_bundle
from dpsops.pki.names import DeviceId


@dataclass(frozen=True, slots=True)
class Registered:
    """What became of a registration; `sent` tells whether a message reached the hub."""

    assigned: Assigned
    transport: str
    sent: bool


def id_scope(dps: Dps) -> str:
    """The ID scope of the environment's DPS."""
    return dps.facts().id_scope


def fetch(leaves: LeafVault, device: DeviceId) -> DeviceCredential:
    """The device's key and chain, out of its secret. Raises `Error` where it has none."""
    return read_bundle(leaves.bundle(device), f"the secret of {device}")


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
