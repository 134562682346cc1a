"""Cutting a compromised root off from everything that trusts it beside dpsops's own enrollment group: other enrollments, and the
trust stores of the DPS and of every hub, under whatever name they have it.

What cannot be cut, because of a lock or of somebody else's certificates, is yielded as `Remains`: the other cuts are made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dpsops.azure.ca_certificates import TrustStore
from dpsops.azure.dps import Dps
from dpsops.azure.hub import Hubs
from dpsops.errors import Changed, Error
from dpsops.fleet import engine
from dpsops.model.action import Action, Remains
from dpsops.model.identity import cut_off
from dpsops.model.proof import CaCertificates
from dpsops.model.root import RootProperties
from dpsops.model.run import Run


def shut_enrollments(run: Run, dps: Dps, root: RootProperties, names: Sequence[str]) -> Iterator[Action | Remains]:
    """Disables each other enrollment that trusts the root, or takes the root from one that trusts another root too. Two requests,
    and one for each that is changed. `names`: under which the DPS has the root."""
    lower = {name.lower() for name in (root.name, *names)}
    run.progress(f"looking for other enrollments that trust {root.name}")
    for found in engine.wait(run, dps.trusting()):
        if not found.trusts(lower, root.thumbprint):
            continue
        others = () if found.signing else found.others(lower)
        try:
            engine.wait(run, dps.shut(found, others))
        except Error as error:
            yield Remains(found.target, f"trusts {root.name}: {error.advice}")
            continue
        yield Action("modify" if others else "disable", found.target, f"trusts {' and '.join(others)}" if others else "disabled")


def remove_certificates(run: Run, hubs: Hubs, stores: Sequence[TrustStore], root: RootProperties) -> Iterator[Action | Remains]:
    """Removes the root, under every name, from the trust stores; then deals with the CA-signed identities of a hub that had it.
    One request for each store, and two for each hub that has the root, or more for its CA-signed identities."""
    for store in stores:
        try:
            found = store.all()
        except Error as error:
            yield Remains(f"CA certificates of {store.owner}", f"could not be read: {error.advice}")
            continue
        had = False
        for name in names_in(found, root):
            had = True
            run.progress(f"removing {name} from the {store.owner}")
            yield _removed(store, name, root)
        other = found.get(root.name)
        if other is not None and other.thumbprint != root.thumbprint:
            reason = f"is not the root in the vault (SHA-1 {other.thumbprint}): find out who uploaded it, then remove it there"
            yield Remains(f"{root.name} in {store.owner}", reason)
        if had and store.host:
            yield from _ca_signed(run, hubs, store, root, alone=len(names_in(found, root)) == len(found))


def names_in(certificates: CaCertificates, root: RootProperties) -> tuple[str, ...]:
    """The names under which a trust store has a root."""
    return tuple(name for name, found in certificates.items() if root.thumbprint and found.thumbprint == root.thumbprint)


def _removed(store: TrustStore, name: str, root: RootProperties) -> Action | Remains:
    """Removes a certificate; once more if its etag has changed, which it does with every code that anybody requests."""
    target = f"{name} in {store.owner}"
    try:
        for last in (False, True):
            found = store.get(name)
            if found is None or found.thumbprint != root.thumbprint:
                break
            try:
                store.delete(name, found.etag)
                break
            except Changed:
                if last:
                    raise
    except Error as error:
        return Remains(target, f"could not be removed: {error.advice}")
    return Action("remove", target, "removed")


def _ca_signed(run: Run, hubs: Hubs, store: TrustStore, root: RootProperties, *, alone: bool) -> Iterator[Action | Remains]:
    """A CA-signed identity has no thumbprint: any certificate with its name, under any CA certificate of the hub, is accepted.
    It is disabled if the hub had no other CA certificate than the root (`alone`), else named: it may be somebody else's."""
    run.progress(f"looking for CA-signed identities in {store.owner}")
    try:
        found, complete = engine.wait(run, hubs.ca_signed(store.host))
        for identity in found:
            target = f"identity {identity.device} in {store.host}"
            if not identity.is_enabled:
                continue
            if alone:
                engine.wait(run, hubs.put_identity(store.host, cut_off(identity, "", (), root.name)))
                yield Action("disable", target, "disabled")
            else:
                reason = (
                    f"is CA-signed, by {root.name} or by another CA certificate of the hub: disable it unless you know by which"
                )
                yield Remains(target, reason)
        if not complete:
            yield Remains(f"identities in {store.host}", "there are more than one request lists: look for CA-signed ones by hand")
    except Error as error:
        yield Remains(f"identities in {store.host}", f"the CA-signed ones could not be disabled: {error.advice}")
