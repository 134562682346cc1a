"""The generations of the root, as the vault, the DPS, the enrollment group and the devices' leaves show them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from dpsops.errors import Error, Refused
from dpsops.model.device import Leaf
from dpsops.model.enrollment import EnrollmentGroup
from dpsops.model.proof import CaCertificate, CaCertificates
from dpsops.model.root import BREACH_TAG, RETIRED, RETIRED_TAG, RootProperties, generation_of, root_name
from dpsops.model.rotation import Breach, Generation, Keeping, Observed, Trust

_Value = TypeVar("_Value")

DRAINING_TAG, REOPEN_TAG, REPLACED_TAG = "draining", "reopen", "replaced-by"
REOPEN = "yes"


@dataclass(frozen=True, slots=True)
class View:
    """What was seen at one moment: the pure state, and what it was read from, with their etags. `held` are the CA
    certificates of each trust store, by its owner."""

    observed: Observed
    group: EnrollmentGroup
    leaves: tuple[Leaf, ...]
    held: Mapping[str, CaCertificates]
    roots: Mapping[int, RootProperties]


def view(
    group: EnrollmentGroup, leaves: tuple[Leaf, ...], held: Mapping[str, CaCertificates], roots: Mapping[int, RootProperties]
) -> View:
    """The generations out of the four places that name them. Raises `Refused` where the group trusts another's root, or a
    tag says what dpsops did not write."""
    counted = Counter(leaf.generation for leaf in leaves if not leaf.blocked)
    primary, *secondary = group.trusted()
    left = {number for there in held.values() for name in there if (number := generation_of(name)) and number < primary}
    numbers = sorted({primary, *secondary, *roots, *counted, *left})
    observed = Observed(
        generations=tuple(_generation(number, roots.get(number), held, counted[number]) for number in numbers),
        primary=primary,
        secondary=secondary[0] if secondary else None,
        is_open=group.enabled,
    )
    return View(observed, group, leaves, held, roots)


def replaced(view: View, number: int) -> str:
    """The name of the compromised root that a root has taken the place of; empty where it did not."""
    name = root_name(number)
    return next((root_name(other) for other, found in view.roots.items() if found.tags.get(REPLACED_TAG) == name), "")


def without_group(group: str, roots: Mapping[int, RootProperties]) -> str:
    """The name of the root that a new enrollment group of this ID is to trust: the one in the vault, or the next where there
    is none that could be. A retired root is none, nor is one that is marked as compromised.

    Raises `Refused` where there are several: the group is gone in the middle of a rotation, and with one of them alone
    it would shut out the devices of the other.
    """
    fit = sorted(number for number, root in roots.items() if _may_be_trusted(root.tags))
    if len(fit) > 1:
        old, new = (root_name(number) for number in fit[-2:])
        raise Refused(
            f"the enrollment group {group} is gone, and devices may have leaves of {old} and of {new}",
            f"make it in the DPS with both, the primary {old} and the secondary {new} ('az iot dps enrollment-group create "
            "--ca-name … --secondary-ca-name …'), then run the command again",
        )
    return root_name(fit[0] if fit else max(roots, default=0) + 1)


def _may_be_trusted(tags: Mapping[str, str]) -> bool:
    return tags.get(RETIRED_TAG) != RETIRED and BREACH_TAG not in tags


def not_whole(environment: str) -> Error:
    """The error where a root is needed and there is none, or none that is whole."""
    return Error(f"the environment {environment!r} has no whole root yet", "run 'dpsops up' first")


def _generation(number: int, root: RootProperties | None, held: Mapping[str, CaCertificates], leaves: int) -> Generation:
    name = root_name(number)
    if root is None:
        is_held = any(name in certificates for certificates in held.values())
        return Generation(number, Keeping.ABSENT, Trust.STRANGER if is_held else Trust.ABSENT, leaves)
    trusts = [trust(certificates.get(name), root) for certificates in held.values()]
    return Generation(
        number,
        _keeping(root),
        trust=min(trusts, key=list(Trust).index),
        leaves=leaves,
        not_after=root.not_after,
        draining_since=_read(root, DRAINING_TAG, _moment),
        breach=_read(root, BREACH_TAG, Breach),
        reopen=root.tags.get(REOPEN_TAG) == REOPEN,
    )


def _read(root: RootProperties, tag: str, parse: Callable[[str], _Value]) -> _Value | None:
    """What a tag of a root says, None without one. Raises `Refused` for what dpsops has not written: anybody can edit a tag."""
    text = root.tags.get(tag)
    try:
        return parse(text) if text else None
    except ValueError as cause:
        raise Refused(
            f"the tag {tag!r} of {root.name} in the vault says {text!r}, which dpsops did not write",
            "find out who has changed it; correct the tag or remove it, then run the command again",
        ) from cause


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None or not 2000 <= found.year < 9000:  # a time of grace is yet to be added
        raise ValueError("no moment of a rotation")
    return found


def moment(now: datetime) -> str:
    """A moment as a tag holds it (RFC 3339)."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _keeping(root: RootProperties) -> Keeping:
    if root.tags.get(RETIRED_TAG) == RETIRED:
        return Keeping.RETIRED
    if not root.is_sealed:
        return Keeping.MAKING
    return Keeping.WHOLE if root.enabled else Keeping.DISABLED


def trust(found: CaCertificate | None, root: RootProperties) -> Trust:
    """How far a trust store has come with a root of the vault."""
    if found is None:
        return Trust.ABSENT
    if found.thumbprint != root.thumbprint:
        return Trust.STRANGER
    return Trust.VERIFIED if found.verified else Trust.UPLOADED


def removable(owner: str, found: CaCertificate, root: RootProperties | None, name: str, vault: str) -> CaCertificate:
    """What a trust store holds under a retired root's name, if it is that root. Raises `Refused` where it is another
    certificate, or one that the vault does not have."""
    if root is None:
        raise Refused(
            f"the {owner} holds a certificate {name} (SHA-1 {found.thumbprint}), which the vault does not have",
            f"'az keyvault certificate recover --vault-name {vault} --name {name}' brings a deleted "
            f"root back; if it is gone for good, remove {name} there; then run the command again",
        )
    if trust(found, root) is Trust.STRANGER:
        raise Refused(
            f"the {owner} holds a certificate {name}, and it is another one (SHA-1 {found.thumbprint})",
            "devices may depend on it: find out whose it is, then remove it there",
        )
    return found
