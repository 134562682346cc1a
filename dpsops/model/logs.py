"""The logs of the vault and the DPS: where their diagnostic settings send them, and what is missing.

Source: Azure Monitor, "Diagnostic settings in Azure Monitor"; the categories: "Azure Key Vault logging", "Monitor Azure IoT Hub
Device Provisioning Service data reference".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dpsops.model.action import PropertyChange
from dpsops.model.roles import SERVICE, VAULT
from dpsops.settings import Environment

TYPE = "Microsoft.Insights/diagnosticSettings"
NAME = "dpsops"
"""The name of our setting on each resource. Those of any other name are somebody else's."""

_CATEGORIES = {VAULT: ("AuditEvent",), SERVICE: ("DeviceOperations", "ServiceOperations")}
"""What is wanted of each type. The vault's log has each signature; that of the DPS who registered and who changed what."""

_GROUPS = {VAULT: ("audit", "alllogs"), SERVICE: ("alllogs",)}
"""The groups of categories that have all that is wanted, in lower case."""


@dataclass(frozen=True, slots=True)
class DiagnosticSetting:
    """A diagnostic setting of a resource. workspace: the ID of the workspace that it sends to, or empty; categories, groups: the
    logs that it sends, by name; kept: its other properties, without those that it does not have."""

    name: str
    workspace: str
    categories: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    kept: Mapping[str, object] = field(default_factory=dict)

    @property
    def is_ours(self) -> bool:
        """Whether it has our name. Names have no case."""
        return self.name.lower() == NAME

    def sends_to(self, workspace: str | None) -> bool:
        """Whether it sends to this workspace. IDs have no case."""
        return bool(workspace) and self.workspace.lower() == str(workspace).lower()

    def sent(self, type_: str) -> frozenset[str]:
        """The wanted categories of a resource of this type that it sends, wherever to."""
        wanted = _CATEGORIES[type_]
        if any(group.lower() in _GROUPS[type_] for group in self.groups):
            return frozenset(wanted)
        named = {each.lower() for each in self.categories}
        return frozenset(each for each in wanted if each.lower() in named)

    @property
    def logs(self) -> list[dict[str, object]]:
        """What it sends, as a setting says it."""
        grouped: list[dict[str, object]] = [{"categoryGroup": each, "enabled": True} for each in self.groups]
        return grouped or [{"category": each, "enabled": True} for each in self.categories]


def path(type_: str, resource: str) -> str:
    """Where our setting of a resource is, below the resource group."""
    return f"{type_}/{resource}/providers/{TYPE}/{NAME}"


def changes(environment: Environment, type_: str, found: Sequence[DiagnosticSetting]) -> tuple[PropertyChange, ...] | None:
    """What our setting of a resource has to change; empty if it has to be made; None if nothing is missing."""
    workspace = environment.vault.logs
    missing = _missing(environment, type_, found)
    if not workspace or not missing:
        return None
    ours = _ours(found)
    if ours is None:
        return ()
    wanted = _written(environment, type_, found)
    changed = []
    if not ours.sends_to(workspace):
        before = ours.workspace or None
        warning = "nothing is sent to the former workspace any more" if before else ""
        changed.append(PropertyChange("properties.workspaceId", before, workspace, warning))
    if wanted != ours.logs:
        gone = [each for each in ours.logs if each not in wanted]
        changed.append(PropertyChange("properties.logs", ours.logs, wanted, "a group gives way to categories" if gone else ""))
    return tuple(changed) or None


def to_write(environment: Environment, type_: str, resource: str, found: Sequence[DiagnosticSetting]) -> dict[str, object]:
    """Our setting of a resource, as the template takes it."""
    ours = _ours(found)
    return {
        "name": resource,
        "setting": NAME,
        "workspace": environment.vault.logs,
        "logs": _written(environment, type_, found),
        "current": dict(ours.kept) if ours else {},
    }


def off(environment: Environment, found: Sequence[DiagnosticSetting]) -> str:
    """What to do about a vault whose signatures are in no log, given its settings; empty if they are, or go where they should.
    Nobody has to be told of the embedded Azure's vault, which has no log."""
    workspace = environment.vault.logs
    if environment.is_local and not workspace:
        return ""
    logged = [each for each in found if each.sent(VAULT) and (workspace is None or each.sends_to(workspace))]
    if logged:
        return ""
    setting = "" if workspace else "set logs under [vault] in the settings, then "
    return f"the vault's log is off, so nobody could tell later who signed with the root: {setting}dpsops up"


def _ours(found: Sequence[DiagnosticSetting]) -> DiagnosticSetting | None:
    return next((each for each in found if each.is_ours), None)


def _elsewhere(environment: Environment, type_: str, found: Sequence[DiagnosticSetting]) -> set[str]:
    """What others send to the workspace. Azure refuses to send one category of a resource there twice."""
    others = (each for each in found if not each.is_ours and each.sends_to(environment.vault.logs))
    return {category for each in others for category in each.sent(type_)}


def _missing(environment: Environment, type_: str, found: Sequence[DiagnosticSetting]) -> bool:
    """Whether any category that is wanted does not reach the workspace."""
    arrives = [each.sent(type_) for each in found if each.sends_to(environment.vault.logs)]
    return bool(set(_CATEGORIES[type_]).difference(*arrives))


def _written(environment: Environment, type_: str, found: Sequence[DiagnosticSetting]) -> list[dict[str, object]]:
    """The logs of our setting: what it sends now, and what is missing. Categories and groups cannot be mixed."""
    elsewhere = _elsewhere(environment, type_, found)
    wanted = [each for each in _CATEGORIES[type_] if each not in elsewhere]
    ours = _ours(found)
    if ours and ours.groups and ours.sent(type_) and not elsewhere:
        return ours.logs
    known = [each for each in ours.categories if each not in elsewhere] if ours else []
    spelt = {each.lower() for each in known}
    names = [*known, *(each for each in wanted if each.lower() not in spelt)]
    return [{"category": each, "enabled": True} for each in names]
