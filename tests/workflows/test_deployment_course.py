"""How far a deployment is while it runs: it is looked at once for each question, and does not depend on it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dpsops.emulator.faults import Drop, Fault, Refuse, Throttle
from dpsops.emulator.http import Request, Response
from dpsops.emulator.world import Timings
from dpsops.model.action import Action
from tests.workflows.by_hand import azure
from tests.workflows.commands import up
from tests.worlds import World

FORBIDDEN = Response(403, {"error": {"code": "AuthorizationFailed", "message": "No."}})


def is_look(request: Request) -> bool:
    return request.path.endswith("/deployments/dpsops-test/operations")


def is_question(request: Request) -> bool:
    return "/deployments/dpsops-test/operationstatuses/" in request.path.lower()


def deployed(world: World) -> tuple[list[Action], list[Action]]:
    """What `up` has done, and what it has shown as done while the deployment was running."""
    azure(world).timings = Timings(operation=60)
    connection = world.connect()
    shown: list[Action] = []
    return up(replace(connection, run=replace(connection.run, done=shown.append))), shown


def test_a_deployment_is_looked_at_once_for_each_question(embedded: World) -> None:
    seen: list[str] = []

    def see(request: Request, _: Response) -> None:
        seen.append("look" if is_look(request) else "question" if is_question(request) else "")

    azure(embedded).observers.append(see)
    done, shown = deployed(embedded)
    looks, questions = seen.count("look"), seen.count("question")
    assert looks == questions - 1  # not after the last one: it has ended
    assert questions > 10
    wanted = [each for each in done if each.target.startswith("Microsoft.") and each.outcome == "created"]
    assert list(dict.fromkeys(each.target for each in shown)) == [each.target for each in wanted]
    assert all(each in done for each in shown)


@pytest.mark.parametrize("effect", [Refuse(FORBIDDEN), Drop(work_done=False), Throttle(1)], ids=lambda each: type(each).__name__)
def test_a_deployment_that_cannot_be_looked_at_goes_on(embedded: World, effect: Refuse | Drop | Throttle) -> None:
    azure(embedded).faults.add(Fault(effect, is_look, times=None))
    done, shown = deployed(embedded)
    assert (len(done) > 10, shown) == (True, [])
