"""A compromised root: it is cut off at once, then a new one is made and the devices get new leaves.

Whoever has the root's key can make a leaf for any device, so nothing that it vouched for may stay: the root leaves the
group and the DPS, and every hub identity that was registered under it is disabled, because an identity goes on
connecting whatever becomes of the root. Source: Azure DPS, "Roll X.509 device certificates".

The tag `breach` on the root says how far this has come; `rotation.classify` reads the next step from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dpsops.workflows import fleet, generations, identities
from dpsops.workflows.generations import View, change_group, put_group, tag_root
from dpsops.workflows.root_state import root_name
from dpsops.workflows.rotation import Breach, Standing
from dpsops.workflows.run import Action, Run


def condemn(run: Run, view: View, number: int) -> Iterator[Action]:
    """Marks a root as compromised: from here on whatever is run next cuts it off first."""
    alone = view.observed.trusted == (number,)
    reopen = generations.REOPEN if alone and view.group.enabled else None
    tag_root(run, number, {generations.BREACH_TAG: Breach.BEGUN, generations.REOPEN_TAG: reopen})
    yield Action("condemn", f"root {root_name(number)}", "marked as compromised")


def cut_off(run: Run, view: View, number: int) -> Iterator[Action]:
    """Takes the root out of the group and the DPS, disables it in the vault, and disables every identity under it.

    A group that trusts no other root is shut, because its primary must never be empty.
    """
    others = [other for other in view.observed.trusted if other != number]
    if others and number in view.observed.trusted:
        yield from put_group(run, view, others[-1], None)
    elif not others and view.group.enabled:
        yield change_group(run, view, "shut: no device can register", provisioningStatus="disabled")
    yield from generations.put_away(run, view, number)
    newer = {leaf.thumbprint for leaf in view.fleet if leaf.generation > number}
    for registration in _registrations(run, view):
        yield from _disable(run, registration, root_name(number), newer)
    tag_root(run, number, {generations.BREACH_TAG: Breach.CUT})
    yield Action("cut off", f"root {root_name(number)}", "vouches for nobody any more")


def admit(run: Run, view: View, standing: Standing) -> Iterator[Action]:
    """The new root is the only one that the group trusts; a group that the breach has shut is opened again."""
    name = root_name(standing.new)
    references = {"attestation": {"type": "x509", "x509": {"caReferences": {"primary": name}}}}
    if view.observed.generation(standing.old).reopen:
        yield change_group(run, view, f"open again, and trusts {name} alone", **references, provisioningStatus="enabled")
    else:
        yield change_group(run, view, f"trusts {name} alone", **references)


def readmit(run: Run, view: View, standing: Standing) -> Iterator[Action]:
    """Gives each identity that was disabled the thumbprint of its device's new leaf, and enables it; then it is over."""
    leaves = {leaf.device: leaf for leaf in view.fleet if leaf.generation == standing.new and not leaf.blocked}
    for registration in _registrations(run, view):
        if leaf := leaves.get(str(registration["registrationId"]).lower()):
            yield from _enable(run, registration, root_name(standing.old), leaf.thumbprint)
    tag_root(run, standing.new, {generations.DRAINING_TAG: None})
    tag_root(run, standing.old, {generations.BREACH_TAG: Breach.OVER, generations.REOPEN_TAG: None})
    yield Action("settle", f"replacement of {root_name(standing.old)} by {root_name(standing.new)}", "done")


def casualties(run: Run, view: View, number: int) -> list[str]:
    """The devices that a cut would shut out until they have a new leaf, among them those that the vault does not know."""
    newer = {leaf.device for leaf in view.fleet if leaf.generation > number}
    open_ = {leaf.device for leaf in view.fleet if not leaf.blocked}
    registered = {str(registration["registrationId"]).lower() for registration in _registrations(run, view)}
    blocked = {leaf.device for leaf in view.fleet if leaf.blocked}
    return sorted((open_ | registered) - newer - blocked)


def _registrations(run: Run, view: View) -> Iterator[dict[str, Any]]:
    """Every registration under the group, and those of the fleet's individual enrollments, that have a hub."""
    cloud, group = run.cloud, run.environment.group.id
    known = {leaf.device for leaf in view.fleet}
    found = [*cloud.enrollments.query(f"/registrations/{group}/query", None)]
    for name in fleet.individuals(run):
        if name in known and (registration := cloud.enrollments.get(f"/registrations/{name}")) is not None:
            found.append(registration)
    return (registration for registration in found if registration.get("assignedHub"))


def _disable(run: Run, registration: dict[str, Any], root: str, spared: set[str]) -> Iterator[Action]:
    hub, device = str(registration["assignedHub"]), str(registration.get("deviceId") or registration["registrationId"])
    run.progress(f"disabling {device} in {hub}")
    registry = run.cloud.registry(hub)
    identity = registry.get(f"/devices/{device}")
    if identity is None or identity.get("status") != "enabled" or identities.thumbprint(identity) in spared:
        return
    change = {"status": "disabled", "statusReason": _reason(root)}
    registry.put(f"/devices/{device}", identity | change, f'"{identity["etag"]}"')
    yield Action("disable", f"identity {device} in {hub}", "disabled")


def _enable(run: Run, registration: dict[str, Any], root: str, thumbprint: str) -> Iterator[Action]:
    hub, device = str(registration["assignedHub"]), str(registration.get("deviceId") or registration["registrationId"])
    registry = run.cloud.registry(hub)
    identity = registry.get(f"/devices/{device}")
    if identity is None or identity.get("statusReason") != _reason(root):
        return
    run.progress(f"letting {device} into {hub} with its new leaf")
    change = {"status": "enabled", "statusReason": None, **identities.known_by(thumbprint)}
    registry.put(f"/devices/{device}", identity | change, f'"{identity["etag"]}"')
    yield Action("enable", f"identity {device} in {hub}", "enabled, with its new leaf")


def _reason(root: str) -> str:
    """By this an identity that a breach disabled is told from one that somebody else did."""
    return f"dpsops: {root} was compromised"
