"""Environments that a former release created (`tests/states`): the present dpsops continues to use each of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dpsops.emulator.world import Clock
from tests.cli.terminal import Terminal, assert_error
from tests.states.kept import Kept, folders

pytestmark = pytest.mark.usefixtures("unmeasured")

FOLDERS = folders()
HTTPS = ("--transport", "https")
UNMOVED = Clock.now


@dataclass(frozen=True, slots=True)
class Former:
    """A restored environment: the terminal in its directory, and what the commands said when it was saved."""

    terminal: Terminal
    said: dict[str, dict[str, Any]]
    moment: datetime

    @property
    def devices(self) -> dict[str, dict[str, Any]]:
        """The devices as they were listed then, by their IDs."""
        return {one["device"]: one for one in self.said["device list"]["devices"]}

    @property
    def unblocked(self) -> list[str]:
        """The devices that were not blocked."""
        return [name for name, one in self.devices.items() if not one["blocked"]]

    @property
    def registered(self) -> list[str]:
        """The devices that were not blocked and had registered."""
        return [name for name in self.unblocked if self.devices[name]["registered_at"]]

    @property
    def blocked(self) -> str:
        """The device that was blocked."""
        (found,) = set(self.devices) - set(self.unblocked)
        return found

    @property
    def trusted(self) -> list[int]:
        """The generations that the enrollment group trusted, its primary first."""
        found = self.said["rotate status"]["rotation"]["generations"]
        return [one["generation"] for role in ("primary", "secondary") for one in found if one["group"] == role]

    @property
    def old(self) -> str:
        """The root that the present rotation or, if there is none, the next one replaces."""
        return f"root-g{min(self.trusted)}"

    @property
    def phase(self) -> str:
        """The phase of the rotation then."""
        phase: str = self.said["rotate status"]["rotation"]["phase"]
        return phase

    @property
    def end(self) -> int:
        """The generation at the end of the present rotation or, if there is none, of the next."""
        newest: int = self.said["rotate status"]["rotation"]["generations"][-1]["generation"]
        return newest + 1 if self.phase == "stable" else newest

    def says(self) -> dict[str, dict[str, Any]]:
        """What the same commands say now, except free text and keys that were added since."""
        now = {command: without_free_text(self.terminal.json(*command.split())) for command in self.said}
        known: dict[str, dict[str, Any]] = of_then(now, self.said)
        return known

    def listed(self) -> dict[str, dict[str, Any]]:
        """The devices as they are listed now, by their IDs, without keys that were added since."""
        then = next(iter(self.devices.values()))
        return {one["device"]: of_then(one, then) for one in self.terminal.json("device", "list")["devices"]}

    def register(self, device: str) -> tuple[str, str]:
        """Registers a device: its status, and the hub that it was assigned to."""
        done = self.terminal.json("device", "register", device, *HTTPS)
        return done["status"], done["assigned_hub"]


def without_free_text(document: dict[str, Any]) -> dict[str, Any]:
    """The JSON of a command without its sentences for people, which may change from release to release: those of `next` in
    `status`, and of `trouble`. Their keys stay, the number of sentences, and whether there is a trouble. The one that says
    that the vault's log is off is not counted: release 0.1 did not have it."""
    changed: dict[str, Any] = {}
    for key, value in document.items():
        if key == "next" and isinstance(value, list):
            changed[key] = ["a sentence" for each in value if "log is off" not in each]
        elif key == "trouble" and isinstance(value, str):
            changed[key] = "a sentence"
        else:
            changed[key] = without_free_text(value) if isinstance(value, dict) else value
    return changed


def of_then(now: Any, then: Any) -> Any:
    """A document without the keys that an older one does not have: keys may be added."""
    if isinstance(now, dict) and isinstance(then, dict):
        return {key: of_then(value, then[key]) for key, value in now.items() if key in then}
    if isinstance(now, list) and isinstance(then, list):
        return [of_then(one, other) for one, other in zip(now, then, strict=True)] if len(now) == len(then) else now
    return now


def move_clocks(monkeypatch: pytest.MonkeyPatch, moment: datetime) -> None:
    """Starts the clocks of dpsops and of the embedded Azure at this moment, each at the one place that reads the time. TLS keeps
    the present time, because its certificates are new."""
    ahead = moment - datetime.now(moment.tzinfo)

    class Moved(datetime):
        """The clock of the command line."""

        @classmethod
        def now(cls, tz: Any = None) -> Any:
            """The present time, moved."""
            return datetime.now(tz) + ahead

    monkeypatch.setattr("dpsops.cli.connection.datetime", Moved)
    monkeypatch.setattr(Clock, "now", lambda clock: UNMOVED(clock) + ahead.total_seconds())


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.name)
def former(request: pytest.FixtureRequest, terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Former:
    """Each saved environment, a minute after it was saved."""
    kept = Kept.read(request.param)
    kept.restore(tmp_path)
    move_clocks(monkeypatch, kept.moment + timedelta(minutes=1))
    added = terminal.json("up")["actions"]  # release 0.1 asked the hubs for each device, and needed no role for their queries
    assert [each["target"].partition(" on ")[0] for each in added] == ["IoT Hub Data Reader"]
    said = {command: without_free_text(document) for command, document in kept.said.items()}
    return Former(terminal, said, kept.moment)


def test_there_are_environments_of_a_former_release() -> None:
    assert {"0.1.0-stable", "0.1.0-draining", "0.1.0-rotated"} <= {folder.name for folder in FOLDERS}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_saved_environment_is_small_and_contains_no_readable_key(folder: Path) -> None:
    """A scanner of texts finds no key, and the embedded Azure creates new TLS keys."""
    contents = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert contents.keys() == {"azure.sql.xz", "local.toml", "said.json"}
    assert sum(map(len, contents.values())) < 100_000
    assert [name for name, content in contents.items() if b"PRIVATE KEY" in content] == []


def test_every_command_says_the_same_and_nothing_is_to_be_done(former: Former) -> None:
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
    assert_error(former.terminal("device", "register", device, *HTTPS), 1, "DPS refused the registration")
    hub = former.said["status"]["hubs"][0]["host"]
    undone = former.terminal.json("device", "unblock", device)["actions"]
    assert [(one["action"], one["target"]) for one in undone] == [
        ("remove", f"enrollment {device}"),
        ("enable", f"identity {device} in {hub}"),
        ("tag", f"secret of {device}"),
    ]
    thumbprint, generation = former.devices[device]["thumbprint"], former.devices[device]["generation"]
    if generation not in former.trusted:  # a rotation leaves out blocked devices
        assert_error(former.terminal("device", "register", device, *HTTPS), 1, "DPS refused the registration")
        (issued,) = former.terminal.json("device", "issue", device)["issued"]
        thumbprint, generation = issued["thumbprint"], former.trusted[0]
    assert former.register(device) == ("assigned", hub)
    now = former.listed()[device]
    assert (now["blocked"], now["hub"], now["registered_thumbprint"]) == (False, hub, thumbprint)
    assert (now["thumbprint"], now["generation"]) == (thumbprint, generation)
    then = former.said["status"]["devices"]
    assert of_then(former.terminal.json("status")["devices"], then) == then | {"blocked": 0}


def test_a_device_is_issued(former: Former) -> None:
    issued = former.terminal.json("device", "issue", "press-99", *former.unblocked)
    (new,) = issued["issued"]
    assert (new["device"], issued["unchanged"], issued["failed"]) == ("press-99", former.unblocked, [])
    assert timedelta(days=364) < datetime.fromisoformat(new["not_after"]) - former.moment < timedelta(days=366)
    assert former.register("press-99") == ("assigned", former.said["status"]["hubs"][0]["host"])
    listed = former.listed()
    assert listed.keys() == former.devices.keys() | {"press-99"}
    assert listed["press-99"]["generation"] == former.said["root show"]["root"]["generation"]
    registered = datetime.fromisoformat(listed["press-99"]["registered_at"]) - former.moment
    assert timedelta(minutes=1) <= registered < timedelta(minutes=3)


def require_finished(former: Former, rotated: dict[str, Any]) -> None:
    """Requires that a rotation is finished: only the new root is in use, and all unblocked devices have certificates under it."""
    *old, new = rotated["generations"]
    assert rotated["phase"] == "stable"
    assert [(one["vault"], one["dps"], one["group"], one["leaves"]) for one in old] == [("retired", "absent", None, 0)] * len(old)
    assert (new["vault"], new["dps"], new["group"], new["leaves"]) == ("whole", "verified", "primary", len(former.unblocked))
    found = former.terminal.json("status")
    assert (found["root"]["generation"], found["root"]["proven"]) == (former.end, True)
    assert found["group"] == former.said["status"]["group"] | {"primary": new["name"], "secondary": None}
    assert found["rotation"] == {"phase": "stable", "next": None}
    assert former.terminal("plan", "--detailed-exitcode")[:2] == (0, "Nothing to do.\n")


def test_a_rotation_without_a_grace_period(former: Former) -> None:
    rotated = former.terminal.json("rotate", "--replace", former.old, "--until", "stable", "--grace", "0", "--yes")["rotation"]
    require_finished(former, rotated)
    for device in former.unblocked:
        assert former.register(device) == ("assigned", former.said["status"]["hubs"][0]["host"])
    listed = former.listed()
    assert [listed[device]["generation"] for device in former.unblocked] == [former.end] * len(former.unblocked)
    assert listed[former.blocked] == former.devices[former.blocked]


def test_a_rotation_waits_for_the_devices(former: Former) -> None:
    """A rotation that was waiting then still waits for the same devices, and until the same moment."""
    waiting = former.terminal.json("rotate", "--replace", former.old, "--until", "stable")
    was = former.said["rotate status"]["rotation"]
    if former.phase == "draining":
        assert (waiting["changed"], of_then(waiting["rotation"], was)) == (False, was)
    assert (waiting["rotation"]["phase"], waiting["rotation"]["next"]) == ("draining", "retire")
    assert waiting["rotation"]["waiting_for"] == (was["waiting_for"] or former.unblocked)
    *first, last = waiting["rotation"]["waiting_for"]
    for device in first:
        former.register(device)
    assert former.terminal.json("rotate")["rotation"]["waiting_for"] == [last]
    former.register(last)
    require_finished(former, former.terminal.json("rotate", "--until", "stable")["rotation"])


def test_a_rotation_is_undone_while_no_device_has_a_certificate_under_the_new_root(former: Former) -> None:
    why = "there is no rotation to undo" if former.phase == "stable" else f"have a certificate under root-g{former.end}"
    assert_error(former.terminal("rotate", "undo"), 1, why)
    assert former.says() == former.said
    if former.phase != "stable":
        former.terminal.json("rotate", "--until", "stable", "--grace", "0", "--yes")
    before = former.terminal.json("status")
    signing = before["root"]["name"]
    begun = former.terminal.json("rotate", "--replace", signing, "--until", "overlapping")["rotation"]
    assert begun["phase"] == "overlapping"
    undone = former.terminal.json("rotate", "undo")["rotation"]
    newest = undone["generations"][-1]
    assert (newest["name"], newest["vault"], newest["dps"]) == (begun["generations"][-1]["name"], "retired", "absent")
    assert former.terminal.json("status") == before


def test_certificates_that_have_expired_in_the_meantime(former: Former, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both clocks matter: dpsops' own for the certificates that expire, the embedded Azure's for those that DPS refuses."""
    move_clocks(monkeypatch, former.moment + timedelta(days=800))
    assert of_then(former.terminal.json("status")["devices"], {"total": 0, "expiring": 0, "blocked": 0}) == {
        "total": len(former.devices),
        "expiring": len(former.unblocked),
        "blocked": 1,
    }
    device = former.registered[0]
    assert_error(former.terminal("device", "register", device, *HTTPS), 1, "DPS refused the registration")
    assert [one["device"] for one in former.terminal.json("device", "renew", device)["issued"]] == [device]
    assert former.register(device) == ("assigned", former.devices[device]["hub"])
