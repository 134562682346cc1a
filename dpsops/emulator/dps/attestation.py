"""Whether a device is who it says, and which enrollment entry is its own. Source: "X.509 certificate attestation"; for symmetric
keys see `keys`.

The messages are those that DPS has been seen to give: `Invalid certificate` for a certificate that is not the enrolled
one, `CA certificate not found` for a chain that was not sent, `Signing certificate info did not match chain elements.` for
one that leads to a certificate of the service and to no enrolled one. What else each is given for is a guess. A signature that
no key has made was answered with the code of an invalid certificate and the word `Unauthorized`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryptography import x509

from dpsops.emulator.documents import JSON
from dpsops.emulator.dps.enrollments.entries import GROUPS, INDIVIDUALS, find_entry, find_holder, reference_to
from dpsops.emulator.dps.errors import INVALID_CERTIFICATE, refusal, unauthorized
from dpsops.emulator.dps.keys import find_signer
from dpsops.emulator.microsoft_devices.certificates import certificates_of
from dpsops.emulator.microsoft_devices.chains import InvalidChain, complete, is_self_signed, read_chain, thumbprint
from dpsops.emulator.microsoft_devices.proof import common_name, parse_certificate
from dpsops.emulator.world import World

INVALID = "Invalid certificate"
NO_AUTHORITY = "CA certificate not found"
NO_MATCH = "Signing certificate info did not match chain elements."


@dataclass(frozen=True, slots=True)
class CaCertificate:
    """A CA certificate of the service: its name in lower case, itself, its thumbprint, and whether it is verified."""

    name: str
    certificate: x509.Certificate
    thumbprint: str
    verified: bool


@dataclass(frozen=True, slots=True)
class Proof:
    """What a device shows of itself: a chain of certificates (DER, leaf first), or else a shared access signature."""

    chain: Sequence[bytes]
    signature: str = ""


@dataclass(frozen=True, slots=True)
class Attested:
    """A device that is attested: its entry, its name, and the thumbprint of its certificate, or its symmetric keys.

    The name is the certificate's common name, or else the registration ID.
    """

    entry: JSON
    name: str
    thumbprint: str = ""
    keys: JSON | None = None


def attest(world: World, service: JSON, registration_id: str, proof: Proof) -> Attested:
    """The device behind a proof, which may be disabled. Refuses with 401 a device that is not attested.

    A device that has a certificate is judged by that alone (stricter guess).
    """
    if proof.chain or not proof.signature:
        return _attest_chain(world, service, registration_id, proof.chain)
    found = find_signer(world, service, registration_id, proof.signature)
    if found is None:
        raise refusal(world, INVALID_CERTIFICATE, "Unauthorized")
    return Attested(found[0], registration_id, keys=found[1])


def _attest_chain(world: World, service: JSON, registration_id: str, presented: Sequence[bytes]) -> Attested:
    """The device behind a chain.

    A chain may lack what the service has and has verified: .NET on Linux never sends the root, and its SDK's own tests
    register groups so. Whether that holds for a leaf without any chain nobody has seen: `Habits.leaf_alone`.
    """
    if not presented:
        raise unauthorized(world)
    try:
        chain = read_chain(presented, world.now)
    except InvalidChain as invalid:
        raise refusal(world, INVALID_CERTIFICATE, INVALID) from invalid
    leaf = chain[0]
    ca_certificates = _ca_certificates(world, service)
    if len(chain) > 1 or world.habits.leaf_alone:
        chain = complete(chain, [each.certificate for each in ca_certificates if each.verified], world.now)
    name = common_name(leaf)
    if name.lower() != registration_id.lower():
        raise refusal(world, INVALID_CERTIFICATE, INVALID)
    entry = _find_individual(world, service, registration_id, leaf)
    if entry is None:
        entry = find_group(chain, ca_certificates, lambda credential: _group_of(world, service, credential))
    fault = unenrolled_fault(chain, ca_certificates) if entry is None else entry_fault(entry, chain, ca_certificates)
    if entry is None or fault is not None:
        raise refusal(world, INVALID_CERTIFICATE, fault or INVALID)
    return Attested(entry, name, thumbprint(leaf))


def find_group(
    chain: Sequence[x509.Certificate], ca_certificates: Sequence[CaCertificate], group_of: Callable[[str], JSON | None]
) -> JSON | None:
    """The group of the first CA, leaf to root, that is in one: by its content, or by a name that it has in the service."""
    for issuer in chain[1:]:
        print_ = thumbprint(issuer)
        references = [reference_to(each.name) for each in ca_certificates if each.thumbprint == print_]
        for credential in (print_, *references):
            group = group_of(credential)
            if group is not None:
                return group
    return None


def entry_fault(entry: JSON, chain: Sequence[x509.Certificate], ca_certificates: Sequence[CaCertificate]) -> str | None:
    """Why the chain does not satisfy the entry, in DPS's words; None where it does.

    The chain must reach a verified certificate of the service: one that the entry names, or, where it is a group with
    certificates of its own, one at or above these. The leaf of an individual enrollment needs no chain.
    """
    mechanism = entry["attestation"]
    verified = [each for each in ca_certificates if each.verified]
    above = [thumbprint(each) for each in chain[1:]]
    if "caReferences" in mechanism:
        names = {name.lower() for name in mechanism["caReferences"].values()}
        verified = [each for each in verified if each.name in names]
    elif "certificates" in mechanism:
        own = {each["thumbprint"] for each in mechanism["certificates"].values()}
        if entry["kind"] != GROUPS.name:
            return None if thumbprint(chain[0]) in own else INVALID
        above = above[next((index for index, each in enumerate(above) if each in own), len(above)) :]
    else:
        return INVALID
    return None if {each.thumbprint for each in verified} & set(above) else NO_AUTHORITY


def unenrolled_fault(chain: Sequence[x509.Certificate], ca_certificates: Sequence[CaCertificate]) -> str:
    """DPS's words to a device without an enrollment entry."""
    if {each.thumbprint for each in ca_certificates if each.verified} & {thumbprint(each) for each in chain}:
        return NO_MATCH
    return INVALID if is_self_signed(chain[0]) else NO_AUTHORITY


def _ca_certificates(world: World, service: JSON) -> list[CaCertificate]:
    read = [(each, parse_certificate(each["content"])) for each in certificates_of(world, service)]
    return [CaCertificate(each["name"].lower(), found, thumbprint(found), each["isVerified"]) for each, found in read]


def _find_individual(world: World, service: JSON, registration_id: str, leaf: x509.Certificate) -> JSON | None:
    """The individual enrollment of this registration ID. Refuses a certificate of another individual enrollment."""
    holder = find_holder(world, service, thumbprint(leaf))
    if holder is not None and holder[0] == INDIVIDUALS.name and holder[1].lower() != registration_id.lower():
        raise refusal(world, INVALID_CERTIFICATE, INVALID)
    return find_entry(world, service, INDIVIDUALS, registration_id)


def _group_of(world: World, service: JSON, credential: str) -> JSON | None:
    holder = find_holder(world, service, credential)
    return find_entry(world, service, GROUPS, holder[1]) if holder is not None and holder[0] == GROUPS.name else None
