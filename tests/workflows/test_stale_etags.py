"""An etag of a CA certificate that is another one by now: it is read again, once."""

from __future__ import annotations

import pytest

from dpsops.emulator.faults import Fault, Refuse
from dpsops.emulator.http import Request, Response
from dpsops.errors import Changed
from dpsops.model.rotation import Phase
from tests.workflows.by_hand import azure
from tests.workflows.commands import rotate, status, up
from tests.workflows.rotations import NONE
from tests.worlds import World, environment


def stale(embedded: World, operation: str, times: int, method: str = "POST") -> None:
    """Refuses the etags of an operation on CA certificates, so many times."""
    body = {"code": 412001, "httpStatusCode": "PreconditionFailed", "message": "Invalid ETag supplied."}

    def is_meant(request: Request) -> bool:
        return request.method == method and request.path.endswith(operation)

    azure(embedded).faults.add(Fault(Refuse(Response(412, body)), is_meant, times=times))


@pytest.mark.parametrize("operation", ["/generateVerificationCode", "/verify"])
def test_a_stale_etag_is_read_again_once(embedded: World, operation: str) -> None:
    stale(embedded, operation, times=1)
    assert [action.outcome for action in up(embedded.connect())][-2:] == ["verified", "created"]
    assert [exchange.status for exchange in embedded.exchanges].count(412) == 1


@pytest.mark.parametrize("operation", ["/generateVerificationCode", "/verify"])
def test_an_etag_that_is_stale_twice_is_reported_and_the_next_run_finishes(embedded: World, operation: str) -> None:
    stale(embedded, operation, times=2)
    with pytest.raises(Changed) as refused:
        up(embedded.connect())
    assert refused.value.message == "Invalid ETag supplied."
    assert "run the command again" in refused.value.hint
    assert [action.outcome for action in up(embedded.connect())] == ["verified", "created"]


def test_a_root_that_somebody_else_verifies_meanwhile_is_not_proven_again(embedded: World) -> None:
    def rival(request: Request, _: Response) -> None:
        if request.path.endswith("/generateVerificationCode"):
            azure(embedded).observers.clear()
            up(embedded.connect())

    azure(embedded).observers.append(rival)
    assert [action.outcome for action in up(embedded.connect()) if action.action == "prove"] == [
        "verified by somebody else meanwhile"
    ]


def test_another_verification_code_in_the_meantime_makes_the_proof_begin_again(embedded: World) -> None:
    """Two runs at the same time: the etag decides, and the second run asks for a code of its own."""
    rival_asked = False

    def rival(request: Request, response: Response) -> None:
        nonlocal rival_asked
        if request.path.endswith("/generateVerificationCode") and not rival_asked:
            rival_asked = True
            etag = response.body["etag"]
            azure(embedded).handle(
                Request(request.method, request.host, request.path, request.query, {**request.headers, "if-match": etag})
            )

    azure(embedded).observers.append(rival)
    assert "verified" in [action.outcome for action in up(embedded.connect())]
    assert rival_asked
    assert [exchange.status for exchange in embedded.exchanges].count(412) == 1
    assert status(embedded.connect()).next == ("dpsops device issue ID",)


@pytest.mark.parametrize("prove_to_hubs", [False, True])
def test_a_root_whose_etag_is_another_one_by_now_is_removed_if_it_is_the_same_root(quick: World, prove_to_hubs: bool) -> None:
    quick.environment = environment(root={"key": "EC-P256", "prove_to_hubs": prove_to_hubs})
    up(quick.connect())
    rotate(quick.connect(), Phase.DRAINING, NONE)
    stale(quick, "/certificates/root-g1", times=1, method="DELETE")
    rotate(quick.connect(), Phase.STABLE, NONE)
    for store in quick.connect().stores:
        assert list(store.all()) == ["root-g2"]
