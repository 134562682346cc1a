"""A block must include every certificate and every hub of a device, even if the settings have changed since."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography import x509

from dpsops.cli.connection import Connection
from dpsops.emulator.faults import Drop, Fault, Refuse
from dpsops.emulator.http import Request, Response
from dpsops.errors import Error
from dpsops.model.action import Failed
from dpsops.model.enrollment import IndividualSettings
from dpsops.pki import chains
from dpsops.pki.names import secret_name
from tests.planes import device_registry
from tests.workflows.by_hand import azure, begin_block, begin_unblock
from tests.workflows.commands import block, enroll, issue_to, member, renew, unblock, up
from tests.workflows.doing import OTHER, PRESS, fetched, over, ready
from tests.worlds import World, environment

ONE, TWO = "iot-dpsops-test", "iot-dpsops-two"
BOTH = [{"name": ONE}, {"name": TWO}]


def status_in(connection: Connection, hub: str) -> str:
    """The status of press-07's identity in a hub; empty if it has none."""
    identity = device_registry(connection.clients, f"{hub}.azure-devices.net").get(f"/devices/{PRESS}")
    return str(identity["status"]) if identity else ""


def with_hub_removed(world: World) -> Connection:
    """press-07 is registered in the second hub, which is then removed from the settings."""
    connection = ready(world, hub=BOTH)
    enroll(connection, PRESS, IndividualSettings(hub=TWO))
    over("https", connection)
    enrollment = connection.clients.enrollments.get(f"/enrollments/{PRESS}")
    assert enrollment is not None
    connection.clients.enrollments.delete(f"/enrollments/{PRESS}", enrollment["etag"])
    fewer = world.connect(environment(root={"key": "EC-P256"}, hub=BOTH[:1]))
    up(fewer)
    return fewer


def test_a_hub_that_was_removed_from_the_settings(embedded: World) -> None:
    connection = with_hub_removed(embedded)
    block(connection, PRESS)
    assert status_in(connection, TWO) == "disabled"
    unblock(connection, PRESS)
    assert status_in(connection, TWO) == "enabled"


def test_a_former_hub_that_the_registration_does_not_name_either(embedded: World) -> None:
    connection = with_hub_removed(embedded)
    assert over("https", connection).assigned.hub.startswith(ONE)
    assert status_in(connection, TWO) == "enabled"  # it is unlinked, so DPS could not remove the identity
    block(connection, PRESS)
    assert (status_in(connection, ONE), status_in(connection, TWO)) == ("disabled", "disabled")


def is_for(hub: str, request: Request) -> bool:
    """Whether a request is for a hub's own API."""
    return request.host.startswith(f"{hub}.")


def test_the_registration_stays_if_a_hub_does_not_answer(embedded: World) -> None:
    connection = with_hub_removed(embedded)
    azure(embedded).faults.add(Fault(Drop(work_done=False), lambda request: is_for(TWO, request), times=None))
    with pytest.raises(Error, match=f"{TWO}.* failed or did not answer: an identity of press-07"):
        block(connection, PRESS)
    assert status_in(connection, ONE) in ("", "disabled")
    assert connection.clients.enrollments.get(f"/registrations/{PRESS}") is not None
    with pytest.raises(Exception, match="is disabled"):
        over("https", connection)
    azure(embedded).faults.clear()
    block(connection, PRESS)
    assert status_in(connection, TWO) == "disabled"
    assert connection.clients.enrollments.get(f"/registrations/{PRESS}") is None


def test_a_foreign_hub_in_the_resource_group_that_denies_access_is_ignored(embedded: World) -> None:
    connection = with_hub_removed(embedded)
    over("https", connection)
    refusal: Any = Response(401, {"Message": "ErrorCode:IotHubUnauthorized;"})
    azure(embedded).faults.add(Fault(Refuse(refusal), lambda request: is_for(TWO, request), times=None))
    assert [action.target for action in block(connection, PRESS) if action.action == "disable"] == [
        f"enrollment {PRESS}",
        f"identity {PRESS} in {ONE}.azure-devices.net",
    ]


def test_the_previous_certificate_is_blocked_with_the_new_one(embedded: World) -> None:
    connection = ready(embedded)
    old = fetched(connection, PRESS)
    embedded.clock.advance(60)
    renew(connection, PRESS)
    new = fetched(connection, PRESS)
    block(connection, PRESS)
    enrollment = connection.clients.enrollments.get(f"/enrollments/{PRESS}")
    assert enrollment is not None
    places = enrollment["attestation"]["x509"]["clientCertificates"]
    leaves = [x509.load_pem_x509_certificate(each.chain.encode()) for each in (new, old)]
    assert [places[place]["info"]["sha256Thumbprint"] for place in ("primary", "secondary")] == [
        chains.thumbprint(leaf) for leaf in leaves
    ]


@pytest.mark.parametrize("boundary", range(2))
def test_a_partially_blocked_device_gets_no_certificate(embedded: World, boundary: int) -> None:
    connection = ready(embedded)
    assert len(begin_block(connection, PRESS, boundary + 1)) == boundary + 1
    for command in (issue_to, renew):
        assert [type(result) for result in command(connection, PRESS)] == [Failed]


def test_a_partially_unblocked_device_gets_no_certificate(embedded: World) -> None:
    connection = ready(embedded)
    block(connection, PRESS)
    assert [action.action for action in begin_unblock(connection, PRESS)] == ["remove"]
    assert [type(result) for result in issue_to(connection, PRESS)] == [Failed]


def test_a_device_that_never_registered_and_one_without_a_certificate(embedded: World) -> None:
    connection = ready(embedded)
    assert [action.target for action in block(connection, PRESS)] == [f"secret of {PRESS}", f"enrollment {PRESS}"]
    for change in (block, unblock):
        with pytest.raises(Error, match="press-08 has no certificate in the vault"):
            change(connection, OTHER)


def test_a_device_whose_secret_has_no_key(embedded: World) -> None:
    connection = ready(embedded)
    name = secret_name(PRESS)
    found = connection.clients.secrets.get_secret(name)
    embedded.clock.advance(60)
    connection.clients.secrets.set_secret(
        name, fetched(connection, PRESS).chain, tags=found.properties.tags, expires_on=found.properties.expires_on
    )  # fmt: skip
    assert [action.target for action in block(connection, PRESS)][-1] == f"enrollment {PRESS}"
    assert member(connection, PRESS)[0].blocked
