"""The words of an Azure error: what the service said, and what to do about it."""

from __future__ import annotations

import json
import re
from typing import Any

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)

from dpsops.errors import Error, NotAllowed

_ROLES = (
    (r"microsoft\.keyvault/vaults/certificates", "Key Vault Certificates Officer"),
    (r"microsoft\.keyvault/vaults/keys", "Key Vault Crypto User"),
    (r"microsoft\.keyvault/vaults/secrets", "Key Vault Secrets Officer"),
    (r"microsoft\.authorization/roleassignments", "Role Based Access Control Administrator"),
    (r"microsoft\.devices/provisioningservices/(enrollment|registration)", "Device Provisioning Service Data Contributor"),
    (r".*/read$", "Reader"),
    (r".*", "Contributor"),
)
"""Which built-in role grants an action, the narrowest first."""


def explain(error: AzureError) -> Error:
    """The `Error` to show for what an SDK raised: Azure's own message and the next thing to do."""
    if isinstance(error, HttpResponseError) and error.status_code is not None:
        return _explain_answer(error, error.status_code)
    message = _first_line(error.message)
    if isinstance(error, ClientAuthenticationError):
        return NotAllowed(message, "sign in with 'az login', or set AZURE_TENANT_ID and AZURE_CLIENT_ID in a pipeline")
    if isinstance(error, ServiceRequestError | ServiceResponseError):
        hint = "check the names in the settings, the network and HTTPS_PROXY, then run the command again: it resumes"
        return Error(f"Azure cannot be reached: {message}", hint)
    return Error(message, "run the command again; --verbose shows each request")


def _explain_answer(error: HttpResponseError, status: int) -> Error:
    code, message = _words(error)
    if isinstance(error, ClientAuthenticationError) or status == 401:
        return NotAllowed(message, "sign in with 'az login', or check the pipeline's federated credential")
    if status == 403:
        return NotAllowed(message, _missing_role(code, message))
    return Error(message, _next_step(error, status, code, message))


def _next_step(error: HttpResponseError, status: int, code: str, message: str) -> str:
    if status == 412:
        return "someone else changed this at the same moment: run the command again, it takes up what is there"
    if status == 429:
        after = getattr(error.response, "headers", {}).get("Retry-After", "a few")
        return f"Azure is throttling: wait {after} seconds and run the command again; it resumes"
    if status == 409:
        return _conflict(code, message)
    if status >= 500:
        return "Azure failed on its side: run the command again, it resumes where it stopped"
    return "run 'dpsops plan' to see what is there and what is missing"


def _conflict(code: str, message: str) -> str:
    if "deleted" in message.lower():
        return "recover it or purge it (az keyvault recover / purge), then run the command again"
    if code == "DeploymentActive":
        return "another deployment of this environment is running: wait for it and run the command again"
    return "something with this name is in the way: choose another name in the settings, or remove it"


def _missing_role(code: str, message: str) -> str:
    """Which role on which scope would have allowed what was refused, read out of Azure's own message."""
    if "firewall" in code.lower() or "client address is not authorized" in message.lower():
        return "the vault's firewall refuses this address: allow it on the vault, or run from an allowed network"
    action = re.search(r"[Aa]ction:? '([^']+)'", message)
    scope = re.search(r"(?:over scope|[Rr]esource:?) '([^']+)'", message)
    if action is None or scope is None:
        return "ask an owner of the subscription for access"
    role = next(role for pattern, role in _ROLES if re.match(pattern, action[1].lower()))
    return f"assign the role '{role}' on {scope[1]} and try again in a few minutes"


def error_code(error: HttpResponseError) -> str:
    """The service's own code, the innermost where there are several: `ForbiddenByRbac`, `Conflict`, `412001`."""
    return _words(error)[0]


def _words(error: HttpResponseError) -> tuple[str, str]:
    """Code and message out of an error in any of Azure's shapes, the innermost detail where errors are nested."""
    response = error.response
    try:
        document: Any = json.loads(response.text()) if response is not None else None
    except ValueError:
        document = None
    if not isinstance(document, dict):
        return "", _first_line(error.message)
    body = document.get("error", document)
    if isinstance(body, str):  # Entra ID: {"error": "invalid_client", "error_description": "AADSTS..."}
        return body, _first_line(str(document.get("error_description", body)))
    if "properties" in document and isinstance(document["properties"], dict) and document["properties"].get("error"):
        body = document["properties"]["error"]
    while isinstance(body, dict) and body.get("details"):
        body = body["details"][0]
    inner = body.get("innererror") or {}
    code = str(inner.get("code") or body.get("code") or "")
    message = str(body.get("message") or body.get("Message") or body.get("errorCode") or error.message)
    return code, _first_line(message, code)


def _first_line(message: str, code: str = "") -> str:
    """One line of it, but all of a vault's 403, whose lines name the action and the scope."""
    text = str(message).strip()
    if code.startswith("Forbidden"):
        return " ".join(text.split())
    return text.splitlines()[0].strip() if text else "Azure gave no reason"
