"""Renewing leaves: a new one for each device, taken in by the enrollment that the device may have of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from dpsops.pki import chains
from dpsops.pki.names import DeviceId
from dpsops.workflows import fleet
from dpsops.workflows.device import Failed, Issued, Unchanged, issue
from dpsops.workflows.register import chain_of
from dpsops.workflows.run import Action, Run


def renew(run: Run, devices: Iterable[DeviceId]) -> Iterator[Issued | Unchanged | Failed | Action]:
    """Issues a new leaf to each device, whatever it has; one that DPS or the vault says is blocked gets none.

    An individual enrollment lets in only the leaves that it holds: it keeps the one before, which the device still has.
    """
    run.progress("asking the DPS who has an enrollment of its own")
    own = fleet.individuals(run)
    wanted = list(dict.fromkeys(devices))
    disabled = {device for device in wanted if own.get(device, {}).get("provisioningStatus") == "disabled"}
    for device in sorted(disabled):
        yield Failed(device, f"it is blocked: dpsops device unblock {device}")
    for result in issue(run, (device for device in wanted if device not in disabled), renew=True):
        yield result
        if isinstance(result, Issued) and result.device in own:
            yield from _take_in(run, result.device, own[result.device])


def _take_in(run: Run, device: DeviceId, enrollment: dict[str, Any]) -> Iterator[Action]:
    """Puts the newest leaf into the enrollment, in the place of the older of two, or beside the only one."""
    held = ((enrollment.get("attestation") or {}).get("x509") or {}).get("clientCertificates") or {}
    if not held:
        return  # it names a CA, or proves itself otherwise
    leaf = chain_of(run, device)[0]
    place = _older(held.get("primary") or {}, held.get("secondary") or {})
    changed = held | {place: {"certificate": chains.pem(leaf)}}
    document = enrollment | {"attestation": {"type": "x509", "x509": {"clientCertificates": changed}}}
    run.cloud.enrollments.put(f"/enrollments/{device}", document, enrollment["etag"])
    yield Action("modify", f"enrollment {device}", "holds the new leaf too")


def _older(primary: dict[str, Any], secondary: dict[str, Any]) -> str:
    """DPS shows a lonely primary certificate as the secondary one too."""
    one, other = primary.get("info") or {}, secondary.get("info") or {}
    if not one or not other or one.get("sha256Thumbprint") == other.get("sha256Thumbprint"):
        return "secondary" if one else "primary"
    return "primary" if str(one.get("notBeforeUtc")) <= str(other.get("notBeforeUtc")) else "secondary"
