"""The public properties of a root."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class RootFacts:
    """The public properties of a root. `path_length`: how many CAs may be below it, None if any number may.
    `exportable` is from its key's attributes in the vault; `verified`: every trust store has verified it."""

    generation: int
    name: str
    subject: str
    thumbprint: str
    serial: str
    not_before: datetime
    not_after: datetime
    key_type: str
    key_size: int
    path_length: int | None
    exportable: bool
    verified: bool

    @property
    def key(self) -> str:
        """The type of its key as in the settings, without `-HSM`: RSA-3072, EC-P256."""
        return f"{self.key_type}-{'P' if self.key_type == 'EC' else ''}{self.key_size}"
