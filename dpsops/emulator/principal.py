"""Who calls."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a token speaks for: an Entra service principal."""

    object_id: str
    app_id: str
    tenant_id: str
