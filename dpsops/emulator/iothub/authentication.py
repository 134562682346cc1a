"""How a device authenticates to a hub over MQTT: in the way that its identity in the device registry names.

Source: "Communicate with an IoT hub using the MQTT protocol", "Authenticate identities with X.509 certificates".
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple
from urllib.parse import parse_qs

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from dpsops.emulator.documents import JSON
from dpsops.emulator.iothub.access import API_VERSIONS, find_keys
from dpsops.emulator.microsoft_devices.certificates import certificates_of
from dpsops.emulator.microsoft_devices.chains import InvalidChain, is_valid, read_chain
from dpsops.emulator.microsoft_devices.issuance import issuer_of
from dpsops.emulator.microsoft_devices.proof import common_name, parse_certificate
from dpsops.emulator.microsoft_devices.signatures import InvalidSignature, Signature
from dpsops.emulator.world import World

_OVER_MQTT = API_VERSIONS | {"2025-08-01-preview"}
"""With the one that the unified device SDKs send."""


class Username(NamedTuple):
    """What an MQTT user name says: `{host}/{device}/?api-version=...`; the host in lower case."""

    host: str
    device: str
    version: str

    @classmethod
    def parse(cls, text: str) -> Username | None:
        """Reads one; None where it is none, or names no API version that the hub knows. Modules have none here."""
        host, _, rest = text.partition("/")
        device, _, query = rest.partition("/")
        versions = parse_qs(query.removeprefix("?")).get("api-version", [])
        known = len(versions) == 1 and versions[0] in _OVER_MQTT
        return cls(host.lower(), device, versions[0]) if device and known else None


class NotAuthenticated(Exception):
    """The device does not authenticate. Why, the hub tells nobody; it is for the log."""


class Authenticated(NamedTuple):
    """A device has authenticated: until when (epoch s, None: until it disconnects), and by which method."""

    expiry: float | None
    method: str


def authenticate(world: World, hub: JSON, device: JSON, host: str, chain: tuple[bytes, ...], password: str) -> Authenticated:
    """How the device authenticates. `chain` is of DER certificates, leaf first. Raises `NotAuthenticated`."""
    kind = device["authentication"]["type"]
    if kind == "sas":
        return _by_signature(world, hub, device, host, password)
    if not chain:
        raise NotAuthenticated("it has sent no certificate")
    try:
        leaf = x509.load_der_x509_certificate(chain[0])
    except ValueError as unreadable:
        raise NotAuthenticated("its certificate cannot be read") from unreadable
    if kind == "selfSigned":
        if not is_valid(leaf, world.now):
            raise NotAuthenticated("its certificate has expired, or is not valid yet")
        if not _has_thumbprint(chain[0], device["authentication"]["x509Thumbprint"]):
            raise NotAuthenticated("its certificate is none that its identity names by thumbprint")
    elif common_name(leaf) != device["deviceId"]:
        raise NotAuthenticated("the common name of its certificate is not its device ID")
    elif not _reaches(chain, _anchors(world, hub, device), world.now):
        raise NotAuthenticated("its chain is not valid, or reaches no CA certificate that the hub has verified")
    return Authenticated(None, "x509Certificate")


def _by_signature(world: World, hub: JSON, device: JSON, host: str, password: str) -> Authenticated:
    """A signature made with a key of the device, or of a shared access policy with `DeviceConnect`."""
    if hub["properties"].get("disableLocalAuth") or hub["properties"].get("disableDeviceSAS"):
        raise NotAuthenticated("the hub takes no shared access signatures of devices")
    try:
        signature = Signature.parse(password)
    except InvalidSignature as unreadable:
        raise NotAuthenticated(
            "its identity has symmetric keys, and what it has sent is no shared access signature"
        ) from unreadable
    own = list(device["authentication"]["symmetricKey"].values())
    keys = find_keys(hub, signature.policy, "DeviceConnect") if signature.policy else own
    if not signature.opens(f"{host}/devices/{device['deviceId']}", keys, world.now):
        raise NotAuthenticated("its signature has expired, is for another resource, or was made with another key")
    return Authenticated(signature.expiry, "sas")


def _has_thumbprint(leaf: bytes, thumbprints: JSON) -> bool:
    """The hub takes thumbprints of SHA-256 and of SHA-1."""
    presented = {hashlib.sha256(leaf).hexdigest(), hashlib.sha1(leaf, usedforsecurity=False).hexdigest()}
    return any(each is not None and each.lower() in presented for each in thumbprints.values())


def _anchors(world: World, hub: JSON, device: JSON) -> list[bytes]:
    """The CA certificates (DER) that the hub trusts for a device: those it has verified, and that of the device's own policy."""
    issuer = issuer_of(world, device["policy"]) if "policy" in device else None
    verified = [parse_certificate(each["content"]) for each in certificates_of(world, hub) if each["isVerified"]]
    return [each.public_bytes(Encoding.DER) for each in verified] + ([] if issuer is None else [issuer])


def _reaches(chain: tuple[bytes, ...], anchors: list[bytes], now: float) -> bool:
    """Whether the chain leads from a leaf to one of the anchors, which may be presented with it or not."""
    for anchor in anchors:
        below = chain[: chain.index(anchor)] if anchor in chain else chain
        try:
            if below and read_chain((*below, anchor), now):
                return True
        except InvalidChain:
            continue
    return False
