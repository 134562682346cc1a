"""`dpsops init NAME`: the file has every setting, is valid, and its names are nobody else's."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from dpsops.cli.init import settings_text
from dpsops.settings import Environment, load
from tests.cli.terminal import Terminal, assert_error

INFRA = Path(__file__).parents[2] / "infra"

SETTING = re.compile(r"# (?=\[|\w+ = |  \{|\])")
"""The begin of a line with a setting that is commented out, or a part of one."""

EXAMPLES = {
    "subscription", "tags", "vault.name", "vault.logs", "dps.name", "hub.name", "hub.location", "root.organization",
    "device.vaults", "access.principals.id", "access.principals.type", "location", "resource_group", "limits.signatures",
    "limits.registry_operations", "limits.hub_queries", "group.certificate_policy.namespace",
    "group.certificate_policy.authority", "group.certificate_policy.name",
}  # fmt: skip
"""The settings that have no default, or none that could be written down."""


def settings_of(model: type[BaseModel], above: str = "") -> Iterator[tuple[str, object]]:
    """Every setting of the model by its path, with its default."""
    for name, field in model.model_fields.items():
        path = f"{above}{name}"
        table = next((each for each in (field.annotation, *get_args(field.annotation)) if is_table(each)), None)
        if table is not None:
            yield from settings_of(table, f"{path}.")
        elif path != "name":
            yield path, field.default


def is_table(found: object) -> bool:
    return isinstance(found, type) and issubclass(found, BaseModel)


def value(document: dict[str, object], path: str) -> object:
    found: object = document
    for part in path.split("."):
        found = found[0] if isinstance(found, list) else found
        assert isinstance(found, dict)
        found = found[part]
    return found


def uncommented(text: str) -> str:
    return "".join(SETTING.sub("", line) for line in text.splitlines(keepends=True))


def test_every_setting_is_there_and_what_is_commented_out_is_the_default() -> None:
    document = tomllib.loads(uncommented(settings_text("prod", "prod-x7q3")))
    model = dict(settings_of(Environment))
    assert {path for path in model if path.startswith("group.")} == {
        "group.id", "group.reprovisioning", "group.twin", "group.certificate_policy.namespace",
        "group.certificate_policy.authority", "group.certificate_policy.name",
    }  # fmt: skip
    differ = {path for path, default in model.items() if value(document, path) != as_written(default)}
    assert differ == EXAMPLES


def as_written(default: object) -> object:
    return default if isinstance(default, (bool, int, float, list, dict, type(None))) else str(default)


def test_it_is_valid_as_written_and_with_every_setting(tmp_path: Path) -> None:
    text = settings_text("prod", "prod-x7q3")
    (tmp_path / "prod.toml").write_text(text)
    written = load("prod", tmp_path)
    assert (written.vault.name, written.dps.name, written.hub[0].name) == ("kv-prod-x7q3", "dps-prod-x7q3", "iot-prod-x7q3")
    (tmp_path / "prod.toml").write_text(uncommented(text))
    everything = load("prod", tmp_path)
    assert everything.access.principals
    examples = {"subscription", "access", "device", "limits", "group"}
    assert everything.model_dump(exclude={*examples, "vault", "hub", "root"}) == written.model_dump(
        exclude={*examples, "vault", "hub", "root"}
    )


def test_the_example_of_this_repository_is_the_same_file() -> None:
    assert (INFRA / "dev.toml").read_text(encoding="utf-8") == settings_text("dev", "dpsops-dev")


def test_it_says_where_the_file_is_and_what_comes_next(terminal: Terminal, tmp_path: Path) -> None:
    code, out, err = terminal("init", "prod")
    step = "choose location and names in infra/prod.toml, then: dpsops --env prod plan"
    assert (code, out, err) == (0, f"infra/prod.toml\nnext         {step}\n", "")
    made = load("prod", tmp_path / "infra")
    label = made.vault.name.removeprefix("kv-")
    assert re.fullmatch(r"prod-[bcdfghjkmnpqrstvwxz2-9]{4}", label)
    assert (made.dps.name, made.hub[0].name, made.resource_group) == (f"dps-{label}", f"iot-{label}", f"rg-{label}")
    assert (made.tags, made.root.organization) == ({"environment": "prod"}, "")


def test_two_environments_of_one_name_have_other_resources(terminal: Terminal, tmp_path: Path) -> None:
    """Two companies that both begin with `init prod`."""
    found = set()
    for _ in range(3):
        terminal("init", "prod")
        found.add(load("prod", tmp_path / "infra").vault.name)
        (tmp_path / "infra" / "prod.toml").unlink()
    assert len(found) == 3


def test_the_document_names_the_new_environment(terminal: Terminal) -> None:
    import json

    code, out, _ = terminal("--output", "json", "init", "prod")
    document = json.loads(out)
    assert (code, document["environment"], document["path"]) == (0, "prod", "infra/prod.toml")
    assert document["names"]["hubs"] == [f"iot-{document['names']['vault'].removeprefix('kv-')}"]


def test_a_file_is_never_overwritten(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "infra" / "prod.toml").write_text("mine")
    assert_error(terminal("init", "prod"), 1, "infra/prod.toml exists")
    assert (tmp_path / "infra" / "prod.toml").read_text() == "mine"


def test_the_folder_is_made(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "infra" / "local.toml").unlink()
    (tmp_path / "infra").rmdir()
    assert terminal("init", "prod")[0] == 0
    assert [each.name for each in (tmp_path / "infra").iterdir()] == ["prod.toml"]


@pytest.mark.parametrize("name", ["", "Prod", "../prod", "prod.toml", "1st", "a" * 25, "local"])
def test_what_cannot_be_an_environment_is_wrong_use(terminal: Terminal, tmp_path: Path, name: str) -> None:
    assert_error(terminal("init", name), 2)
    assert [each.name for each in (tmp_path / "infra").iterdir()] == ["local.toml"]


@pytest.mark.parametrize("name", ["a", "a-", "a--b-c", "a" * 24, "plant-in-the-north--4-", "abcdefghijklm-", "abcdefghijklm--x"])
def test_the_names_of_resources_are_valid_whatever_the_environment_is_called(
    terminal: Terminal, tmp_path: Path, name: str
) -> None:
    assert terminal("init", name)[0] == 0
    path = tmp_path / "infra" / f"{name}.toml"
    path.write_text(uncommented(path.read_text()))
    assert len(load(name, tmp_path / "infra").device.vaults) == 2


def test_a_missing_environment_is_made_as_the_hint_says(terminal: Terminal) -> None:
    refused = terminal("--env", "prod", "status")
    assert_error(refused, 2, "for a new one: dpsops init prod")
