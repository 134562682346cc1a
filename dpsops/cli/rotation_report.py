"""The report on a rotation: as JSON (the contract), and as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dpsops.cli.options import timestamp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dpsops.model.member import WaitingDevice
    from dpsops.model.rotation_report import RotationReport

_SHOWN = 20
"""How many waiting devices the text names."""


def rotation_document(found: RotationReport) -> dict[str, Any]:
    """The rotation as JSON (the contract)."""
    from dpsops.model.root import root_name
    from dpsops.pki.chains import thumbprint

    observed, waiting = found.observed, found.waiting
    return {
        "phase": found.standing.phase,
        "next": _next(found),
        "waiting_for": [each.device for each in waiting.devices],
        "grace_ends": waiting.ends,
        "left_behind": [each.device for each in found.left_behind],
        "trouble": found.trouble or None,
        "generations": [
            {
                "generation": one.number,
                "name": root_name(one.number),
                "vault": one.in_vault.value,
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


def rotation_text(found: RotationReport) -> str:
    """The rotation as text: the phases with the present one marked, the generations, and the next step."""
    from dpsops.model.root import root_name

    rows = [("generation", "vault", "DPS", "group", "devices", "valid until")]
    for one in found.observed.generations:
        end = f"{one.not_after:%Y-%m-%d}" if one.not_after else "-"
        role = _role(found, one.number) or "-"
        rows.append((root_name(one.number), one.in_vault.text, one.trust.value, role, str(one.leaves), end))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([_phases(found), "", *table, "", *_next_lines(found)])


def _phases(found: RotationReport) -> str:
    from dpsops.model.root import root_name
    from dpsops.model.rotation import Phase

    here = found.standing.phase
    if here is Phase.BREACHED:
        old, new = root_name(found.standing.old), root_name(found.standing.new)
        return f"breached: {old} is compromised and is being replaced by {new}"
    order = [phase for phase in Phase if phase is not Phase.BREACHED]
    return " > ".join(f"[{phase.upper()}]" if phase is here else phase.value for phase in order)


def _next_lines(found: RotationReport) -> list[str]:
    """The waiting devices, and what to do next."""
    from dpsops.model.root import root_name

    waiting = found.waiting
    if found.left_behind and not found.trouble:
        return [
            *_named("behind", found.left_behind),
            "        They were left behind, and cannot register until they have their new certificate.",
            f"next    {_command(found)}: {_effect(found)}",
        ]
    if found.trouble:
        return [f"stuck   {found.trouble}"]
    if found.csr_waits:
        new = root_name(found.standing.new)
        return [f"next    dpsops root merge CERT CHAIN: {new} waits for a certificate that another CA must sign"]
    if not waiting.devices:
        return [f"next    {_command(found)}: {_effect(found)}"]
    ends = f", or after {timestamp(waiting.ends)}" if waiting.ends else ""
    return [
        *_named("waits", waiting.devices),
        f"next    when they have registered with their new certificate{ends}:",
        f"        {_command(found)}: {_effect(found)}",
    ]


def _named(label: str, devices: Sequence[WaitingDevice]) -> list[str]:
    """The first devices, one in a line, with what is known of each."""
    shown = devices[:_SHOWN]
    width = max(len(each.device) for each in shown)
    lines = [f"{each.device.ljust(width)}  {each.reason}" for each in shown]
    if more := len(devices) - len(shown):
        lines.append(f"and {more} more: dpsops --output json rotate status")
    return [f"{label if number == 0 else '':<7} {line}" for number, line in enumerate(lines)]


def _command(found: RotationReport) -> str:
    from dpsops.model.replacement import continuation

    return continuation(found.standing)


def _effect(found: RotationReport) -> str:
    from dpsops.model.root import root_name
    from dpsops.model.rotation import Step

    old, new = root_name(found.standing.old), root_name(found.standing.new)
    return {
        Step.STAGE: f"creates {new} in the vault",
        Step.PROVE: f"uploads {new} to the DPS and proves possession",
        Step.OVERLAP: f"makes the group trust {new} beside {old}",
        Step.REISSUE: f"issues a certificate under {new} to every device that has one under another root",
        Step.PROMOTE: f"makes {new} the primary of the group, and {old} its secondary",
        Step.DRAIN: f"begins to wait until the devices have registered with their certificate under {new}",
        Step.RETIRE: f"removes {old} from the group and the DPS, and disables it in the vault",
        Step.SETTLE: "finishes the rotation",
        Step.CUT_OFF: f"cuts off {old}, and disables every device identity under it",
        Step.ADMIT: f"makes the group trust only {new}",
        Step.READMIT: f"enables the device identities again, each with its certificate under {new}",
    }[found.standing.step]
