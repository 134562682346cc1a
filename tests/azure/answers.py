"""Answers that Azure gave, handed to the unmodified SDKs without a network."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import requests
import urllib3
from azure.core import PipelineClient
from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.transport import RequestsTransport
from azure.core.rest import HttpRequest, HttpResponse
from requests.adapters import HTTPAdapter

HOST = "https://example.com"

Answer = tuple[int, Any, Mapping[str, str]]
"""Status, body (text as it is, anything else as JSON), headers."""


class _Adapter(HTTPAdapter):
    """Gives one answer after the other, or fails as a network does."""

    def __init__(self, *answers: Answer | Exception) -> None:
        super().__init__()
        self._answers = list(answers)

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """The next answer."""
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, body, headers = answer
        content = body if isinstance(body, str) else json.dumps(body)
        raw = urllib3.HTTPResponse(
            io.BytesIO(content.encode()),
            headers={"Content-Type": "application/json"} | dict(headers),
            status=status,
            preload_content=False,
        )
        return self.build_response(request, raw)


def transport(*answers: Answer | Exception) -> RequestsTransport:
    """The SDK's own transport, which gets these answers whatever it asks."""
    session = requests.Session()
    session.mount("https://", _Adapter(*answers))
    return RequestsTransport(session=session)


def raised(status: int, body: Any, headers: Mapping[str, str] | None = None) -> HttpResponseError:
    """What the SDK raises for an answer."""
    client: PipelineClient[HttpRequest, HttpResponse] = PipelineClient(
        HOST, policies=[], transport=transport((status, body, headers or {}))
    )
    response = client.send_request(HttpRequest("GET", HOST))
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
