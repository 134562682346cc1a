"""Many devices at a time: whose failure no answer is, how many are in flight, and what is left when it ends early."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from dpsops.errors import Denied, Error, Unavailable
from dpsops.fleet.engine import each, listed, together
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


def concurrent(at_once: int) -> Run:
    """A run with so many devices in flight."""
    return replace(run(), at_once=at_once)


def ids(count: int) -> Iterator[DeviceId]:
    """The IDs of so many devices."""
    return (DeviceId(f"o-{number}") for number in range(count))


def test_so_many_devices_are_in_flight_and_no_more_are_taken_from_their_source() -> None:
    taken, flying, most = 0, 0, 0

    def source() -> Iterator[DeviceId]:
        nonlocal taken
        for device in ids(200):
            taken += 1
            yield device

    async def act(device: DeviceId) -> AsyncIterator[str]:
        nonlocal flying, most
        flying += 1
        most = max(most, flying)
        for _ in range(3):
            await asyncio.sleep(0)
        flying -= 1
        yield device

    results = each(concurrent(16), source(), act)
    first = next(results)
    assert taken <= 32
    assert {first, *results} == set(ids(200))
    assert most == 16


def test_what_was_done_is_told_before_an_interruption_is_raised() -> None:
    async def act(device: DeviceId) -> AsyncIterator[str]:
        if device == "o-7":
            raise KeyboardInterrupt
        await asyncio.sleep(0 if device < "o-5" else 3600)
        yield device

    found = list[object]()
    with pytest.raises(KeyboardInterrupt):
        found.extend(each(concurrent(10), ids(10), act))
    assert sorted(map(str, found)) == [f"o-{number}" for number in range(5)]


def test_whoever_wants_no_more_results_leaves_no_work_behind() -> None:
    ended = list[str]()

    async def act(device: DeviceId) -> AsyncIterator[str]:
        try:
            if device != "o-0":
                await asyncio.sleep(3600)
            yield device
        finally:
            ended.append(device)

    results = each(concurrent(8), ids(8), act)
    assert next(results) == "o-0"
    results.close()  # type: ignore[attr-defined]
    assert sorted(ended) == sorted(ids(8))


@pytest.mark.parametrize("at_once", [2, 50])
def test_a_missing_role_ends_the_command_however_many_are_in_flight(at_once: int) -> None:
    asked = 0

    async def act(device: DeviceId) -> AsyncIterator[str]:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)
        if device:
            raise Denied("denied", "", role_missing=True)
        yield device

    with pytest.raises(Denied):
        list(each(concurrent(at_once), ids(1000), act))
    assert asked <= 2 * at_once


def test_one_piece_of_work_that_fails_does_not_stop_the_others() -> None:
    async def fails() -> AsyncIterator[str]:
        yield "begun"
        raise Denied("denied", "", role_missing=True)

    async def works() -> AsyncIterator[str]:
        for number in range(5):
            await asyncio.sleep(0)
            yield str(number)

    found = list[str]()
    with pytest.raises(Denied):
        found.extend(together(run(), fails(), works()))
    assert sorted(found) == ["0", "1", "2", "3", "4", "begun"]


def test_a_list_is_read_one_page_ahead() -> None:
    read = list[int]()

    async def pages() -> AsyncIterator[list[int]]:
        for number in range(5):
            read.append(number)
            yield [number, number]

    found = listed(run(), pages())
    assert (next(found), next(found), len(read)) == (0, 0, 1)
    assert list(found) == [1, 1, 2, 2, 3, 3, 4, 4]
