"""Does a DPS, and does a hub, take a quoted If-Match on CA certificates, or only an unquoted one?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from cryptography import x509

from azure_facts.answers import NotClear, Question
from dpsops.azure.ca_certificates import DpsTrustStore, HubTrustStore, TrustStore
from dpsops.cli.connection import Connection
from dpsops.errors import Changed
from dpsops.pki import chains
from dpsops.pki.profiles import Root, issue_root

_NAME = "quoted-if-match"


@dataclass(frozen=True, slots=True)
class Taken:
    """Of one service: whether it takes a quoted etag for a verification code, and for a deletion."""

    verification_code: bool
    deletion: bool

    @property
    def line(self) -> str:
        """In a few words."""
        if self.verification_code == self.deletion:
            return "taken" if self.deletion else "refused with 412"
        return f"taken for {'a code' if self.verification_code else 'a deletion'} alone"


@dataclass(frozen=True, slots=True)
class QuotedIfMatch:
    """Both take an unquoted one: where a service takes neither, the question is not answered."""

    dps: Taken
    hub: Taken

    @property
    def line(self) -> str:
        """In one line."""
        return f"a quoted If-Match is {self.dps.line} by the DPS, {self.hub.line} by the hub; an unquoted one is taken by both"


def _ask(azure: Connection) -> QuotedIfMatch:
    environment = azure.run.environment
    return QuotedIfMatch(
        _of(azure, DpsTrustStore(azure.clients, environment.dps.name)),
        _of(azure, HubTrustStore(azure.clients, environment.hub[0].name)),
    )


def _of(azure: Connection, store: TrustStore) -> Taken:
    etag = store.upload(_NAME, chains.pem(_root(azure))).etag
    code = _is_taken(lambda: store.challenge(_NAME, f'"{etag}"'))
    etag = _etag(store)
    try:
        etag = store.challenge(_NAME, etag).etag
    except Changed as neither:
        raise NotClear(f"the {store.owner} refuses an unquoted If-Match, too") from neither
    deletion = _is_taken(lambda: store.delete(_NAME, f'"{etag}"'))
    if not deletion:
        store.delete(_NAME, _etag(store))
    return Taken(code, deletion)


def _is_taken(send: Callable[[], object]) -> bool:
    try:
        send()
    except Changed:
        return False
    return True


def _etag(store: TrustStore) -> str:
    found = store.get(_NAME)
    if found is None:
        raise NotClear(f"the {store.owner} has lost the certificate")
    return found.etag


def _root(azure: Connection) -> x509.Certificate:
    run, key = azure.run, azure.run.entropy.key()
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"azure-facts {_NAME}")])
    return issue_root(Root(subject, key.public_key(), timedelta(days=1)), key, serial=run.entropy.serial(), now=run.now())


QUESTION = Question(_NAME, "Does a DPS, and does a hub, take a quoted If-Match on CA certificates?", _ask)
