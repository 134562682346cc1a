"""What the tests of the workflows do again and again."""

from __future__ import annotations

from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from dpsops.azure.provisioning import DeviceCredential
from dpsops.pki import chains
from dpsops.pki.names import device_id
from dpsops.workflows import bundles, device, register
from dpsops.workflows.run import Action, Run
from dpsops.workflows.up import Plan, up
from tests.worlds import World, environment

PRESS = device_id("press-07")
OTHER = device_id("press-08")
HUB = "iot-dpsops-test.azure-devices.net"


def _consent(plan: Plan) -> None:
    """Nobody is asked."""


def converge(run: Run, approved: Plan | None = None) -> list[Action]:
    """What one `up` does."""
    return list(up(run, approved=approved, confirm=_consent))


def ready(world: World, **settings: Any) -> Run:
    """An environment with a proven root, a group, and a leaf for press-07."""
    run = world.run(environment(root={"key": "EC-P256"}, **settings))
    converge(run)
    list(device.issue(run, [PRESS]))
    return run


def over(transport: str, run: Run, credential: DeviceCredential | None = None, name: str = PRESS) -> register.Registered:
    """Registers press-07, with its own leaf unless another is given."""
    return register.register(
        device_id(name),
        credential or bundles.bundle_of(run, PRESS),
        register.id_scope(run),
        run.wire,
        transport=transport,
        wait=run.cloud.sleep,
        now=run.now(),
        progress=run.progress,
    )


def chain(*certificates: x509.Certificate) -> str:
    """Certificates as PEM, one behind the other."""
    return "".join(chains.pem(certificate) for certificate in certificates)


def key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    """A key as a bundle has it."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()  # fmt: skip
