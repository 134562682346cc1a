"""Randomness: serial numbers, and the keys that are created outside a vault."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True, slots=True)
class Entropy:
    """`serial`: a serial number of 20 random bytes (RFC 5280, 4.1.2.2). `key`: a new EC P-256 key.

    Injected, so that a recorded exchange can be replayed: its signatures are valid only for the bytes that were signed.
    """

    serial: Callable[[], int] = x509.random_serial_number
    key: Callable[[], ec.EllipticCurvePrivateKey] = _new_key
