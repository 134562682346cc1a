"""`device register`: plays a device, from its bundle to a message to the hub that DPS assigned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from dpsops.azure.dps import Dps
from dpsops.azure.leaf_vault import LeafVaults
from dpsops.azure.provisioning import register_over_https, register_over_mqtt, send_message
from dpsops.azure.registration_answers import Assigned
from dpsops.azure.renewal import register_with_request, renew
from dpsops.azure.wire import Wire
from dpsops.errors import Refused, RegistrationRefused, StillRegistering
from dpsops.fleet import engine
from dpsops.model.run import Run
from dpsops.pki import chains, operational
from dpsops.pki.bundles import DeviceCredential, read_bundle
from dpsops.pki.names import DeviceId

_ATTEMPTS = 6
_PAUSE_SECONDS = 10.0
"""How often a registration is tried while another one of the device runs, and how long apart: a minute in all, in which DPS ends
most."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A successful registration. `sent`: a message was sent to the hub."""

    assigned: Assigned
    transport: str
    sent: bool


@dataclass(frozen=True, slots=True)
class Renewed:
    """A registration in which Azure has issued a certificate to the device: its chain, leaf first. `renewed`: the chain of the
    next one, which the hub has issued; None over https, which does not go so far."""

    registered: Registered
    issued: tuple[x509.Certificate, ...]
    renewed: tuple[x509.Certificate, ...] | None


def id_scope(dps: Dps) -> str:
    """The ID scope of the environment's DPS."""
    return dps.facts().id_scope


def fetch(run: Run, leaves: LeafVaults, device: DeviceId) -> DeviceCredential:
    """The device's key and chain, from its secret. Raises `Error` if it has none."""
    return read_bundle(engine.wait(run, leaves.bundle(device)).encode(), f"the secret of {device}")


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
    """Registers over `mqtt` or `https`; after `mqtt`, connects to the hub and sends one message.

    Raises `RegistrationRefused` if DPS does not register the device. The hint names a fault of the certificates if there is one.
    """

    def once() -> Assigned:
        if transport == "https":
            return register_over_https(scope, device, credential, wire, wait)
        return register_over_mqtt(scope, device, credential, wire)

    assigned = _assigned(once, device, credential, wire, transport=transport, wait=wait, now=now, progress=progress)
    if transport == "https":
        return Registered(assigned, transport, sent=False)
    progress(f"connecting {device} to {assigned.hub} (at most {wire.waits.answer_seconds:g} seconds)")
    send_message(assigned.hub, assigned.device, credential, wire, f"{device} says hello")
    return Registered(assigned, transport, sent=True)


def register_and_renew(
    device: DeviceId,
    credential: DeviceCredential,
    scope: str,
    wire: Wire,
    *,
    transport: str,
    new_key: Callable[[], ec.EllipticCurvePrivateKey],
    wait: Callable[[float], None],
    now: datetime,
    progress: Callable[[str], None],
) -> Renewed:
    """Registers with the device's own certificate, and asks DPS for another one; after `mqtt`, connects to the hub with that,
    renews it there, and sends one message with the newest. The keys stay in memory.

    Raises `RegistrationRefused` if DPS does not register the device, `Refused` if it issues no certificate.
    """
    key = new_key()
    csr = operational.request_for(key, device)

    def once() -> Assigned:
        if transport == "https":
            return register_over_https(scope, device, credential, wire, wait, csr)
        return register_with_request(scope, device, credential, wire, wait, csr)

    assigned = _assigned(once, device, credential, wire, transport=transport, wait=wait, now=now, progress=progress)
    if not assigned.issued:
        raise Refused(
            f"{device} is registered, but DPS has issued no certificate: its enrollment names no certificate policy",
            "set [group] certificate_policy in the settings, then: dpsops up; "
            f"an individual enrollment needs it too: dpsops device issue {device} --individual",
        )
    issued = operational.read_issued(assigned.issued, key, device)
    if transport == "https":
        return Renewed(Registered(assigned, transport, sent=False), issued, None)
    hub, name = assigned.hub, assigned.device
    progress(f"renewing the certificate of {device} at {hub} (at most {wire.waits.registration_seconds:g} seconds)")
    next_key = new_key()
    chain = renew(hub, name, operational.credential(key, issued), wire, operational.request_for(next_key, name))
    renewed = operational.read_issued(chain, next_key, name)
    progress(f"connecting {device} to {hub} (at most {wire.waits.answer_seconds:g} seconds)")
    send_message(hub, name, operational.credential(next_key, renewed), wire, f"{device} says hello")
    return Renewed(Registered(assigned, transport, sent=True), issued, renewed)


def _assigned(
    once: Callable[[], Assigned],
    device: DeviceId,
    credential: DeviceCredential,
    wire: Wire,
    *,
    transport: str,
    wait: Callable[[float], None],
    now: datetime,
    progress: Callable[[str], None],
) -> Assigned:
    """What DPS has assigned. The hint of a refusal names a fault of the certificates if there is one."""
    progress(f"registering {device} with DPS over {transport} (at most {wire.waits.registration_seconds:g} seconds)")
    try:
        return _patiently(once, wait, lambda: progress(f"waiting until another registration of {device} ends (at most a minute)"))
    except RegistrationRefused as refusal:
        refusal.hint = diagnosis(device, credential, now) or refusal.hint
        raise


def _patiently(once: Callable[[], Assigned], wait: Callable[[float], None], waiting: Callable[[], None]) -> Assigned:
    """Registers, again after a pause if another registration of the device has not ended yet, as Microsoft's own tests do."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return once()
        except StillRegistering:
            waiting()
            wait(_PAUSE_SECONDS)
    return once()


def diagnosis(device: DeviceId, credential: DeviceCredential, now: datetime) -> str:
    """A fault of the certificates themselves, and what to do: DPS answers "Invalid certificate" to all of these. Empty if
    there is none; then the cause is in DPS."""
    leaf, *above = x509.load_pem_x509_certificates(credential.chain.encode())
    name = chains.common_name(leaf.subject)
    if name != device:
        return f"the certificate is for {name}: the registration ID must be the certificate's common name"
    if leaf.not_valid_after_utc <= now:
        return f"the certificate expired on {leaf.not_valid_after_utc:%Y-%m-%d}: dpsops device issue {device}"
    if leaf.not_valid_before_utc > now:
        return f"the certificate is not valid before {leaf.not_valid_before_utc:%Y-%m-%d %H:%M} UTC: check the clock"
    if leaf.issuer != leaf.subject and not above:
        return "the bundle contains only the device certificate: a device must send the complete chain, up to the root"
    return ""
