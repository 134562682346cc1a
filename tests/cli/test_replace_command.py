"""`dpsops rotate --replace`: said again, left without a report, and with devices that would be left behind."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from dpsops.errors import Error, Unavailable
from tests.cli.terminal import SOURCE, Terminal, assert_error

WORDS = ("rotate", "--replace", "root-g1", "--until", "stable", "--grace", "0")


@pytest.fixture
def fleet(terminal: Terminal) -> Terminal:
    """An environment with one device, which has registered."""
    terminal.stand()
    terminal("device", "issue", "press-07")
    terminal("device", "register", "press-07", "--transport", "https")
    return terminal


def without_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    """The state of a rotation cannot be read."""

    def lost(*_: object) -> None:
        raise Unavailable("the connection breaks", "run the command again")

    monkeypatch.setattr("dpsops.workflows.rotate_status.rotation_status", lost)


def test_a_report_that_fails_does_not_fail_what_is_finished(fleet: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the same words again: no second rotation, and the device can still register."""
    with monkeypatch.context() as broken:
        without_reports(broken)
        code, out, err = fleet("--output", "json", *WORDS, "--yes")
    assert (code, "error" in err) == (0, False)
    document = json.loads(out)
    assert (document["changed"], document["rotation"]) == (True, None)
    assert document["notes"] == [
        "the state of the rotation could not be read: the connection breaks; to see it: dpsops rotate status"
    ]
    assert document["actions"][-1]["outcome"] == "done"

    code, out, _ = fleet(*WORDS, "--yes")
    assert code == 0
    assert out.startswith("Nothing changed.\nroot-g1 is replaced and retired: nothing of it is left to do\n")
    assert [one["name"] for one in fleet.json("rotate", "status")["rotation"]["generations"]] == ["root-g1", "root-g2"]
    assert fleet.json("device", "register", "press-07", "--transport", "https")["status"] == "assigned"


def test_rotate_alone_begins_nothing_before_it_is_due(fleet: Terminal) -> None:
    done = fleet.json("rotate", "--until", "stable", "--grace", "0", "--yes")
    assert (done["changed"], done["actions"], done["rotation"]["phase"]) == (False, [], "stable")
    assert done["notes"][0].startswith("no rotation is due: root-g1 signs, and is valid until ")


def test_another_root_is_refused(fleet: Terminal) -> None:
    assert_error(fleet("rotate", "--replace", "root-g4"), 1, "the vault has no root root-g4", "it has root-g1")
    fleet("rotate", "--replace", "root-g1", "--until", "overlapping")
    refused = fleet("rotate", "--replace", "root-g2")
    assert_error(refused, 1, "root-g2 cannot be replaced now", "finish that first: dpsops rotate --replace root-g1")


def test_without_yes_and_without_a_terminal_no_device_is_left_behind(fleet: Terminal) -> None:
    assert_error(fleet(*WORDS), 1, "press-07 (last registered with an older certificate)", "--replace root-g1 --grace 0 --yes")
    assert fleet.json("rotate", "status")["rotation"]["phase"] == "draining"
    before = fleet.json("rotate", "status")
    assert_error(fleet(*WORDS), 1, "press-07 (last registered with an older certificate)")
    assert fleet.json("rotate", "status") == before
    fleet.json(*WORDS, "--yes")
    assert fleet.json("rotate", "status")["rotation"]["left_behind"] == ["press-07"]
    assert fleet.json("status")["devices"]["left_behind"] == 1
    assert "1 left behind by a rotation" in fleet("status")[1]
    assert "behind  press-07  last registered with an older certificate" in fleet("rotate", "status")[1]
    fleet("device", "register", "press-07", "--transport", "https")
    assert fleet.json("status")["devices"]["left_behind"] == 0


@pytest.mark.parametrize(("answer", "code", "phase"), [("yes", 1, "draining"), ("local", 0, "stable")])
def test_at_a_terminal_it_asks_and_names_the_devices(fleet: Terminal, tmp_path: Path, answer: str, code: int, phase: str) -> None:
    fleet("rotate", "--replace", "root-g1", "--until", "draining")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "dpsops", *WORDS]
    with subprocess.Popen(
        command, cwd=tmp_path, env=os.environ | SOURCE, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as asked:
        os.write(ours, answer.encode() + b"\n")
        _, err = asked.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert asked.returncode == code, err
    assert b"press-07  last registered with an older certificate" in err
    assert b"If root-g1 is retired now, they can no longer register." in err
    assert (b"declined: no device is left behind" in err) is (code == 1)
    assert fleet.json("rotate", "status")["rotation"]["phase"] == phase


def test_a_device_that_has_not_come_back_since_a_breach(fleet: Terminal) -> None:
    fleet.json("rotate", "--compromised", "--replace", "root-g1", "--yes")
    assert "waits for its new leaf" in fleet("device", "list")[1]
    assert "it waits for its new leaf" in fleet("device", "show", "press-07")[1]
    assert fleet.json("device", "list")["devices"][0]["waits_for_new_leaf"] is True
    fleet("device", "register", "press-07", "--transport", "https")
    assert fleet.json("device", "list")["devices"][0]["waits_for_new_leaf"] is False


def test_what_a_lock_forbids_is_named(fleet: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exit code is 3, in text and in JSON; the phase waits for what is left."""

    def locked(*_: object) -> None:
        raise Error("following scope(s) are locked", "ask the owner of the lock")

    with monkeypatch.context() as broken:
        broken.setattr("dpsops.azure.ca_certificates.DpsTrustStore.delete", locked)
        code, out, _ = fleet("--output", "json", "rotate", "--compromised", "--replace", "root-g1", "--yes")
        assert code == 3
        (left,) = json.loads(out)["remaining"]
        assert left["target"] == "root-g1 in DPS dps-dpsops-local"
        assert left["reason"] == "could not be removed: following scope(s) are locked: ask the owner of the lock"
        code, out, _ = fleet("rotate", "--compromised", "--replace", "root-g1", "--yes")
        assert (code, out.splitlines()[0]) == (3, f"✗ {left['target']}: {left['reason']}")
    assert fleet.json("rotate", "--compromised", "--replace", "root-g1", "--yes")["rotation"]["phase"] == "stable"
    assert fleet.json("device", "register", "press-07", "--transport", "https")["status"] == "assigned"
