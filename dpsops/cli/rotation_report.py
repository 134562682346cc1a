"""The report on a rotation: as JSON (the contract), and as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dpsops.cli.options import timestamp
from dpsops.cli.summary import ROWS, Diagram, Name, Node, Outputs, Paragraph, Summary, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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


def rotation_summary(found: RotationReport) -> Summary:
    """The rotation for somebody who looks at a run of a pipeline: the phases as a diagram, and the same as the text."""
    from dpsops.model.rotation import Phase
    from dpsops.pki.chains import thumbprint

    root = found.certificates.get(found.observed.primary)
    header, *generations = _generations(found)
    devices = found.left_behind or found.waiting.devices
    rows = tuple((Name(each.device), each.reason) for each in devices[:ROWS])
    label = "left behind" if found.left_behind else "waits for"
    return Summary(
        lead=f"The rotation is {found.standing.phase}.",
        blocks=(
            _diagram(found),
            Table(header, tuple(generations)),
            Table((label, "why"), rows, len(devices) - len(rows), "dpsops rotate status --output json"),
            *((Paragraph(f"Next{_when(found)}: {_next_command(found)}"),) if _is_under_way(found) else ()),
        ),
        outputs=Outputs(pending=found.standing.phase is not Phase.STABLE, root_thumbprint=thumbprint(root) if root else ""),
        warnings=tuple(_troubles(found)),
    )


def _is_under_way(found: RotationReport) -> bool:
    """Whether there is a next step that should be taken: nobody should begin a rotation because a page names it."""
    from dpsops.model.rotation import Phase

    return not found.trouble and (found.standing.phase is not Phase.STABLE or found.csr_waits or bool(found.left_behind))


def _troubles(found: RotationReport) -> Iterator[str]:
    if found.trouble:
        yield f"the rotation is stuck: {found.trouble}"
    elif found.left_behind:
        yield f"{len(found.left_behind)} device(s) were left behind, and cannot register until they have their new certificate"


def _when(found: RotationReport) -> str:
    if not found.waiting.devices or found.left_behind or found.csr_waits:
        return ""
    ends = f", or after {timestamp(found.waiting.ends)}" if found.waiting.ends else ""
    return f", when they have registered with their new certificate{ends}"


def _diagram(found: RotationReport) -> Diagram:
    """The phases, or after a breach the steps, with the present one marked."""
    from dpsops.model.rotation import Phase, Step

    here = found.standing.phase
    if here is Phase.BREACHED:
        steps = (Step.CUT_OFF, Step.STAGE, Step.PROVE, Step.ADMIT, Step.REISSUE, Step.READMIT)
        nodes = tuple(Node((step.value,), is_wrong=step is found.standing.step) for step in steps)
    else:
        nodes = tuple(Node((phase.value,), is_here=phase is here) for phase in Phase if phase is not Phase.BREACHED)
    return Diagram(nodes, tuple((number, number + 1, "") for number in range(len(nodes) - 1)))


def _generations(found: RotationReport) -> list[tuple[str, ...]]:
    """A header, and a row for each generation."""
    from dpsops.model.root import root_name

    rows: list[tuple[str, ...]] = [("generation", "vault", "DPS", "group", "devices", "valid until")]
    for one in found.observed.generations:
        end = f"{one.not_after:%Y-%m-%d}" if one.not_after else "-"
        role = _role(found, one.number) or "-"
        rows.append((root_name(one.number), one.in_vault.text, one.trust.value, role, str(one.leaves), end))
    return rows


def rotation_text(found: RotationReport) -> str:
    """The rotation as text: the phases with the present one marked, the generations, and the next step."""
    rows = _generations(found)
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
    waiting = found.waiting
    if found.left_behind and not found.trouble:
        return [
            *_named("behind", found.left_behind),
            "        They were left behind, and cannot register until they have their new certificate.",
            f"next    {_next_command(found)}",
        ]
    if found.trouble:
        return [f"stuck   {found.trouble}"]
    if found.csr_waits or not waiting.devices:
        return [f"next    {_next_command(found)}"]
    return [
        *_named("waits", waiting.devices),
        f"next    {_when(found).removeprefix(', ')}:",
        f"        {_next_command(found)}",
    ]


def _next_command(found: RotationReport) -> str:
    """The next command, and what it does."""
    from dpsops.model.root import root_name

    if found.csr_waits and not found.left_behind:
        return f"dpsops root merge CERT CHAIN: {root_name(found.standing.new)} waits for a certificate that another CA must sign"
    return f"{_command(found)}: {_effect(found)}"


def _named(label: str, devices: Sequence[WaitingDevice]) -> list[str]:
    """The first devices, one in a line, with what is known of each."""
    shown = devices[:_SHOWN]
    width = max(len(each.device) for each in shown)
    lines = [f"{each.device.ljust(width)}  {each.reason}" for each in shown]
    if more := len(devices) - len(shown):
        lines.append(f"and {more} more: dpsops rotate status --output json")
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
