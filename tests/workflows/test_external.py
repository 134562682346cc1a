"""A root that another CA signs: what is asked for, what is accepted, and that it is proven and rotated like any other."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from dpsops.errors import Error, InvalidInput, Refused
from dpsops.pki import chains
from dpsops.pki.names import device_id
from dpsops.workflows import device, external, generations, root, rotate
from dpsops.workflows.rotation import Phase, classify
from tests.workflows.devices import Device
from tests.workflows.doing import converge
from tests.worlds import World

PRESS = device_id("press-07")
YEAR = timedelta(days=365)


def company(
    now: datetime, *, path_length: int | None = 1, life: timedelta = 20 * YEAR, authority: bool = True
) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """Another CA: its key and its self-signed certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Company CA")])
    length = path_length if authority else None
    made = builder(name, name, key.public_key(), now, life)
    return key, made.add_extension(x509.BasicConstraints(authority, length), critical=True).sign(key, hashes.SHA256())


def builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    """A certificate with no extension yet."""
    named = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    return named.serial_number(x509.random_serial_number()).not_valid_before(now - YEAR).not_valid_after(now + life)


def signed(
    request: x509.CertificateSigningRequest,
    issuer: tuple[ec.EllipticCurvePrivateKey, x509.Certificate],
    now: datetime,
    *,
    common_name: str = "",
    authority: bool = True,
    life: timedelta = 5 * YEAR,
) -> x509.Certificate:
    """What that CA makes of a request."""
    key = request.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)]) if common_name else request.subject
    made = builder(name, issuer[1].subject, key, now, life)
    constraints = x509.BasicConstraints(authority, 0 if authority else None)
    return made.add_extension(constraints, critical=True).sign(issuer[0], hashes.SHA256())


def certified(request: x509.CertificateSigningRequest, now: datetime) -> tuple[x509.Certificate, x509.Certificate]:
    """A certificate over the request, and that of the CA which made it."""
    issuer = company(now)
    return signed(request, issuer, now), issuer[1]


def test_the_request_is_over_a_key_that_cannot_leave(quick: World) -> None:
    name, request = external.csr(quick.run())
    assert (name, chains.common_name(request.subject)) == ("root-g2", "dpsops test root G2")
    assert request.is_signature_valid
    policy = quick.run().cloud.certificates.get_certificate_policy(name)
    assert policy.exportable is False
    assert external.csr(quick.run())[1] == request
    with pytest.raises(Error, match="root-g2 waits for a certificate that another CA signs"):
        list(rotate.rotate(quick.run(), until=None, grace=timedelta(0)))


def test_the_report_says_that_a_certificate_is_waited_for(quick: World) -> None:
    def waits() -> bool:
        return rotate.report(quick.run(), rotate.GRACE).csr_waits

    assert not waits()
    _, request = external.csr(quick.run())
    assert waits()
    certificate, above = certified(request, quick.run().now())
    list(external.merge(quick.run(), certificate, [above]))
    assert not waits()


def test_a_request_that_is_given_up_makes_way_for_a_root_of_our_own(quick: World) -> None:
    external.csr(quick.run())
    with pytest.raises(Error, match="waits for a certificate") as refused:
        list(rotate.rotate(quick.run(), until=None, grace=timedelta(0)))
    assert "az keyvault certificate pending delete --vault-name kv-dpsops-test --name root-g2" in refused.value.hint
    quick.run().cloud.certificates.delete_certificate_operation("root-g2")
    list(rotate.rotate(quick.run(), until=Phase.PROVEN, grace=timedelta(0)))
    assert root.chain(quick.run(), "root-g2", root.require(quick.run(), "root-g2"))[1:] == ()


def test_it_is_proven_trusted_and_rotated_like_any_other(quick: World) -> None:
    list(device.issue(quick.run(), [PRESS]))
    _, request = external.csr(quick.run())
    now = quick.run().now()
    certificate, above = certified(request, now)
    assert [action.outcome for action in external.merge(quick.run(), certificate, [above])] == ["merged", "checked and sealed"]
    assert list(external.merge(quick.run(), certificate, [above])) == []
    list(rotate.rotate(quick.run(), until=Phase.DRAINING, grace=timedelta(0)))

    one = Device.fetched(quick.run(), PRESS)
    leaf, *chain = x509.load_pem_x509_certificates(one.credential.chain.encode())
    assert chain == [certificate, above]
    chains.require_issued_by(leaf, certificate, now)
    one.register(quick.run())
    list(rotate.rotate(quick.run(), until=Phase.STABLE, grace=timedelta(0)))
    assert root.require(quick.run(), "root-g2").certificate == certificate
    assert converge(quick.run()) == []

    list(rotate.rotate(quick.run(), until=Phase.STABLE, grace=timedelta(0)))
    assert generations.observe(quick.run()).observed.primary == 3
    Device.fetched(quick.run(), PRESS).register(quick.run())


def test_what_cannot_be_this_root_is_refused_before_the_vault_is_asked(quick: World) -> None:
    with pytest.raises(Error, match="no request of root-g2 waits for a certificate"):
        list(external.merge(quick.run(), *_any(quick)))
    _, request = external.csr(quick.run())
    now = quick.run().now()
    good = company(now)
    key = ec.generate_private_key(ec.SECP256R1())
    stranger = x509.CertificateSigningRequestBuilder().subject_name(request.subject).sign(key, hashes.SHA256())
    cases = [
        (signed(stranger, good, now), good[1], "is over another key than the request"),
        (signed(request, good, now, common_name="dpsops test root G1"), good[1], "common name is 'dpsops test root G1'"),
        (signed(request, good, now, authority=False), good[1], "is no CA"),
        (signed(request, good, now, life=timedelta(days=-1)), good[1], "expired on"),
        (signed(request, good, now), company(now)[1], "CN=Company CA did not sign CN=dpsops test root G2"),
        (signed(request, short := company(now, path_length=0), now), short[1], r"allows 0 CA\(s\) below it, and there are 1"),
        (signed(request, none := company(now, authority=False), now), none[1], "is no CA"),
        (signed(request, brief := company(now, life=YEAR), now), brief[1], "would outlive its issuer"),
    ]
    for certificate, above, words in cases:
        with pytest.raises(InvalidInput, match=words):
            list(external.merge(quick.run(), certificate, [above]))
    with pytest.raises(InvalidInput, match="which another CA has signed"):
        list(external.merge(quick.run(), signed(request, good, now), []))
    assert classify(generations.observe(quick.run()).observed).phase is Phase.STABLE
    assert list(external.merge(quick.run(), signed(request, good, now), [good[1]]))


def _any(world: World) -> tuple[x509.Certificate, list[x509.Certificate]]:
    return company(world.run().now())[1], []


def test_no_request_while_a_rotation_is_under_way(quick: World) -> None:
    list(rotate.rotate(quick.run(), until=Phase.PROVEN, grace=timedelta(0)))
    with pytest.raises(Refused, match=r"a rotation to root-g2 is under way \(proven\)"):
        external.csr(quick.run())


def test_a_next_root_that_somebody_disabled_is_named_as_such(quick: World) -> None:
    list(rotate.rotate(quick.run(), until=Phase.PROVEN, grace=timedelta(0)))
    client = quick.run().cloud.certificates
    client.update_certificate_properties("root-g2", root.properties(quick.run(), "root-g2").version, enabled=False)
    with pytest.raises(Refused, match="the root root-g2 is disabled"):
        external.csr(quick.run())


def test_a_root_of_our_own_that_is_half_made_is_no_place_for_another_ca(quick: World) -> None:
    for _ in rotate.rotate(quick.run(), until=None, grace=timedelta(0)):
        break
    with pytest.raises(Refused, match="root-g2 is being made already, without another CA"):
        external.csr(quick.run())
