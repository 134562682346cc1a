"""The diagnostic settings of a resource, as Azure Monitor shows them (API 2021-05-01-preview). There is no SDK for it here."""

from __future__ import annotations

from typing import Any

from azure.core.exceptions import HttpResponseError

from dpsops.azure.answers import Shape
from dpsops.azure.data_plane import DataPlane
from dpsops.model.logs import TYPE, DiagnosticSetting


class _Log(Shape):
    category: str | None = None
    category_group: str | None = None
    enabled: bool = False


class _Properties(Shape):
    workspace_id: str | None = None
    logs: list[_Log] | None = None


class _Setting(Shape):
    name: str
    properties: dict[str, Any]


def diagnostic_settings(monitor: DataPlane, resource: str) -> tuple[DiagnosticSetting, ...]:
    """All settings of a resource (its ID). One request. Source: `DiagnosticSettings_List`."""
    return tuple(_read(each) for each in monitor.pages(f"{resource}/providers/{TYPE}"))


def visible_settings(monitor: DataPlane, resource: str) -> tuple[DiagnosticSetting, ...] | None:
    """The same, or None to an identity that may not read them."""
    try:
        return diagnostic_settings(monitor, resource)
    except HttpResponseError as error:
        if error.status_code != 403:
            raise
        return None


def _read(document: dict[str, Any]) -> DiagnosticSetting:
    setting = _Setting.model_validate(document)
    known = _Properties.model_validate(setting.properties)
    logs = [each for each in known.logs or [] if each.enabled]
    kept = {name: each for name, each in setting.properties.items() if name not in ("workspaceId", "logs") and each is not None}
    return DiagnosticSetting(
        setting.name,
        known.workspace_id or "",
        tuple(each.category for each in logs if each.category),
        tuple(each.category_group for each in logs if each.category_group),
        kept,
    )
