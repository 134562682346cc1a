"""The generations of the root, from the vault, the DPS, the enrollment group and the device certificates."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from dpsops.errors import Error, Refused
from dpsops.model.device import Leaf
from dpsops.model.enrollment import EnrollmentGroup
from dpsops.model.proof import CaCertificate, CaCertificates
from dpsops.model.registration import dps_moment
from dpsops.model.root import BREACH_TAG, RETIRED, RETIRED_TAG, RootProperties, generation_of, root_name
from dpsops.model.rotation import Breach, Generation, Observed, Trust, VaultState

_Value = TypeVar("_Value")

DRAINING_TAG, REOPEN_TAG, REPLACED_TAG, LEFT_TAG, ADMITTED_TAG = "draining", "reopen", "replaced-by", "left-behind", "admitted"
REOPEN, LEFT = "yes", "yes"

NEEDS_TAG = "needs"
NEEDS = (0, 1, 0)
"""The first release of dpsops that understands the tags of this one. It is written with every tag of a rotation; it changes only
if an older release would take a wrong step after reading a new tag."""


@dataclass(frozen=True, slots=True)
class View:
    """What was observed at one moment: the pure state, and what it was read from, with the etags. `ca_certificates` are those
    in each trust store, by its owner."""

    observed: Observed
    group: EnrollmentGroup
    leaves: tuple[Leaf, ...]
    ca_certificates: Mapping[str, CaCertificates]
    roots: Mapping[int, RootProperties]


def view(
    group: EnrollmentGroup,
    leaves: tuple[Leaf, ...],
    ca_certificates: Mapping[str, CaCertificates],
    roots: Mapping[int, RootProperties],
) -> View:
    """The generations from the four places that name them. Raises `Refused` if the group trusts a CA certificate that is not
    dpsops's, if a tag has a value that dpsops did not write, or if a newer dpsops wrote the tags."""
    for root in roots.values():
        _require_understood(root)
    counted = Counter(leaf.generation for leaf in leaves if not leaf.blocked)
    primary, *secondary = group.trusted()
    uploaded = {number for names in ca_certificates.values() for name in names if (number := generation_of(name))}
    older = {number for number in uploaded if number < primary}
    numbers = sorted({primary, *secondary, *roots, *counted, *older})
    observed = Observed(
        generations=tuple(_generation(number, roots.get(number), ca_certificates, counted[number]) for number in numbers),
        primary=primary,
        secondary=secondary[0] if secondary else None,
        group_enabled=group.enabled,
        group_changed=dps_moment(group.changed_at),
    )
    return View(observed, group, leaves, ca_certificates, roots)


def replaced_root(view: View, number: int) -> str:
    """The name of the compromised root that this root has replaced; empty if it replaced none."""
    name = root_name(number)
    return next((root_name(other) for other, found in view.roots.items() if found.tags.get(REPLACED_TAG) == name), "")


def root_for_new_group(group: str, roots: Mapping[int, RootProperties]) -> str:
    """The name of the root that a new enrollment group of this ID must trust: the one in the vault, or, if there is none, the
    next one to be created. A root that is retired or marked as compromised does not count.

    Raises `Refused` if there are several: the group was deleted during a rotation, and a new group that trusts only one root
    would lock out the devices of the other.
    """
    usable = sorted(number for number, root in roots.items() if _may_be_trusted(root.tags))
    if len(usable) > 1:
        old, new = (root_name(number) for number in usable[-2:])
        raise Refused(
            f"the enrollment group {group} is missing, and devices may have certificates under {old} and under {new}",
            f"create it in the DPS with both, {old} as primary and {new} as secondary ('az iot dps enrollment-group create "
            "--ca-name … --secondary-ca-name …'), then run the command again",
        )
    return root_name(usable[0] if usable else max(roots, default=0) + 1)


def _may_be_trusted(tags: Mapping[str, str]) -> bool:
    return tags.get(RETIRED_TAG) != RETIRED and BREACH_TAG not in tags


def no_finished_root(environment: str) -> Error:
    """The error if a root is needed and there is none, or none that is finished."""
    return Error(f"the environment {environment!r} has no finished root yet", "run 'dpsops up' first")


def _generation(
    number: int, root: RootProperties | None, ca_certificates: Mapping[str, CaCertificates], leaves: int
) -> Generation:
    name = root_name(number)
    if root is None:
        is_uploaded = any(name in certificates for certificates in ca_certificates.values())
        return Generation(number, VaultState.ABSENT, Trust.OTHER if is_uploaded else Trust.ABSENT, leaves)
    trusts = [trust(certificates.get(name), root) for certificates in ca_certificates.values()]
    return Generation(
        number,
        _vault_state(root),
        trust=min(trusts, key=list(Trust).index),
        leaves=leaves,
        not_after=root.not_after,
        draining_since=_read(root, DRAINING_TAG, _moment),
        breach=_read(root, BREACH_TAG, Breach),
        reopen=root.tags.get(REOPEN_TAG) == REOPEN,
        second_names=second_names(ca_certificates, name, root.thumbprint),
        left_behind=root.tags.get(LEFT_TAG) == LEFT,
    )


def second_names(ca_certificates: Mapping[str, CaCertificates], name: str, thumbprint: str) -> tuple[str, ...]:
    """The other names under which trust stores have a certificate, as `NAME in OWNER`. `thumbprint`: SHA-1 in upper case hex."""
    return tuple(
        f"{other} in {owner}"
        for owner, certificates in ca_certificates.items()
        for other, found in certificates.items()
        if other != name and thumbprint and found.thumbprint == thumbprint
    )


def admissions(roots: Mapping[int, RootProperties]) -> dict[int, str]:
    """When, by the clock of DPS, the group began to trust each root that has replaced a compromised one, and no other: a device
    that has not registered since then still has to fetch its new certificate."""
    return {number: root.tags[ADMITTED_TAG] for number, root in roots.items() if ADMITTED_TAG in root.tags}


def _read(root: RootProperties, tag: str, parse: Callable[[str], _Value]) -> _Value | None:
    """The value of a root's tag, None if there is none. Raises `Refused` for a value that dpsops did not write: anybody with
    access can edit a tag."""
    text = root.tags.get(tag)
    try:
        return parse(text) if text else None
    except ValueError as cause:
        raise Refused(
            f"the tag {tag!r} of {root.name} in the vault has the value {text!r}, which this dpsops did not write",
            "find out who changed it: if a newer dpsops did, use that one; else correct the tag, then run the command again",
        ) from cause


def _require_understood(root: RootProperties) -> None:
    """Raises `Refused` if a newer dpsops has written the tags of a root, and this one would take a wrong step."""
    text = root.tags.get(NEEDS_TAG, "")
    if not text:
        return
    try:
        needed = tuple(int(part) for part in text.split("."))
    except ValueError:
        needed = (sys.maxsize,)
    if needed > NEEDS:
        raise Refused(
            f"a newer dpsops has changed {root.name} in the vault, and this one does not understand its tags",
            f"use dpsops {text} or newer: pip install 'dpsops>={text}'; nothing was changed",
        )


def rotation_tags(changes: Mapping[str, str | None]) -> dict[str, str | None]:
    """Changed tags of a root, with the release of dpsops that is needed to read them."""
    return {**changes, NEEDS_TAG: ".".join(map(str, NEEDS))}


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None or not 2000 <= found.year < 9000:  # the grace period is added to it later
        raise ValueError("not a time of a rotation")
    return found


def moment(now: datetime) -> str:
    """A time in the format of the tags (RFC 3339)."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _vault_state(root: RootProperties) -> VaultState:
    if root.tags.get(RETIRED_TAG) == RETIRED:
        return VaultState.RETIRED
    if not root.is_sealed:
        return VaultState.CREATING
    return VaultState.FINISHED if root.enabled else VaultState.DISABLED


def trust(found: CaCertificate | None, root: RootProperties) -> Trust:
    """What a trust store has of a root in the vault."""
    if found is None:
        return Trust.ABSENT
    if found.thumbprint != root.thumbprint:
        return Trust.OTHER
    return Trust.VERIFIED if found.verified else Trust.UPLOADED


def removable(owner: str, found: CaCertificate, root: RootProperties | None, name: str, vault: str) -> CaCertificate:
    """The CA certificate in a trust store under a retired root's name, if it is that root. Raises `Refused` if it is another
    certificate, or if the vault does not have the root."""
    if root is None:
        raise Refused(
            f"the {owner} has a CA certificate {name} (SHA-1 {found.thumbprint}), and the vault has no root of this name",
            f"recover a deleted root: az keyvault certificate recover --vault-name {vault} --name {name}; "
            f"if it was purged, remove {name} from the {owner}; then run the command again",
        )
    if trust(found, root) is Trust.OTHER:
        raise Refused(
            f"the CA certificate {name} in the {owner} is not the root in the vault (SHA-1 {found.thumbprint})",
            f"devices may depend on it: find out who uploaded it, then remove it from the {owner}",
        )
    return found
