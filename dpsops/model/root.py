"""Which state a root is in: a pure function of what the vault shows.

A root is made in seven steps, because no documented request makes a CA certificate in Key Vault (see
docs/architecture.md). Each state below is what one of these steps leaves behind, so that a run which was
killed anywhere is taken up where it stopped. What fits none of them is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from dpsops.errors import Refused
from dpsops.model.action import Action
from dpsops.pki import chains, profiles
from dpsops.pki.profiles import root_faults
from dpsops.settings import Environment

ROLE_TAG, GENERATION_TAG, SEAL_TAG, RETIRED_TAG, BREACH_TAG = "dpsops", "generation", "sealed", "retired", "breach"
ROOT_ROLE, SEALED, RETIRED = "root", "yes", "yes"

_NAME = re.compile(r"root-g([1-9]\d*)")


def root_name(generation: int) -> str:
    """The name of a generation's certificate, in the vault and in DPS. Each generation has its own: under the
    name of another, the vault would silently reuse that one's key."""
    return f"root-g{generation}"


def generation_of(name: str) -> int | None:
    """The generation that a certificate's name tells, or None for a name of another kind."""
    match = _NAME.fullmatch(name)
    return int(match[1]) if match else None


def root_tags(name: str, *, sealed: bool = False) -> dict[str, str]:
    """The tags by which dpsops knows a certificate of this name as its own, and, once it is sealed, as whole."""
    return {ROLE_TAG: ROOT_ROLE, GENERATION_TAG: str(generation_of(name))} | ({SEAL_TAG: SEALED} if sealed else {})


def root_subject(environment: Environment, name: str) -> x509.Name:
    """The subject of the root of this name, in the request as in the certificate."""
    return profiles.root_subject(environment.name, generation_of(name) or 1, environment.root.organization)


@dataclass(frozen=True, slots=True)
class RootVersion:
    """One complete version of a vault certificate. `key_id` is the versioned ID of its key."""

    id: str
    enabled: bool
    tags: Mapping[str, str]
    certificate: x509.Certificate
    key_id: str


@dataclass(frozen=True, slots=True)
class Pending:
    """An unfinished request for a version: its issuer (`Self`, `Unknown`), its status, its CSR in DER."""

    issuer: str
    status: str
    csr: bytes


@dataclass(frozen=True, slots=True)
class RootProperties:
    """What the vault's list tells of one version of a root. `thumbprint` is SHA-1 in upper case hex, empty while there is
    no certificate; `version` its ID."""

    name: str
    version: str
    enabled: bool
    tags: Mapping[str, str]
    not_after: datetime | None
    thumbprint: str

    @property
    def is_sealed(self) -> bool:
        """Whether the last of the seven steps was done to it."""
        return self.tags.get(SEAL_TAG) == SEALED


@dataclass(frozen=True, slots=True)
class ObservedRoot:
    """What the vault shows under a root's name.

    `exportable`: what the policy and the newest key say of the private key, None where there is neither.
    `deleted`: the name is taken by a soft-deleted certificate.
    """

    name: str
    versions: tuple[RootVersion, ...] = ()
    pending: Pending | None = None
    exportable: bool | None = None
    deleted: bool = False

    @property
    def generation(self) -> int:
        """The generation that the name tells."""
        return generation_of(self.name) or 0


@dataclass(frozen=True, slots=True)
class Absent:
    """Nothing is there: the key is to be made."""


@dataclass(frozen=True, slots=True)
class KeyRequested:
    """The vault is making the first version, of which only the key matters."""


@dataclass(frozen=True, slots=True)
class CsrRequested:
    """The vault has made the key, and waits for a certificate that another CA is to sign."""

    csr: bytes


@dataclass(frozen=True, slots=True)
class KeyMade:
    """The key is there, in a version that is CA:FALSE: a CSR over the same key is to be had."""

    first: RootVersion


@dataclass(frozen=True, slots=True)
class CsrPending:
    """The vault waits for a certificate over its CSR: the first version's key is to sign it."""

    first: RootVersion
    csr: bytes


@dataclass(frozen=True, slots=True)
class Merged:
    """The CA certificate is in the vault, not yet checked and sealed. `key_versions` are the versions that are of use for
    their key only, as far as they are enabled: they are to be disabled."""

    root: RootVersion
    key_versions: tuple[RootVersion, ...] = ()


@dataclass(frozen=True, slots=True)
class Ready:
    """The root is whole."""

    root: RootVersion


RootState = Absent | KeyRequested | CsrRequested | KeyMade | CsrPending | Merged | Ready


def plan(state: RootState, name: str) -> list[Action]:
    """What is still to be done to a root."""
    steps: dict[type[RootState], list[str]] = {
        CsrRequested: ["merge", "check and seal"],
        Absent: ["create key of", "request certificate of", "sign and merge", "check and seal"],
        KeyRequested: ["wait for key of", "request certificate of", "sign and merge", "check and seal"],
        KeyMade: ["request certificate of", "sign and merge", "check and seal"],
        CsrPending: ["sign and merge", "check and seal"],
        Merged: ["check and seal"],
        Ready: [],
    }
    return [Action(step, f"root {name}") for step in steps[type(state)]]


def classify(observed: ObservedRoot, now: datetime) -> RootState:
    """The state of a root. Raises `Refused` for anything that dpsops did not leave behind, or that must not be trusted."""
    name = observed.name
    if observed.deleted:
        raise Refused(
            f"the certificate {name} was deleted from the vault and still holds the name",
            f"'az keyvault certificate recover --vault-name VAULT --name {name}' brings the root back; purging it destroys the "
            "root for ever",
        )
    in_progress = observed.pending is not None and observed.pending.status.lower() == "inprogress"
    if not observed.versions:
        return _before_the_first(observed, in_progress=in_progress)
    if observed.exportable is not False:
        raise Refused(
            f"the private key of {name} is exportable: it may have left the vault already, so it cannot be a root",
            f"delete and purge the certificate {name} in the vault, then run 'dpsops up' to make a root that is not",
        )
    ours = root_tags(name).items()
    if stranger := next((version for version in observed.versions if not ours <= version.tags.items()), None):
        raise Refused(
            f"the vault holds a certificate {name} that dpsops did not make ({_describe(stranger, now)})",
            "dpsops takes over no certificate that it does not know: find out whose it is, then delete and purge it, "
            "or choose another vault",
        )
    roots = [version for version in observed.versions if is_authority(version.certificate)]
    others = [version for version in observed.versions if not is_authority(version.certificate)]
    if len(roots) > 1:
        raise Refused(
            f"{name} has {len(roots)} CA versions, and dpsops makes one", f"disable all but the right version of {name}"
        )
    if roots:
        return _made(name, roots[0], others, now)
    key_versions = [version for version in others if version.enabled]
    if not key_versions:
        raise Refused(f"{name} was disabled before it was whole", f"enable its version {others[0].id}, or delete the certificate")
    if in_progress and observed.pending is not None and observed.pending.issuer.lower() == "unknown":
        return CsrPending(_requested(key_versions, observed.pending.csr), observed.pending.csr)
    return KeyMade(key_versions[0])


def _requested(key_versions: list[RootVersion], csr: bytes) -> RootVersion:
    """The version whose key the request is over. There are several where two runs made a key at the same moment."""
    try:
        key = x509.load_der_x509_csr(csr).public_key()
    except ValueError:  # it is not signed either
        return key_versions[0]
    return next((one for one in key_versions if chains.same_key(one.certificate.public_key(), key)), key_versions[0])


def _before_the_first(observed: ObservedRoot, *, in_progress: bool) -> RootState:
    if not in_progress or observed.pending is None:
        return Absent()
    match observed.pending.issuer.lower():
        case "self":
            return KeyRequested()
        case "unknown":
            return CsrRequested(observed.pending.csr)
    raise Refused(
        f"a request for the certificate {observed.name} is pending in the vault, and dpsops did not make it",
        f"complete or delete the pending operation of {observed.name}",
    )


def _made(name: str, root: RootVersion, others: list[RootVersion], now: datetime) -> Merged | Ready:
    if root.tags.get(RETIRED_TAG) == RETIRED:
        raise Refused(f"the root {name} has been retired", "'dpsops rotate status' shows which root is in its place")
    if faults := root_faults(root.certificate, now):
        raise Refused(
            f"the root {name} {' and '.join(faults)}",
            "it can issue nothing: 'dpsops rotate --compromised' puts a new root in its place at once",
        )
    if not root.enabled:
        raise Refused(f"the root {name} is disabled", f"enable version {root.id} of {name} if that was a mistake")
    enabled = tuple(other for other in others if other.enabled)
    # Two runs at once can leave more than one, even after the seal: each has made a key, and one of them was used.
    return Merged(root, enabled) if enabled or root.tags.get(SEAL_TAG) != SEALED else Ready(root)


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether a certificate is a CA's (RFC 5280, 4.2.1.9)."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _describe(version: RootVersion, now: datetime) -> str:
    faults = root_faults(version.certificate, now)
    return f"it {' and '.join(faults)}" if faults else f"its subject is {version.certificate.subject.rfc4514_string()}"
