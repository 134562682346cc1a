"""Issuing a device certificate: the vault signs it, and stores it in a secret with its key, which is created here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from dpsops.azure.dps import Dps
from dpsops.azure.hub import Hubs
from dpsops.azure.leaf_signer import LeafSigner
from dpsops.azure.leaf_vault import LeafVaults
from dpsops.errors import Changed, Error, Refused
from dpsops.fleet import engine
from dpsops.fleet.count import Count
from dpsops.fleet.enrolled import hold, last_registered
from dpsops.fleet.stock import FEW, Stock
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
    Requested,
    SecretVersion,
    Unchanged,
    Withhold,
    before_next,
    is_blocked,
    may_be_kept,
    need,
)
from dpsops.model.earlier import EarlierLeaf
from dpsops.model.enrollment import IndividualEnrollment
from dpsops.model.root import root_name
from dpsops.model.run import Run
from dpsops.pki import chains, profiles
from dpsops.pki.names import DeviceId

_ATTEMPTS = 3
"""How often something is done anew that somebody else has changed at the same time."""


def _nothing_requested(device: DeviceId) -> None:
    """The device has made no request."""
    del device


@dataclass(frozen=True, slots=True)
class LeafIssuer:
    """The parts of Azure that issuing device certificates touches. `find_issuer`: finds the root that issues
    now; `requested`: what a device asks for that has made its key itself (None: it has not)."""

    run: Run
    signer: LeafSigner
    leaves: LeafVaults
    dps: Dps
    hubs: Hubs
    find_issuer: Callable[[], Issuer]
    requested: Callable[[DeviceId], Requested | None] = _nothing_requested

    def issue(
        self, devices: Collection[DeviceId], order: Order, stock: Stock | None = None
    ) -> Iterator[Issued | Unchanged | Failed]:
        """Issues a certificate to each device that needs one. A blocked device gets none. `devices`: each one once.

        Two requests for a device. What there is already is asked for each of a few devices, and listed for many; `stock`: that
        list, if it was read already. A device with an individual enrollment needs up to seven more. If the group trusts two
        roots, one more for all: a rotation may be undone at the same time. Then the devices that got a certificate get another
        one, so there may be two results for one device, of which the last counts.
        """
        wanted: Collection[DeviceId] = devices
        for attempt in range(1, _ATTEMPTS + 1):
            issuer, failed, ended = self.find_issuer(), set[DeviceId](), None
            try:
                for result in self._all(issuer, order, wanted, stock):
                    if isinstance(result, Failed):
                        failed.add(result.device)
                    yield result
            except Error as error:  # also that the root's key is disabled, because its rotation was undone
                ended = error
            if len(issuer.trusted) == 1 or attempt == _ATTEMPTS or self._trusts(issuer.generation):
                if ended:
                    raise ended
                return
            wanted, stock = [device for device in devices if device not in failed], None

    def _trusts(self, generation: int) -> bool:
        group = self.dps.group()
        return group is not None and generation in group.trusted()

    def _all(
        self, issuer: Issuer, order: Order, devices: Collection[DeviceId], stock: Stock | None
    ) -> Iterator[Issued | Unchanged | Failed]:
        if stock is None and len(devices) <= FEW:
            for device in devices if len(devices) == 1 else ():
                self.run.progress(f"issuing {device}")
            yield from engine.each(self.run, devices, partial(self._asked, issuer, order))
            return
        with closing(stock or Stock.read(self.run, self.leaves, self.dps)) as known:
            count, reissued = Count(self.run, "issued", len(devices)), set[DeviceId]()
            for result in engine.each(self.run, devices, partial(self._listed, issuer, order, known)):
                count.add()
                if isinstance(result, Issued) and known.leaf(result.device):
                    reissued.add(result.device)
                yield result
            count.end()
            if reissued:
                enrolled = [DeviceId(each) for each in engine.wait(self.run, self.dps.enrolled()) if each in reissued]
                yield from engine.each(self.run, enrolled, partial(self._look_again, issuer))

    async def _asked(self, issuer: Issuer, order: Order, device: DeviceId) -> AsyncIterator[Issued | Unchanged | Failed]:
        """Issues to one of a few devices, about which nothing is known yet."""
        versions = await self.leaves.history(device)
        ours = [version for version in versions if version.leaf is not None]
        seen = ObservedDevice(device, _leaves(ours), ours[0].created if ours else None)
        yield await self._one(issuer, order, seen, ours, enrolled=bool(ours))

    async def _listed(
        self, issuer: Issuer, order: Order, known: Stock, device: DeviceId
    ) -> AsyncIterator[Issued | Unchanged | Failed]:
        """Issues to one of many devices."""
        leaf, enrolled = known.leaf(device), device in known.enrolled
        seen = ObservedDevice(device, (leaf,) if leaf else (), leaf.stored if leaf else None)
        yield await self._one(issuer, order, seen, None, enrolled=enrolled)

    async def _one(
        self, issuer: Issuer, order: Order, seen: ObservedDevice, versions: list[SecretVersion] | None, *, enrolled: bool
    ) -> Issued | Unchanged | Failed:
        """`versions`: those of its secret, or None if only the newest certificate was listed. `enrolled`: whether it may have an
        individual enrollment."""
        device, now, fresh = seen.device, self.run.now(), timedelta(minutes=self.run.environment.leaf.fresh_minutes)
        request = self.requested(device)
        if request and seen.leaves and seen.leaves[0].key_hash != chains.key_hash(request.public_key):
            order = Order.AGAIN  # a certificate of another key is of no use to it
        wanted = need(seen, issuer.generation, order, now, fresh)
        if isinstance(wanted, Issue) and enrolled:
            seen = replace(seen, enrollment=await self.dps.individual(device))
        pinned = seen.enrollment is not None and bool(seen.enrollment.pinned)
        if isinstance(wanted, Issue) and (pinned or (order is Order.RENEW and may_be_kept(seen, issuer.generation, now, fresh))):
            used = await last_registered(self.run, self.dps, self.hubs, device, seen.enrollment)
            if versions is None:
                versions = [version for version in await self.leaves.history(device) if version.leaf is not None]
            seen = replace(seen, leaves=_leaves(versions) or seen.leaves, used=used)
        if isinstance(wanted, Issue):
            wanted = need(seen, issuer.generation, order, now, fresh)
        match wanted:
            case Keep():
                if order is Order.RENEW:
                    await self._settle(issuer, device, seen.enrollment, versions or [], seen.used or "")
                if request and request.delivered != seen.leaves[0].thumbprint:
                    request.deliver("".join(map(chains.pem, await self.leaves.chain(device))))
                return Unchanged(device, versions[0].id if versions else "", seen.leaves[0], unused=order is Order.RENEW)
            case Withhold(reason):
                return Failed(device, reason)
            case Issue(pin):
                return await self._sign_and_store(issuer, seen, versions, request, pin=pin)

    async def _sign_and_store(
        self,
        issuer: Issuer,
        seen: ObservedDevice,
        versions: list[SecretVersion] | None,
        request: Requested | None,
        *,
        pin: bool,
    ) -> Issued | Failed:
        device, newest = seen.device, seen.leaves[0] if seen.leaves else None
        on_device = request is not None or (newest is not None and newest.key_on_device)
        key = None if on_device else self.run.entropy.key()
        public_key = request.public_key if request else key.public_key() if key else await self._present_key(device)
        leaf = await self._sign(issuer, device, public_key)
        if pin:
            await self._pin(issuer, seen, versions or [], leaf)
        text = chains.bundle(key, leaf, issuer.chain)
        vault, before = newest.vault if newest else "", await self._before(device, newest, versions)
        secret_id, stored = await self.leaves.put(
            device, text, leaf, issuer.generation, before, vault=vault, key_on_device=on_device
        )
        if request:
            request.deliver(text)
        if versions:
            async for failed in self._look_again(issuer, device, leaf):
                return failed
        return Issued(device, chains.serial_text(leaf), chains.thumbprint(leaf), leaf.not_valid_after_utc, secret_id, stored)

    async def _before(
        self, device: DeviceId, newest: Leaf | None, versions: list[SecretVersion] | None
    ) -> tuple[EarlierLeaf, ...] | None:
        """What the tags of the new certificate say of those before it. One request if the tags of the newest one say nothing, as
        those of an earlier dpsops."""
        if newest is None:
            return ()
        known: Sequence[Leaf | EarlierLeaf] | None = newest.certificates() if versions is None else None
        if known is None:
            known = _leaves(await self.leaves.history(device) if versions is None else versions)
        return before_next(known, self.run.now())

    async def _present_key(self, device: DeviceId) -> CertificatePublicKeyTypes:
        """The public key of a device that has made its key itself: that of its present certificate."""
        return (await self.leaves.chain(device))[0].public_key()

    async def _sign(self, issuer: Issuer, device: DeviceId, public_key: CertificatePublicKeyTypes) -> x509.Certificate:
        root, days = issuer.root.certificate, self.run.environment.leaf.days
        unsigned = profiles.unsigned_leaf(
            device,
            public_key,
            root,
            lifetime=timedelta(days=days),
            serial=self.run.entropy.serial(),
            now=self.run.now(),
        )
        try:
            leaf = await self.signer.sign(issuer.root, unsigned)
        except Changed:  # the key is disabled: its root is compromised, or its rotation was undone
            now = self.find_issuer()
            if now.generation == issuer.generation:
                raise
            raise Refused(
                f"{root_name(issuer.generation)} does not sign any more: {root_name(now.generation)} does",
                "run the command again",
                every_device=True,
            ) from None
        chains.require_issued_by(leaf, root, self.run.now())
        if leaf.not_valid_after_utc == root.not_valid_after_utc:
            self.run.progress(
                f"the certificate of {device} ends with its root, on {leaf.not_valid_after_utc:%Y-%m-%d}, before its {days} "
                "days ([leaf] days) are over"
            )
        return leaf

    async def _pin(self, issuer: Issuer, seen: ObservedDevice, versions: list[SecretVersion], leaf: x509.Certificate) -> None:
        """Adds the new certificate to the device's individual enrollment before the device can fetch it, because the enrollment
        accepts only the certificates that it contains."""
        assert seen.enrollment is not None, "only an enrollment that was read can contain certificates"
        new = chains.thumbprint(leaf)
        wanted = pins.with_new(new, seen.enrollment.pinned, seen.leaves, seen.used or "", issuer.trusted)
        await hold(self.leaves, self.dps, seen.enrollment, wanted, versions, leaf)

    async def _look_again(self, issuer: Issuer, device: DeviceId, leaf: x509.Certificate | None = None) -> AsyncIterator[Failed]:
        """Looks whether somebody has enrolled or blocked the device while it got its newest certificate (`leaf`). A block reads
        the versions of the secret after it has disabled the enrollment, so one of the two sees the other."""
        enrollment = await self.dps.individual(device)
        if enrollment is None or (leaf is not None and chains.thumbprint(leaf) in enrollment.pinned):
            blocked = enrollment is not None and not enrollment.enabled
        else:
            versions = await self.leaves.history(device)
            used = await last_registered(self.run, self.dps, self.hubs, device, enrollment)
            blocked = not await self._settle(issuer, device, enrollment, versions, used)
        if blocked:
            await self._tag_as_blocked(device)
            yield Failed(device, f"it was blocked while it got a certificate: dpsops device unblock {device}")

    async def _settle(
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
                enrollment = await hold(self.leaves, self.dps, enrollment, wanted, versions)
            except Changed:
                enrollment = await self.dps.individual(device)
        raise Refused(f"the individual enrollment of {device} keeps changing", "run the command again")

    async def _tag_as_blocked(self, device: DeviceId) -> None:
        """Tags the versions that a block has not seen. Without any tag, it was no block that has disabled the enrollment."""
        versions = await self.leaves.versions(device)
        if any(is_blocked(version.tags) for version in versions):
            for version in versions:
                if not is_blocked(version.tags):
                    await self.leaves.set_blocked(device, version, blocked=True)


def _leaves(versions: Iterable[SecretVersion]) -> tuple[Leaf, ...]:
    return tuple(version.leaf for version in versions if version.leaf is not None)
