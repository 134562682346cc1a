"""The errors and answers of Azure's SDKs as the few kinds of `Error`. No other module knows status codes.

Every function of `azure/` that sends a request to a service uses `understood`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    DecodeError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)
from cryptography.exceptions import UnsupportedAlgorithm
from pydantic import ValidationError

from dpsops.errors import Changed, Denied, Error, Missing, NotAllowed, Throttled, Unavailable, Unreadable
from dpsops.model.permissions import is_firewall, missing_role

_TOKEN = re.compile(r"eyJ[\w-]{8,}(\.[\w-]*)*")
"""A JSON Web Token, which begins with `{"` in base64url (RFC 7515, 3.1)."""

_NO_HOST = re.compile(
    r"(?:Failed to resolve '|host='(?=.*502 Bad Gateway))([\w-]+\.(?:vault\.azure|azure-devices(?:-provisioning)?)\.net)'"
)
"""A vault, a DPS or a hub whose name cannot be resolved, here or by a proxy: DNS has these names only while they exist."""

_OF_ANOTHER_SHAPE = (
    ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, UnsupportedAlgorithm, ValueError,
)  # fmt: skip
"""What the SDKs, and the code here, raise for an answer of another shape: an invalid date, a list instead of an object."""


@contextmanager
def understood(service: str) -> Iterator[None]:
    """Raises what fails inside as an `Error`. `service`: the service that answers, for people."""
    try:
        yield
    except AzureError as error:
        raise explain(error, service) from error
    except _OF_ANOTHER_SHAPE as error:
        raise _unreadable(service, error) from error


def _unreadable(service: str, error: Exception) -> Unreadable:
    """The error does not quote values, because a token or a key may be among them."""
    match error:
        case ValidationError():
            first = error.errors(include_input=False)[0]
            what = f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
        case AttributeError() | TypeError():
            what = one_line(str(error))
        case _:
            what = type(error).__name__
    return Unreadable(
        f"the answer of {service} cannot be read ({what})",
        "run the command again; if it fails again, check whether a proxy changes the answers: --verbose shows each request",
    )


def explain(error: AzureError, service: str = "Azure") -> Error:
    """The `Error` to show for what an SDK raised: Azure's own message and the next thing to do."""
    if isinstance(error, ClientAuthenticationError) and isinstance(error.__cause__, ServiceRequestError | ServiceResponseError):
        error = error.__cause__  # azure-identity reports every failure as a failed authentication
    if isinstance(error, DecodeError):
        return _unreadable(service, error)
    if isinstance(error, HttpResponseError) and error.status_code is not None:
        return _explain_answer(error, error.status_code)
    message = one_line(error.message)
    if isinstance(error, ClientAuthenticationError):
        return NotAllowed(message, "sign in with 'az login', or set AZURE_TENANT_ID and AZURE_CLIENT_ID in a pipeline")
    if unknown := _NO_HOST.search(message):
        hint = "'dpsops status' shows what exists, 'dpsops up' creates what is missing; else check the network and HTTPS_PROXY"
        return Unavailable(f"there is no host {unknown[1]}", hint)
    if isinstance(error, ServiceRequestError | ServiceResponseError):
        hint = "check the names in the settings, the network and HTTPS_PROXY, then run the command again: it continues"
        return Unavailable(f"Azure cannot be reached: {message}", hint)
    return Error(message, "run the command again; --verbose shows each request")


def _explain_answer(error: HttpResponseError, status: int) -> Error:
    code, message = words(error)
    if isinstance(error, ClientAuthenticationError) or status == 401:
        hint = "sign in with 'az login', or check the pipeline's federated credential"
        return Denied(message, hint, role_missing=not isinstance(error, ClientAuthenticationError))
    if status == 403 or code == "AuthorizationFailed":  # a deployment that failed is answered 200
        by_role = code == "ForbiddenByRbac" if _is_of_a_vault(error) else not is_firewall(code)
        return Denied(message, missing_role(code, message), role_missing=by_role)
    if status >= 500:
        hint = _conflict(code, message) if "conflict" in code.lower() else _AGAIN
        return Unavailable(message, hint, answered=True)
    kind = {404: Missing, 412: Changed, 429: Throttled}.get(status, Error)
    return kind(message, _next_step(error, status, code, message))


_AGAIN = "Azure failed: run the command again, it continues where it stopped"


def _is_of_a_vault(error: HttpResponseError) -> bool:
    """Whether a vault's data plane answered: only this one has a special code for a missing role."""
    request = getattr(error.response, "request", None)
    return (urlsplit(str(getattr(request, "url", ""))).hostname or "").endswith(".vault.azure.net")


def _next_step(error: HttpResponseError, status: int, code: str, message: str) -> str:
    if status == 412:
        return "somebody else changed this at the same time: run the command again, it continues from the new state"
    if status == 429:
        after = str(getattr(error.response, "headers", {}).get("Retry-After", ""))
        seconds = after if after.isdecimal() else "a few"
        return f"Azure is throttling: wait {seconds} seconds and run the command again; it continues"
    if status == 409 or "conflict" in code.lower():
        return _conflict(code, message)
    if code == "SubscriptionNotFound":
        return "check the subscription in the settings or AZURE_SUBSCRIPTION_ID: 'az account list' shows yours"
    return "run 'dpsops plan' to see what is missing"


def _conflict(code: str, message: str) -> str:
    if namespace := re.search(r"not registered to use namespace '([^']+)'", message):
        return f"register the namespace once in the subscription: az provider register --namespace {namespace[1]}"
    if code == "ObjectIsBeingDeleted":
        return "an object of this name is still being deleted: wait a minute and run the command again"
    if "deleted" in message.lower():
        return "recover it or purge it (az keyvault recover / purge), then run the command again"
    if "is inProgress" in message:
        return "another run is creating this certificate: wait until it has finished, then run the command again"
    if code == "DeploymentActive":
        return "another deployment of this environment is running: wait until it has finished, then run the command again"
    return "this name is already in use: choose another name in the settings, or remove the resource that has it"


def words(error: HttpResponseError) -> tuple[str, str]:
    """The code and the message of an error in any of Azure's shapes, each in one line."""
    try:
        document: Any = json.loads(error.response.text()) if error.response is not None else None
    except (LookupError, RecursionError, ValueError):  # another encoding, too deep, or not JSON
        document = None
    code, message = innermost(document)
    if not message and isinstance(document, dict) and isinstance(document.get("status"), str):
        message = f"the operation ended with the status {document['status']}"
    default = error.message if error.reason else f"Azure answered {error.status_code} without a reason"
    return code, one_line(message or default, code)


def innermost(body: Any) -> tuple[str, str]:
    """The most specific code and message: those of the first detail, or of an error that a message quotes as JSON."""
    if not isinstance(body, dict):
        return "", ""
    properties = body.get("properties")
    wrapped = body.get("error") or (properties.get("error") if isinstance(properties, dict) else None)
    if isinstance(wrapped, str):  # Entra ID: {"error": "invalid_client", "error_description": "AADSTS..."}
        return wrapped, str(body.get("error_description") or wrapped)
    if isinstance(wrapped, dict):
        return innermost(wrapped)
    inner = body.get("innererror")
    code = str((inner.get("code") if isinstance(inner, dict) else None) or body.get("code") or body.get("errorCode") or "")
    message = str(body.get("message") or body.get("Message") or "")
    details = body.get("details")
    for nested in [*(details if isinstance(details, list) else []), _quoted(message)]:
        inner_code, inner_message = innermost(nested)
        if inner_message:
            return inner_code or code, inner_message
    return code, message


def _quoted(message: str) -> Any:
    """The error of a resource provider, which Resource Manager passes on as JSON in a string, or None."""
    try:
        return json.loads(message)
    except (RecursionError, ValueError):
        return None


def one_line(message: str, code: str = "") -> str:
    """The first line; of a vault's 403 all lines, because they name the action and the scope. Tokens are removed."""
    text = _TOKEN.sub("(a token)", message.strip())
    if code.startswith("Forbidden"):
        return " ".join(text.split())
    return text.splitlines()[0].strip() if text else "Azure gave no reason"
