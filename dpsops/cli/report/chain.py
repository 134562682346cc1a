"""The chain of trust, one lane for each root: the root in the Key Vault, its proof in the DPS, the enrollment group, the device
certificates. All lanes lead to the hubs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dpsops.cli.report.words import day, devices
from dpsops.model.resources import is_link_of
from dpsops.model.rotation import Generation, Observed, Trust, VaultState

if TYPE_CHECKING:
    from dpsops.model.root_facts import RootFacts
    from dpsops.workflows.status import Status

_HUBS = 8
"""How many hubs are drawn."""


@dataclass(frozen=True, slots=True)
class Node:
    """A link of the chain: what kind of thing it is, its name, what is known of it. `tone`: `good`, `wrong`, or `off` for what
    is no part of the chain (yet)."""

    kind: str
    name: str
    lines: tuple[str, ...]
    tone: str = "good"


@dataclass(frozen=True, slots=True)
class Lane:
    """The chain of one root."""

    root: str
    role: str
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Chain:
    """The whole picture. `more_hubs`: how many are not drawn."""

    lanes: tuple[Lane, ...]
    hubs: tuple[Node, ...]
    more_hubs: int


def chain(status: Status) -> Chain:
    """The chain of trust, with what is missing."""
    hubs = tuple(_hubs(status))
    return Chain(tuple(_lanes(status)), hubs[:_HUBS], max(0, len(hubs) - _HUBS))


def _lanes(status: Status) -> Iterator[Lane]:
    if status.view is None:
        yield _first_lane(status)
        return
    observed = status.view.observed
    for one in observed.generations:
        if one.number in observed.trusted or one.is_present or one.leaves or (one.breach and one.needs_retiring):
            yield _lane(status, observed, one)


def _first_lane(status: Status) -> Lane:
    """The lane of an environment that is not finished, or in which a root cannot be used."""
    environment, root = status.environment, status.root
    has_vault, group = environment.vault in status.vaults, status.group
    if root is not None:
        first = Node("Key Vault", root.name, (_key(root), f"valid until {day(root.not_after)}"))
    else:
        lines = ("no root that can be used" if has_vault else "does not exist",)
        first = Node("Key Vault", environment.vault.name, lines, "wrong" if has_vault else "off")
    has_proof = root is not None and root.verified
    proof = "does not exist" if status.dps is None else f"has {'' if has_proof else 'not '}verified the root"
    trusts = "does not exist" if group is None else "enabled" if group.enabled else "disabled: no device can register"
    count = status.devices.total
    return Lane(
        root.name if root else "",
        "",
        (
            first,
            Node("DPS", environment.dps.name, (proof,), "good" if has_proof else "off" if status.dps is None else "wrong"),
            Node("Enrollment group", environment.group.id, (trusts,), _group_tone(status)),
            Node("Device certificates", f"{count:,}", (), "good" if count else "off"),
        ),
    )


def _lane(status: Status, observed: Observed, one: Generation) -> Lane:
    environment = status.environment
    role = _role(observed, one)
    is_trusted = one.number in observed.trusted
    root = status.root if status.root and status.root.generation == one.number else None
    until = f"valid until {day(one.not_after)}" if one.not_after else ""
    state = "" if one.in_vault is VaultState.FINISHED else one.in_vault.text
    is_wrong = one.breach is not None or (is_trusted and one.in_vault is not VaultState.FINISHED)
    proof = {
        Trust.ABSENT: "is not uploaded",
        Trust.OTHER: "has another certificate of this name",
        Trust.UPLOADED: "is not verified yet",
        Trust.VERIFIED: "is verified",
    }[one.trust]
    tone = "good" if one.trust is Trust.VERIFIED else "wrong" if is_trusted or one.trust is Trust.OTHER else "off"
    trusted = {"primary": "trusted, as its primary", "secondary": "trusted, as its secondary"}.get(role, "not trusted")
    disabled = () if observed.group_enabled else ("disabled: no device can register",)
    return Lane(
        one.name,
        "compromised" if one.breach else role,
        (
            Node("Key Vault", one.name, _present(_key(root) if root else "", until, state), "wrong" if is_wrong else "good"),
            Node("DPS", environment.dps.name, (f"{one.name} {proof}",), tone),
            Node("Enrollment group", environment.group.id, (f"{one.name} is {trusted}", *disabled),
                 _group_tone(status) if is_trusted else "wrong" if one.leaves else "off"),
            Node("Device certificates", f"{one.leaves:,}", (f"under {one.name}",),
                 "off" if not one.leaves else "good" if is_trusted else "wrong"),
        ),
    )  # fmt: skip


def _group_tone(status: Status) -> str:
    return "off" if status.group is None else "good" if status.group.enabled else "wrong"


def _role(observed: Observed, one: Generation) -> str:
    other = "next" if one.number > max(observed.trusted) else "old"
    return {observed.primary: "primary", observed.secondary: "secondary"}.get(one.number, other)


def _key(root: RootFacts) -> str:
    return f"{root.key}, {'EXPORTABLE' if root.exportable else 'not exportable'}"


def _present(*lines: str) -> tuple[str, ...]:
    return tuple(filter(None, lines))


def _hubs(status: Status) -> Iterator[Node]:
    """The hubs of the settings, and others to which devices are assigned."""
    existing = {hub.name for hub in status.hubs}
    counts = dict(status.fleet.hubs) if status.fleet else {}
    for hub in status.environment.hub:
        names = [host for host in counts if is_link_of(host, hub)]
        count = sum(counts.pop(host) for host in names)
        if hub.name not in existing:
            yield Node("IoT Hub", hub.name, ("does not exist",), "off" if status.dps is None else "wrong")
        else:
            yield Node("IoT Hub", hub.name, (devices(count),) if status.fleet else ())
    for host, count in sorted(counts.items()):
        yield Node("IoT Hub", host.partition(".")[0], (devices(count), "not in the settings"), "wrong")
