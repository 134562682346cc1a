"""What Azure's SDKs raise and answer, as the few kinds of `Error`: the one place that knows status codes.

Every function of `azure/` that asks a service something stands behind `understood`.
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

from dpsops.errors import Changed, Denied, Error, Missing, NotAllowed, Silent, Throttled, Unreadable
from dpsops.model.permissions import is_firewall, missing_role

_TOKEN = re.compile(r"eyJ[\w-]{8,}(\.[\w-]*)*")
"""A JSON Web Token, which begins with `{"` in base64url (RFC 7515, 3.1)."""

_NO_HOST = re.compile(
    r"(?:Failed to resolve '|host='(?=.*502 Bad Gateway))([\w-]+\.(?:vault\.azure|azure-devices(?:-provisioning)?)\.net)'"
)
"""A vault, a DPS or a hub whose name does not resolve, here or behind a proxy; DNS knows them only while they exist."""

_OF_ANOTHER_SHAPE = (
    ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, UnsupportedAlgorithm, ValueError,
)  # fmt: skip
"""What reading an answer of another shape ends with, in the SDKs and here: a date that is none, a member of a list."""


@contextmanager
def understood(service: str) -> Iterator[None]:
    """What fails inside is raised as an `Error`. `service` is who answers, for people."""
    try:
        yield
    except AzureError as error:
        raise explain(error, service) from error
    except _OF_ANOTHER_SHAPE as error:
        raise _unreadable(service, error) from error


def _unreadable(service: str, error: Exception) -> Unreadable:
    """The values are not quoted: a token or a key may be among them."""
    match error:
        case ValidationError():
            first = error.errors(include_input=False)[0]
            what = f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
        case AttributeError() | TypeError():
            what = _one_line(str(error))
        case _:
            what = type(error).__name__
    return Unreadable(
        f"{service} answered what dpsops cannot read ({what})",
        "run the command again; if it stays so, look for what changes the answers on their way: --verbose shows each request",
    )


def explain(error: AzureError, service: str = "Azure") -> Error:
    """The `Error` to show for what an SDK raised: Azure's own message and the next thing to do."""
    if isinstance(error, ClientAuthenticationError) and isinstance(error.__cause__, ServiceRequestError | ServiceResponseError):
        error = error.__cause__  # azure-identity calls whatever befalls it a failure to authenticate
    if isinstance(error, DecodeError):
        return _unreadable(service, error)
    if isinstance(error, HttpResponseError) and error.status_code is not None:
        return _explain_answer(error, error.status_code)
    message = _one_line(error.message)
    if isinstance(error, ClientAuthenticationError):
        return NotAllowed(message, "sign in with 'az login', or set AZURE_TENANT_ID and AZURE_CLIENT_ID in a pipeline")
    if unknown := _NO_HOST.search(message):
        hint = "'dpsops status' shows what exists, 'dpsops up' makes what is missing; else see to the network and HTTPS_PROXY"
        return Silent(f"there is no host {unknown[1]}", hint)
    if isinstance(error, ServiceRequestError | ServiceResponseError):
        hint = "check the names in the settings, the network and HTTPS_PROXY, then run the command again: it resumes"
        return Silent(f"Azure cannot be reached: {message}", hint)
    return Error(message, "run the command again; --verbose shows each request")


def _explain_answer(error: HttpResponseError, status: int) -> Error:
    code, message = words(error)
    if isinstance(error, ClientAuthenticationError) or status == 401:
        hint = "sign in with 'az login', or check the pipeline's federated credential"
        return Denied(message, hint, for_want_of_a_role=not isinstance(error, ClientAuthenticationError))
    if status == 403 or code == "AuthorizationFailed":  # a deployment that failed is answered 200
        by_role = code == "ForbiddenByRbac" if _is_of_a_vault(error) else not is_firewall(code)
        return Denied(message, missing_role(code, message), for_want_of_a_role=by_role)
    if status >= 500:
        hint = _conflict(code, message) if "conflict" in code.lower() else _AGAIN
        return Silent(message, hint, answered=True)
    kind = {404: Missing, 412: Changed, 429: Throttled}.get(status, Error)
    return kind(message, _next_step(error, status, code, message))


_AGAIN = "Azure failed on its side: run the command again, it resumes where it stopped"


def _is_of_a_vault(error: HttpResponseError) -> bool:
    """Whether a vault's data plane answered: it alone says by a code of its own that a role is missing."""
    request = getattr(error.response, "request", None)
    return (urlsplit(str(getattr(request, "url", ""))).hostname or "").endswith(".vault.azure.net")


def _next_step(error: HttpResponseError, status: int, code: str, message: str) -> str:
    if status == 412:
        return "someone else changed this at the same moment: run the command again, it takes up what is there"
    if status == 429:
        after = str(getattr(error.response, "headers", {}).get("Retry-After", ""))
        seconds = after if after.isdecimal() else "a few"
        return f"Azure is throttling: wait {seconds} seconds and run the command again; it resumes"
    if status == 409 or "conflict" in code.lower():
        return _conflict(code, message)
    if code == "SubscriptionNotFound":
        return "check the subscription in the settings or AZURE_SUBSCRIPTION_ID: az account list shows those that you can use"
    return "run 'dpsops plan' to see what is there and what is missing"


def _conflict(code: str, message: str) -> str:
    if namespace := re.search(r"not registered to use namespace '([^']+)'", message):
        return f"register it once in the subscription: az provider register --namespace {namespace[1]}"
    if code == "ObjectIsBeingDeleted":
        return "what had this name is still being deleted: wait a minute and run the command again"
    if "deleted" in message.lower():
        return "recover it or purge it (az keyvault recover / purge), then run the command again"
    if "is inProgress" in message:
        return "another run is making this certificate: wait for it and run the command again, which takes up what is there"
    if code == "DeploymentActive":
        return "another deployment of this environment is running: wait for it and run the command again"
    return "something with this name is in the way: choose another name in the settings, or remove it"


def words(error: HttpResponseError) -> tuple[str, str]:
    """Code and message of an error in any of Azure's shapes, each in one line."""
    try:
        document: Any = json.loads(error.response.text()) if error.response is not None else None
    except (LookupError, RecursionError, ValueError):  # of another encoding, too deep, or no JSON
        document = None
    code, message = _innermost(document)
    if not message and isinstance(document, dict) and isinstance(document.get("status"), str):
        message = f"the operation ended: {document['status']}"
    silence = error.message if error.reason else f"Azure answered {error.status_code} and gave no reason"
    return code, _one_line(message or silence, code)


def _innermost(body: Any) -> tuple[str, str]:
    """The code and the message that say the most: those of the first detail, or of an error that a message quotes as JSON."""
    if not isinstance(body, dict):
        return "", ""
    properties = body.get("properties")
    wrapped = body.get("error") or (properties.get("error") if isinstance(properties, dict) else None)
    if isinstance(wrapped, str):  # Entra ID: {"error": "invalid_client", "error_description": "AADSTS..."}
        return wrapped, str(body.get("error_description") or wrapped)
    if isinstance(wrapped, dict):
        return _innermost(wrapped)
    inner = body.get("innererror")
    code = str((inner.get("code") if isinstance(inner, dict) else None) or body.get("code") or body.get("errorCode") or "")
    message = str(body.get("message") or body.get("Message") or "")
    details = body.get("details")
    for nested in [*(details if isinstance(details, list) else []), _quoted(message)]:
        inner_code, inner_message = _innermost(nested)
        if inner_message:
            return inner_code or code, inner_message
    return code, message


def _quoted(message: str) -> Any:
    """The error of a resource provider, which Resource Manager hands on as a text of JSON, or None."""
    try:
        return json.loads(message)
    except (RecursionError, ValueError):
        return None


def _one_line(message: str, code: str = "") -> str:
    """The first line, but all lines of a vault's 403, which name the action and the scope; never a token."""
    text = _TOKEN.sub("(a token)", message.strip())
    if code.startswith("Forbidden"):
        return " ".join(text.split())
    return text.splitlines()[0].strip() if text else "Azure gave no reason"
