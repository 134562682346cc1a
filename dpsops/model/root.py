"""The state of a root: a pure function of what the vault shows.

A root is created in seven steps, because no documented request creates a CA certificate in Key Vault (see
docs/architecture.md). Each state below is the result of one of these steps, so that an interrupted run can be
continued at any point. Anything else is refused.
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
ROOT_ROLE, SEALED, RETIRED, BREACH_OVER = "root", "yes", "yes", "over"

_NAME = re.compile(r"root-g([1-9]\d*)")


def root_name(generation: int) -> str:
    """The name of a generation's CA certificate, in the vault and in DPS. Each generation has its own name: a second root of
    the same name would silently get the same key in the vault."""
    return f"root-g{generation}"


def rotate_command(old: int, *, compromised: bool = False) -> str:
    """The command that begins the replacement of a root, or goes on with it: it means the same however often it is run."""
    return f"dpsops rotate{' --compromised' if compromised else ''} --replace {root_name(old)}"


def generation_of(name: str) -> int | None:
    """The generation in the name of a certificate, or None for any other name."""
    match = _NAME.fullmatch(name)
    return int(match[1]) if match else None


def root_tags(name: str, *, sealed: bool = False) -> dict[str, str]:
    """The tags that mark a certificate of this name as dpsops's own and, if it is sealed, as finished."""
    return {ROLE_TAG: ROOT_ROLE, GENERATION_TAG: str(generation_of(name))} | ({SEAL_TAG: SEALED} if sealed else {})


def root_subject(environment: Environment, name: str) -> x509.Name:
    """The subject of the root of this name, in the request and in the certificate."""
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
    """What the vault's list says of one version of a root. `thumbprint` is SHA-1 in upper case hex, empty while there is no
    certificate; `version` is the ID of the version."""

    name: str
    version: str
    enabled: bool
    tags: Mapping[str, str]
    not_after: datetime | None
    thumbprint: str

    @property
    def is_sealed(self) -> bool:
        """Whether the last of the seven steps is done: the version has the tag `sealed`."""
        return self.tags.get(SEAL_TAG) == SEALED


@dataclass(frozen=True, slots=True)
class ObservedRoot:
    """What the vault shows under a root's name.

    `exportable`: whether the private key is exportable, by the policy or the newest key; None if there is neither.
    `deleted`: a soft-deleted certificate has this name.
    """

    name: str
    versions: tuple[RootVersion, ...] = ()
    pending: Pending | None = None
    exportable: bool | None = None
    deleted: bool = False

    @property
    def generation(self) -> int:
        """The generation in the name."""
        return generation_of(self.name) or 0


@dataclass(frozen=True, slots=True)
class Absent:
    """Nothing exists: the key must be created."""


@dataclass(frozen=True, slots=True)
class KeyRequested:
    """The vault is creating the first version. Only its key matters."""


@dataclass(frozen=True, slots=True)
class CsrRequested:
    """The vault has created the key, and waits for a certificate that another CA must sign."""

    csr: bytes


@dataclass(frozen=True, slots=True)
class KeyMade:
    """The key exists, in a version that is CA:FALSE: a CSR for the same key must be requested."""

    first: RootVersion


@dataclass(frozen=True, slots=True)
class CsrPending:
    """The vault waits for the certificate for its CSR: the first version's key must sign it."""

    first: RootVersion
    csr: bytes


@dataclass(frozen=True, slots=True)
class Merged:
    """The CA certificate is in the vault, but not yet checked and sealed. `key_versions` are the enabled versions that were
    needed only for their key: they must be disabled."""

    root: RootVersion
    key_versions: tuple[RootVersion, ...] = ()


@dataclass(frozen=True, slots=True)
class Ready:
    """The root is finished: checked and sealed."""

    root: RootVersion


RootState = Absent | KeyRequested | CsrRequested | KeyMade | CsrPending | Merged | Ready


def plan(state: RootState, name: str) -> list[Action]:
    """The actions that are missing until a root is finished."""
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
    """The state of a root. Raises `Refused` for anything that is not dpsops's, or that must not be trusted."""
    name = observed.name
    if observed.deleted:
        raise Refused(
            f"the certificate {name} in the vault is deleted, but its name is still in use",
            f"recover the root: az keyvault certificate recover --vault-name VAULT --name {name}; purging it would destroy the "
            "root for ever",
        )
    in_progress = observed.pending is not None and observed.pending.status.lower() == "inprogress"
    if not observed.versions:
        return _before_the_first(observed, in_progress=in_progress)
    if observed.exportable is not False:
        raise Refused(
            f"the private key of {name} is exportable and may have left the vault already, so {name} cannot be a root",
            f"delete and purge the certificate {name} in the vault or, if its purge protection forbids that, set another vault "
            "name in the settings; then run 'dpsops up', which creates a new root",
        )
    ours = root_tags(name).items()
    if foreign := next((version for version in observed.versions if not ours <= version.tags.items()), None):
        raise Refused(
            f"the vault has a certificate {name} that dpsops did not create ({_describe(foreign, now)})",
            "dpsops does not use certificates of others: find out who created it, then delete and purge it, or use another vault",
        )
    roots = [version for version in observed.versions if is_authority(version.certificate)]
    others = [version for version in observed.versions if not is_authority(version.certificate)]
    if len(roots) > 1:
        raise Refused(
            f"{name} has {len(roots)} versions with a CA certificate, and dpsops creates one",
            f"disable every version of {name} except the right one",
        )
    if roots:
        return _with_ca_version(name, roots[0], others, now)
    key_versions = [version for version in others if version.enabled]
    if not key_versions:
        raise Refused(
            f"{name} was disabled before it was finished", f"enable its version {others[0].id}, or delete the certificate"
        )
    if in_progress and observed.pending is not None and observed.pending.issuer.lower() == "unknown":
        return CsrPending(_requested(key_versions, observed.pending.csr), observed.pending.csr)
    return KeyMade(key_versions[0])


def _requested(key_versions: list[RootVersion], csr: bytes) -> RootVersion:
    """The version with the key of the request. There are several versions if two runs created a key at the same time."""
    try:
        key = x509.load_der_x509_csr(csr).public_key()
    except ValueError:  # an unreadable request is never signed
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
        f"a request for the certificate {observed.name} is pending in the vault, and dpsops did not create it",
        f"complete or delete the pending operation of {observed.name}",
    )


def _with_ca_version(name: str, root: RootVersion, others: list[RootVersion], now: datetime) -> Merged | Ready:
    if root.tags.get(BREACH_TAG, BREACH_OVER) != BREACH_OVER:
        number = generation_of(name) or 1
        hint = f"to go on with that: {rotate_command(number, compromised=True)}"
        raise Refused(f"the root {name} is compromised and is being replaced", hint, every_device=True)
    if root.tags.get(RETIRED_TAG) == RETIRED:
        hint = "'dpsops rotate status' shows which root has replaced it"
        raise Refused(f"the root {name} is retired", hint, every_device=True)
    if faults := root_faults(root.certificate, now):
        raise Refused(
            f"the root {name} {' and '.join(faults)}",
            f"it cannot issue certificates: replace it with a new root at once: dpsops rotate --compromised --replace {name}",
        )
    if not root.enabled:
        raise Refused(
            f"the root {name} is disabled",
            f"find out why; if it may be used, enable version {root.id} of {name}: "
            f"az keyvault certificate set-attributes --vault-name VAULT --name {name} --version {root.id} --enabled true",
        )
    enabled = tuple(other for other in others if other.enabled)
    # Two runs at the same time can leave several, even after the seal: each has created a key, and only one was used.
    return Merged(root, enabled) if enabled or root.tags.get(SEAL_TAG) != SEALED else Ready(root)


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether a certificate is a CA certificate (RFC 5280, 4.2.1.9)."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _describe(version: RootVersion, now: datetime) -> str:
    faults = root_faults(version.certificate, now)
    return f"it {' and '.join(faults)}" if faults else f"its subject is {version.certificate.subject.rfc4514_string()}"
