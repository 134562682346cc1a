"""The certificate that a device last registered with, and the certificates that its individual enrollment holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from cryptography import x509

from dpsops.azure.dps import Dps
from dpsops.azure.hub import Hubs
from dpsops.azure.leaf_vault import LeafVaults
from dpsops.errors import Denied, Refused, Unavailable
from dpsops.fleet.places import own_hosts
from dpsops.model.device import DEVICE_TAG, THUMBPRINT_TAG, SecretVersion
from dpsops.model.enrollment import IndividualEnrollment
from dpsops.model.resources import registry_host
from dpsops.model.run import Run
from dpsops.pki import chains
from dpsops.pki.names import DeviceId, secret_name


async def last_registered(run: Run, dps: Dps, hubs: Hubs, device: DeviceId, enrollment: IndividualEnrollment | None) -> str:
    """The SHA-256 thumbprint of the certificate that a device last registered with, as DPS has written it into the device's
    identity; empty if it is not registered. One request, and one more for the registration unless the enrollment shows it.

    A block removes the registration, and an unblock writes a thumbprint, so without a registration the identity says nothing.
    A registration can name a hub that is gone: an identity there is of no use. Raises `Refused` if a hub that is not in the
    settings denies access: nobody knows then which certificate the device uses.
    """
    registration = enrollment.registration if enrollment is not None else None
    if registration is None:
        registration = await dps.registration(device)
    if registration is None or registration.status == "unassigned":
        return ""
    # a registration that failed or is not over yet may not name the hub of the one before
    places = [registry_host(registration.hub)] if registration.hub else sorted(own_hosts(run.environment))
    for host in places:
        if thumbprint := await _thumbprint(run, hubs, host, registration.hub_device):
            return thumbprint
    return ""


async def _thumbprint(run: Run, hubs: Hubs, host: str, device: str) -> str:
    try:
        identity = await hubs.identity(host, device)
    except Unavailable as error:
        if error.answered or host in own_hosts(run.environment):
            raise
        return ""
    except Denied as error:
        if host in own_hosts(run.environment):
            raise
        raise Refused(
            f"the hub {host}, on which it is registered, denies access, so nobody knows which certificate it uses",
            "add the hub to the settings, or have the device register on another hub",
        ) from error
    return identity.thumbprint if identity else ""


async def hold(
    leaves: LeafVaults,
    dps: Dps,
    enrollment: IndividualEnrollment,
    wanted: Sequence[str],
    versions: Iterable[SecretVersion],
    *new: x509.Certificate,
) -> IndividualEnrollment:
    """Changes an individual enrollment, which may differ from its document already, so that it holds the certificates with
    these thumbprints: `new` ones, those in `versions` of the device's secret, and what it holds already.

    One request, and one for each certificate that is read from the vault.
    """
    certificates = list(new)
    present = {chains.thumbprint(leaf) for leaf in new}
    stored = {version.leaf.thumbprint: version for version in reversed(list(versions)) if version.leaf is not None}
    for thumbprint in wanted:
        if thumbprint in stored and thumbprint not in present:
            certificates.append(await _certificate(leaves, enrollment.device, stored[thumbprint], thumbprint))
    return await dps.put_individual(replace(enrollment, pinned=tuple(wanted)), *certificates)


async def _certificate(leaves: LeafVaults, device: DeviceId, version: SecretVersion, thumbprint: str) -> x509.Certificate:
    found = (await leaves.chain(device, version))[0]
    if chains.thumbprint(found) != thumbprint:
        raise Refused(
            f"the tag {THUMBPRINT_TAG!r} of the secret {secret_name(device)} is not that of the certificate in it",
            f"find out who changed its tags ({THUMBPRINT_TAG!r}, {DEVICE_TAG!r}); correct them, then run the command again",
        )
    return found
