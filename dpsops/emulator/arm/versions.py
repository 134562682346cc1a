"""API versions of Resource Manager's own operations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from dpsops.emulator.http import Request, Response, Route
from dpsops.emulator.resource_provider.errors import refusal
from dpsops.emulator.world import World

RESOURCES = frozenset(
    {
        "2014-04-01-preview", "2015-01-01", "2015-11-01", "2016-02-01", "2016-06-01", "2016-07-01", "2016-09-01", "2017-05-10",
        "2018-02-01", "2018-05-01", "2019-03-01", "2019-05-01", "2019-05-10", "2019-06-01", "2019-07-01", "2019-08-01",
        "2019-10-01", "2019-11-01", "2020-01-01", "2020-06-01", "2020-08-01", "2020-10-01", "2021-01-01", "2021-04-01",
        "2022-01-01", "2022-09-01", "2022-12-01", "2023-07-01", "2024-03-01", "2024-07-01", "2024-11-01", "2025-03-01",
        "2025-04-01", "2026-06-01",
    }
)  # fmt: skip
"""Microsoft.Resources: subscriptions, groups, deployments."""

AUTHORIZATION = frozenset(
    {
        "2015-07-01", "2018-01-01-preview", "2018-07-01", "2018-09-01-preview", "2020-03-01-preview", "2020-04-01-preview",
        "2020-08-01-preview", "2020-10-01-preview", "2022-04-01", "2022-05-01-preview",
    }
)  # fmt: skip
"""Microsoft.Authorization: role assignments and definitions."""


PERMISSIONS = frozenset({"2015-07-01", "2018-01-01-preview", "2018-07-01", "2022-04-01", "2022-05-01-preview"})
"""Microsoft.Authorization: permissions, in the versions of which the SDK has them."""

DENY_ASSIGNMENTS = frozenset({"2018-07-01-preview", "2022-04-01"})
"""Microsoft.Authorization: deny assignments, in the versions of which the SDK has them."""

LOCKS = frozenset({"2015-01-01", "2015-05-01-preview", "2015-06-01", "2016-09-01", "2017-04-01", "2020-05-01"})
"""Microsoft.Authorization: locks."""

POLICIES = frozenset(
    {
        "2016-12-01", "2018-03-01", "2018-05-01", "2019-01-01", "2019-06-01", "2019-09-01", "2020-03-01", "2020-09-01",
        "2021-06-01", "2022-06-01", "2023-04-01", "2024-04-01", "2024-05-01", "2025-01-01", "2025-03-01", "2025-11-01",
        "2026-06-01",
    }
)  # fmt: skip
"""Microsoft.Authorization: policy definitions and assignments."""


def behind(routes: Iterable[Route], versions: frozenset[str]) -> list[Route]:
    """The routes, each of which now refuses any other API version."""
    return [_checked(route, versions) for route in routes]


def _checked(route: Route, versions: frozenset[str]) -> Route:
    def answer(world: World, request: Request, **named: str) -> Response:
        if request.api_version not in versions:
            supported = ",".join(sorted(versions, reverse=True))
            message = f"The api-version '{request.api_version}' is invalid. The supported versions are '{supported}'."
            raise refusal(400, "InvalidApiVersionParameter", message)
        return route.handler(world, request, **named)

    return replace(route, handler=answer)
