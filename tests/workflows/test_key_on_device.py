"""Devices that have made their key themselves: their secret contains the certificate chain and no key. Every new certificate is
over the same public key, in a renewal, a rotation and a breach."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from dpsops.cli.connection import Connection
from dpsops.errors import InvalidInput
from dpsops.model.device import Issued, Unchanged
from dpsops.model.enrollment import IndividualSettings
from dpsops.model.rotation import Phase
from dpsops.pki import chains, profiles
from dpsops.pki.bundles import DeviceCredential
from dpsops.pki.names import secret_name
from dpsops.steps.use_root import issuer
from tests.workflows.commands import block, enroll, issue_to, member, renew, replace_compromised, rotate, unblock
from tests.workflows.devices import Device
from tests.workflows.doing import OTHER, PRESS, fetched
from tests.workflows.rotations import MONTH, observed
from tests.worlds import World, waited

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

KEYS: dict[str, Key] = {
    "EC": ec.derive_private_key(7, ec.SECP256R1()),
    "RSA": rsa.generate_private_key(65537, 2048),
}


def certify(connection: Connection, key: Key) -> None:
    """Issues a certificate for press-07's own key, as for a request of the device, and stores it with its chain."""
    signing = issuer(connection.run, connection.roots, connection.dps)
    leaf = profiles.issue_leaf(
        PRESS, key.public_key(), signing.root.certificate, connection.roots.signer(signing.root),
        lifetime=timedelta(days=365), serial=connection.run.entropy.serial(), now=connection.run.now(),
    )  # fmt: skip
    waited(
        connection.leaves.put(PRESS, chains.bundle(None, leaf, signing.chain), leaf, signing.generation, (), key_on_device=True)
    )


def holding(connection: Connection, key: Key) -> Device:
    """press-07, with its own key and the certificate chain that it has just fetched."""
    chain = "".join(map(chains.pem, waited(connection.leaves.chain(PRESS))))
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return Device(PRESS, DeviceCredential(private, chain))


def assert_without_key(connection: Connection, generation: int) -> None:
    """Requires that the newest version of the secret is marked, is of this generation, and contains no key."""
    leaf = waited(connection.leaves.history(PRESS))[0].leaf
    assert leaf is not None
    assert (leaf.generation, leaf.key_on_device) == (generation, True)
    assert "PRIVATE KEY" not in waited(connection.leaves.bundle(PRESS))
    assert connection.clients.secrets.get_secret(secret_name(PRESS)).properties.content_type == "application/x-pem-file"


@pytest.mark.parametrize("kind", KEYS)
def test_a_rotation_issues_a_certificate_over_the_same_public_key(quick: World, kind: str) -> None:
    certify(quick.connect(), KEYS[kind])
    issue_to(quick.connect(), OTHER)
    old = holding(quick.connect(), KEYS[kind])
    old.register(quick.connect())
    rotate(quick.connect(), Phase.DRAINING, MONTH)
    assert_without_key(quick.connect(), 2)
    assert "PRIVATE KEY" in waited(quick.connect().leaves.bundle(OTHER))
    old.register(quick.connect())
    holding(quick.connect(), KEYS[kind]).register(quick.connect())
    Device.fetched(quick.connect(), OTHER).register(quick.connect())
    rotate(quick.connect(), Phase.STABLE, MONTH)
    assert observed(quick.connect()).trusted == (2,)


@pytest.mark.parametrize("individual", [False, True], ids=["in the group", "enrolled"])
def test_a_breach_does_too(quick: World, individual: bool) -> None:
    certify(quick.connect(), KEYS["EC"])
    if individual:
        enroll(quick.connect(), PRESS, IndividualSettings())
    old = holding(quick.connect(), KEYS["EC"])
    old.register(quick.connect())
    replace_compromised(quick.connect())
    assert_without_key(quick.connect(), 2)
    old.require_refused(quick.connect())
    holding(quick.connect(), KEYS["EC"]).register(quick.connect())


def test_a_renewal_and_an_issue_keep_the_key_on_the_device(quick: World) -> None:
    certify(quick.connect(), KEYS["EC"])
    quick.clock.advance(10)
    assert [type(one) for one in issue_to(quick.connect(), PRESS)] == [Unchanged]
    assert [type(one) for one in renew(quick.connect(), PRESS, again=True)] == [Issued]
    assert_without_key(quick.connect(), 1)
    holding(quick.connect(), KEYS["EC"]).register(quick.connect())
    quick.clock.advance(timedelta(days=366).total_seconds())
    assert [type(one) for one in issue_to(quick.connect(), PRESS)] == [Issued]
    assert_without_key(quick.connect(), 1)


def test_a_block_keeps_the_mark(quick: World) -> None:
    certify(quick.connect(), KEYS["EC"])
    block(quick.connect(), PRESS)
    unblock(quick.connect(), PRESS)
    quick.clock.advance(10)
    renew(quick.connect(), PRESS, again=True)
    assert_without_key(quick.connect(), 1)


def test_such_a_device_is_shown_and_its_bundle_says_that_there_is_no_key(quick: World) -> None:
    certify(quick.connect(), KEYS["EC"])
    found, chain = member(quick.connect(), PRESS)
    assert found.leaf.key_on_device
    assert len(chain) == 2
    with pytest.raises(InvalidInput, match="the secret of press-07 contains no private key"):
        fetched(quick.connect(), PRESS)
