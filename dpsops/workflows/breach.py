"""A compromised root: it is cut off at once, then a new one is made and the devices get new leaves.

Whoever has the root's key can make a leaf for any device, so nothing that it vouched for may stay: the root leaves the
group and the DPS, and every hub identity that was registered under it is disabled, because an identity goes on
connecting whatever becomes of the root. Source: Azure DPS, "Roll X.509 device certificates".

The tag `breach` on the root says how far this has come; `rotation.classify` reads the next step from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from azure.core.exceptions import AzureError, HttpResponseError

from dpsops.azure.data_plane import DataPlane
from dpsops.errors import Error, Refused
from dpsops.pki.names import DeviceId
from dpsops.workflows import draining, fleet, generations, identities
from dpsops.workflows.device import Failed
from dpsops.workflows.generations import View, change_group, put_group, tag_root
from dpsops.workflows.root_state import BREACH_TAG, root_name
from dpsops.workflows.rotation import Breach, Standing
from dpsops.workflows.run import Action, Run


def condemn(run: Run, view: View, number: int) -> Iterator[Action]:
    """Marks a root as compromised: from here on whatever is run next cuts it off first."""
    alone = view.observed.trusted == (number,)
    reopen = generations.REOPEN if alone and view.group.enabled else None
    tag_root(run, number, {BREACH_TAG: Breach.BEGUN, generations.REOPEN_TAG: reopen})
    yield Action("condemn", f"root {root_name(number)}", "marked as compromised")


def cut_off(run: Run, view: View, number: int) -> Iterator[Action | Failed]:
    """Takes the root out of the group and the DPS, disables it in the vault, and disables every identity under it.

    A group that trusts no other root is shut, because its primary must never be empty.
    """
    others = [other for other in view.observed.trusted if other != number]
    if others and number in view.observed.trusted:
        yield from put_group(run, view, others[-1], None)
    elif not others and view.group.enabled:
        yield change_group(run, view, "shut: no device can register", provisioningStatus="disabled")
    try:
        yield from generations.put_away(run, view, number)
    except Refused:  # another certificate is in the way: the identities do not wait for it
        yield from _disable_identities(run, view, number)
        raise
    yield from _disable_identities(run, view, number)
    tag_root(run, number, {BREACH_TAG: Breach.CUT})
    yield Action("cut off", f"root {root_name(number)}", "vouches for nobody any more")


def admit(run: Run, view: View, standing: Standing) -> Iterator[Action]:
    """The new root is the only one that the group trusts; a group that the breach has shut is opened again."""
    name = root_name(standing.new)
    references = {"attestation": {"type": "x509", "x509": {"caReferences": {"primary": name}}}}
    if view.observed.generation(standing.old).reopen:
        yield change_group(run, view, f"open again, and trusts {name} alone", **references, provisioningStatus="enabled")
    else:
        yield change_group(run, view, f"trusts {name} alone", **references)


def let_in(run: Run, view: View, standing: Standing) -> Iterator[Action | Failed]:
    """Gives each identity that was disabled the thumbprint of its device's new leaf, and enables it; the individual
    enrollments forget the leaves of the old root."""
    leaves = {leaf.device: leaf for leaf in view.fleet if leaf.generation == standing.new and not leaf.blocked}
    places = _places(run, view)
    wanted = [place for place in places.all if place.device in leaves]
    yield from _each(places, wanted, lambda place: _enable(run, place, root_name(standing.old), leaves[place.device].thumbprint))
    yield from draining.unpin(run, leaves.values())


def readmit(run: Run, view: View, standing: Standing) -> Iterator[Action | Failed]:
    """Lets the devices in again; then it is over."""
    yield from let_in(run, view, standing)
    tag_root(run, standing.new, {generations.DRAINING_TAG: None})
    over = {BREACH_TAG: Breach.OVER, generations.REOPEN_TAG: None, generations.REPLACED_TAG: root_name(standing.new)}
    tag_root(run, standing.old, over)
    yield Action("settle", f"replacement of {root_name(standing.old)} by {root_name(standing.new)}", "done")


def casualties(run: Run, view: View, number: int) -> list[str]:
    """The devices that a cut would shut out until they have a new leaf, among them those that the vault does not know."""
    newer = {leaf.device for leaf in view.fleet if leaf.generation > number} - _not_moved(run, view, number)
    open_ = {leaf.device for leaf in view.fleet if not leaf.blocked}
    registered = {str(registration["registrationId"]).lower() for registration in _registrations(run, view)}
    blocked = {leaf.device for leaf in view.fleet if leaf.blocked}
    return sorted((open_ | registered) - newer - blocked)


def _not_moved(run: Run, view: View, number: int) -> set[str]:
    """The devices that have a leaf of a newer root, and an identity that still holds another one."""
    newer = {leaf.thumbprint: leaf.device for leaf in view.fleet if leaf.generation > number}
    if not newer:
        return set()
    found = set[str]()
    for place in _places(run, view).all:
        if place.device not in newer.values():
            continue
        with suppress(AzureError):  # to be told of them is not worth a delay
            _, identity = _identity(run, place)
            if identity and identity.get("status") == "enabled" and identities.thumbprint(identity) not in newer:
                found.add(place.device)
    return found


def _registrations(run: Run, view: View) -> Iterator[dict[str, Any]]:
    """Every registration under the group, and those of the fleet's individual enrollments, that have a hub."""
    cloud, group = run.cloud, run.environment.group.id
    known = {leaf.device for leaf in view.fleet}
    found = [*cloud.enrollments.query(f"/registrations/{group}/query", None)]
    for name in fleet.individuals(run):
        if name in known and (registration := cloud.enrollments.get(f"/registrations/{name}")) is not None:
            found.append(registration)
    return (registration for registration in found if registration.get("assignedHub"))


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a device may have an identity."""

    hub: str
    device: str


@dataclass(frozen=True, slots=True)
class _Places:
    """Where the devices may have an identity, those where a registration says so, and of each hub that there is, whether
    it is one of ours."""

    all: tuple[_Place, ...]
    assigned: frozenset[_Place]
    hubs: Mapping[str, bool]


def _places(run: Run, view: View) -> _Places:
    """Each device that the vault or the DPS knows, in each hub that there is, and in the one that it was assigned to. Its
    registration alone would not do: who forgets it, as a block does, leaves the identity, and so does a hub that was unlinked."""
    hubs = fleet.hubs(run)
    assigned = frozenset(
        _Place(str(each["assignedHub"]).lower(), str(each.get("deviceId") or each["registrationId"]))
        for each in _registrations(run, view)
    )
    devices = {leaf.device for leaf in view.fleet} | {place.device for place in assigned}
    found = {_Place(hub, device) for device in devices for hub in hubs} | assigned
    return _Places(tuple(sorted(found, key=lambda place: (place.device, place.hub))), assigned, hubs)


def _each(places: _Places, wanted: Iterable[_Place], change: Callable[[_Place], Iterator[Action]]) -> Iterator[Action | Failed]:
    """Does it in each place. Where a hub is gone, which a registration can outlive, it says so and goes on.

    Raises `Error` at the end where a hub that there is does not answer.
    """
    silent = set[str]()
    for place in wanted:
        try:
            if place.hub not in silent:
                yield from change(place)
        except AzureError as error:
            if _is_strangers(error) and not places.hubs.get(place.hub, True):
                if place in places.assigned:
                    yield Failed(
                        DeviceId(place.device), f"its hub {place.hub} keeps us out and is not of this environment any more"
                    )
                continue
            if not _is_silence(error):
                raise
            silent.add(place.hub)
        if place.hub in silent - places.hubs.keys():
            yield Failed(DeviceId(place.device), f"its hub {place.hub} does not answer and is not of this environment any more")
    if missed := sorted(silent & places.hubs.keys()):
        raise Error(
            f"{', '.join(missed)} cannot be asked about its identities: they stay as they are",
            "run the command again when that hub answers; if it is gone for good, unlink it from the DPS",
        )


def _is_strangers(error: AzureError) -> bool:
    """Whether a hub that only shares the resource group keeps us out."""
    return isinstance(error, HttpResponseError) and error.status_code in (401, 403)


def _is_silence(error: AzureError) -> bool:
    return not isinstance(error, HttpResponseError) or (error.status_code or 0) >= 500


def _disable_identities(run: Run, view: View, number: int) -> Iterator[Action | Failed]:
    """Every identity that holds no leaf of a newer root. It holds the leaf that the vault knows from then on, so that
    whoever enables it, as `device unblock` does, lets in no forged one."""
    newer = {leaf.thumbprint for leaf in view.fleet if leaf.generation > number}
    known = {leaf.device: leaf.thumbprint for leaf in view.fleet}
    places = _places(run, view)

    def disable(place: _Place) -> Iterator[Action]:
        registry, identity = _identity(run, place)
        thumbprint = known.get(place.device, "")
        if identity is None or identities.thumbprint(identity) in newer:
            return
        holds = identities.known_by(identity, thumbprint)
        if identity.get("status") == "enabled":
            run.progress(f"disabling {place.device} in {place.hub}")
            change = {"status": "disabled", "statusReason": _reason(root_name(number)), **holds}
            yield _put(registry, place, identity, change, "disable", "disabled")
        elif holds and identities.thumbprint(identity) != thumbprint:
            yield _put(registry, place, identity, holds, "modify", "holds the leaf that the vault knows, and stays disabled")

    yield from _each(places, places.all, disable)


def _enable(run: Run, place: _Place, root: str, thumbprint: str) -> Iterator[Action]:
    registry, identity = _identity(run, place)
    if identity is None or identity.get("status") == "enabled" or identity.get("statusReason") != _reason(root):
        return
    run.progress(f"letting {place.device} into {place.hub} with its new leaf")
    change = {"status": "enabled", "statusReason": None, **identities.known_by(identity, thumbprint)}
    yield _put(registry, place, identity, change, "enable", "enabled, with its new leaf")


def _identity(run: Run, place: _Place) -> tuple[DataPlane, dict[str, Any] | None]:
    """The identity in a place, if a certificate lets it in: a root vouches for no other."""
    registry = run.cloud.registry(place.hub)
    found = registry.get(f"/devices/{place.device}")
    kind = ((found or {}).get("authentication") or {}).get("type")
    return registry, found if kind in ("selfSigned", "certificateAuthority") else None


def _put(
    registry: DataPlane, place: _Place, identity: dict[str, Any], change: dict[str, Any], action: str, outcome: str
) -> Action:
    registry.put(f"/devices/{place.device}", identity | change, f'"{identity["etag"]}"')
    return Action(action, f"identity {place.device} in {place.hub}", outcome)


def _reason(root: str) -> str:
    """By this an identity that a breach disabled is told from one that somebody else did."""
    return f"dpsops: {root} was compromised"
