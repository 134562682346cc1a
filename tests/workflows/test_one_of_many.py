"""An error that concerns one device does not stop the others; an error that concerns every device ends the command."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest

from dpsops.cli.connection import Connection
from dpsops.emulator.faults import Drop, Fault, Refuse
from dpsops.emulator.http import Request, Response
from dpsops.errors import Denied, Error, Unavailable
from dpsops.model.action import Action, Failed
from dpsops.model.device import Issued, Order, Unchanged
from dpsops.model.enrollment import IndividualSettings
from dpsops.model.rotation import Phase, Step
from dpsops.pki.names import device_id, secret_name
from tests.workflows.by_hand import asks_for, azure
from tests.workflows.commands import consent, enroll, issue_to, leaf_issuer, members, renew, rotate, rotation
from tests.workflows.doing import OTHER, PRESS, over
from tests.workflows.rotations import NONE, observed, pinned, standing
from tests.worlds import World, waited

THIRD = device_id("press-09")
SPOILT = "the secret of press-07 contains no certificate: dpsops device renew press-07 --again"


def break_secret(connection: Connection) -> None:
    """Adds a version without a certificate, but with the tags of a valid one, to press-07's secret."""
    (before,) = waited(connection.leaves.versions(PRESS))
    assert before.leaf is not None
    connection.clients.secrets.set_secret(
        secret_name(PRESS), "not a certificate", tags=dict(before.tags), expires_on=before.leaf.not_after
    )


def two_enrolled(world: World) -> Connection:
    """press-07 and press-08 with individual enrollments, because a renewal then reads the present certificate first."""
    connection = world.connect()
    issue_to(connection, PRESS, OTHER, individual=IndividualSettings())
    return connection


def test_a_secret_without_a_certificate_stops_no_other_device(quick: World) -> None:
    connection = two_enrolled(quick)
    break_secret(connection)
    first, second = renew(connection, PRESS, OTHER, again=True)
    assert first == Failed(PRESS, SPOILT)
    assert isinstance(second, Issued)
    assert second.device == OTHER


def test_an_enrollment_that_cannot_be_created_stops_no_other_device(quick: World) -> None:
    connection = quick.connect()
    issue_to(connection, PRESS, OTHER)
    break_secret(connection)
    results = issue_to(connection, PRESS, OTHER, individual=IndividualSettings())
    assert [type(each) for each in results[:2]] == [Unchanged, Unchanged]
    assert results[2] == Failed(PRESS, SPOILT)
    assert [getattr(each, "target", "") for each in results[3:]] == [f"enrollment {OTHER}"]


def of_other(request: Request) -> bool:
    """Whether a request is for press-08's secret."""
    return request.path.startswith(f"/secrets/{secret_name(OTHER)}")


def test_a_missing_role_ends_the_command(quick: World) -> None:
    connection = quick.connect()
    body = {"error": {"code": "Forbidden", "message": "No.", "innererror": {"code": "ForbiddenByRbac"}}}
    azure(quick).faults.add(Fault(Refuse(Response(403, body)), of_other, times=None))
    results = leaf_issuer(connection).issue([PRESS, OTHER, PRESS], Order.ISSUE)
    assert [type(each) for each in itertools.islice(results, 1)] == [Issued]
    with pytest.raises(Denied):
        next(results)


def test_a_service_that_fails_for_one_device_stops_no_other(quick: World) -> None:
    failed = Refuse(Response(500, {"error": {"code": "InternalError", "message": "Ours."}}))
    azure(quick).faults.add(Fault(failed, of_other, times=None))
    results = issue_to(quick.connect(), OTHER, PRESS)
    assert results[0] == Failed(OTHER, "Ours: Azure failed: run the command again, it continues where it stopped")
    assert isinstance(results[1], Issued)


def test_a_hub_of_the_settings_that_does_not_answer_is_an_error(quick: World) -> None:
    connection = quick.connect()
    issue_to(connection, PRESS)
    over("https", connection)
    hub = f"{connection.run.environment.hub[0].name}."
    azure(quick).faults.add(Fault(Drop(work_done=False), lambda request: request.host.startswith(hub), times=None))
    with pytest.raises(Unavailable):
        members(connection)


def test_an_individual_enrollment_with_an_unknown_hub_is_refused(quick: World) -> None:
    connection = quick.connect()
    issue_to(connection, PRESS)
    with pytest.raises(Error, match="the environment has no hub 'nowhere'"):
        enroll(connection, PRESS, IndividualSettings(hub="nowhere"))
    assert waited(connection.dps.individual(PRESS)) is None


def signs(request: Request) -> bool:
    """Whether a request is for a signature."""
    return asks_for("sign", request)


@pytest.mark.parametrize("work_done", [True, False])
def test_a_signature_whose_answer_is_lost_is_asked_for_again(quick: World, work_done: bool) -> None:
    azure(quick).faults.add(Fault(Drop(work_done=work_done), signs, times=3))
    (result,) = issue_to(quick.connect(), PRESS)
    assert isinstance(result, Issued)


def test_a_query_whose_answer_is_lost_is_asked_for_again(quick: World) -> None:
    issue_to(quick.connect(), PRESS)
    azure(quick).faults.add(Fault(Drop(work_done=True), lambda request: asks_for("query", request), times=3))
    assert [one.leaf.device for one in members(quick.connect())] == [PRESS]


def refused(result: object) -> str:
    """Why it failed for a device."""
    assert isinstance(result, Failed)
    return result.reason


@pytest.mark.parametrize(
    "when",
    [signs, of_other, lambda request: request.path == f"/enrollments/{OTHER}"],
    ids=["a signature", "the secret", "the enrollment"],
)
def test_no_answer_for_one_device_stops_no_other(quick: World, when: Callable[[Request], bool]) -> None:
    """A signature names no device: the first request is the vault's challenge, the second is for press-07, and the next four are
    the attempts for press-08."""
    skip = 1 if when is signs else 0
    times = 4 if when is signs else None
    azure(quick).faults.add(Fault(Drop(work_done=False), when, skip=skip, times=times))
    results = issue_to(quick.connect(), PRESS, OTHER, THIRD, individual=IndividualSettings())
    assert ["cannot be reached" in refused(one) for one in results if isinstance(one, Failed)] == [True]
    assert {one.device for one in results if isinstance(one, Issued)} >= {PRESS, THIRD}
    assert {f"enrollment {PRESS}", f"enrollment {THIRD}"} <= {one.target for one in results if isinstance(one, Action)}


def test_a_rotation_goes_on_with_the_others_and_then_waits(quick: World) -> None:
    issue_to(quick.connect(), PRESS, OTHER, THIRD)
    rotate(quick.connect(), Phase.OVERLAPPING, NONE)
    azure(quick).faults.add(Fault(Drop(work_done=False), of_other, times=None))
    results = rotate(quick.connect(), Phase.STABLE, NONE)
    assert [one.device for one in results if isinstance(one, Failed)] == [OTHER]
    assert [one.target for one in results if isinstance(one, Action)] == [f"leaf of {PRESS}", f"leaf of {THIRD}"]
    assert standing(quick.connect()).step is Step.REISSUE
    azure(quick).faults.clear()
    rotate(quick.connect(), Phase.STABLE, NONE)
    assert observed(quick.connect()).trusted == (2,)


def test_an_enrollment_that_cannot_be_changed_stops_no_other_and_keeps_the_old_root(quick: World) -> None:
    """The enrollments of the others hold their new certificate alone; the rotation does not end before this one does too."""
    issue_to(quick.connect(), PRESS, OTHER, THIRD, individual=IndividualSettings())
    rotate(quick.connect(), Phase.DRAINING, NONE)

    def changes_other(request: Request) -> bool:
        return request.method == "PUT" and request.path == f"/enrollments/{OTHER}"

    azure(quick).faults.add(
        Fault(Refuse(Response(400, {"errorCode": 400_000, "message": "Bad Request"})), changes_other, times=None)
    )
    results = rotate(quick.connect(), Phase.STABLE, NONE)
    failed = [one for one in results if isinstance(one, Failed)]
    assert failed == [Failed(OTHER, "Bad Request: run 'dpsops plan' to see what is missing")]
    assert [len(set(pinned(quick.connect(), name))) for name in (PRESS, OTHER, THIRD)] == [1, 2, 1]
    assert standing(quick.connect()).step is Step.RETIRE
    azure(quick).faults.clear()
    rotate(quick.connect(), Phase.STABLE, NONE)
    assert len(set(pinned(quick.connect(), OTHER))) == 1
    assert standing(quick.connect()).phase is Phase.STABLE


def test_a_breach_is_not_over_while_an_enrollment_accepts_the_old_certificate(quick: World) -> None:
    issue_to(quick.connect(), PRESS, OTHER, individual=IndividualSettings())
    (old,) = set(pinned(quick.connect(), PRESS))
    for _ in rotation(quick.connect()).replace_compromised(consent):
        break
    while standing(quick.connect()).step is not Step.READMIT:
        rotate(quick.connect(), grace=NONE)
    found = waited(quick.connect().dps.individual(PRESS))
    assert found is not None
    versions = waited(quick.connect().leaves.versions(PRESS))
    (before,) = (each for each in versions if each.leaf is not None and each.leaf.thumbprint == old)
    chain = waited(quick.connect().leaves.chain(PRESS, before))
    waited(quick.connect().dps.put_individual(replace(found, pinned=(found.pinned[0], old)), *chain[:1]))
    fault = Fault(Drop(work_done=False), lambda request: request.path == f"/enrollments/{PRESS}", times=None)
    azure(quick).faults.add(fault)
    rotate(quick.connect(), Phase.STABLE, NONE)
    assert standing(quick.connect()).phase is Phase.BREACHED
    azure(quick).faults.clear()
    rotate(quick.connect(), Phase.STABLE, NONE)
    assert standing(quick.connect()).phase is Phase.STABLE
    assert old not in pinned(quick.connect(), PRESS)
