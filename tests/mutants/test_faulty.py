"""A fault is in the embedded Azure while it is put in, and not before or after."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dpsops.emulator.azure import Azure
from dpsops.emulator.http import Refusal, Request, Response
from dpsops.emulator.identity.state import OPERATOR, SUBSCRIPTION, bootstrap
from dpsops.emulator.identity.tokens import issue_token
from dpsops.emulator.iothub import properties, requirements
from dpsops.emulator.state import Database
from dpsops.emulator.world import World
from tests.mutants.catalogue import MUTANTS
from tests.mutants.faulty import faulty
from tests.mutants.mutants import Mutant

_GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/g"


@pytest.fixture
def azure() -> Iterator[Azure]:
    """With a group, `g`."""
    azure = Azure(Database(None))
    with azure.database.transaction() as state:
        bootstrap(World(state, azure.clock.now()))
    assert ask(azure, "PUT", b'{"location": "westeurope"}').status == 201
    yield azure
    azure.database.close()


def ask(azure: Azure, method: str, body: bytes = b"") -> Response:
    with azure.database.transaction() as state:
        token = issue_token(World(state, azure.clock.now()), OPERATOR, "https://management.azure.com/")
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    return azure.handle(Request(method, "management.azure.com", _GROUP, {"api-version": "2021-04-01"}, headers, body))


def named(name: str) -> Mutant:
    return next(each for each in MUTANTS if each.name == name)


@pytest.mark.parametrize(("dormant", "status"), [(False, 200), (True, 204)])
def test_an_answer_is_altered(azure: Azure, dormant: bool, status: int) -> None:
    seen: list[int] = []
    with faulty(named("arm-group-head-200"), lambda: seen.append(1), dormant=dormant):
        assert ask(azure, "HEAD").status == status
        assert ask(azure, "GET").status == 200
    assert len(seen) == 1
    assert ask(azure, "HEAD").status == 204


def test_observers_see_the_altered_answer(azure: Azure) -> None:
    seen: list[int] = []
    azure.observers.append(lambda request, response: seen.append(response.status))
    with faulty(named("arm-group-head-200"), lambda: None):
        ask(azure, "HEAD")
    assert seen == [200]


@pytest.mark.parametrize("dormant", [False, True])
def test_a_rule_is_lenient_wherever_it_is_used(azure: Azure, dormant: bool) -> None:
    seen: list[int] = []
    wrong = {"maxDeliveryCount": 1000}
    strict = requirements.check_queue
    with azure.database.transaction() as state:
        world = World(state, azure.clock.now())
        with faulty(named("hub-queue-out-of-range"), lambda: seen.append(1), dormant=dormant):
            if dormant:
                with pytest.raises(Refusal):
                    properties._check(world, {"cloudToDevice": wrong})
            else:
                properties._check(world, {"cloudToDevice": wrong})
        assert len(seen) == 1
        assert requirements.check_queue is strict
        with pytest.raises(Refusal):
            properties._check(world, {"cloudToDevice": wrong})
