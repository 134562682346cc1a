"""The wanted devices on disk: their order, what exists of them, shards, and how much memory they take."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dpsops.errors import Error
from dpsops.fleet.roster import Roster
from dpsops.model.shards import Shard
from dpsops.model.wanted import BadRow, Row, Wanted
from dpsops.pki.names import DeviceId
from tests import settings_texts

SOURCE = Path(__file__).parents[2]
FULL = Wanted(DeviceId("full"), "iot-1", {"n": [1.5, None, {"ü": "\n"}]}, True, "a/b.csr")


def ids(count: int) -> list[DeviceId]:
    """Device IDs that are not in the order of the alphabet."""
    return [DeviceId(f"press-{number * 7919 % 100003:06}") for number in range(count)]


def filled(roster: Roster, count: int) -> list[DeviceId]:
    """Fills a roster with so many devices, and returns their IDs."""
    for line, device in enumerate(ids(count), 1):
        assert roster.add(line, Wanted(device)) is None
    return ids(count)


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 1000])
def test_devices_come_in_the_order_in_which_they_were_given(count: int) -> None:
    with Roster() as roster:
        devices = filled(roster, count)
        assert [each.device for each in roster] == devices
        assert len(roster) == count
        assert roster.is_empty() == (count == 0)


@pytest.mark.parametrize(
    "device", [FULL, Wanted(DeviceId("a")), Wanted(DeviceId("a"), twin={}), Wanted(DeviceId("a"), individual=False)]
)
def test_a_device_comes_as_it_was_given(device: Wanted) -> None:
    with Roster() as roster:
        roster.add(7, device)
        assert list(roster) == [device]
        assert roster[device.device] == device
        with pytest.raises(KeyError):
            roster["b"]


def test_a_duplicate_stays_as_it_was_first() -> None:
    with Roster() as roster:
        roster.add(3, FULL)
        roster.add(4, Wanted(DeviceId("b")))
        assert roster.add(9, Wanted(DeviceId("full"))) == 3
        assert roster.add(10, Wanted(DeviceId("full"))) == 3
        assert list(roster) == [FULL, Wanted(DeviceId("b"))]


def test_the_roster_may_be_used_within_a_loop_over_it() -> None:
    with Roster() as roster:
        devices = filled(roster, 300)
        seen = []
        for each in roster:
            assert roster[each.device] == each
            assert len(list(roster)) == 300
            seen.append(each.device)
        assert seen == devices


def test_shards_see_all_duplicates_and_bad_rows_and_yield_their_own() -> None:
    devices, own, bad = ids(300), list[DeviceId](), list[str]()
    for number in (1, 2, 3):
        with Roster(Shard(number, 3)) as roster:
            filled(roster, 300)
            assert [roster.add(line, Wanted(device)) for line, device in enumerate(devices, 301)] == list(range(1, 301))
            for line in range(50):
                roster.refuse(BadRow(line, Row(f"Bad {line}"), "no ID"))
            part = [each.device for each in roster]
            assert len(part) == len(roster)
            assert roster.bad_count() == len(list(roster.bad_rows())) == 50
            assert not roster.is_empty()
            own += part
            bad += [each.row.device for each in roster.own_bad_rows()]
    assert sorted(own) == sorted(devices)
    assert sorted(bad) == sorted(f"Bad {line}" for line in range(50))


def test_bad_rows_come_as_they_were_given() -> None:
    rows = [BadRow(line, Row("A", "h", "{", "?", "r"), "no ID") for line in range(250, 0, -1)]
    with Roster() as roster:
        for row in rows:
            roster.refuse(row)
        assert list(roster.bad_rows()) == list(roster.own_bad_rows()) == rows
        assert len(roster) == 0
        assert not roster.is_empty()


def test_a_full_disk_is_an_error_with_a_hint() -> None:
    with Roster() as roster:
        roster._database.execute("PRAGMA max_page_count = 10")
        with pytest.raises(Error, match="the temporary list of the devices cannot be kept: database or disk is full") as full:
            filled(roster, 5000)
    assert "TMPDIR" in full.value.hint


MEASURED = """
import io, sys
from pathlib import Path
from dpsops.fleet.roster import Roster
from dpsops.fleet.rows import fill
from dpsops.settings import load

class Rows(io.RawIOBase):
    "A stream of rows that is never whole in memory."
    number = -1
    def readable(self): return True
    def readinto(self, buffer):
        self.number += 1
        if self.number > COUNT: return 0
        text = f'device-{self.number * 7919 % 1000003:06},iot-1,"{{""interval"": {self.number}}}"\\n' if self.number else HEADER
        buffer[:len(text)] = text.encode()
        return len(text)

COUNT, HEADER = int(sys.argv[1]), "device,hub,twin\\n"
environment = load("dev", Path(sys.argv[2]))
with Roster() as roster:
    fill(roster, io.BufferedReader(Rows()), "fleet.csv", environment)
    assert roster.bad_count() == 0
    assert sum(1 for _ in roster) == COUNT
    open_files = [name for each in Path("/proc/self/fd").iterdir() if str(name := each.resolve()).startswith(sys.argv[2])]
    assert not list(Path(sys.argv[2]).glob("etilqs*")), "the list has a name"
    assert COUNT < 100_000 or open_files, "the list is in memory"
print(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
"""
"""Prints the highest resident memory, in KiB. `getrusage` would count what pytest has, from before the exec."""


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_does_not_grow_with_the_fleet(tmp_path: Path) -> None:
    (tmp_path / "dev.toml").write_text(settings_texts.SMALL.replace("iot-dev", "iot-1"))
    small, large = (_peak(count, tmp_path) for count in (10_000, 100_000))
    assert large - small < 3 * 1024, f"{small} KiB for 10,000 devices, {large} KiB for 100,000"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dev.toml"]


def _peak(count: int, directory: Path) -> int:
    environment = os.environ | {"PYTHONPATH": str(SOURCE), "TMPDIR": str(directory)}
    command = [sys.executable, "-c", MEASURED, str(count), str(directory)]
    return int(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
