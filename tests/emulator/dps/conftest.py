"""The lab as a fixture, its exchanges held against Azure's OpenAPI files where they are at hand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance.exchanges import ValidatingObserver
from tests.conformance.openapi import Specification
from tests.emulator.dps.issuers import Issuer
from tests.emulator.dps.lab import Lab, MakeLab


@pytest.fixture
def make_lab(_azure_api: Specification | None) -> Iterator[MakeLab]:
    """Makes labs; what is wrong on the wire of any fails the test."""
    judge = ValidatingObserver(_azure_api) if _azure_api else None

    def make(**options: object) -> Lab:
        lab = Lab(**options)  # type: ignore[arg-type]
        if judge:
            lab.azure.observers.append(judge)
        return lab

    yield make
    if judge:
        assert judge.violations == []
        assert judge.unmatched == []


@pytest.fixture
def lab(make_lab: MakeLab) -> Lab:
    """A provisioning service with one hub and no enrollment."""
    return make_lab()


@pytest.fixture
def root(lab: Lab) -> Issuer:
    """A CA whose possession was proven to the service under the name `root`."""
    issuer = Issuer.make()
    lab.upload("root", issuer.certificate)
    return issuer
