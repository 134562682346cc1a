"""API versions of the data plane, and which of its fields came with which."""

from __future__ import annotations

from dpsops.emulator.keyvault.errors import bad_parameter

_KNOWN = (
    "2016-10-01", "7.0", "7.1", "7.2", "7.3-preview", "7.3", "7.4", "7.5-preview.1", "7.5", "7.6-preview.2", "7.6", "2025-07-01",
    "2026-04-01",
)  # fmt: skip
"""In the order in which they came. Of the previews only those that a client has been seen to use."""

RECOVERABLE_DAYS = "7.1"
LIST_SUBJECT = "7.3-preview"
EXPORTABLE = "7.3"
HSM_PLATFORM = "7.5-preview.1"


def require_known(version: str) -> None:
    """Refuses a request that names no API version, or one that the service does not have."""
    if not version:
        raise bad_parameter("api-version must be specified")
    if version not in _KNOWN:
        latest = _KNOWN[-1]
        raise bad_parameter(
            f"The specified version ({version}) is not recognized. Consider using the latest supported version ({latest})."
        )


def since(version: str, first: str) -> bool:
    """Whether `version` is `first` or came after it."""
    return _KNOWN.index(version) >= _KNOWN.index(first)
