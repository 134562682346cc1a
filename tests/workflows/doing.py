"""Helpers for the tests of the workflows."""

from __future__ import annotations

from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from dpsops.cli.connection import Connection
from dpsops.pki import chains
from dpsops.pki.bundles import DeviceCredential
from dpsops.pki.names import DeviceId, device_id
from dpsops.workflows import register
from tests.workflows.commands import issue_to
from tests.workflows.standing import stand
from tests.worlds import World, environment

PRESS = device_id("press-07")
OTHER = device_id("press-08")
HUB = "iot-dpsops-test.azure-devices.net"


def ready(world: World, **settings: Any) -> Connection:
    """An environment with a verified root, a group, and a certificate for press-07, in an embedded world."""
    connection = stand(world, environment(root={"key": "EC-P256"}, **settings))
    issue_to(connection, PRESS)
    return connection


def fetched(connection: Connection, device: DeviceId) -> DeviceCredential:
    """The key and chain of a device, from the vault."""
    return register.fetch(connection.run, connection.leaves, device)


def over(
    transport: str, connection: Connection, credential: DeviceCredential | None = None, name: str = PRESS
) -> register.Registered:
    """Registers press-07, with its own key and chain unless others are given."""
    return register.register(
        device_id(name),
        credential or fetched(connection, PRESS),
        register.id_scope(connection.dps),
        connection.wire,
        transport=transport,
        wait=connection.run.sleep,
        now=connection.run.now(),
        progress=connection.run.progress,
    )


def chain(*certificates: x509.Certificate) -> str:
    """Certificates as one PEM text."""
    return "".join(chains.pem(certificate) for certificate in certificates)


def key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    """A key in the format of a bundle."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()  # fmt: skip
