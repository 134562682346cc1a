"""RSA keys for the embedded Azure of the tests: from a stock, because to make them takes longer than many a test.

The keys are real, and the next of so many is never the same as one before it; only a later test gets one again.
"""

from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace

from cryptography.hazmat.primitives.asymmetric import rsa

_DIFFERENT = 64
"""So many keys of a size are different, in a row: no test needs more."""


class KeyStock:
    """Hands out keys by their size, and makes them when they are needed first."""

    def __init__(self) -> None:
        self._keys: dict[int, list[rsa.RSAPrivateKey]] = defaultdict(list)
        self._given: dict[int, int] = defaultdict(int)

    def generate_private_key(self, public_exponent: int, key_size: int) -> rsa.RSAPrivateKey:
        """The next key, in the place of `rsa.generate_private_key`."""
        keys, number = self._keys[key_size], self._given[key_size]
        self._given[key_size] += 1
        if len(keys) < _DIFFERENT:
            keys.append(rsa.generate_private_key(public_exponent, key_size))
        return keys[number % _DIFFERENT]

    def module(self) -> SimpleNamespace:
        """The module `rsa`, with keys of the stock."""
        return SimpleNamespace(**{**vars(rsa), "generate_private_key": self.generate_private_key})
