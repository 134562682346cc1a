"""What a block has to reach: every leaf and every hub of a device, whatever has become of the settings meanwhile."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest
from cryptography import x509

from dpsops.emulator.faults import Drop, Fault, Refuse
from dpsops.emulator.http import Request, Response
from dpsops.errors import Error
from dpsops.pki import chains
from dpsops.pki.names import secret_name
from dpsops.workflows import blocking, bundles, device, enrollment, fleet
from dpsops.workflows.run import Run
from tests.workflows.doing import OTHER, PRESS, converge, over, ready
from tests.worlds import World, environment

ONE, TWO = "iot-dpsops-test", "iot-dpsops-two"
BOTH = [{"name": ONE}, {"name": TWO}]


def status_in(run: Run, hub: str) -> str:
    """The status of press-07 in a hub, or nothing where it is unknown there."""
    identity = run.cloud.registry(f"{hub}.azure-devices.net").get(f"/devices/{PRESS}")
    return str(identity["status"]) if identity else ""


def without_two(world: World) -> Run:
    """press-07 is registered in the second hub, which the settings then no longer name."""
    run = ready(world, hub=BOTH)
    list(enrollment.enroll(run, PRESS, enrollment.Individual(hub=TWO)))
    over("https", run)
    own = run.cloud.enrollments.get(f"/enrollments/{PRESS}")
    assert own is not None
    run.cloud.enrollments.delete(f"/enrollments/{PRESS}", own["etag"])
    fewer = world.run(environment(root={"key": "EC-P256"}, hub=BOTH[:1]))
    converge(fewer)
    return fewer


def test_a_hub_that_the_settings_no_longer_name(embedded: World) -> None:
    run = without_two(embedded)
    list(blocking.block(run, PRESS))
    assert status_in(run, TWO) == "disabled"
    list(blocking.unblock(run, PRESS))
    assert status_in(run, TWO) == "enabled"


def test_a_hub_that_not_even_the_registration_names(embedded: World) -> None:
    run = without_two(embedded)
    assert over("https", run).assigned.hub.startswith(ONE)
    assert status_in(run, TWO) == "enabled"  # unlinked, it could not be told that its device has moved
    list(blocking.block(run, PRESS))
    assert (status_in(run, ONE), status_in(run, TWO)) == ("disabled", "disabled")


def names(hub: str, request: Request) -> bool:
    """Whether a request is to a hub's own API."""
    return request.host.startswith(f"{hub}.")


def test_a_hub_that_does_not_answer_keeps_the_registration(embedded: World) -> None:
    run = without_two(embedded)
    assert embedded.embedded is not None
    embedded.embedded.azure.faults.add(Fault(Drop(work_done=False), lambda request: names(TWO, request), times=None))
    with pytest.raises(Error, match=f"{TWO}.* cannot be asked about press-07"):
        list(blocking.block(run, PRESS))
    assert status_in(run, ONE) in ("", "disabled")
    assert run.cloud.enrollments.get(f"/registrations/{PRESS}") is not None
    with pytest.raises(Exception, match="is disabled"):
        over("https", run)
    embedded.embedded.azure.faults.clear()
    list(blocking.block(run, PRESS))
    assert status_in(run, TWO) == "disabled"
    assert run.cloud.enrollments.get(f"/registrations/{PRESS}") is None


def test_a_strangers_hub_in_the_resource_group_is_left_alone(embedded: World) -> None:
    run = without_two(embedded)
    over("https", run)
    assert embedded.embedded is not None
    refusal: Any = Response(401, {"Message": "ErrorCode:IotHubUnauthorized;"})
    embedded.embedded.azure.faults.add(Fault(Refuse(refusal), lambda request: names(TWO, request), times=None))
    assert [action.target for action in blocking.block(run, PRESS) if action.action == "disable"] == [
        f"enrollment {PRESS}",
        f"identity {PRESS} in {ONE}.azure-devices.net",
    ]


def test_the_leaf_that_was_renewed_is_blocked_with_the_new_one(embedded: World) -> None:
    run = ready(embedded)
    old = bundles.bundle_of(run, PRESS)
    embedded.clock.advance(60)
    list(device.issue(run, [PRESS], renew=True))
    new = bundles.bundle_of(run, PRESS)
    list(blocking.block(run, PRESS))
    held = run.cloud.enrollments.get(f"/enrollments/{PRESS}")
    assert held is not None
    places = held["attestation"]["x509"]["clientCertificates"]
    leaves = [x509.load_pem_x509_certificate(each.chain.encode()) for each in (new, old)]
    assert [places[place]["info"]["sha256Thumbprint"] for place in ("primary", "secondary")] == [
        chains.thumbprint(leaf) for leaf in leaves
    ]


@pytest.mark.parametrize("boundary", range(2))
def test_a_device_that_is_blocked_by_half_gets_no_leaf(embedded: World, boundary: int) -> None:
    run = ready(embedded)
    assert len(list(islice(blocking.block(run, PRESS), boundary + 1))) == boundary + 1
    for renew in (False, True):
        assert [type(result) for result in device.issue(run, [PRESS], renew=renew)] == [device.Failed]


def test_a_device_that_is_unblocked_by_half_gets_no_leaf(embedded: World) -> None:
    run = ready(embedded)
    list(blocking.block(run, PRESS))
    assert [action.action for action in islice(blocking.unblock(run, PRESS), 1)] == ["remove"]
    assert [type(result) for result in device.issue(run, [PRESS])] == [device.Failed]


def test_a_device_that_never_registered_and_one_without_a_leaf(embedded: World) -> None:
    run = ready(embedded)
    assert [action.target for action in blocking.block(run, PRESS)] == [f"secret of {PRESS}", f"enrollment {PRESS}"]
    for change in (blocking.block, blocking.unblock):
        with pytest.raises(Error, match="press-08 has no certificate in the vault"):
            list(change(run, OTHER))


def test_a_device_whose_key_never_was_in_the_vault(embedded: World) -> None:
    run = ready(embedded)
    name = secret_name(PRESS)
    found = run.cloud.secrets.get_secret(name)
    embedded.clock.advance(60)
    run.cloud.secrets.set_secret(
        name, bundles.bundle_of(run, PRESS).chain, tags=found.properties.tags, expires_on=found.properties.expires_on
    )  # fmt: skip
    assert [action.target for action in blocking.block(run, PRESS)][-1] == f"enrollment {PRESS}"
    assert fleet.member(run, PRESS)[0].blocked
