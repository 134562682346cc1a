"""A root that another CA signs: its request, which certificates are accepted, and its proof and rotation."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from dpsops.errors import Error, InvalidInput, Refused
from dpsops.model.rotation import GRACE, Phase
from dpsops.pki import chains
from dpsops.steps.use_root import finished_root
from tests.workflows.another_ca import YEAR, certified, company, in_printable_string, signed
from tests.workflows.commands import csr, issue_to, merge, rotate, rotation, rotation_status, undo, up
from tests.workflows.devices import Device
from tests.workflows.doing import PRESS
from tests.workflows.rotations import NONE, certificate_of, enable_root, observed, phase
from tests.worlds import World, environment


def test_the_request_is_for_a_key_that_is_not_exportable(quick: World) -> None:
    name, request = csr(quick.connect())
    assert (name, chains.common_name(request.subject)) == ("root-g2", "dpsops test root G2")
    assert request.is_signature_valid
    policy = quick.connect().clients.certificates.get_certificate_policy(name)
    assert policy.exportable is False
    assert csr(quick.connect())[1] == request
    with pytest.raises(Error, match="root-g2 waits for a certificate that another CA must sign"):
        rotate(quick.connect(), grace=NONE)


def test_the_report_says_that_the_root_waits_for_a_certificate(quick: World) -> None:
    def waits() -> bool:
        return rotation_status(quick.connect(), GRACE).csr_waits

    assert not waits()
    _, request = csr(quick.connect())
    assert waits()
    certificate, above = certified(request, quick.connect().run.now())
    merge(quick.connect(), certificate, [above])
    assert not waits()


def test_after_the_request_was_dropped_a_self_signed_root_is_created(quick: World) -> None:
    csr(quick.connect())
    with pytest.raises(Error, match="waits for a certificate") as refused:
        rotate(quick.connect(), grace=NONE)
    assert "first drop the request: dpsops rotate undo" in refused.value.hint
    assert [(one.action, one.target) for one in undo(quick.connect())] == [("drop", "request for root-g2")]
    with pytest.raises(Refused, match="there is no rotation to undo"):
        undo(quick.connect())
    rotate(quick.connect(), Phase.PROVEN, NONE)
    connection = quick.connect()
    root = finished_root(connection.run, connection.roots, "root-g2")
    assert chains.is_self_signed(root.certificate)
    assert connection.roots.merged_chain(root, "root-g2")[1:] == ()


@pytest.mark.proof
def test_a_root_of_another_ca_is_proven_trusted_and_rotated_like_any_other(quick: World) -> None:
    issue_to(quick.connect(), PRESS)
    _, request = csr(quick.connect())
    now = quick.connect().run.now()
    certificate, above = certified(request, now)
    assert [action.outcome for action in merge(quick.connect(), certificate, [above])] == ["merged", "checked and sealed"]
    assert merge(quick.connect(), certificate, [above]) == []
    rotate(quick.connect(), Phase.DRAINING, NONE)

    one = Device.fetched(quick.connect(), PRESS)
    leaf, *chain = x509.load_pem_x509_certificates(one.credential.chain.encode())
    assert chain == [certificate, above]
    chains.require_issued_by(leaf, certificate, now)
    one.register(quick.connect())
    rotate(quick.connect(), Phase.STABLE, NONE)
    assert certificate_of(quick.connect(), "root-g2") == certificate
    assert up(quick.connect()) == []

    rotate(quick.connect(), Phase.STABLE, NONE)
    assert observed(quick.connect()).primary == 3
    Device.fetched(quick.connect(), PRESS).register(quick.connect())


def test_a_device_registers_if_the_ca_has_written_its_own_name_in_another_type_of_string(quick: World) -> None:
    """RFC 5280, 7.1, has the names equal; the embedded DPS compares their bytes, as some do."""
    issue_to(quick.connect(), PRESS)
    _, request = csr(quick.connect())
    now = quick.connect().run.now()
    issuer = company(now)
    certificate = signed(request, issuer, now, issuer_name=in_printable_string(issuer[1].subject))
    merge(quick.connect(), certificate, [issuer[1]])
    rotate(quick.connect(), Phase.DRAINING, NONE)
    one = Device.fetched(quick.connect(), PRESS)
    assert x509.load_pem_x509_certificates(one.credential.chain.encode())[1:] == [certificate]
    one.register(quick.connect())


def test_a_certificate_that_cannot_be_this_root_is_refused_before_the_vault_is_changed(quick: World) -> None:
    with pytest.raises(Error, match="there is no pending request for root-g2"):
        merge(quick.connect(), *_any(quick))
    _, request = csr(quick.connect())
    now = quick.connect().run.now()
    good = company(now)
    key = ec.generate_private_key(ec.SECP256R1())
    other = x509.CertificateSigningRequestBuilder().subject_name(request.subject).sign(key, hashes.SHA256())
    cases = [
        (signed(other, good, now), good[1], "is for another key than the request"),
        (signed(request, good, now, common_name="dpsops test root G1"), good[1], "common name is 'dpsops test root G1'"),
        (signed(request, good, now, authority=False), good[1], "is not a CA certificate"),
        (signed(request, good, now, life=timedelta(days=-1)), good[1], "expired on"),
        (signed(request, good, now, life=timedelta(days=1)), good[1], "before a device certificate of 365 days"),
        (signed(request, good, now, life=timedelta(days=364)), good[1], "before a device certificate of 365 days"),
        (signed(request, good, now), company(now)[1], "none of these signed CN=dpsops test root G2: CN=Company CA"),
        (signed(request, short := company(now, path_length=0), now), short[1], r"allows 0 CA\(s\) below it, and must allow 1"),
        (signed(request, none := company(now, authority=False), now), none[1], "is not a CA certificate"),
        (signed(request, brief := company(now, life=YEAR), now), brief[1], "would expire after its issuer"),
    ]
    for certificate, above, words in cases:
        with pytest.raises(InvalidInput, match=words):
            merge(quick.connect(), certificate, [above])
    with pytest.raises(InvalidInput, match="which is not self-signed"):
        merge(quick.connect(), signed(request, good, now), [])
    assert phase(quick.connect()) is Phase.STABLE
    assert merge(quick.connect(), signed(request, good, now), [good[1]])


def test_the_chain_of_another_ca_must_leave_room_for_the_path_length_of_the_settings(quick: World) -> None:
    quick.environment = environment(root={"key": "EC-P256", "path_length": 1})
    _, request = csr(quick.connect())
    now = quick.connect().run.now()
    good, short, free = company(now, path_length=2), company(now, path_length=1), company(now, path_length=None)
    with pytest.raises(InvalidInput, match=r"the certificate allows 0 CA\(s\) below it, and must allow 1") as refused:
        merge(quick.connect(), signed(request, good, now), [good[1]])
    assert "pathlen:1" in refused.value.hint
    with pytest.raises(InvalidInput, match=r"CN=Company CA, the issuer of .* allows 1 CA\(s\) below it, and must allow 2"):
        merge(quick.connect(), signed(request, short, now, path_length=1), [short[1]])
    assert merge(quick.connect(), signed(request, free, now, path_length=None), [free[1]])


def _any(world: World) -> tuple[x509.Certificate, list[x509.Certificate]]:
    return company(world.connect().run.now())[1], []


def test_no_request_is_created_during_a_rotation(quick: World) -> None:
    rotate(quick.connect(), Phase.PROVEN, NONE)
    with pytest.raises(Refused, match=r"a rotation to root-g2 is under way \(proven\)"):
        csr(quick.connect())


def test_no_request_is_created_if_somebody_disabled_the_next_root(quick: World) -> None:
    rotate(quick.connect(), Phase.PROVEN, NONE)
    enable_root(quick.connect(), "root-g2", enabled=False)
    with pytest.raises(Refused, match="the root root-g2 is disabled"):
        csr(quick.connect())


def test_no_request_is_created_while_a_self_signed_root_is_being_created(quick: World) -> None:
    for _ in rotation(quick.connect()).rotate(until=None, grace=NONE, replace=1):
        break
    with pytest.raises(Refused, match="root-g2 is already being created, as a self-signed root"):
        csr(quick.connect())
