"""Changes that somebody makes without dpsops, and conflicts with it, in the embedded Azure."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import pytest
from azure.keyvault.certificates import CertificatePolicy, KeyType
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from dpsops.cli.connection import Connection
from dpsops.emulator.faults import Fault, Refuse
from dpsops.emulator.http import Request, Response
from dpsops.emulator.rbac import ASSIGNMENT
from dpsops.errors import Unavailable
from dpsops.model.action import Action
from dpsops.pki import chains, profiles
from dpsops.pki.bundles import DeviceCredential
from dpsops.pki.names import DeviceId
from dpsops.workflows import block as blocking
from tests.workflows.commands import up
from tests.workflows.doing import PRESS, chain, key_pem
from tests.worlds import World


def azure(world: World) -> Any:
    """The embedded Azure of the world."""
    assert world.embedded is not None
    return world.embedded.azure


def deploy_only(world: World) -> Connection:
    """An environment with its resources, but nothing in them yet."""
    connection = world.connect()
    body = {"error": {"code": "ServiceUnavailable", "message": "Stopped here."}}
    azure(world).faults.add(Fault(Refuse(Response(503, body)), lambda request: asks_for("create", request), times=None))
    with pytest.raises(Unavailable, match="Stopped here"):
        up(world.connect())
    azure(world).faults.clear()
    return connection


def remove_the_roles(world: World) -> None:
    """As for an identity that never deployed this environment, or after a deployment that failed before it assigned roles."""
    with azure(world).database.transaction() as state:
        for key, assignment in state.list(ASSIGNMENT):
            if "/providers/microsoft." in assignment["scope"].lower():
                state.delete(ASSIGNMENT, key)


def create(connection: Connection, name: str, tags: dict[str, str], *, exportable: bool) -> None:
    """Creates a self-signed certificate in the vault by hand."""
    policy = CertificatePolicy("Self", subject="CN=by hand", exportable=exportable, key_type=KeyType.rsa, key_size=2048)
    connection.clients.certificates.begin_create_certificate(name, policy, tags=tags).result()


def self_signed(common_name: str, now: datetime) -> x509.Certificate:
    """A root that dpsops did not create."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])
    wanted = profiles.Root(subject, key.public_key(), lifetime=profiles.VERIFICATION_LIFETIME * 365)
    return profiles.issue_root(wanted, key, serial=x509.random_serial_number(), now=now)


def upload(connection: Connection, name: str, certificate: x509.Certificate) -> None:
    """Uploads a CA certificate to the DPS by hand."""
    connection.stores[0].upload(name, chains.pem(certificate))


def under_unknown_root(connection: Connection) -> DeviceCredential:
    """A certificate with press-07's name under a root that the DPS does not have."""
    key, leaf_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    wanted = profiles.Root(profiles.root_subject("unknown", 1), key.public_key(), timedelta(days=365))
    authority = profiles.issue_root(wanted, key, serial=x509.random_serial_number(), now=connection.run.now())
    leaf = profiles.issue_leaf(
        PRESS, leaf_key.public_key(), authority, key,
        lifetime=timedelta(days=30), serial=x509.random_serial_number(), now=connection.run.now(),
    )  # fmt: skip
    return DeviceCredential(key_pem(leaf_key), chain(leaf, authority))


def unlink_hubs(connection: Connection) -> None:
    """Unlinks every hub from the DPS."""
    dps, group = connection.run.environment.dps.name, connection.run.environment.resource_group
    service = connection.clients.dps.iot_dps_resource.get(dps, group)
    assert service.properties is not None
    service.properties.iot_hubs = []
    connection.clients.dps.iot_dps_resource.begin_create_or_update(group, dps, service).result()


def begin_block(connection: Connection, device: DeviceId, actions: int = 1) -> list[Action]:
    """Runs `device block`, interrupted after this number of actions."""
    done = blocking.block(connection.run, connection.leaves, connection.dps, connection.hubs, [device])
    return [each for each in islice(done, actions) if isinstance(each, Action)]


def begin_unblock(connection: Connection, device: DeviceId, actions: int = 1) -> list[Action]:
    """Runs `device unblock`, interrupted after this number of actions."""
    done = blocking.unblock(connection.run, connection.leaves, connection.dps, connection.hubs, [device])
    return [each for each in islice(done, actions) if isinstance(each, Action)]


def asks_for(verb: str, request: Request) -> bool:
    """Whether a request is for the operation of this name."""
    return request.path.endswith(f"/{verb}")
