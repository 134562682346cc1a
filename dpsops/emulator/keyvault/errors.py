"""Key Vault's own errors: `{"error": {"code", "message", "innererror"}}`, in its words."""

from __future__ import annotations

from collections.abc import Mapping

from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Refusal, Response

_RECOVERY_HELP = "For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125182"


def refusal(status: int, code: str, message: str, inner: str = "", headers: Mapping[str, str] | None = None) -> Refusal:
    """The data plane's refusal; `inner` is the code of its `innererror`."""
    error: JSON = {"code": code, "message": message}
    if inner:
        error["innererror"] = {"code": inner}
    return Refusal(Response(status, {"error": error}, headers or {}))


def bad_parameter(message: str) -> Refusal:
    """400: the request itself is at fault."""
    return refusal(400, "BadParameter", message)


def forbidden(message: str, inner: str = "") -> Refusal:
    """403: a rule of the vault or of the object is against it."""
    return refusal(403, "Forbidden", message, inner)


def conflict(message: str, inner: str = "") -> Refusal:
    """409: the object's present state is against it."""
    return refusal(409, "Conflict", message, inner)


def not_found(noun: str, identifier: str) -> Refusal:
    """404: no such living object; `noun` as in `certificate`, `identifier` as Azure quotes it."""
    message = (
        f"A {noun} with (name/id) {identifier} was not found in this key vault. If you recently deleted this {noun} "
        f"you may be able to recover it using the correct recovery command. {_RECOVERY_HELP}"
    )
    return refusal(404, f"{noun.capitalize()}NotFound", message)


def deleted_not_found(noun: str, name: str) -> Refusal:
    """404: no such object among the deleted ones, or not yet."""
    return refusal(404, f"{noun.capitalize()}NotFound", f"Deleted {noun.capitalize()} not found: {name}")


def throttled(seconds: int) -> Refusal:
    """429: over one of the published limits."""
    message = "Request was not processed because too many requests were received. Reason: VaultRequestTypeLimitReached"
    return refusal(429, "Throttled", message, headers={"Retry-After": str(seconds)})
