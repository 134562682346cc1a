"""The look at what is there notices what is wrong, whoever has done it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.crash.table import PLAIN, Stage, fleet
from tests.matrices.place import Moment, Place, opened
from tests.matrices.sight import look

pytestmark = pytest.mark.usefixtures("unmeasured")

Change = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Place, Moment]]:
    """A place with two devices."""
    with opened(tmp_path_factory.mktemp("sight") / "place") as place:
        fleet(Stage(place, place.directory, place.world()))
        yield place, place.moment()


def edit(place: Path, kind: str, key: str, change: Change) -> None:
    """Changes a document of the embedded Azure, past all its rules."""
    with closing(sqlite3.connect(place / ".dpsops" / "azure.sqlite")) as connection, connection:
        found = connection.execute("SELECT key, body FROM document WHERE kind = ? AND key LIKE ?", (kind, key)).fetchall()
        assert found
        for name, body in found:
            document = json.loads(body)
            change(document)
            connection.execute("UPDATE document SET body = ? WHERE kind = ? AND key = ?", (json.dumps(document), kind, name))


def test_nothing_is_wrong_with_a_fleet(begun: tuple[Place, Moment]) -> None:
    place, moment = begun
    place.restore(moment)
    assert look(place.world(), place.directory).wrong == ()


@pytest.mark.parametrize(
    ("kind", "key", "change", "wrong"),
    [
        ("certificate", "%", lambda each: each.update(isVerified=False), "root-g1 is not verified in the DPS"),
        (
            "enrollmentGroup", "%", lambda each: each["attestation"].update(caReferences={"primary": "root-g9"}),
            "the group trusts root-g9, which the vault does not have",
        ),
        (
            "enrollmentGroup", "%", lambda each: each["settings"].update(provisioningStatus="disabled"),
            "the group is disabled",
        ),
        (
            "keyvault.secretVersion", f"%device-{PLAIN}/%", lambda each: each["tags"].update(blocked="yes"),
            f"{PLAIN}, as before, registers though it is blocked",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_seen(begun: tuple[Place, Moment], kind: str, key: str, change: Change, wrong: str) -> None:
    place, moment = begun
    place.restore(moment)
    edit(place.directory, kind, key, change)
    assert wrong in look(place.world(), place.directory).wrong
