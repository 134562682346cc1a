"""Issuing a device certificate: the vault signs it, and stores it in a secret with its key, which is created here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from dpsops.azure.dps import Dps
from dpsops.azure.hub import Hubs
from dpsops.azure.leaf_vault import LeafVault
from dpsops.azure.root_vault import RootVault
from dpsops.errors import Changed, Error, Refused
from dpsops.fleet import tally
from dpsops.fleet.enrolled import hold, last_registered
from dpsops.model import pins
from dpsops.model.action import Failed
from dpsops.model.device import (
    Issue,
    Issued,
    Issuer,
    Keep,
    Leaf,
    ObservedDevice,
    Order,
    SecretVersion,
    Unchanged,
    Withhold,
    is_blocked,
    may_be_kept,
    need,
)
from dpsops.model.enrollment import IndividualEnrollment
from dpsops.model.run import Run
from dpsops.pki import chains, profiles
from dpsops.pki.names import DeviceId

_ATTEMPTS = 3
"""How often something is done anew that somebody else has changed at the same time."""


@dataclass(frozen=True, slots=True)
class LeafIssuer:
    """The parts of Azure that issuing device certificates touches. `find_issuer`: finds the root that issues now."""

    run: Run
    roots: RootVault
    leaves: LeafVault
    dps: Dps
    hubs: Hubs
    find_issuer: Callable[[], Issuer]

    def issue(self, devices: Iterable[DeviceId], order: Order) -> Iterator[Issued | Unchanged | Failed]:
        """Issues a certificate to each device that needs one. A blocked device gets none.

        Three requests for a device that has none, two to seven more for one that has. If the group trusts two roots, one more
        for all: a rotation may be undone at the same time. Then the devices that got a certificate get another one, so there
        may be two results for one device, of which the last counts.
        """
        wanted = list(dict.fromkeys(devices))
        for attempt in range(1, _ATTEMPTS + 1):
            issuer, failed, ended = self.find_issuer(), set[DeviceId](), None
            try:
                for result in tally.each(wanted, partial(self._one, issuer, order)):
                    if isinstance(result, Failed):
                        failed.add(result.device)
                    yield result
            except Error as error:  # also that the root's key is disabled, because its rotation was undone
                ended = error
            if len(issuer.trusted) == 1 or attempt == _ATTEMPTS or self._trusts(issuer.generation):
                if ended:
                    raise ended
                return
            wanted = [device for device in wanted if device not in failed]

    def _trusts(self, generation: int) -> bool:
        group = self.dps.group()
        return group is not None and generation in group.trusted()

    def _one(self, issuer: Issuer, order: Order, device: DeviceId) -> Iterator[Issued | Unchanged | Failed]:
        self.run.progress(f"issuing {device}")
        now, fresh = self.run.now(), timedelta(minutes=self.run.environment.leaf.fresh_minutes)
        versions = self.leaves.history(device)
        ours = [version for version in versions if version.leaf is not None]
        seen = ObservedDevice(device, _leaves(ours), ours[0].created if ours else None)
        wanted = need(seen, issuer.generation, order, now, fresh)
        if isinstance(wanted, Issue) and seen.leaves:  # only then can it have an enrollment, which matters too
            seen = replace(seen, enrollment=self.dps.individual(device))
            pinned = seen.enrollment is not None and bool(seen.enrollment.pinned)
            if pinned or (order is Order.RENEW and may_be_kept(seen, issuer.generation, now, fresh)):
                seen = replace(seen, used=last_registered(self.run, self.dps, self.hubs, device, seen.enrollment))
            wanted = need(seen, issuer.generation, order, now, fresh)
        match wanted:
            case Keep():
                if order is Order.RENEW:
                    self._settle(issuer, device, seen.enrollment, ours, seen.used or "")
                yield Unchanged(device, ours[0].id, unused=order is Order.RENEW)
            case Withhold(reason):
                yield Failed(device, reason)
            case Issue(pin):
                yield self._sign_and_store(issuer, seen, ours, pin=pin)

    def _sign_and_store(
        self, issuer: Issuer, seen: ObservedDevice, versions: list[SecretVersion], *, pin: bool
    ) -> Issued | Failed:
        device, on_device = seen.device, bool(seen.leaves) and seen.leaves[0].key_on_device
        key = None if on_device else self.run.entropy.key()
        leaf = self._sign(issuer, device, key.public_key() if key else self._present_key(device, versions))
        if pin:
            self._pin(issuer, seen, versions, leaf)
        text = chains.bundle(key, leaf, issuer.chain)
        secret_id = self.leaves.put(device, text, leaf, issuer.generation, key_on_device=on_device)
        if versions and (failed := self._reread(issuer, device, leaf)):
            return failed
        return Issued(device, chains.serial_text(leaf), chains.thumbprint(leaf), leaf.not_valid_after_utc, secret_id)

    def _present_key(self, device: DeviceId, versions: list[SecretVersion]) -> CertificatePublicKeyTypes:
        """The public key of a device that has made its key itself: that of its present certificate."""
        return self.leaves.chain(device, versions[0].version)[0].public_key()

    def _sign(self, issuer: Issuer, device: DeviceId, public_key: CertificatePublicKeyTypes) -> x509.Certificate:
        root, days = issuer.root.certificate, self.run.environment.leaf.days
        leaf = profiles.issue_leaf(
            device,
            public_key,
            root,
            self.roots.signer(issuer.root),
            lifetime=timedelta(days=days),
            serial=self.run.entropy.serial(),
            now=self.run.now(),
        )
        chains.require_issued_by(leaf, root, self.run.now())
        if leaf.not_valid_after_utc == root.not_valid_after_utc:
            self.run.progress(
                f"the certificate of {device} ends with its root, on {leaf.not_valid_after_utc:%Y-%m-%d}, before its {days} "
                "days ([leaf] days) are over"
            )
        return leaf

    def _pin(self, issuer: Issuer, seen: ObservedDevice, versions: list[SecretVersion], leaf: x509.Certificate) -> None:
        """Adds the new certificate to the device's individual enrollment before the device can fetch it, because the enrollment
        accepts only the certificates that it contains."""
        assert seen.enrollment is not None, "only an enrollment that was read can contain certificates"
        new = chains.thumbprint(leaf)
        wanted = pins.with_new(new, seen.enrollment.pinned, seen.leaves, seen.used or "", issuer.trusted)
        hold(self.leaves, self.dps, seen.enrollment, wanted, versions, leaf)

    def _reread(self, issuer: Issuer, device: DeviceId, leaf: x509.Certificate) -> Failed | None:
        """Looks whether somebody has enrolled or blocked the device while it got this certificate. A block reads the versions of
        the secret after it has disabled the enrollment, so one of the two sees the other."""
        enrollment = self.dps.individual(device)
        if enrollment is None or chains.thumbprint(leaf) in enrollment.pinned:
            blocked = enrollment is not None and not enrollment.enabled
        else:
            versions = self.leaves.history(device)
            used = last_registered(self.run, self.dps, self.hubs, device, enrollment)
            blocked = not self._settle(issuer, device, enrollment, versions, used)
        if not blocked:
            return None
        self._tag_as_blocked(device)
        return Failed(device, f"it was blocked while it got a certificate: dpsops device unblock {device}")

    def _settle(
        self, issuer: Issuer, device: DeviceId, enrollment: IndividualEnrollment | None, versions: list[SecretVersion], used: str
    ) -> bool:
        """Makes the device's individual enrollment, if it has one with certificates, hold the newest certificate. Whether the
        device is not blocked."""
        for _ in range(_ATTEMPTS):
            if enrollment is None or not enrollment.pinned:
                return enrollment is None or enrollment.enabled
            trusted = issuer.trusted if enrollment.enabled else None
            wanted = pins.with_newest(enrollment.pinned, _leaves(versions), used, trusted)
            if set(wanted) == set(enrollment.pinned):
                return enrollment.enabled
            try:
                enrollment = hold(self.leaves, self.dps, enrollment, wanted, versions)
            except Changed:
                enrollment = self.dps.individual(device)
        raise Refused(f"the individual enrollment of {device} keeps changing", "run the command again")

    def _tag_as_blocked(self, device: DeviceId) -> None:
        """Tags the versions that a block has not seen. Without any tag, it was no block that has disabled the enrollment."""
        versions = self.leaves.versions(device)
        if any(is_blocked(version.tags) for version in versions):
            for version in versions:
                if not is_blocked(version.tags):
                    self.leaves.set_blocked(device, version, blocked=True)


def _leaves(versions: Iterable[SecretVersion]) -> tuple[Leaf, ...]:
    return tuple(version.leaf for version in versions if version.leaf is not None)
