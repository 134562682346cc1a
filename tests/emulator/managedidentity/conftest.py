"""The subscription as a fixture."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.emulator.managedidentity import lab
from tests.emulator.subscription.lab import Subscription


@pytest.fixture
def azure() -> Subscription:
    """A subscription with one identity, as fast as can be."""
    return lab.subscription()


@pytest.fixture(scope="session")
def issuer_key() -> rsa.RSAPrivateKey:
    """The key of a foreign issuer, such as GitHub."""
    return rsa.generate_private_key(65537, 2048)
