"""The commands for many devices at the terminal: files, shards, failures, filters and formats."""

from __future__ import annotations

import csv
import io
import json
import stat
from pathlib import Path

import pytest

from dpsops.azure.leaf_vault import LeafVaults
from dpsops.model.device import Leaf
from tests.cli.terminal import Terminal, assert_error

FLEET = [f"press-{number:02}" for number in range(60)]


@pytest.fixture
def fleet(terminal: Terminal, tmp_path: Path) -> Path:
    """A file of sixty devices, in an environment that is ready."""
    terminal.stand()
    file = tmp_path / "fleet.txt"
    file.write_text("\n".join(["# line 3", *FLEET]))
    return file


def listed(terminal: Terminal, *options: str) -> list[str]:
    """The devices that `device list` shows."""
    return [each["device"] for each in terminal.json("device", "list", *options)["devices"]]


def test_a_fleet_is_issued_once_however_often_it_is_said(terminal: Terminal, fleet: Path) -> None:
    code, out, _ = terminal("device", "issue", "--from", str(fleet))
    assert (code, out) == (0, "✓ 60 issued\n")
    assert terminal("device", "issue", "--from", str(fleet))[1] == "✓ 60 kept the certificate that they have\n"
    fleet.write_text("\n".join([*FLEET, "press-60"]))
    assert terminal("device", "issue", "--from", str(fleet))[1] == "✓ 1 issued, 60 kept the certificate that they have\n"
    assert sorted(listed(terminal)) == [*FLEET, "press-60"]
    status = terminal("status")[1]
    assert (
        "pace         a new certificate for each device takes 0:02 at least, held back by the new secrets of kv-dpsops-local"
        in status
    )
    assert terminal.json("status")["pace"]["look"]["limit"] == "queries of iot-dpsops-local (20 a minute)"


def test_shards_are_together_the_whole_fleet(terminal: Terminal, fleet: Path) -> None:
    found: list[str] = []
    for number in (1, 2, 3):
        document = terminal.json("device", "issue", "--from", str(fleet), "--shard", f"{number}/3")
        found += [each["device"] for each in document["issued"]]
    assert sorted(found) == FLEET
    assert_error(terminal("device", "issue", "--from", str(fleet), "--shard", "4/3"), 2, "there is no shard 4/3")


def test_bad_rows_are_named_before_anything_is_issued(terminal: Terminal, fleet: Path) -> None:
    fleet.write_text("press-01\nPress-02\n\npress-01\npress-03\n")
    result = terminal("device", "issue", "--from", str(fleet))
    assert_error(
        result, 2, "line 2: the device ID 'Press-02' has upper case letters", "line 4: press-01 is there twice: first in line 1"
    )
    assert listed(terminal) == []


def test_failures_go_to_a_file_that_can_be_fed_back_in(terminal: Terminal, fleet: Path, tmp_path: Path) -> None:
    terminal("device", "issue", "press-03")
    terminal("device", "block", "press-03")
    fleet.write_text("device,individual\npress-01,yes\nPress-02,\npress-03,yes\n")
    again = tmp_path / "again.csv"
    words = ("device", "issue", "--from", str(fleet), "--keep-going", "--failed", str(again))
    assert terminal(*words)[0] == 3
    assert stat.S_IMODE(again.stat().st_mode) == 0o600
    rows = list(csv.DictReader(again.read_text().splitlines()))
    assert [(each["device"], each["individual"]) for each in rows] == [("Press-02", ""), ("press-03", "yes")]
    again.write_text(again.read_text().replace("Press-02", "press-02"))
    terminal("device", "unblock", "press-03")
    document = terminal.json("device", "issue", "--from", str(again))
    assert ([each["device"] for each in document["issued"]], document["unchanged"]) == (["press-02"], ["press-03"])
    assert [each["target"] for each in document["actions"]] == ["enrollment press-03"]
    assert terminal(*words)[0] == 3
    terminal("device", "issue", "--from", str(again))
    fleet.write_text("press-01\n")
    assert terminal("device", "issue", "--from", str(fleet), "--failed", str(again))[0] == 0
    assert not again.exists()


def test_lines_of_json_come_as_the_devices_are_done(terminal: Terminal, fleet: Path) -> None:
    code, out, _ = terminal("--output", "jsonl", "device", "issue", "--from", str(fleet))
    rows = [json.loads(line) for line in out.splitlines()]
    assert (code, sorted(each["device"] for each in rows), {each["outcome"] for each in rows}) == (0, FLEET, {"issued"})
    code, out, _ = terminal("--output", "jsonl", "status")
    assert (code, json.loads(out)["error"]["message"]) == (2, "this command has no --output jsonl")
    assert_error(terminal("--output", "csv", "device", "issue", "press-01"), 2, "this command has no --output csv")


def test_an_interruption_says_how_many_are_done(terminal: Terminal, fleet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put, count = LeafVaults.put, 0

    async def interrupted(leaves: LeafVaults, *arguments: object, **options: object) -> tuple[str, Leaf]:
        nonlocal count
        count += 1
        if count == 40:
            raise KeyboardInterrupt
        return await put(leaves, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(LeafVaults, "put", interrupted)
    code, out, err = terminal("device", "issue", "--from", str(fleet))
    assert (code, out) == (130, "")
    monkeypatch.setattr(LeafVaults, "put", put)
    done = int(next(line for line in err.splitlines() if line.startswith("✓ ")).split()[1])
    there = len(listed(terminal))
    assert 1 <= done <= there < 60
    assert (
        terminal("device", "issue", "--from", str(fleet))[1]
        == f"✓ {60 - there} issued, {there} kept the certificate that they have\n"
    )


def test_what_expires_is_renewed(terminal: Terminal) -> None:
    terminal.stand()
    terminal("device", "issue", "press-01", "press-02")
    assert terminal.json("device", "renew", "--expiring", "30")["issued"] == []
    terminal("device", "block", "press-02")
    document = terminal.json("device", "renew", "--expiring", "400", "--again")
    assert [each["device"] for each in document["issued"]] == ["press-01"]
    assert_error(terminal("device", "renew", "press-01", "--expiring", "30"), 2, "--expiring names the devices itself")


def test_the_list_is_filtered_and_has_four_formats(terminal: Terminal) -> None:
    terminal.stand()
    terminal("device", "issue", "press-01", "press-02", "press-03")
    terminal("device", "register", "press-01", "--transport", "https")
    terminal("device", "block", "press-02")
    assert listed(terminal, "--blocked") == ["press-02"]
    assert listed(terminal, "--never-registered") == ["press-02", "press-03"]
    assert listed(terminal, "--expiring", "30") == listed(terminal, "--generation", "2") == listed(terminal, "--waiting") == []
    assert len(listed(terminal, "--expiring", "400", "--generation", "1")) == 3
    terminal("device", "renew", "press-01", "--again")
    assert listed(terminal, "--waiting") == ["press-01"]
    assert terminal("device", "list", "--expiring", "1")[1] == "No device fits.\n"
    rows = list(csv.DictReader(io.StringIO(terminal("--output", "csv", "device", "list")[1])))
    assert [(each["device"], each["blocked"]) for each in rows] == [
        ("press-01", "false"), ("press-02", "true"), ("press-03", "false"),
    ]  # fmt: skip
    assert {each["vault"] for each in rows} == {"kv-dpsops-local"}
    lines = terminal("--output", "jsonl", "device", "list")[1].splitlines()
    assert [json.loads(line) for line in lines] == terminal.json("device", "list")["devices"]


def test_many_are_blocked_and_one_that_fails_stops_no_other(terminal: Terminal, fleet: Path) -> None:
    terminal("device", "issue", "press-01", "press-02")
    code, out, _ = terminal("--output", "json", "device", "block", "press-01", "press-99", "press-02")
    document = json.loads(out)
    assert (code, [each["device"] for each in document["failed"]]) == (3, ["press-99"])
    assert sorted(listed(terminal, "--blocked")) == ["press-01", "press-02"]
    fleet.write_text("press-01\npress-02\n")
    assert terminal("device", "unblock", "--from", str(fleet))[0] == 0
    assert terminal("device", "unblock", "--from", str(fleet))[1] == "Nothing changed: they are not blocked.\n"
