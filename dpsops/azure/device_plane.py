"""A REST API for devices: the vault's secrets and keys, the enrollments of the DPS, the registry of a hub; JSON over the pool."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from azure.core.exceptions import ResourceNotFoundError

from dpsops.azure.answers import Pages, members
from dpsops.azure.budgets import Budget
from dpsops.azure.exchange import Answer, Ask
from dpsops.azure.home import require_home
from dpsops.azure.pool import Cost, Place, Pool, encoded, required

_JSON = {"Accept": "application/json", "User-Agent": "dpsops"}
_CONTINUATION = "x-ms-continuation"
_ROWS = "x-ms-max-item-count"


@dataclass(frozen=True, slots=True)
class DevicePlane:
    """The operations of one host in one API version. Any status but 2xx raises azure-core's `HttpResponseError`.

    `limit`: the limit that an operation counts towards unless it names other `costs`.
    """

    pool: Pool
    place: Place
    api_version: str
    limit: Budget

    async def get(self, path: str) -> dict[str, Any] | None:
        """The document at a path, or None if there is none."""
        try:
            return members((await self.send("GET", path)).json())
        except ResourceNotFoundError:
            return None

    async def put(self, path: str, document: object, etag: str | None, *costs: Cost) -> dict[str, Any]:
        """Creates the document or, with an etag, changes the one with this etag."""
        condition = {} if etag is None else {"If-Match": etag}
        return members((await self.send("PUT", path, document, condition, *costs)).json())

    async def patch(self, path: str, changes: object) -> None:
        """Changes members of a document, whatever its etag is."""
        await self.send("PATCH", path, changes)

    async def post(self, path: str, document: object, *costs: Cost) -> Any:
        """The answer to a request that may be sent twice."""
        return (await self.send("POST", path, document, None, *costs)).json()

    async def delete(self, path: str, etag: str) -> None:
        """Removes the document with this etag. It is no error if it does not exist any more."""
        try:
            await self.send("DELETE", path, headers={"If-Match": etag})
        except ResourceNotFoundError:
            return

    async def pages(self, path: str) -> AsyncIterator[list[dict[str, Any]]]:
        """The pages of a list. Source: Azure REST API guidelines, `value` and `nextLink`."""
        place, seen = path, Pages()
        while place:
            page = members((await self.send("GET", place)).json())
            yield page["value"]
            place = seen.next(page.get("nextLink") or "")

    async def query(
        self, path: str, document: object | None, *costs: Cost, rows: int | None = None
    ) -> AsyncIterator[list[dict[str, Any]]]:
        """The pages of a query. `rows`: how many a page may have, if not the service's own number."""
        asked = {} if rows is None else {_ROWS: str(rows)}
        continuation, seen = "", Pages()
        while True:
            headers = asked | ({_CONTINUATION: continuation} if continuation else {})
            answer = await self.send("POST", path, document, headers, *costs)
            yield answer.json()
            continuation = seen.next(answer.headers.get(_CONTINUATION, ""))
            if not continuation:
                return

    async def send(
        self,
        method: str,
        path: str,
        document: object | None = None,
        headers: Mapping[str, str] | None = None,
        *costs: Cost,
    ) -> Answer:
        """The answer to one request."""
        url = self._url(path)
        if "api-version=" not in url:
            url = f"{url}{'&' if '?' in url else '?'}api-version={self.api_version}"
        content = b"" if document is None else encoded(document)
        body = {"Content-Type": "application/json"} if content else {}
        ask = Ask(method, url, content, {**_JSON, **body, **(headers or {})})
        answer = await self.pool.send(self.place, ask, *(costs or [(self.limit, 1)]))
        if answer.status_code == 404:
            raise ResourceNotFoundError(response=answer)
        return required(answer)

    def _url(self, path: str) -> str:
        """The address of a path, or of the link to a next page, which is whole. Raises as `require_home` does."""
        url = f"https://{self.place.host}{path}" if path.startswith("/") else path
        require_home(url, self.place.host)
        return url
