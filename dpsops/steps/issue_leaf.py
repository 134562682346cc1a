"""Issuing a device certificate: the key is created here, the vault signs the certificate and stores both in one secret."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta

from cryptography import x509

from dpsops.azure.dps import Dps
from dpsops.azure.leaf_vault import LeafVault
from dpsops.azure.root_vault import RootVault
from dpsops.errors import Error
from dpsops.fleet import tally
from dpsops.model.action import Failed
from dpsops.model.device import (
    Issue,
    Issued,
    Issuer,
    Keep,
    ObservedDevice,
    Order,
    Unchanged,
    Withhold,
    is_newest_unknown,
    need,
    stays_pinned,
)
from dpsops.model.run import Run
from dpsops.pki import chains, profiles
from dpsops.pki.names import DeviceId


def issue_leaves(
    run: Run, roots: RootVault, leaves: LeafVault, dps: Dps, issuer: Issuer, devices: Iterable[DeviceId], order: Order
) -> Iterator[Issued | Unchanged | Failed]:
    """Issues a certificate to each device that needs one: three requests for each device, one to four more if it has a
    certificate already. A blocked device gets none."""
    for device in dict.fromkeys(devices):
        run.progress(f"issuing {device}")
        try:
            yield _issue(run, roots, leaves, dps, issuer, device, order)
        except Error as error:
            yield tally.failed(device, error)


def _issue(
    run: Run, roots: RootVault, leaves: LeafVault, dps: Dps, issuer: Issuer, device: DeviceId, order: Order
) -> Issued | Unchanged | Failed:
    seen = ObservedDevice(device, leaves.leaves(device))
    if order is Order.ISSUE and is_newest_unknown(seen.leaves, issuer.generation, run.now()):
        seen = replace(seen, newest=chains.thumbprint(leaves.chain(device)[0]))
    wanted = need(seen, issuer.generation, order, run.now())
    if isinstance(wanted, Issue) and seen.leaves:  # only then can it have an enrollment, which matters too
        seen = replace(seen, enrollment=dps.individual(device))
        wanted = need(seen, issuer.generation, order, run.now())
    match wanted:
        case Keep():
            return Unchanged(device)
        case Withhold(reason):
            return Failed(device, reason)
        case Issue(pin):
            return _sign_and_store(run, roots, leaves, dps, issuer, seen, pin=pin)


def _sign_and_store(
    run: Run, roots: RootVault, leaves: LeafVault, dps: Dps, issuer: Issuer, seen: ObservedDevice, *, pin: bool
) -> Issued:
    key = run.entropy.key()
    leaf = profiles.issue_leaf(
        seen.device,
        key.public_key(),
        issuer.root.certificate,
        roots.signer(issuer.root),
        lifetime=timedelta(days=run.environment.leaf.days),
        serial=run.entropy.serial(),
        now=run.now(),
    )
    chains.require_issued_by(leaf, issuer.root.certificate, run.now())
    if pin:
        _pin(leaves, dps, issuer, seen, leaf)
    if leaf.not_valid_after_utc == issuer.root.certificate.not_valid_after_utc:
        days = run.environment.leaf.days
        run.progress(
            f"the certificate of {seen.device} ends with its root, on {leaf.not_valid_after_utc:%Y-%m-%d}, before its {days} "
            "days ([leaf] days) are over"
        )
    secret_id = leaves.put(seen.device, chains.bundle(key, leaf, issuer.chain), leaf, issuer.generation)
    return Issued(seen.device, chains.serial_text(leaf), chains.thumbprint(leaf), leaf.not_valid_after_utc, secret_id)


def _pin(leaves: LeafVault, dps: Dps, issuer: Issuer, seen: ObservedDevice, leaf: x509.Certificate) -> None:
    """Adds the new certificate to the device's individual enrollment before the device can fetch it, because the enrollment
    accepts only the certificates that it contains. The present one stays in it while its root is trusted."""
    assert seen.enrollment is not None, "only an enrollment that was read can contain certificates"
    present = leaves.chain(seen.device)[0]
    stays = stays_pinned(chains.thumbprint(present), seen.leaves, issuer.trusted)
    dps.pin(seen.enrollment, leaf, *([present] if stays else []))
