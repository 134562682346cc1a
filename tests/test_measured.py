from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from tests import measured


@pytest.mark.parametrize("place", measured.UNMEASURED)
def test_what_is_not_measured_is_there(place: str) -> None:
    path = Path(__file__).parent / place
    assert path.exists()
    assert measured.is_known(path)
    assert measured.is_known(path / "test_of_a_folder.py")
    assert not measured.is_known(path.with_name("test_that_is_new.py"))


def test_any_other_test_is_measured(request: pytest.FixtureRequest) -> None:
    assert measured.is_measured(request.node)


@pytest.mark.usefixtures("unmeasured")
def test_nothing_traces_a_test_that_is_not_measured(request: pytest.FixtureRequest) -> None:
    assert not measured.is_measured(request.node)
    assert sys.gettrace() is None
    assert threading.gettrace() is None
