"""What never ends is given up after its bound, with what was waited for; and no list is read for ever."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import requests

from dpsops.cli.connection import Connection
from dpsops.emulator.azure import Azure
from dpsops.emulator.world import Timings
from dpsops.errors import Error, Unavailable, Unreadable
from dpsops.model.rotation import Phase
from tests.direct import DirectAdapter
from tests.workflows.by_hand import azure
from tests.workflows.commands import block, members, plan, renew, rotate, status, up
from tests.workflows.doing import PRESS, ready
from tests.worlds import World, environment

_WAITS = {"operation_seconds": 900.0}


def given_up(world: World, command: Callable[[Connection], object]) -> str:
    """The message of a command that waits too long, and the next thing to do."""
    began = world.clock.now()
    with pytest.raises(Unavailable) as late:
        command(world.connect(environment(waits=_WAITS)))
    assert world.clock.now() - began <= 1000
    assert "run the command again: it continues" in late.value.hint
    return late.value.message


def test_a_deployment_that_stays_pending(embedded: World) -> None:
    azure(embedded).timings = Timings(operation=1e9)
    assert given_up(embedded, up) == "gave up waiting for the deployment dpsops-test after 900 seconds"
    shown = [text for text in embedded.said if text.startswith("waiting for the deployment dpsops-test (")]
    assert shown[-1].endswith("of at most 900 seconds)")
    assert len(shown) == 89  # every ten seconds
    azure(embedded).timings = Timings()
    embedded.clock.advance(2e9)
    assert up(embedded.connect())


def test_a_what_if_that_stays_pending(embedded: World) -> None:
    embedded.connect().deployments.create_group()
    azure(embedded).timings = Timings(operation=1e9)
    assert given_up(embedded, plan) == "gave up waiting for the what-if of the deployment dpsops-test after 900 seconds"


def test_a_key_that_the_vault_never_creates(embedded: World) -> None:
    azure(embedded).timings = Timings(certificate=1e9)
    assert given_up(embedded, up) == "gave up waiting for the key of root-g1 in the vault after 900 seconds"
    assert given_up(embedded, up) == "gave up waiting for the key of root-g1 in the vault after 900 seconds"  # found pending


def test_roles_that_never_take_effect(embedded: World) -> None:
    azure(embedded).timings = Timings(role=1e9)
    began = embedded.clock.now()
    with pytest.raises(Error, match="not authorized"):
        up(embedded.connect(environment(waits={"role_seconds": 120.0})))
    assert 120 <= embedded.clock.now() - began < 200


class Looping(DirectAdapter):
    """Adds to every list of one kind a link to a next page, or a continuation, which is the same page."""

    def __init__(self, served: Azure, loops: Callable[[str], bool]) -> None:
        super().__init__(served)
        self._loops = loops
        self.asked = 0

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        """An answer."""
        self.asked += 1
        assert self.asked < 500, "it is read for ever"
        request.headers.pop("x-ms-continuation", None)
        answer = super().send(request, *arguments, **options)
        url = request.url or ""
        if answer.status_code == 200 and self._loops(url.lower()):
            document = answer.json()
            if isinstance(document, dict) and "value" in document:
                answer._content = json.dumps(document | {"nextLink": url}).encode()
            else:
                answer.headers["x-ms-continuation"] = "again"
        return answer


def within(part: str, url: str) -> bool:
    """Whether a list is at this path."""
    return part in url.partition("?")[0]


@pytest.mark.parametrize(
    ("part", "command"),
    [
        ("/roleassignments", up),
        ("/microsoft.devices/iothubs", lambda to: block(to, PRESS)),
        (".vault.azure.net/certificates", status),
        ("/root-g2/versions", partial(rotate, until=Phase.STAGED)),
        (".vault.azure.net/secrets", members),
        ("/device-press-07/versions", lambda to: renew(to, PRESS)),
        ("/enrollments/query", members),
        ("/registrations/", members),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_no_page_is_read_twice(embedded: World, part: str, command: Callable[[Connection], object]) -> None:
    connection = ready(embedded)
    looping = Looping(azure(embedded), partial(within, part))
    embedded.transport.session.mount("https://", looping)
    with pytest.raises(Unreadable, match="a list whose next page is one that came before"):
        failures(command(embedded.connect(connection.run.environment)))
    assert looping.asked < 100


def failures(results: object) -> None:
    """Raises what a command for many devices says of one."""
    for each in results if isinstance(results, list) else []:
        if reason := getattr(each, "reason", ""):
            raise Unreadable(reason, "")


def test_a_free_hub_is_looked_for_once(embedded: World) -> None:
    looping = Looping(azure(embedded), partial(within, "/microsoft.devices/iothubs"))
    embedded.transport.session.mount("https://", looping)
    with pytest.raises(Unreadable, match="next page"):
        up(embedded.connect(environment(hub=[{"name": "iot-dpsops-test", "sku": "F1"}])))
