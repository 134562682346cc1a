"""The generations of the root, as the vault, the DPS, the enrollment group and the fleet show them, and what is done to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from dpsops.azure.ca_certificates import CaCertificate, CaCertificates
from dpsops.errors import Error, Refused
from dpsops.workflows import device, enrollment, root
from dpsops.workflows.device import Kept
from dpsops.workflows.enrollment import ObservedGroup
from dpsops.workflows.root_state import BREACH_TAG, RETIRED, RETIRED_TAG, SEAL_TAG, SEALED, generation_of, root_name
from dpsops.workflows.rotation import Breach, Generation, Keeping, Observed, Trust
from dpsops.workflows.run import Action, Run

if TYPE_CHECKING:
    from azure.keyvault.certificates import CertificateProperties

_Value = TypeVar("_Value")

DRAINING_TAG, REOPEN_TAG, REPLACED_TAG = "draining", "reopen", "replaced-by"
REOPEN = "yes"

Held = Mapping[str, CaCertificate]
"""The CA certificates of a DPS or a hub, by their names."""


@dataclass(frozen=True, slots=True)
class View:
    """What was seen at one moment: the pure state, and the documents that it was read from, with their etags."""

    observed: Observed
    group: ObservedGroup
    fleet: tuple[Kept, ...]
    held: tuple[tuple[CaCertificates, Held], ...]
    kept: Mapping[int, CertificateProperties]


def observe(run: Run) -> View:
    """Looks at everything that a rotation depends on: four requests, and one for each further hub and page of devices.

    Raises `Error` where there is no enrollment group yet, `Refused` where it trusts another's root.
    """
    run.progress("looking at the roots, the enrollment group and the devices")
    group = enrollment.observe(run)
    if group is None:
        raise Error(f"the environment {run.environment.name!r} has no root in use yet", "run 'dpsops up' first")
    return view(run, group)


def view(run: Run, group: ObservedGroup) -> View:
    """The same, with a group that has been looked at already.

    What names a root is read before the roots: somebody else may be at work, and what is named was there before.
    """
    fleet = tuple(device.fleet(run))
    held = tuple((registry, registry.all()) for registry in run.cloud.registries)
    kept = root.kept(run)
    leaves = Counter(one.generation for one in fleet if not one.blocked)
    primary, *secondary = group.trusted()
    left = {number for _, held_there in held for name in held_there if (number := generation_of(name)) and number < primary}
    numbers = sorted({primary, *secondary, *kept, *leaves, *left})
    observed = Observed(
        generations=tuple(_generation(number, kept.get(number), held, leaves[number]) for number in numbers),
        primary=primary,
        secondary=secondary[0] if secondary else None,
        is_open=group.enabled,
    )
    return View(observed, group, fleet, held, kept)


def replaced(view: View, number: int) -> str:
    """The name of the compromised root that a root has taken the place of; empty where it did not."""
    tags = {other: properties.tags or {} for other, properties in view.kept.items()}
    return next((root_name(other) for other, found in tags.items() if found.get(REPLACED_TAG) == root_name(number)), "")


def _generation(
    number: int, properties: CertificateProperties | None, held: tuple[tuple[CaCertificates, Held], ...], leaves: int
) -> Generation:
    if properties is None:
        held_somewhere = any(root_name(number) in certificates for _, certificates in held)
        return Generation(number, Keeping.ABSENT, Trust.STRANGER if held_somewhere else Trust.ABSENT, leaves)
    tags = properties.tags or {}
    trusts = [_trust(certificates.get(root_name(number)), properties) for _, certificates in held]
    return Generation(
        number,
        _keeping(tags, enabled=bool(properties.enabled)),
        trust=min(trusts, key=list(Trust).index),
        leaves=leaves,
        not_after=properties.expires_on,
        draining_since=_read(number, tags, DRAINING_TAG, _moment),
        breach=_read(number, tags, BREACH_TAG, Breach),
        reopen=tags.get(REOPEN_TAG) == REOPEN,
    )


def _read(number: int, tags: Mapping[str, str], tag: str, parse: Callable[[str], _Value]) -> _Value | None:
    """What a tag of a root says, None without one. Raises `Refused` for what dpsops has not written: anybody can edit a tag."""
    text = tags.get(tag)
    try:
        return parse(text) if text else None
    except ValueError as cause:
        raise Refused(
            f"the tag {tag!r} of {root_name(number)} in the vault says {text!r}, which dpsops did not write",
            "find out who has changed it; correct the tag or remove it, then run the command again",
        ) from cause


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None or not 2000 <= found.year < 9000:  # a time of grace is yet to be added
        raise ValueError("no moment of a rotation")
    return found


def _keeping(tags: Mapping[str, str], *, enabled: bool) -> Keeping:
    if tags.get(RETIRED_TAG) == RETIRED:
        return Keeping.RETIRED
    if tags.get(SEAL_TAG) != SEALED:
        return Keeping.MAKING
    return Keeping.WHOLE if enabled else Keeping.DISABLED


def _trust(found: CaCertificate | None, properties: CertificateProperties) -> Trust:
    if found is None:
        return Trust.ABSENT
    if found.thumbprint != bytes(properties.x509_thumbprint or b"").hex().upper():
        return Trust.STRANGER
    return Trust.VERIFIED if found.verified else Trust.UPLOADED


def moment(now: datetime) -> str:
    """A moment as a tag holds it (RFC 3339)."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def tag_root(run: Run, number: int, changes: Mapping[str, str | None]) -> None:
    """Sets tags of a root, and takes those away that are to be None."""
    name = root_name(number)
    present = root.properties(run, name)
    tags = {tag: value for tag, value in {**(present.tags or {}), **changes}.items() if value is not None}
    run.cloud.certificates.update_certificate_properties(name, present.version, tags=tags)


def put_group(run: Run, view: View, primary: int, secondary: int | None) -> Iterator[Action]:
    """Makes the group trust these roots; yields what was done. The primary is never empty.

    Raises `Refused` where somebody else has changed the group in between, unless it was to the same.
    """
    from azure.core.exceptions import HttpResponseError

    names = {"primary": root_name(primary)} | ({} if secondary is None else {"secondary": root_name(secondary)})
    words = " and ".join(names.values())
    run.progress(f"the enrollment group {run.environment.group.id} is to trust {words}")
    try:
        yield change_group(run, view, f"trusts {words}", attestation={"type": "x509", "x509": {"caReferences": names}})
    except HttpResponseError as error:
        if error.status_code != 412:
            raise
        _require_same(run, tuple(names.values()))


def change_group(run: Run, view: View, outcome: str, **changes: Any) -> Action:
    """Changes members of the group's document, under the etag that was seen."""
    environment = run.environment
    run.cloud.enrollments.put(enrollment.path(environment), view.group.document | changes, view.group.etag)
    return Action("modify", f"enrollment group {environment.group.id}", outcome)


def _require_same(run: Run, names: tuple[str, ...]) -> None:
    """Whether somebody who was first has done the same; raises `Refused` where it was something else."""
    found = enrollment.observe(run)
    trusted = tuple(root_name(number) for number in found.trusted()) if found else ()
    if found is None or trusted != names:
        when = str(found.document.get("lastUpdatedDateTimeUtc") or "")[:19] if found else ""
        raise Refused(
            f"somebody else was first: the enrollment group {run.environment.group.id} was changed "
            f"{f'at {when} UTC ' if when else ''}and now trusts {' and '.join(trusted) or 'nobody'}",
            "'dpsops rotate status' shows where it stands; run the command again to go on from there",
        )


def put_away(run: Run, view: View, number: int) -> Iterator[Action]:
    """Takes a root out of the DPS, and out of the hubs that hold it, and disables it in the vault, which keeps it.

    Raises `Refused` where one of them holds another certificate under its name, or one that the vault does not have.
    """
    name, kept = root_name(number), view.kept.get(number)
    for registry, held in view.held:
        found = held.get(name)
        if found is None:
            continue
        if kept is None:
            raise Refused(
                f"the {registry.owner} holds a certificate {name} (SHA-1 {found.thumbprint}), which the vault does not have",
                f"'az keyvault certificate recover --vault-name {run.environment.vault.name} --name {name}' brings a deleted "
                f"root back; if it is gone for good, remove {name} there; then run the command again",
            )
        if _trust(found, kept) is Trust.STRANGER:
            raise Refused(
                f"the {registry.owner} holds a certificate {name}, and it is another one (SHA-1 {found.thumbprint})",
                "devices may depend on it: find out whose it is, then remove it there",
            )
        run.progress(f"removing {name} from the {registry.owner}")
        registry.delete(name, found.etag)
        yield Action("remove", f"{name} in {registry.owner}", "removed")
    if kept is not None and view.observed.generation(number).keeping is not Keeping.RETIRED:
        run.progress(f"disabling {name} in the vault")
        _disable(run, name)
        yield Action("retire", f"root {name}", "disabled in the vault, not deleted")


def _disable(run: Run, name: str) -> None:
    """Disables every version; the root itself is the last, because it is what tells that the others are done too."""
    client = run.cloud.certificates
    present = root.properties(run, name)
    for version in client.list_properties_of_certificate_versions(name):
        if version.enabled and version.version != present.version:
            client.update_certificate_properties(name, version.version, enabled=False)
    tags = {**(present.tags or {}), RETIRED_TAG: RETIRED}
    client.update_certificate_properties(name, present.version, enabled=False, tags=tags)
