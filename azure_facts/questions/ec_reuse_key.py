"""Does `reuse_key` keep the key of an EC certificate in Key Vault?"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509

from azure_facts.answers import NotClear, Question
from dpsops.cli.connection import Connection
from dpsops.pki import chains

_NAME = "ec-reuse-key"


@dataclass(frozen=True, slots=True)
class EcReuseKey:
    """`kept`: the request for the second version has the public key of the first. `curve`: of that key."""

    curve: str
    kept: bool

    @property
    def line(self) -> str:
        """In one line."""
        return f"reuse_key of an EC certificate ({self.curve}) {'keeps the key' if self.kept else 'makes a new key'}"


def _ask(azure: Connection) -> EcReuseKey:
    """The first three of the seven steps of a root, as dpsops takes them."""
    vault, spec = azure.roots, azure.run.environment.root.key
    vault.request(_NAME, "Self", reuse_key=False)
    first = vault.certificate(_NAME)
    vault.request(_NAME, "Unknown", reuse_key=True)
    pending = vault.pending(_NAME)
    if first is None or pending is None or not pending.csr:
        raise NotClear("the vault shows no certificate, or no request for the next version")
    return EcReuseKey(f"P-{spec.size}", chains.same_key(first.public_key(), x509.load_der_x509_csr(pending.csr).public_key()))


QUESTION = Question(_NAME, "Does reuse_key keep the key of an EC certificate in Key Vault?", _ask)
