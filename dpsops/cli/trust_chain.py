"""The chain of trust as a diagram: from the key in the vault to the hubs of the devices."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from dpsops.cli.summary import Diagram, Node

if TYPE_CHECKING:
    from dpsops.model.root_facts import RootFacts
    from dpsops.settings import Environment
    from dpsops.workflows.status import Status

_VAULT, _ROOT, _DPS, _GROUP, _DEVICES = range(5)


def root_chain(environment: Environment, root: RootFacts) -> Diagram:
    """The vault that has the root's key, the root, and the DPS that trusts it."""
    nodes = (
        Node(("Key Vault", environment.vault.name)),
        _root(root),
        _dps(environment.dps.name, root),
    )
    return Diagram(nodes, ((_VAULT, _ROOT, "keeps the key of"), (_ROOT, _DPS, "is proven to")))


def status_chain(status: Status) -> Diagram:
    """From the vault by the root and the DPS to the hubs, with what is missing."""
    environment, root, group, count = status.environment, status.root, status.group, status.devices.total
    vault = environment.vault
    trusted = " and ".join(dict.fromkeys(name for name in (group.primary, group.secondary) if name)) if group else ""
    state = "does not exist" if group is None else f"trusts {trusted}" if group.enabled else f"trusts {trusted}, DISABLED"
    hosts = {hub.name for hub in status.hubs}
    nodes = (
        Node(("Key Vault", vault.name, *_missing(vault in status.vaults)), is_wrong=vault not in status.vaults),
        _root(root) if root else Node(("no root that can be used",), is_wrong=True),
        _dps(environment.dps.name, root) if status.dps else Node(("DPS", environment.dps.name, "does not exist"), is_wrong=True),
        Node(("enrollment group", environment.group.id, state), is_wrong=group is None or not group.enabled),
        Node((f"{count:,} device certificate{'' if count == 1 else 's'}",)),
        *(Node(("IoT Hub", hub.name, *_missing(hub.name in hosts)), is_wrong=hub.name not in hosts) for hub in environment.hub),
    )
    return Diagram(
        nodes,
        (
            (_VAULT, _ROOT, "keeps the key of"),
            (_ROOT, _DPS, "is proven to"),
            (_DPS, _GROUP, ""),
            (_ROOT, _DEVICES, "has signed"),
            (_DEVICES, _GROUP, "register in"),
            *((_GROUP, number, "assigns to") for number in range(_DEVICES + 1, len(nodes))),
        ),
    )


def _missing(exists: bool) -> Iterable[str]:
    return () if exists else ("does not exist",)


def _root(root: RootFacts) -> Node:
    key = f"{root.key}, {'EXPORTABLE' if root.exportable else 'not exportable'}"
    return Node((root.name, root.subject, key, f"valid until {root.not_after:%Y-%m-%d}"), is_here=True)


def _dps(name: str, root: RootFacts | None) -> Node:
    verified = root is not None and root.verified
    return Node(("DPS", name, "has verified the root" if verified else "has not verified the root"), is_wrong=not verified)
