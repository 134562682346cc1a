"""What a person reads before something is changed: each property, before and after, and what it takes away."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.terminal import LOCAL, Terminal

HUB = "Microsoft.Devices/IotHubs/iot-dpsops-local"


def settle(folder: Path, *changes: tuple[str, str]) -> None:
    """Writes the settings with changes to their text."""
    text = LOCAL
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / "infra" / "local.toml").write_text(text, encoding="utf-8")


@pytest.fixture
def larger(terminal: Terminal, tmp_path: Path) -> Terminal:
    """A terminal whose environment has a hub with three units, while the settings say one."""
    name = '[[hub]]\nname = "iot-dpsops-local"\n'
    settle(tmp_path, (name, f"{name}capacity = 3\n"))
    assert terminal("up")[0] == 0
    settle(tmp_path)
    return terminal


def test_a_plan_shows_each_property_and_marks_what_is_lost(larger: Terminal) -> None:
    _, out, _ = larger("plan")
    assert out == (f"~ modify {HUB}\n    sku.capacity: 3 -> 1\n    ! fewer units: fewer messages a day\n")


def test_json_and_the_plan_file_say_the_same(larger: Terminal, tmp_path: Path) -> None:
    change = {"path": "sku.capacity", "before": 3, "after": 1, "warning": "fewer units: fewer messages a day"}
    (action,) = larger.json("plan", "--out", "the.plan")["actions"]
    assert action == {"action": "modify", "target": HUB, "outcome": "planned", "changes": [change]}
    assert json.loads((tmp_path / "the.plan").read_text(encoding="utf-8"))["actions"] == [action]
    (done,) = larger.json("up", "--plan", "the.plan")["actions"]
    assert done == action | {"outcome": "modified"}
    assert larger("plan")[1] == "Nothing to do.\n"


def test_a_plan_of_another_shape_is_refused(terminal: Terminal, tmp_path: Path) -> None:
    assert terminal("plan", "--out", "the.plan")[0] == 0
    plan = json.loads((tmp_path / "the.plan").read_text(encoding="utf-8"))
    for wrong in ([{"path": "x"}], "x", [1]):
        plan["actions"][0]["changes"] = wrong
        (tmp_path / "the.plan").write_text(json.dumps(plan), encoding="utf-8")
        code, _, err = terminal("up", "--plan", "the.plan")
        assert (code, "is not a plan" in err) == (2, True)


def test_relink_writes_the_links_and_nothing_else(terminal: Terminal) -> None:
    assert terminal("up")[0] == 0
    (action,) = terminal.json("up", "--relink")["actions"]
    assert action["target"] == "Microsoft.Devices/provisioningServices/dps-dpsops-local"
    (change,) = action["changes"]
    assert change["path"] == "properties.iotHubs.iot-dpsops-local.azure-devices.net.connectionString"
    assert "--relink" in terminal("up", "--help")[1]
