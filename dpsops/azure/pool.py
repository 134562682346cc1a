"""Requests to Azure's data planes: many at a time over one pool of connections, each within its limit, its bound and its rights.

What is sent again, and when, is as in azure-core: no answer three times, a failure of the service seven times, a refusal because
of too many requests as long as the bound allows. A request without an answer may have been received: so every request here is
one that may come twice.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestTimeoutError,
    ServiceResponseTimeoutError,
)

from dpsops.azure.budgets import Budget
from dpsops.azure.exchange import Answer, Ask, Sender
from dpsops.azure.new_roles import NewRoles, lacks_role, moment
from dpsops.azure.waits import SILENT, Waiting
from dpsops.errors import Unavailable
from dpsops.model.rates import Rate
from dpsops.settings import Waits

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, TokenCredential


_SILENCES, _FAILURES = 3, 7
_FAILED = frozenset({408, 500, 502, 503, 504})
_THROTTLED_SECONDS = 10.0
_BACKOFF_SECONDS, _LONGEST_SECONDS = 0.8, 120.0
_EXPIRES_SOON_SECONDS = 300
_ENCODER = json.JSONEncoder(separators=(",", ":"))
_CLAIMS = re.compile(r'claims="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Place:
    """A host and what it takes to be let in: the scope of a token, what it is for people, and the resource ID for which a new
    role may be waited for (empty: none)."""

    host: str
    scope: str
    service: str
    resource: str = ""


Cost = tuple[Budget, int]
"""A limit that a request counts towards, and how often."""


@dataclass(slots=True)
class _Attempts:
    """The attempts of one request so far."""

    until: float
    silences: int = 0
    failures: int = 0
    renewed: bool = False

    def backoff(self) -> float:
        """Seconds before the next attempt: none before the second one."""
        before = self.silences + self.failures
        return min(_BACKOFF_SECONDS * 2 ** (before - 1), _LONGEST_SECONDS) if before > 1 else 0.0


@dataclass(slots=True)
class Pool:
    """The requests of one invocation. `now`: a clock in seconds; `sleep` waits for a number of seconds; `share`: the part of each
    limit that is this invocation's; `paced`: whether requests wait until their limit has room, rather than being refused;
    `waiting`: knows that a sign-in is waited for."""

    sender: Sender
    credential: TokenCredential
    waits: Waits
    roles: NewRoles
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    share: float = 1.0
    paced: bool = True
    waiting: Waiting = field(default_factory=Waiting)
    _budgets: dict[str, Budget] = field(default_factory=dict)
    _tokens: dict[str, AccessToken] = field(default_factory=dict)
    _waiting_for_roles: asyncio.Lock = field(default_factory=asyncio.Lock)
    _roles_waited: float = float("-inf")

    async def send(self, place: Place, ask: Ask, *costs: Cost) -> Answer:
        """The answer: any but one that another attempt may mend. Raises azure-core's errors if there is none, `Unavailable` if
        the bound of a request is reached."""
        attempts: _Attempts | None = None
        counted = costs if self.paced else ()
        while True:
            for budget, times in counted:
                await budget.take(times)
            attempts = attempts or _Attempts(self.now() + self.waits.request_seconds)
            begun = self.now()
            try:
                answer = await self._once(place, ask, max(attempts.until - begun, 0.001), counted)
            except ClientAuthenticationError:  # azure-identity has tried again by itself
                raise
            except AzureError as error:
                await self._after_silence(place, attempts, error)
                continue
            pause = await self._pause(place, answer, attempts, costs, begun)
            if pause is None:
                return answer
            if pause:
                await self.sleep(pause)

    async def _once(self, place: Place, ask: Ask, seconds: float, counted: Sequence[Cost]) -> Answer:
        try:
            return await self.sender(self._allowed(place, ask, seconds), seconds)
        finally:
            for budget, times in counted:
                budget.answered(times)

    def budget(self, rate: Rate) -> Budget:
        """The budget of a limit: one for all requests that count towards it."""
        found = self._budgets.get(rate.name)
        if found is None:
            found = self._budgets[rate.name] = Budget(rate, self.now, self.sleep, self.share)
        return found

    def held_back(self) -> str:
        """The name of the limit that most requests wait for; empty if none waits."""
        most = max(self._budgets.values(), key=lambda each: each.waiting, default=None)
        return most.name if most is not None and most.waiting else ""

    async def close(self) -> None:
        """Closes the connections."""
        await self.sender.close()

    async def _after_silence(self, place: Place, attempts: _Attempts, error: AzureError) -> None:
        left = attempts.until - self.now()
        if isinstance(error, ServiceRequestTimeoutError | ServiceResponseTimeoutError) and left <= 0:
            raise self._given_up(place) from error
        attempts.silences += 1
        if attempts.silences > _SILENCES:
            raise error
        if (pause := attempts.backoff()) > left:
            raise self._given_up(place) from error
        await self.sleep(pause)

    def _given_up(self, place: Place) -> Unavailable:
        return Unavailable(
            f"gave up waiting for an answer of {place.host} after {self.waits.request_seconds:,.0f} seconds", SILENT
        )

    async def _pause(
        self, place: Place, answer: Answer, attempts: _Attempts, costs: Sequence[Cost], begun: float
    ) -> float | None:
        """How long to wait before the request is sent again; None if the answer is the last one."""
        left = attempts.until - self.now()
        if answer.status_code == 429:
            pause = _retry_after(answer) or _THROTTLED_SECONDS
            for budget, _ in costs:
                budget.refused(pause)
            return pause if pause <= left else None
        if answer.status_code in _FAILED:
            attempts.failures += 1
            pause = _retry_after(answer) or attempts.backoff()
            return pause if attempts.failures <= _FAILURES and pause <= left else None
        if answer.status_code == 401 and not attempts.renewed:
            attempts.renewed = True  # the token was revoked, or more is demanded of it
            self._renew(place.scope, answer, left)
            return 0.0
        if place.resource and lacks_role(answer):
            return 0.0 if await self._has_waited_for_roles(place, answer, begun) else None
        return None

    async def _has_waited_for_roles(self, place: Place, answer: Answer, begun: float) -> bool:
        """Waits once for all requests that are denied at the same time."""
        async with self._waiting_for_roles:
            if begun < self._roles_waited:
                return True
            pause = self.roles.pause(place.service, place.resource, moment(answer))
            if not pause:
                return False
            await self.sleep(pause)
            self._roles_waited = self.now()
            return True

    def _allowed(self, place: Place, ask: Ask, seconds: float) -> Ask:
        token = self._tokens.get(place.scope)
        if token is None or token.expires_on - time.time() < _EXPIRES_SOON_SECONDS:
            token = self._tokens[place.scope] = self._signed_in(place.scope, seconds)
        return Ask(ask.method, ask.url, ask.content, {**ask.headers, "Authorization": f"Bearer {token.token}"})

    def _renew(self, scope: str, answer: Answer, seconds: float) -> None:
        """Gets another token; with the claims that the answer demands. Source: Microsoft identity platform, "Claims challenges,
        claims requests and client capabilities"."""
        challenge = _CLAIMS.search(answer.headers.get("www-authenticate", ""))
        claims = base64.b64decode(challenge[1] + "==").decode() if challenge else None
        self._tokens[scope] = self._signed_in(scope, seconds, claims)

    def _signed_in(self, scope: str, seconds: float, claims: str | None = None) -> AccessToken:
        """A token. Nobody waits for it longer than for the answer: Entra ID may want an hour, and all requests would wait."""
        with self.waiting.request("a sign-in", seconds):
            return self.credential.get_token(scope, claims=claims) if claims else self.credential.get_token(scope)


def _retry_after(answer: Answer) -> float:
    """How long the service says to wait, in seconds (RFC 9110, 10.2.3); 0 if it does not say."""
    for name, unit in (("retry-after-ms", 0.001), ("x-ms-retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            if (seconds := float(answer.headers.get(name, "")) * unit) > 0:
                return seconds
        except ValueError:
            continue
    return 0.0


def required(answer: Answer) -> Answer:
    """The answer, if it says that the request succeeded. Raises azure-core's `HttpResponseError`."""
    if not 200 <= answer.status_code < 300:
        raise HttpResponseError(response=answer)
    return answer


def encoded(document: object) -> bytes:
    """A document as the body of a request."""
    return _ENCODER.encode(document).encode()
