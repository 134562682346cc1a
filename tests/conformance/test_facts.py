"""Every sentence about the deployment engine is held by a test, or has a reason why none holds it."""

from __future__ import annotations

import re

import pytest

from tests.conformance.facts import HELD, NOT_HELD
from tests.conformance.recordings import ABSENT, FOLDERS, ROOT

_FILES = [path for folder in FOLDERS if (path := folder / "arm" / "FACTS.md").is_file()]


@pytest.mark.skipif(not _FILES, reason=ABSENT)
def test_every_sentence_is_held_or_has_a_reason() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in _FILES)
    numbered = {int(number) for number in re.findall(r"^(\d+)\. ", text, re.MULTILINE)}
    assert numbered == HELD.keys() | NOT_HELD.keys()


def test_no_sentence_is_both() -> None:
    assert not HELD.keys() & NOT_HELD.keys()


@pytest.mark.parametrize("test", sorted(set(HELD.values())))
def test_the_test_that_holds_it_is_there(test: str) -> None:
    file, _, name = test.partition("::")
    assert f"\ndef {name}(" in (ROOT / file).read_text(encoding="utf-8")
