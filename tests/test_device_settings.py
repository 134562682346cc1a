"""`[device]` in `infra/NAME.toml`: the vaults that hold the devices' secrets, and the error for what cannot be one."""

from __future__ import annotations

from pathlib import Path

import pytest

from dpsops.errors import InvalidInput
from dpsops.settings import DEVICES_TAG, MADE_TAG
from tests.settings_texts import COMPLETE, SMALL, environment

KEY = '[device]\nvaults = ["kv-devices-1", "kv-devices-2"]\n'
LINE = COMPLETE.count("\n") + 2

OWN = "the vault of the root is no vault for devices: give each of these another name"

WRONG = {
    "one name": ('vaults = "kv-devices-1"', LINE, 'device.vaults: write a list of names, ["kv-1", "kv-2"]'),
    "a number": ("vaults = [1]", LINE, "device.vaults.0: Input should be a valid string"),
    "no name of a vault": ('vaults = ["kv-devices-1", "kv_2"]', LINE, "device.vaults.1: a vault name has 3 to 24 letters"),
    "one twice": ('vaults = ["kv-devices-1", "KV-Devices-1"]', LINE, "device.vaults: kv-devices-1 is there twice"),
    "the root's": ('vaults = ["kv-devices-1", "KV-DPSOPS-dev"]', LINE, f"device.vaults: {OWN}"),
    "another key": ('vault = "kv-devices-1"', LINE, "device.vault: no such setting"),
}


def refusal(directory: Path, text: str) -> str:
    """The error for a wrong text."""
    with pytest.raises(InvalidInput) as refused:
        environment(directory, text)
    return refused.value.message.removeprefix(f"{directory / 'dev.toml'}, ")


def test_the_vaults_are_like_that_of_the_root_but_have_no_key_in_hardware(tmp_path: Path) -> None:
    found = environment(tmp_path, COMPLETE + KEY)
    assert found.leaf_vaults == ("kv-devices-1", "kv-devices-2")
    assert [(each.name, each.sku) for each in found.device_vaults] == [(name, "standard") for name in found.leaf_vaults]
    assert found.vault.sku == "premium"
    for each in found.device_vaults:
        assert (each.purge_protection, each.soft_delete_days, each.logs) == (False, 7, found.vault.logs)


@pytest.mark.parametrize("text", [SMALL, f"{SMALL}[device]\n", f"{SMALL}[device]\nvaults = []\n"])
def test_without_them_the_vault_of_the_root_holds_the_secrets(tmp_path: Path, text: str) -> None:
    found = environment(tmp_path, text)
    assert (found.leaf_vaults, found.device_vaults) == (("kv-dev",), ())


@pytest.mark.parametrize(("text", "line", "words"), WRONG.values(), ids=WRONG)
def test_anything_else_is_refused_with_its_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    assert refusal(tmp_path, f"{COMPLETE}[device]\n{text}\n").startswith(f"line {line}: {words}")


def test_the_mark_of_what_up_makes_is_dpsops_own(tmp_path: Path) -> None:
    message = refusal(tmp_path, f"tags = {{ {MADE_TAG.title()} = 'x' }}\n{SMALL}")
    assert message == f"line 1: tags: {MADE_TAG} is dpsops's own tag, for what 'dpsops up' makes: use another name"


def test_the_tag_of_these_vaults_is_dpsops_own(tmp_path: Path) -> None:
    message = refusal(tmp_path, f"tags = {{ {DEVICES_TAG.title()} = 'x' }}\n{SMALL}")
    assert message == f"line 1: tags: {DEVICES_TAG} is dpsops's own tag, for the vaults of [device]: use another name"
    tags = ", ".join(f"t{number} = 'x'" for number in range(50))
    fifty = f"tags = {{ {tags} }}\n{SMALL}"
    assert len(environment(tmp_path, fifty).tags) == 50
    assert refusal(tmp_path, fifty + KEY).startswith("line 1: tags: at most 49, because dpsops sets one of its own on the vaults")
