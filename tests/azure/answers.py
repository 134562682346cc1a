"""Azure's answers for the unmodified SDKs, without a network."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import requests
import urllib3
from azure.core import PipelineClient
from azure.core.credentials import AccessToken
from azure.core.exceptions import AzureError, HttpResponseError
from azure.core.pipeline.transport import RequestsTransport
from azure.core.rest import HttpRequest, HttpResponse
from requests.adapters import HTTPAdapter

from dpsops.azure.errors import explain
from dpsops.errors import Error

SUBSCRIPTION = "/subscriptions/5e0f7b3c-6d0c-4a53-9f0c-0f8f4d9f2c11"
GROUP = f"{SUBSCRIPTION}/resourceGroups/rg-dpsops-dev"
VAULT = f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv-dpsops-dev"
DPS = f"{GROUP}/providers/Microsoft.Devices/provisioningServices/dps-dpsops-dev"

PLAN = "run 'dpsops plan' to see what is missing"
AGAIN = "Azure failed: run the command again, it continues where it stopped"
OWNER = "ask an owner of the subscription for access"
CONFLICT = (
    "something of this name exists already, or is being changed: wait a minute and run the command again; if it fails again, "
    "choose another name in the settings"
)
NAMESAKE = "this name is already in use: choose another name in the settings, or remove the resource that has it"

_HOST = "https://example.com"

Answer = tuple[int, Any, Mapping[str, str]]
"""Status, body (text as it is, anything else as JSON), headers."""

Given = Answer | Callable[[requests.PreparedRequest], Answer] | Exception
"""An answer, a function from a request to an answer, or an error instead of an answer."""


class _Adapter(HTTPAdapter):
    """Returns one answer after the other, or fails like a network."""

    def __init__(self, *answers: Given) -> None:
        super().__init__()
        self._answers = list(answers)

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """The next answer."""
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, body, headers = answer(request) if callable(answer) else answer
        content = body if isinstance(body, str) else json.dumps(body)
        raw = urllib3.HTTPResponse(
            io.BytesIO(content.encode()),
            headers={"Content-Type": "application/json"} | dict(headers),
            status=status,
            reason=HTTPStatus(status).phrase,
            preload_content=False,
        )
        return self.build_response(request, raw)


def transport(*answers: Given) -> RequestsTransport:
    """The SDK's own transport, which gets these answers to any requests."""
    session = requests.Session()
    session.mount("https://", _Adapter(*answers))
    return RequestsTransport(session=session)


def raised(
    status: int, body: Any, headers: Mapping[str, str] | None = None, *, method: str = "GET", url: str = _HOST
) -> HttpResponseError:
    """The error that the SDK raises for an answer to a request."""
    client: PipelineClient[HttpRequest, HttpResponse] = PipelineClient(
        _HOST, policies=[], transport=transport((status, body, headers or {}))
    )
    response = client.send_request(HttpRequest(method, url))
    try:
        response.raise_for_status()
    except HttpResponseError as error:
        return error
    raise AssertionError(f"{status} is no error")


class Token:
    """A credential that needs no sign-in."""

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """A token."""
        return AccessToken("token", 2**40)


def gateway(code: str, message: str, **more: Any) -> dict[str, Any]:
    """An error in the shape of Resource Manager's gateway and of Key Vault."""
    return {"error": {"code": code, "message": message, **more}}


def authorization_failed(action: str, scope: str) -> dict[str, Any]:
    """Resource Manager's 403."""
    return gateway(
        "AuthorizationFailed",
        f"The client '1950a258' with object id '8f2d9a34' does not have authorization to perform action '{action}' over scope "
        f"'{scope}' or the scope is invalid. If access was recently granted, please refresh your credentials.",
    )


def assert_explained(error: AzureError, kind: type[Error], message: str, hint: str) -> None:
    """Requires that the error is explained exactly so."""
    explained = explain(error)
    assert (type(explained), explained.message, explained.hint) == (kind, message, hint)
