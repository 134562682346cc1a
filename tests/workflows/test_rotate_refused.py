"""States in which a rotation is refused, and the errors."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dpsops.errors import Error, Refused
from dpsops.model.proof import MAX_CERTIFICATES
from dpsops.model.rotation import Phase
from dpsops.pki import chains
from tests.workflows.by_hand import deploy_only, self_signed, upload
from tests.workflows.commands import csr, issue_to, replace_compromised, status, up
from tests.workflows.devices import Device
from tests.workflows.doing import PRESS
from tests.workflows.rotations import (
    NONE,
    certificate_of,
    disable_group,
    edit_group,
    enable_root,
    generations,
    issued,
    step,
    trusting,
)
from tests.worlds import World


def test_a_rotation_needs_an_environment(embedded: World) -> None:
    deploy_only(embedded)
    with pytest.raises(Error, match="has no enrollment group yet"):
        step(embedded.connect())


def test_a_full_dps_is_reported_before_anything_is_created(quick: World) -> None:
    certificate = self_signed("filler", quick.connect().run.now())
    for number in range(MAX_CERTIFICATES - 1):
        upload(quick.connect(), f"filler-{number}", certificate)
    with pytest.raises(Refused, match="already has 25 CA certificates"):
        step(quick.connect())
    assert generations(quick.connect()) == [1]


def test_a_name_that_is_in_use_is_reported_before_anything_is_created(quick: World) -> None:
    upload(quick.connect(), "root-g2", self_signed("somebody else's", quick.connect().run.now()))
    for attempt in (step, csr):
        with pytest.raises(Refused, match="already has another CA certificate named root-g2"):
            attempt(quick.connect())
    assert generations(quick.connect()) == [1]


@pytest.mark.parametrize(
    ("tag", "text"),
    [("draining", "yesterday"), ("draining", "2026-03-01"), ("draining", "9999-12-31T00:00:00Z"), ("breach", "maybe")],
)
def test_a_tag_that_somebody_edited_is_reported(quick: World, tag: str, text: str) -> None:
    quick.connect().roots.tag("root-g1", {tag: text})
    with pytest.raises(Refused, match=f"the tag '{tag}' of root-g1 in the vault has the value '{text}'"):
        step(quick.connect())
    assert status(quick.connect()).trouble is not None


def test_an_expired_root_cannot_be_rotated_but_replaced(quick: World) -> None:
    issued(quick, PRESS)
    quick.clock.advance(timedelta(days=3653).total_seconds())
    with pytest.raises(Refused, match="root-g1 expired on 2036-02-29: its key no longer signs") as refused:
        step(quick.connect())
    assert "dpsops rotate --compromised" in refused.value.hint
    assert generations(quick.connect()) == [1]
    replace_compromised(quick.connect())
    Device.fetched(quick.connect(), PRESS).register(quick.connect())


def test_no_rotation_begins_with_a_disabled_group(quick: World) -> None:
    disable_group(quick)
    with pytest.raises(Refused, match="the enrollment group devices is disabled: no device could move"):
        step(quick.connect())
    assert generations(quick.connect()) == [1]


def test_no_rotation_begins_with_an_unverified_root(quick: World) -> None:
    (dps,) = quick.connect().stores
    dps.delete("root-g1", dps.all()["root-g1"].etag)
    dps.upload("root-g1", chains.pem(certificate_of(quick.connect(), "root-g1")))
    with pytest.raises(Error, match="root-g1 is not verified"):
        step(quick.connect())
    up(quick.connect())
    assert step(quick.connect())


def test_no_rotation_begins_with_a_disabled_root(quick: World) -> None:
    enable_root(quick.connect(), "root-g1", enabled=False)
    with pytest.raises(Refused, match="the root root-g1 is disabled"):
        step(quick.connect())
    assert generations(quick.connect()) == [1]


def test_a_group_that_trusts_a_foreign_root_is_not_changed(quick: World) -> None:
    upload(quick.connect(), "company", self_signed("somebody else's", quick.connect().run.now()))
    edit_group(quick.connect(), attestation=trusting("root-g1", "company"))
    for attempt in (step, up, lambda connection: issue_to(connection, PRESS)):
        with pytest.raises(Refused, match="trusts the CA certificate 'company', which dpsops did not create"):
            attempt(quick.connect())
    assert status(quick.connect()).trouble is not None


def test_a_new_root_that_somebody_disabled_stops_the_rotation(quick: World) -> None:
    issued(quick, PRESS)
    step(quick.connect(), until=Phase.OVERLAPPING)
    enable_root(quick.connect(), "root-g2", enabled=False)
    with pytest.raises(Refused, match="root-g2 is disabled in the vault, but the enrollment group trusts it"):
        step(quick.connect())
    sentence = "root-g2 is disabled in the vault, but the enrollment group trusts it: dpsops rotate status"
    assert status(quick.connect()).next == (sentence,)
    enable_root(quick.connect(), "root-g2", enabled=True)
    assert step(quick.connect())


def test_another_certificate_under_the_old_roots_name_is_not_removed(quick: World) -> None:
    issued(quick, PRESS)
    step(quick.connect(), until=Phase.DRAINING)
    (dps,) = quick.connect().stores
    dps.delete("root-g1", dps.all()["root-g1"].etag)
    dps.upload("root-g1", chains.pem(self_signed("somebody else's", quick.connect().run.now())))
    with pytest.raises(Refused, match="the CA certificate root-g1 in the DPS dps-dpsops-test is not the root in the vault"):
        step(quick.connect(), grace=NONE)
    assert "root-g1" in dps.all()
