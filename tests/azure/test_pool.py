"""The pool: what is sent again and for how long, the token, and waiting for a new role once for many requests."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ServiceRequestError, ServiceResponseError, ServiceResponseTimeoutError

from dpsops.azure.device_plane import DevicePlane
from dpsops.azure.exchange import Answer, Ask
from dpsops.azure.new_roles import NewRoles
from dpsops.azure.pool import Place, Pool, encoded
from dpsops.errors import Unavailable, Unreadable
from dpsops.model.rates import Rate
from dpsops.settings import Waits
from tests.worlds import idle_loop, waited

HUB = Place("hub.azure-devices.net", "https://iothubs.azure.net/.default", "the IoT Hub")
THROTTLED = {"Message": "ErrorCode:ThrottlingBacklogTimeout;The request has been throttled. Wait 10 seconds and try again."}

Said = tuple[int, Any, dict[str, str]]


class Scripted:
    """A sender that gives these answers, or errors; and a clock that its pauses move."""

    def __init__(self, *answers: Said | Exception | Callable[[Ask], Said]) -> None:
        self._answers = list(answers)
        self.asked: list[Ask] = []
        self.times: list[float] = []
        self.pauses: list[float] = []
        self.seconds = 0.0
        self._sleeping: list[float] = []

    async def __call__(self, ask: Ask, seconds: float) -> Answer:
        """The next answer. Other requests are sent meanwhile."""
        self.asked.append(ask)
        self.times.append(self.seconds)
        await asyncio.sleep(0)
        given = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(given, Exception):
            if isinstance(given, ServiceResponseTimeoutError):
                self.seconds += seconds
            raise given
        status, body, headers = given(ask) if callable(given) else given
        return Answer(ask, status, headers, encoded(body))

    async def close(self) -> None:
        """Nothing is open."""

    async def sleep(self, seconds: float) -> None:
        """Moves the clock, after others have done what they can do until then."""
        self.pauses.append(seconds)
        until = self.seconds + seconds
        self._sleeping.append(until)
        for _ in range(50):
            await asyncio.sleep(0)
        while min(self._sleeping) < until:
            await asyncio.sleep(0)
        self._sleeping.remove(until)
        self.seconds = max(self.seconds, until)


class Holder:
    """A credential that counts its tokens. `claims`: those that were demanded of the last one."""

    def __init__(self, expires: int = 2_000_000_000_0) -> None:
        self.count = 0
        self.claims: str | None = None
        self._expires = expires

    def get_token(self, *scopes: str, claims: str | None = None, **options: Any) -> AccessToken:
        """A new token."""
        self.count += 1
        self.claims = claims
        return AccessToken(f"token-{self.count}", self._expires)


def pool(sender: Scripted, holder: Holder | None = None, pauses: tuple[float, ...] = ()) -> Pool:
    """A pool over that sender. `pauses`: how long a new role is waited for, each time."""
    left = list(pauses)

    class Roles(NewRoles):
        def pause(self, *_: object) -> float:
            return left.pop(0) if left else 0.0

    roles = Roles(lambda: [], lambda _: None, 600)
    return Pool(sender, holder or Holder(), Waits(request_seconds=300), roles, lambda: sender.seconds, sender.sleep)


def asked(sender: Scripted, holder: Holder | None = None) -> Answer:
    """The answer to one request."""
    found = pool(sender, holder)
    return waited(found.send(HUB, Ask("GET", "https://hub.azure-devices.net/devices/press-07"), (found.budget(RATE), 1)))


RATE = Rate("operations", 10_000, 1)
FINE: Said = (200, {"deviceId": "press-07"}, {})


@pytest.mark.parametrize(("headers", "pause"), [({}, 10), ({"retry-after": "25"}, 25), ({"x-ms-retry-after-ms": "1500"}, 1.5)])
def test_a_throttled_request_waits_as_long_as_the_service_says(headers: dict[str, str], pause: float) -> None:
    wire = Scripted((429, THROTTLED, headers), (429, THROTTLED, headers), FINE)
    assert asked(wire).document == {"deviceId": "press-07"}
    assert [each for each in wire.pauses if each >= 1] == pytest.approx([pause, pause])


def test_a_longer_pause_than_the_bound_is_not_begun() -> None:
    wire = Scripted((429, THROTTLED, {"retry-after": "3600"}))
    assert asked(wire).status_code == 429
    assert wire.seconds < 1


def test_throttling_is_waited_for_as_long_as_the_bound_allows() -> None:
    wire = Scripted((429, THROTTLED, {"retry-after": "20"}))
    assert asked(wire).status_code == 429
    assert 280 <= wire.seconds <= 300


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_a_failure_of_the_service_is_tried_eight_times(status: int) -> None:
    wire = Scripted((status, {}, {}))
    assert asked(wire).status_code == status
    assert len(wire.asked) == 8


@pytest.mark.parametrize("error", [ServiceRequestError("no connection"), ServiceResponseError("the connection breaks")])
def test_silence_is_tried_four_times(error: Exception) -> None:
    wire = Scripted(error)
    with pytest.raises(type(error)):
        asked(wire)
    assert len(wire.asked) == 4
    assert asked(Scripted(error, error, error, FINE)).status_code == 200


def test_a_server_that_says_nothing_is_given_up_after_the_bound() -> None:
    with pytest.raises(Unavailable, match=r"gave up waiting for an answer of hub\.azure-devices\.net after 300 seconds"):
        asked(Scripted(ServiceResponseTimeoutError("no answer")))


def test_one_token_is_used_for_all_requests_until_it_expires() -> None:
    holder, wire = Holder(), Scripted(FINE)
    found = pool(wire, holder)
    for _ in range(3):
        waited(found.send(HUB, Ask("GET", "https://hub.azure-devices.net/devices"), (found.budget(RATE), 1)))
    assert holder.count == 1
    assert {each.headers["Authorization"] for each in wire.asked} == {"Bearer token-1"}
    old = Holder(expires=1)
    asked(Scripted(FINE), old)
    assert old.count == 1


def test_a_token_that_is_revoked_is_replaced_once_with_the_claims_that_are_demanded() -> None:
    claims = '{"access_token":{"nbf":{"essential":true}}}'
    challenge = f'Bearer error="insufficient_claims", claims="{base64.b64encode(claims.encode()).decode()}"'
    holder, wire = Holder(), Scripted((401, {}, {"www-authenticate": challenge}), FINE)
    assert asked(wire, holder).status_code == 200
    assert (holder.count, holder.claims) == (2, claims)
    assert asked(Scripted((401, {}, {})), Holder()).status_code == 401


def test_a_new_role_is_waited_for_once_for_all_requests() -> None:
    place = Place("kv.vault.azure.net", "https://vault.azure.net/.default", "the vault", "/subscriptions/s/vaults/kv")
    denied = {"error": {"code": "Forbidden", "message": "No.", "innererror": {"code": "ForbiddenByRbac"}}}
    open_from = 15.0

    def answer(_: Ask) -> Said:
        return FINE if wire.seconds >= open_from else (403, denied, {})

    wire = Scripted(answer)
    found = pool(wire, pauses=(10, 10, 10))

    async def many() -> list[Answer]:
        ask = Ask("GET", "https://kv.vault.azure.net/secrets")
        return await asyncio.gather(*(found.send(place, ask, (found.budget(RATE), 1)) for _ in range(20)))

    assert {each.status_code for each in idle_loop().run_until_complete(many())} == {200}
    assert [each for each in wire.pauses if each >= 1] == [10, 10]


def test_a_refusal_slows_the_requests_that_come_after_it() -> None:
    wire = Scripted((429, THROTTLED, {"retry-after": "25"}), FINE)
    found = pool(wire)
    budget, ask = found.budget(Rate("operations", 100, 1)), Ask("GET", "https://hub.azure-devices.net/devices")

    async def both() -> None:
        first = asyncio.create_task(found.send(HUB, ask, (budget, 1)))
        while not wire.pauses:
            await asyncio.sleep(0)
        await asyncio.gather(first, found.send(HUB, ask, (budget, 1)))

    waited(both())
    assert [each >= 25 for each in wire.times] == [False, True, True]


def test_what_is_answered_makes_room_for_others() -> None:
    wire = Scripted(FINE)
    found = pool(wire)
    budget, ask = found.budget(Rate("operations", 10, 1)), Ask("GET", "https://hub.azure-devices.net/devices")

    async def many() -> None:
        for _ in range(100):
            await found.send(HUB, ask, (budget, 1))

    waited(many())
    assert 9 <= wire.seconds <= 12
    assert max(wire.pauses) < 1


def plane(wire: Scripted) -> DevicePlane:
    """A plane over that sender."""
    found = pool(wire)
    return DevicePlane(found, HUB, "2021-04-12", found.budget(RATE))


def test_a_query_reads_every_page() -> None:
    def page(more: str, *found: dict[str, int]) -> Said:
        return 200, list(found), {"x-ms-continuation": more} if more else {}

    async def rows() -> list[Any]:
        return [row async for page in plane(wire).query("/devices/query", {"query": "SELECT *"}, rows=100) for row in page]

    wire = Scripted(page("second", {"id": 1}), page("third"), page("", {"id": 2}))
    assert waited(rows()) == [{"id": 1}, {"id": 2}]
    assert [each.headers.get("x-ms-continuation") for each in wire.asked] == [None, "second", "third"]
    assert {each.headers["x-ms-max-item-count"] for each in wire.asked} == {"100"}


@pytest.mark.parametrize(
    "link",
    ["https://evil.example/devices", "http://hub.azure-devices.net/devices", "https://hub.azure-devices.net.evil.example/"],
)
def test_a_next_page_on_another_host_gets_no_token(link: str) -> None:
    async def rows() -> list[Any]:
        return [row async for page in plane(wire).pages("/devices") for row in page]

    wire = Scripted((200, {"value": [], "nextLink": link}, {}))
    with pytest.raises(Unreadable, match="another host"):
        waited(rows())
    assert len(wire.asked) == 1
