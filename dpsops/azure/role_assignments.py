"""The role assignments of a resource group, as Resource Manager lists them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field

from dpsops.azure.answers import Shape
from dpsops.azure.data_plane import DataPlane


class _Properties(Shape):
    scope: str
    role_definition_id: str
    principal_id: str
    principal_type: str | None = None
    created_on: Annotated[datetime | None, Field(strict=False)] = None
    condition: str | None = None


class _Assignment(Shape):
    properties: _Properties


@dataclass(frozen=True, slots=True)
class RoleAssignment:
    """A role (its GUID) that a principal (its object ID) holds on a scope: all in lower case. `kind` is User, Group,
    ServicePrincipal or empty; `created` None if Azure does not say it; `conditional`: whether a condition limits it."""

    scope: str
    role: str
    principal: str
    kind: str
    created: datetime | None
    conditional: bool = False


def role_assignments(authorization: DataPlane, group: str) -> list[RoleAssignment]:
    """The assignments that hold on a resource group (its ID), above it, and on what is in it. Source:
    `RoleAssignments_ListForScope` (API 2022-04-01)."""
    listed = authorization.pages(f"{group}/providers/Microsoft.Authorization/roleAssignments")
    found = [_Assignment.model_validate(each).properties for each in listed]
    return [
        RoleAssignment(
            each.scope.lower(),
            each.role_definition_id.rpartition("/")[2].lower(),
            each.principal_id.lower(),
            each.principal_type or "",
            each.created_on,
            bool(each.condition),
        )
        for each in found
    ]
