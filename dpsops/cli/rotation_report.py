"""How the report on a rotation is shown: as the contract's JSON, and as a picture in text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dpsops.cli.options import timestamp

if TYPE_CHECKING:
    from dpsops.model.rotation_report import RotationReport

_SHOWN = 20
"""How many of the devices that are waited for the picture names."""


def rotation_document(found: RotationReport) -> dict[str, Any]:
    """The rotation as the contract names it."""
    from dpsops.model.root import root_name
    from dpsops.pki.chains import thumbprint

    observed, waiting = found.observed, found.waiting
    return {
        "phase": found.standing.phase,
        "next": _next(found),
        "waiting_for": [each.device for each in waiting.devices],
        "grace_ends": waiting.ends,
        "trouble": found.trouble or None,
        "generations": [
            {
                "generation": one.number,
                "name": root_name(one.number),
                "vault": one.keeping.value,
                "dps": one.trust.value,
                "group": _role(found, one.number) or None,
                "leaves": one.leaves,
                "subject": certificate.subject.rfc4514_string() if certificate else None,
                "thumbprint": thumbprint(certificate) if certificate else None,
                "not_after": one.not_after,
            }
            for one in observed.generations
            for certificate in [found.certificates.get(one.number)]
        ],
    }


def _next(found: RotationReport) -> str | None:
    from dpsops.model.rotation import Phase

    return None if found.standing.phase is Phase.STABLE else found.standing.step.value


def _role(found: RotationReport, number: int) -> str:
    return {found.observed.primary: "primary", found.observed.secondary: "secondary"}.get(number, "")


def picture(found: RotationReport) -> str:
    """The way from stable to stable with the present phase marked, the generations, and what comes next."""
    from dpsops.model.root import root_name

    rows = [("generation", "vault", "DPS", "group", "leaves", "until")]
    for one in found.observed.generations:
        end = f"{one.not_after:%Y-%m-%d}" if one.not_after else "-"
        role = _role(found, one.number) or "-"
        rows.append((root_name(one.number), one.keeping.value, one.trust.value, role, str(one.leaves), end))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([_way(found), "", *table, "", *_outlook(found)])


def _way(found: RotationReport) -> str:
    from dpsops.model.root import root_name
    from dpsops.model.rotation import Phase

    here = found.standing.phase
    if here is Phase.BREACHED:
        old, new = root_name(found.standing.old), root_name(found.standing.new)
        return f"breached: {old} is compromised and is being replaced by {new}"
    order = [phase for phase in Phase if phase is not Phase.BREACHED]
    return " > ".join(f"[{phase.upper()}]" if phase is here else phase.value for phase in order)


def _outlook(found: RotationReport) -> list[str]:
    """What it waits for, and the next thing to do."""
    from dpsops.model.root import root_name

    waiting = found.waiting
    if found.trouble:
        return [f"stuck   {found.trouble}"]
    if found.csr_waits:
        new = root_name(found.standing.new)
        return [f"next    dpsops root merge CERT CHAIN: {new} waits for a certificate that another CA signs"]
    if not waiting.devices:
        return [f"next    dpsops rotate: {_promise(found)}"]
    shown = waiting.devices[:_SHOWN]
    width = max(len(each.device) for each in shown)
    waits = [f"{each.device.ljust(width)}  {each.reason}" for each in shown]
    if more := len(waiting.devices) - len(shown):
        waits.append(f"and {more} more: dpsops --output json rotate status")
    ends = f", or at {timestamp(waiting.ends)}" if waiting.ends else ""
    return [
        *(f"{'waits' if number == 0 else '':<7} {line}" for number, line in enumerate(waits)),
        f"next    once they have registered with their new leaf{ends}:",
        f"        dpsops rotate: {_promise(found)}",
    ]


def _promise(found: RotationReport) -> str:
    from dpsops.model.root import root_name
    from dpsops.model.rotation import Step

    old, new = root_name(found.standing.old), root_name(found.standing.new)
    return {
        Step.STAGE: f"makes {new} in the vault",
        Step.PROVE: f"uploads {new} to the DPS and proves it",
        Step.OVERLAP: f"the group trusts {new} beside {old}",
        Step.REISSUE: f"every device that has a leaf of another root gets one of {new}",
        Step.PROMOTE: f"{new} becomes the group's primary, {old} its secondary",
        Step.DRAIN: f"begins to wait for the devices to register with their leaf of {new}",
        Step.RETIRE: f"takes {old} out of the group and the DPS and disables it in the vault",
        Step.SETTLE: "ends the rotation",
        Step.CUT_OFF: f"cuts {old} off, and every identity under it",
        Step.ADMIT: f"the group trusts {new} alone",
        Step.READMIT: f"lets the devices in again, each with its leaf of {new}",
    }[found.standing.step]
