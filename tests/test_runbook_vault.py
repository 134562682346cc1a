"""The runbook's pages of a lost vault: each is typed on an embedded Azure where that has happened."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dpsops.emulator.server import EmbeddedAzure
from dpsops.emulator.world import Timings
from dpsops.settings import load
from tests.pages import ROOT, Reader, settle, steps
from tests.test_runbook import RUNBOOK, VAULT_LOST
from tests.worlds import World, embedded_world

pytestmark = pytest.mark.usefixtures("unmeasured")

_PAGE = re.compile(r"^### ([^\n]*)\n(.*?)(?=^### |\Z)", re.MULTILINE | re.DOTALL)
PAGES = dict(_PAGE.findall(RUNBOOK.read_text(encoding="utf-8").partition(VAULT_LOST)[2]))
BEFORE = """```console
$ dpsops up
$ dpsops device issue press-07 press-08
$ dpsops device register press-07 --transport https
$ dpsops device register press-08 --transport https
```
"""


def delete(world: World) -> None:
    """Deletes the vault."""
    world.connect().clients.vaults.vaults.delete(world.environment.resource_group, world.environment.vault.name)


def purge(world: World) -> None:
    """Deletes the vault, and lets its retention end."""
    delete(world)
    assert world.embedded is not None
    with world.embedded.azure.database.transaction() as state:
        document = state.get("keyvault.vault", world.environment.vault.name)
        assert document is not None
        document["deleted"]["purge"] = document["deleted"]["at"]
        state.put("keyvault.vault", world.environment.vault.name, document)


def disable(world: World) -> None:
    """Disables the root."""
    world.connect().clients.certificates.update_certificate_properties("root-g1", enabled=False)


def nothing(world: World) -> None:
    """A region that was down is back; `test_lost_vault.py` has it down."""


LOSSES: dict[str, Callable[[World], None]] = {
    "Soft-deleted": delete,
    "Purged": purge,
    "Its region is down": nothing,
    "Somebody has disabled the root": disable,
}


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with an environment of two devices that have registered."""
    directory = tmp_path_factory.mktemp("before")
    settle(directory)
    Reader(directory).follow(BEFORE)
    return directory


@pytest.mark.parametrize("page", LOSSES)
def test_each_page_leads_out_of_the_loss(before: Path, tmp_path: Path, page: str) -> None:
    here = tmp_path / "here"
    shutil.copytree(before, here)
    with EmbeddedAzure(here / ".dpsops", timings=Timings()) as azure:
        LOSSES[page](embedded_world(azure, load("local", here / "infra"), direct=True))
    az = tmp_path / "az"
    az.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m tests.by_az "$@"\n', encoding="utf-8")
    az.chmod(0o700)
    Reader(here, (tmp_path,)).follow(PAGES[page])


def test_every_loss_has_a_page_and_every_page_that_is_typed_a_loss() -> None:
    assert [title for title, text in PAGES.items() if steps(text)] == list(LOSSES)
