"""The root's public side."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class RootFacts:
    """What may be shown of a root; `exportable` is what the vault says of its key, `proven` what DPS says of it."""

    generation: int
    name: str
    subject: str
    thumbprint: str
    serial: str
    not_before: datetime
    not_after: datetime
    key_type: str
    key_size: int
    exportable: bool
    proven: bool

    @property
    def key(self) -> str:
        """The kind of its key, as the settings spell it, without the place where it lives: RSA-3072, EC-P256."""
        return f"{self.key_type}-{'P' if self.key_type == 'EC' else ''}{self.key_size}"
