"""Whose failure no answer is: that of one device, or that of the service."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from dpsops.errors import Denied, Error, Unavailable
from dpsops.fleet.engine import each
from dpsops.model.action import Failed
from dpsops.model.run import Run
from dpsops.pki.names import DeviceId
from tests.worlds import BEGINNING, environment, idle_loop


def run() -> Run:
    """A run without an Azure."""
    return Run(environment(), lambda: BEGINNING, lambda _: None, idle_loop(), at_once=1)


SILENT = "the connection breaks"


def outcome(devices: str) -> tuple[str, str]:
    """What is done for devices that are named by what happens: o works, s gets no answer, a gets an error as its answer, d is
    denied. The results, each failure in upper case, and the message of the error that ends it."""

    async def act(device: DeviceId) -> AsyncIterator[str]:
        match device[0]:
            case "s":
                raise Unavailable(SILENT, "")
            case "a":
                raise Unavailable("ours", "", answered=True)
            case "d":
                raise Denied("denied", "", role_missing=True)
        yield device[0]

    found = ""
    try:
        for result in each(run(), (DeviceId(f"{name}-{number}") for number, name in enumerate(devices)), act):
            found += result.device[0].upper() if isinstance(result, Failed) else result
    except Error as error:
        return found, error.message
    return found, ""


@pytest.mark.parametrize(
    ("devices", "expected"),
    [
        ("", ("", "")),
        ("ooo", ("ooo", "")),
        ("oso", ("ooS", "")),
        ("so", ("oS", "")),
        ("os", ("oS", "")),
        ("oss", ("oSS", "")),
        ("ssoss", ("oSSSS", "")),
        ("sa", ("SA", "")),
        ("aaaa", ("AAAA", "")),
        ("s", ("", SILENT)),
        ("ss", ("", SILENT)),
        ("ssso", ("SSS", SILENT)),
        ("ossso", ("oSSS", SILENT)),
        ("odo", ("o", "denied")),
        ("osd", ("oS", "denied")),
    ],
)
def test_the_results_of_many_devices(devices: str, expected: tuple[str, str]) -> None:
    assert outcome(devices) == expected
