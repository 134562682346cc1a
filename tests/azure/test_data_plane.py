"""The client of DPS and of the device registries: how long it waits if it is throttled, and that it reads every page."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from azure.core.exceptions import HttpResponseError

from dpsops.azure.data_plane import DataPlane
from dpsops.azure.transport import Transport
from tests.azure.answers import Given, Token, transport


class Patient(Transport):
    """A transport that only records how long it would wait."""

    def __init__(self, *answers: Given) -> None:
        super().__init__(session=transport(*answers).session)
        self.pauses: list[float] = []

    def sleep(self, duration: float) -> None:
        """Records it."""
        self.pauses.append(duration)


def plane(wire: Patient) -> DataPlane:
    """A device registry behind that transport."""
    return DataPlane("hub.azure-devices.net", "https://iothubs.azure.net/.default", "2021-04-12", Token(), wire)


THROTTLED = {"Message": "ErrorCode:ThrottlingBacklogTimeout;The request has been throttled. Wait 10 seconds and try again."}


@pytest.mark.parametrize(("headers", "pause"), [({}, 10), ({"Retry-After": "25"}, 25)])
def test_a_throttled_request_waits_as_long_as_the_header_or_the_message_says(headers: Mapping[str, str], pause: int) -> None:
    wire = Patient((429, THROTTLED, headers), (429, THROTTLED, headers), (200, {"deviceId": "press-07"}, {}))
    assert plane(wire).get("/devices/press-07") == {"deviceId": "press-07"}
    assert wire.pauses == [pause, pause]


def test_the_number_of_attempts_is_limited() -> None:
    wire = Patient(*[(429, THROTTLED, {})] * 8)
    with pytest.raises(HttpResponseError, match="Throttl") as failed:
        plane(wire).get("/devices/press-07")
    assert failed.value.status_code == 429
    assert wire.pauses == [10] * 7


@pytest.mark.parametrize("answer", ['"x"', [], None, 7])
def test_an_answer_that_is_no_object_is_no_document(answer: object) -> None:
    for ask in (lambda: plane(Patient((200, answer, {}))).get("/x"), lambda: plane(Patient((200, answer, {}))).pages("/x")):
        with pytest.raises(TypeError, match="no JSON object"):
            ask()
