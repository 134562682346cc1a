"""`dpsops status`: what exists, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dpsops.cli import files
from dpsops.cli.connection import connected
from dpsops.cli.options import Options, timestamp
from dpsops.cli.summary import Outputs, Paragraph, Summary, Table
from dpsops.cli.trust_chain import status_chain

if TYPE_CHECKING:
    from dpsops.model.enrollment import EnrollmentGroup
    from dpsops.model.next import DeviceCounts
    from dpsops.model.rates import Pace
    from dpsops.model.root_facts import RootFacts
    from dpsops.model.rotation import Standing
    from dpsops.settings import Vault
    from dpsops.workflows.status import Status


def status(
    context: typer.Context,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE", help="Also count every device, and write all of it as one HTML page to FILE."),
    ] = None,
) -> None:
    """Show what exists, whether the root is verified, what expires when, and what to do next.

    \b
    Examples:
      dpsops status --output json | jq .root.not_after
      dpsops status --report status.html
    """
    from dpsops.workflows.status import status as observe

    options: Options = context.obj
    with ExitStack() as stack:
        write = stack.enter_context(files.replacing(report, "report")) if report else None
        connection = stack.enter_context(connected(options))
        found = observe(
            connection.run,
            connection.deployments,
            connection.roots,
            connection.leaves,
            connection.dps,
            connection.hubs,
            connection.stores,
            counted=report is not None,
        )
        embedded = connection.run.is_embedded
        if write is not None:
            from dpsops.cli.report.page import render

            write(render(found, connection.run.now(), is_embedded=embedded, spoken=options.told.address.text))
    document = _document(found, report) | {"embedded": embedded}
    options.print_result(document, _text(found, report, is_embedded=embedded), _summary(found, is_embedded=embedded))


_FEW = 25
"""For more devices the text says how long something for all of them takes."""


def _document(status: Status, report: Path | None) -> dict[str, Any]:
    root, vault, dps = status.root, status.environment.vault, status.dps
    vaults = [{"name": each.name, "url": f"{each.url}/"} for each in status.vaults]
    return {
        "vault": next((each for each in vaults if each["name"] == vault.name), None),
        "vaults": [each for each in vaults if each["name"] in status.environment.leaf_vaults],
        "dps": {"name": dps.name, "id_scope": dps.id_scope, "host": dps.host} if dps else None,
        "hubs": [asdict(hub) for hub in status.hubs],
        "root": root_document(root) if root else None,
        "group": group_document(status.group, status.environment.group.id) if status.group else None,
        "rotation": _rotation_document(status.rotation) if status.rotation else None,
        "devices": asdict(status.devices),
        "pace": {name: asdict(pace) for name, pace in _paces(status).items()},
        "trouble": status.trouble.line if status.trouble else None,
        "next": list(status.next),
        "report": str(report) if report else None,
    }


def _rotation_document(standing: Standing) -> dict[str, Any]:
    from dpsops.model.rotation import Phase

    return {"phase": standing.phase, "next": None if standing.phase is Phase.STABLE else standing.step}


def group_document(group: EnrollmentGroup, identifier: str) -> dict[str, Any]:
    """The enrollment group as JSON (the contract)."""
    return {
        "id": identifier,
        "primary": group.primary or None,
        # DPS repeats the primary as the secondary if only one was ever set.
        "secondary": group.secondary if group.secondary and group.secondary != group.primary else None,
        "enabled": group.enabled,
    }


def root_document(root: RootFacts) -> dict[str, Any]:
    """The root as JSON (the contract)."""
    return {
        "generation": root.generation,
        "name": root.name,
        "subject": root.subject,
        "thumbprint": root.thumbprint,
        "serial": root.serial,
        "not_before": root.not_before,
        "not_after": root.not_after,
        "key": {"type": root.key_type, "size": root.key_size, "exportable": root.exportable},
        "path_length": root.path_length,
        "proven": root.verified,
    }


def _summary(status: Status, *, is_embedded: bool) -> Summary:
    """What exists, in a diagram and a table. Each step is a warning, unless it is only the first one."""
    from dpsops.model.next import FIRST_DEVICE

    steps = tuple(step for step in status.next if step != FIRST_DEVICE)
    trouble = (f"{status.trouble.line}: {status.trouble.hint}",) if status.trouble else ()
    warnings = (*trouble, *(step for step in steps if status.trouble is None or step != status.trouble.hint))
    count = len(warnings)
    return Summary(
        lead=f"{count} thing{'' if count == 1 else 's'} to look at." if count else "Nothing is wrong.",
        blocks=(
            *(() if _is_empty(status) else (status_chain(status),)),
            Table(("environment", status.environment.name), tuple(_rows(status, is_embedded=is_embedded)[1:])),
            *(Paragraph(f"Next: {step}") for step in status.next if step == FIRST_DEVICE),
        ),
        outputs=Outputs(changed=False, root_thumbprint=status.root.thumbprint if status.root else ""),
        warnings=warnings,
    )


def _is_empty(status: Status) -> bool:
    return not status.vaults and status.dps is None and not status.hubs and status.trouble is None


def _text(status: Status, report: Path | None, *, is_embedded: bool) -> str:
    steps = (("next" if number == 0 else "", step) for number, step in enumerate(status.next))
    written = [("report", str(report))] if report else []
    rows = (*_rows(status, is_embedded=is_embedded), *steps, *written)
    return "\n".join(f"{label:<12} {value}".rstrip() for label, value in rows)


def _rows(status: Status, *, is_embedded: bool) -> list[tuple[str, str]]:
    """What exists, each with its label; a row without one continues the row above."""
    environment, dps = status.environment, status.dps
    where = [("azure", "embedded: nothing of this is in the real Azure")] if is_embedded else []
    if _is_empty(status):
        return [("environment", f"{environment.name}: nothing exists yet"), *where]
    hosts = {hub.name: hub.host for hub in status.hubs}
    rows = [
        ("environment", environment.name),
        *where,
        ("vault", _named(environment.vault, status.vaults)),
        *(("device vault", _named(vault, status.vaults)) for vault in environment.device_vaults),
        ("dps", f"{dps.name}  ID scope {dps.id_scope}" if dps else f"{environment.dps.name} does not exist"),
        *(
            ("hub", f"{hub.name}  {hosts[hub.name]}" if hub.name in hosts else f"{hub.name} does not exist")
            for hub in environment.hub
        ),
    ]
    if root := status.root:
        rows += [
            ("root", f"{root.name}  {root.subject}"),
            ("", f"{root.key}, not exportable, valid until {timestamp(root.not_after)}"),
            ("verified", "yes: DPS has verified possession of its key" if root.verified else "no"),
        ]
    else:
        rows.append(("root", status.trouble.line if status.trouble else "not finished yet"))
    if status.group:
        state = "enabled" if status.group.enabled else "DISABLED: no device can register"
        names = dict.fromkeys(name for name in (status.group.primary, status.group.secondary) if name)
        rows.append(("group", f"{environment.group.id}  trusts {' and '.join(names)}, {state}"))
    if status.rotation:
        rows.append(("rotation", status.rotation.phase.value))
    devices = status.devices
    rows.append(
        ("devices", f"{devices.total}, {devices.expiring} expiring or expired, {devices.blocked} blocked{_missing(devices)}")
    )
    if devices.total > _FEW:
        rows += [("pace" if number == 0 else "", line) for number, line in enumerate(_pace_lines(status))]
    return rows


def _paces(status: Status) -> dict[str, Pace]:
    """How long a new certificate for every device, and a look at every device, take at least."""
    from dpsops.model.rates import look, reissue

    if status.root is None or not status.devices.total:
        return {}
    return {
        "reissue": reissue(status.environment, status.root.key_type, status.root.key_size, status.devices.total),
        "look": look(status.environment, status.devices.total),
    }


def _pace_lines(status: Status) -> Iterator[str]:
    from dpsops.fleet.count import duration

    said = {"reissue": "a new certificate for each device", "look": "a look at every device"}
    for name, pace in _paces(status).items():
        yield f"{said[name]} takes {duration(pace.seconds)} at least, held back by the {pace.limit}"


def _named(vault: Vault, existing: tuple[Vault, ...]) -> str:
    return vault.name if vault in existing else f"{vault.name} does not exist"


def _missing(devices: DeviceCounts) -> str:
    left = f", {devices.left_behind} left behind by a rotation" if devices.left_behind else ""
    return left + (f", {devices.waiting} not back since the breach" if devices.waiting else "")
