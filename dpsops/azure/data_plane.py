"""A REST API that has no SDK: JSON over azure-core's pipeline, with an Entra ID token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azure.core import PipelineClient
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.core.pipeline.policies import BearerTokenCredentialPolicy, HTTPPolicy, RequestIdPolicy, UserAgentPolicy
from azure.core.rest import HttpRequest

from dpsops.azure.answers import Pages, members
from dpsops.azure.home import HomePolicy
from dpsops.azure.retries import PatientRetryPolicy

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

    from dpsops.azure.transport import Transport

_RETRIES = 7
_SENT_AGAIN = frozenset({"GET", "PUT", "DELETE", "POST"})
"""Also a POST, which the SDK does not send again if its answer is lost: here it always reads, and changes nothing."""


class DataPlane:
    """The operations of one host in one API version. Any status but 2xx raises azure-core's `HttpResponseError`."""

    def __init__(
        self,
        host: str,
        scope: str,
        api_version: str,
        credential: TokenCredential,
        transport: Transport,
        *first: HTTPPolicy[Any, Any],
    ) -> None:
        """`first`: policies that come before the SDK's own."""
        self.host = host
        self.api_version = api_version
        policies = [
            *first,
            RequestIdPolicy(),
            UserAgentPolicy(sdk_moniker="dpsops"),
            PatientRetryPolicy(transport, retry_status=_RETRIES),
            HomePolicy(host),
            BearerTokenCredentialPolicy(credential, scope),
        ]
        self._client: PipelineClient[Any, Any] = PipelineClient(f"https://{host}", policies=policies, transport=transport)

    def get(self, path: str) -> dict[str, Any] | None:
        """The document at a path, or None if there is none."""
        try:
            return members(self._send("GET", path).json())
        except ResourceNotFoundError:
            return None

    def put(self, path: str, document: dict[str, Any], etag: str | None) -> dict[str, Any]:
        """Creates the document or, with an etag, changes the one with this etag."""
        return members(self._send("PUT", path, document, etag).json())

    def post(self, path: str) -> dict[str, Any]:
        """The answer to a request without a body."""
        return members(self._send("POST", path).json())

    def delete(self, path: str, etag: str | None) -> None:
        """Removes the document, or the one with this etag. It is no error if it does not exist any more."""
        try:
            self._send("DELETE", path, etag=etag)
        except ResourceNotFoundError:
            return

    def pages(self, path: str) -> list[dict[str, Any]]:
        """All pages of a list. Source: Azure REST API guidelines, `value` and `nextLink`."""
        found: list[dict[str, Any]] = []
        place, seen = path, Pages()
        while place:
            page = members(self._send("GET", place).json())
            found += page["value"]
            place = seen.next(page.get("nextLink") or "")
        return found

    def _send(
        self,
        method: str,
        path: str,
        document: dict[str, Any] | None = None,
        etag: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Any:
        sent = dict(headers or {})
        if etag is not None:
            sent["If-Match"] = etag
        body: dict[str, Any] = {} if document is None else {"json": document}
        version = {} if "api-version=" in path else {"api-version": self.api_version}  # the link to a next page has it
        request = HttpRequest(method, path, params=version, headers=sent, **body)
        request.url = self._client.format_url(request.url)
        answer = self._client.send_request(request, retry_on_methods=_SENT_AGAIN)
        if answer.status_code == 404:
            raise ResourceNotFoundError(response=answer)
        if not 200 <= answer.status_code < 300:
            raise HttpResponseError(response=answer)
        return answer
