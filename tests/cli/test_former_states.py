"""Environments that a former release made (`tests/states`): the present dpsops takes each up as it is and goes on with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dpsops.emulator.world import Clock
from tests.cli.terminal import Terminal, assert_error
from tests.states.kept import Kept, folders

FOLDERS = folders()
HTTPS = ("--transport", "https")
UNMOVED = Clock.now


@dataclass(frozen=True, slots=True)
class Former:
    """A restored environment: the terminal in its directory, and what it said when it was kept."""

    terminal: Terminal
    said: dict[str, dict[str, Any]]
    moment: datetime

    @property
    def devices(self) -> dict[str, dict[str, Any]]:
        """The devices as they were listed, by their IDs."""
        return {one["device"]: one for one in self.said["device list"]["devices"]}

    @property
    def admitted(self) -> list[str]:
        """The devices that were not blocked."""
        return [name for name, one in self.devices.items() if not one["blocked"]]

    @property
    def registered(self) -> list[str]:
        """Those of them that had registered."""
        return [name for name in self.admitted if self.devices[name]["registered_at"]]

    @property
    def blocked(self) -> str:
        """The one that was blocked."""
        (found,) = set(self.devices) - set(self.admitted)
        return found

    @property
    def trusted(self) -> list[int]:
        """The generations that the enrollment group trusted, its primary first."""
        found = self.said["rotate status"]["rotation"]["generations"]
        return [one["generation"] for role in ("primary", "secondary") for one in found if one["group"] == role]

    @property
    def phase(self) -> str:
        """The phase of the rotation."""
        phase: str = self.said["rotate status"]["rotation"]["phase"]
        return phase

    @property
    def end(self) -> int:
        """The generation that the next rotation ends with, or the one that is under way."""
        newest: int = self.said["rotate status"]["rotation"]["generations"][-1]["generation"]
        return newest + 1 if self.phase == "stable" else newest

    def says(self) -> dict[str, dict[str, Any]]:
        """What the commands say now that were asked when it was kept."""
        return {command: self.terminal.json(*command.split()) for command in self.said}

    def listed(self) -> dict[str, dict[str, Any]]:
        """The devices as they are listed now, by their IDs."""
        return {one["device"]: one for one in self.terminal.json("device", "list")["devices"]}

    def register(self, device: str) -> tuple[str, str]:
        """Registers a device: its status, and the hub that it was assigned to."""
        done = self.terminal.json("device", "register", device, *HTTPS)
        return done["status"], done["assigned_hub"]


def move_clocks(monkeypatch: pytest.MonkeyPatch, moment: datetime) -> None:
    """Lets dpsops and the embedded Azure begin at this moment, each at the one place where it reads the time. TLS stays in the
    present, where its certificates are made."""
    ahead = moment - datetime.now(moment.tzinfo)

    class Moved(datetime):
        """The clock of the command line."""

        @classmethod
        def now(cls, tz: Any = None) -> Any:
            """The present, moved."""
            return datetime.now(tz) + ahead

    monkeypatch.setattr("dpsops.cli.connection.datetime", Moved)
    monkeypatch.setattr(Clock, "now", lambda clock: UNMOVED(clock) + ahead.total_seconds())


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.name)
def former(request: pytest.FixtureRequest, terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Former:
    """Each environment that is kept, a minute after it was."""
    kept = Kept.read(request.param)
    kept.restore(tmp_path)
    move_clocks(monkeypatch, kept.moment + timedelta(minutes=1))
    return Former(terminal, kept.said, kept.moment)


def test_there_are_environments_of_a_former_release() -> None:
    assert {"0.1.0-stable", "0.1.0-draining", "0.1.0-rotated"} <= {folder.name for folder in FOLDERS}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_what_is_kept_is_small_and_shows_no_key(folder: Path) -> None:
    """A scanner that reads text finds no key in it, and the embedded Azure makes its TLS keys anew."""
    contents = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert contents.keys() == {"azure.sql.xz", "local.toml", "said.json"}
    assert sum(map(len, contents.values())) < 100_000
    assert [name for name, content in contents.items() if b"PRIVATE KEY" in content] == []


def test_it_is_as_it_was_and_nothing_is_to_be_done(former: Former) -> None:
    assert former.says() == former.said
    assert former.terminal("plan", "--detailed-exitcode")[:2] == (0, "Nothing to do.\n")
    assert former.terminal.json("up") == {"schema_version": 1, "environment": "local", "changed": False, "actions": []}
    assert former.says() == former.said


def test_a_device_registers_again(former: Former) -> None:
    assert len(former.registered) >= 3
    for device in former.registered:
        done = former.terminal.json("device", "register", device, *HTTPS)
        assert (done["status"], done["assigned_hub"]) == ("assigned", former.devices[device]["hub"])
        assert done["substatus"] == "reprovisionedToInitialAssignment"
    now = former.listed()
    for device in former.registered:
        assert now[device]["registered_thumbprint"] == former.devices[device]["thumbprint"]
    others = former.devices.keys() - set(former.registered)
    assert {device: now[device] for device in others} == {device: former.devices[device] for device in others}


def test_a_blocked_device_is_refused_until_it_is_unblocked(former: Former) -> None:
    device = former.blocked
    assert former.terminal.json("device", "block", device)["changed"] is False
    assert_error(former.terminal("device", "register", device, *HTTPS), 1, "DPS refuses")
    hub = former.said["status"]["hubs"][0]["host"]
    undone = former.terminal.json("device", "unblock", device)["actions"]
    assert [(one["action"], one["target"]) for one in undone] == [
        ("remove", f"enrollment {device}"),
        ("enable", f"identity {device} in {hub}"),
        ("tag", f"secret of {device}"),
    ]
    thumbprint, generation = former.devices[device]["thumbprint"], former.devices[device]["generation"]
    if generation not in former.trusted:  # a rotation leaves out whoever is blocked
        assert_error(former.terminal("device", "register", device, *HTTPS), 1, "DPS refuses")
        (issued,) = former.terminal.json("device", "issue", device)["issued"]
        thumbprint, generation = issued["thumbprint"], former.trusted[0]
    assert former.register(device) == ("assigned", hub)
    now = former.listed()[device]
    assert (now["blocked"], now["hub"], now["registered_thumbprint"]) == (False, hub, thumbprint)
    assert (now["thumbprint"], now["generation"]) == (thumbprint, generation)
    assert former.terminal.json("status")["devices"] == former.said["status"]["devices"] | {"blocked": 0}


def test_a_device_is_issued(former: Former) -> None:
    issued = former.terminal.json("device", "issue", "press-99", *former.admitted)
    (new,) = issued["issued"]
    assert (new["device"], issued["unchanged"], issued["failed"]) == ("press-99", former.admitted, [])
    assert timedelta(days=364) < datetime.fromisoformat(new["not_after"]) - former.moment < timedelta(days=366)
    assert former.register("press-99") == ("assigned", former.said["status"]["hubs"][0]["host"])
    listed = former.listed()
    assert listed.keys() == former.devices.keys() | {"press-99"}
    assert listed["press-99"]["generation"] == former.said["root show"]["root"]["generation"]
    registered = datetime.fromisoformat(listed["press-99"]["registered_at"]) - former.moment
    assert timedelta(minutes=1) <= registered < timedelta(minutes=3)


def require_end(former: Former, rotated: dict[str, Any]) -> None:
    """Requires that a rotation is over: the new root is alone in use, and every device that may have a leaf of it has one."""
    *old, new = rotated["generations"]
    assert rotated["phase"] == "stable"
    assert [(one["vault"], one["dps"], one["group"], one["leaves"]) for one in old] == [("retired", "absent", None, 0)] * len(old)
    assert (new["vault"], new["dps"], new["group"], new["leaves"]) == ("whole", "verified", "primary", len(former.admitted))
    found = former.terminal.json("status")
    assert (found["root"]["generation"], found["root"]["proven"]) == (former.end, True)
    assert found["group"] == former.said["status"]["group"] | {"primary": new["name"], "secondary": None}
    assert found["rotation"] == {"phase": "stable", "next": None}
    assert former.terminal("plan", "--detailed-exitcode")[:2] == (0, "Nothing to do.\n")


def test_a_rotation_that_does_not_wait(former: Former) -> None:
    rotated = former.terminal.json("rotate", "--until", "stable", "--grace", "0")["rotation"]
    require_end(former, rotated)
    for device in former.admitted:
        assert former.register(device) == ("assigned", former.said["status"]["hubs"][0]["host"])
    listed = former.listed()
    assert [listed[device]["generation"] for device in former.admitted] == [former.end] * len(former.admitted)
    assert listed[former.blocked] == former.devices[former.blocked]


def test_a_rotation_waits_for_the_devices(former: Former) -> None:
    """One that was waiting already waits for the same devices, and until the same moment."""
    waiting = former.terminal.json("rotate", "--until", "stable")
    was = former.said["rotate status"]["rotation"]
    if former.phase == "draining":
        assert (waiting["changed"], waiting["rotation"]) == (False, was)
    assert (waiting["rotation"]["phase"], waiting["rotation"]["next"]) == ("draining", "retire")
    assert waiting["rotation"]["waiting_for"] == (was["waiting_for"] or former.admitted)
    *first, last = waiting["rotation"]["waiting_for"]
    for device in first:
        former.register(device)
    assert former.terminal.json("rotate")["rotation"]["waiting_for"] == [last]
    former.register(last)
    require_end(former, former.terminal.json("rotate", "--until", "stable")["rotation"])


def test_a_rotation_is_taken_back_while_nobody_has_a_leaf_of_the_new_root(former: Former) -> None:
    why = "there is no rotation to take back" if former.phase == "stable" else f"have a leaf of root-g{former.end}"
    assert_error(former.terminal("rotate", "undo"), 1, why)
    assert former.says() == former.said
    if former.phase != "stable":
        former.terminal.json("rotate", "--until", "stable", "--grace", "0")
    before = former.terminal.json("status")
    begun = former.terminal.json("rotate", "--until", "overlapping")["rotation"]
    assert begun["phase"] == "overlapping"
    undone = former.terminal.json("rotate", "undo")["rotation"]
    newest = undone["generations"][-1]
    assert (newest["name"], newest["vault"], newest["dps"]) == (begun["generations"][-1]["name"], "retired", "absent")
    assert former.terminal.json("status") == before


def test_leaves_that_have_expired_meanwhile(former: Former, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both clocks count: dpsops' own says which leaves expire, the embedded Azure's whom DPS refuses."""
    move_clocks(monkeypatch, former.moment + timedelta(days=800))
    assert former.terminal.json("status")["devices"] == {
        "total": len(former.devices),
        "expiring": len(former.admitted),
        "blocked": 1,
    }
    device = former.registered[0]
    assert_error(former.terminal("device", "register", device, *HTTPS), 1, "DPS refuses")
    assert [one["device"] for one in former.terminal.json("device", "renew", device)["issued"]] == [device]
    assert former.register(device) == ("assigned", former.devices[device]["hub"])
