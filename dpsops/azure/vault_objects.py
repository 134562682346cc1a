"""Everything in a vault by its name: what a removal would take away. No value is read.

Source: Key Vault REST API, "Get Certificates", "Get Keys", "Get Secrets".
"""

from __future__ import annotations

from azure.core.exceptions import HttpResponseError

from dpsops.azure.answers import Shape
from dpsops.azure.clients import Clients
from dpsops.azure.errors import understood
from dpsops.azure.new_roles import lacks_role
from dpsops.model.contents import Stored

_PATHS = {
    "certificate": "/certificates?includePending=true&maxresults=25",
    "key": "/keys?maxresults=25",
    "secret": "/secrets?maxresults=25",
}


class _Object(Shape):
    id: str | None = None
    kid: str | None = None
    tags: dict[str, str] | None = None
    managed: bool | None = None


class VaultObjects:
    """The certificates, keys and secrets in the vaults of an environment."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    @understood("Key Vault")
    async def all(self, vault: str, *kinds: str) -> list[Stored]:
        """All objects of these kinds in a vault, but for those that were deleted. One request for each page."""
        return [each for kind in kinds for each in await self._of_kind(vault, kind)]

    @understood("Key Vault")
    async def visible(self, vault: str, kind: str) -> list[Stored] | None:
        """The objects of this kind in a vault, or None to an identity that may not list them: no new role is waited for, because
        `up` assigns none for it."""
        self._clients.new_roles.expect(wait=False)
        try:
            return await self._of_kind(vault, kind)
        except HttpResponseError as error:
            if not lacks_role(error.response):
                raise
            return None
        finally:
            self._clients.new_roles.expect(wait=True)

    async def _of_kind(self, vault: str, kind: str) -> list[Stored]:
        pages = self._clients.leaf_vault(vault).pages(_PATHS[kind])
        return [_read(kind, _Object.model_validate(each)) async for page in pages for each in page]


def _read(kind: str, found: _Object) -> Stored:
    identifier = found.kid or found.id or ""
    name = identifier.partition(f"/{kind}s/")[2].partition("/")[0]
    if not name:
        raise TypeError("an object of a vault without a name")
    return Stored(kind, name, found.tags or {}, managed=bool(found.managed))
