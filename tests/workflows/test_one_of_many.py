"""An error that concerns one device does not stop the others; an error that concerns every device ends the command."""

from __future__ import annotations

import itertools

import pytest

from dpsops.cli.connection import Connection
from dpsops.emulator.faults import Drop, Fault, Refuse
from dpsops.emulator.http import Request, Response
from dpsops.errors import Denied, Error, Unavailable
from dpsops.model.action import Failed
from dpsops.model.device import Issued, Order, Unchanged
from dpsops.model.enrollment import IndividualSettings
from dpsops.pki.names import secret_name
from dpsops.steps.issue_leaf import issue_leaves
from dpsops.steps.use_root import issuer
from tests.workflows.by_hand import azure
from tests.workflows.commands import enroll, issue_to, members, renew
from tests.workflows.doing import OTHER, PRESS, over
from tests.worlds import World


def break_secret(connection: Connection) -> None:
    """Adds a version without a certificate, but with the tags of a valid one, to press-07's secret."""
    (before,) = connection.leaves.versions(PRESS)
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
    first, second = renew(connection, PRESS, OTHER)
    assert first == Failed(PRESS, "the secret of press-07 contains no certificate")
    assert isinstance(second, Issued)
    assert second.device == OTHER


def test_an_enrollment_that_cannot_be_created_stops_no_other_device(quick: World) -> None:
    connection = two_enrolled(quick)
    break_secret(connection)
    results = issue_to(connection, PRESS, OTHER, individual=IndividualSettings())
    assert [type(each) for each in results[:2]] == [Unchanged, Unchanged]
    assert results[2] == Failed(PRESS, "the secret of press-07 contains no certificate")
    assert [getattr(each, "target", "") for each in results[3:]] == [f"enrollment {OTHER}"]


def of_other(request: Request) -> bool:
    """Whether a request is for press-08's secret."""
    return request.path.startswith(f"/secrets/{secret_name(OTHER)}")


@pytest.mark.parametrize(
    ("effect", "kind"),
    [
        (
            Refuse(Response(403, {"error": {"code": "Forbidden", "message": "No.", "innererror": {"code": "ForbiddenByRbac"}}})),
            Denied,
        ),
        (Drop(work_done=False), Unavailable),
    ],
    ids=["a missing role", "a service that does not answer"],
)
def test_an_error_that_concerns_every_device_ends_the_command(quick: World, effect: Refuse | Drop, kind: type[Error]) -> None:
    connection = quick.connect()
    azure(quick).faults.add(Fault(effect, of_other, times=None))
    signing = issuer(connection.run, connection.roots, connection.dps)
    results = issue_leaves(
        connection.run, connection.roots, connection.leaves, connection.dps, signing, [PRESS, OTHER, PRESS], Order.ISSUE
    )
    assert [type(each) for each in itertools.islice(results, 1)] == [Issued]
    with pytest.raises(kind):
        next(results)


def test_a_service_that_fails_for_one_device_stops_no_other(quick: World) -> None:
    failed = Refuse(Response(500, {"error": {"code": "InternalError", "message": "Ours."}}))
    azure(quick).faults.add(Fault(failed, of_other, times=None))
    results = issue_to(quick.connect(), OTHER, PRESS)
    assert results[0] == Failed(OTHER, "Ours.")
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
    assert connection.dps.individual(PRESS) is None
