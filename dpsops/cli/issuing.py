"""`dpsops device issue` and `dpsops device renew`: for a few devices, or for a whole fleet."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dpsops.cli import files
from dpsops.cli.many import Devices, begun
from dpsops.cli.options import Options
from dpsops.cli.requests import requested
from dpsops.cli.wanted import DevicesArgument, FromOption
from dpsops.errors import InvalidInput

if TYPE_CHECKING:
    from dpsops.model.action import Action, Failed
    from dpsops.model.device import Issued, Unchanged
    from dpsops.model.enrollment import IndividualSettings
    from dpsops.pki.names import DeviceId

    Result = Issued | Unchanged | Failed | Action


ShardOption = Annotated[
    str | None, typer.Option("--shard", metavar="I/N", help="Only part I of N, with its share of what Azure allows, as in 3/16.")
]
KeepGoingOption = Annotated[bool, typer.Option("--keep-going", help="Leave out the bad rows of the file, and do the others.")]
FailedOption = Annotated[
    Path | None, typer.Option("--failed", metavar="FILE", help="Write what has failed to this file, which --from can read.")
]


def issue(
    context: typer.Context,
    devices: DevicesArgument = None,
    source: FromOption = None,
    shard: ShardOption = None,
    keep_going: KeepGoingOption = False,
    failed: FailedOption = None,
    csr: Annotated[
        Path | None,
        typer.Option("--csr", metavar="FILE|DIR", help="Requests of devices that have made their keys themselves."),
    ] = None,
    individual: Annotated[bool, typer.Option("--individual", help="Create an individual enrollment for each.")] = False,
    twin: Annotated[Path | None, typer.Option("--twin", metavar="FILE", help="Initial desired properties, as JSON.")] = None,
    hub: Annotated[str | None, typer.Option("--hub", metavar="NAME", help="The hub that they are assigned to.")] = None,
    policy: Annotated[
        str | None, typer.Option("--policy", metavar="POLICY", help="Reprovisioning: migrate, reset or never.")
    ] = None,
) -> int:
    """Issue a device certificate to each device that has no valid one, and store it in a secret of the vault.

    A device with a valid certificate under the current root keeps it, so the same words can be said again: after a failure, or
    after the command was killed.

    \b
    The file has one device ID a line; or CSV with the columns device, hub, twin, individual, of which only the first is needed;
    or one JSON object a line with such members.

    With --csr only the certificate and its chain are stored, and written beside the request, as press-07.crt beside press-07.csr.

    \b
    Examples:
      dpsops device issue press-07
      dpsops device issue --csr requests/
      dpsops device issue press-09 --individual --hub iot-dpsops-dev --twin press.json
      dpsops device issue --from line-3.csv --keep-going --failed again.csv
      dpsops device issue --from fleet.csv --shard 3/16
      dpsops device issue press-07 press-08 --output json | jq -r '.issued[].secret_id'
    """
    from dpsops.model.enrollment import require_hub
    from dpsops.workflows import issue as workflow

    options: Options = context.obj
    common = _individual_settings(individual, twin, hub, policy)
    with begun(options, shard, failed, source) as command:
        wanted = command.wanted(devices or (), source, keep_going=keep_going, requests=csr, reads_requests=True)
        if common is not None:
            require_hub(command.connection.run.environment, common)
        results = workflow.issue(
            command.connection.run,
            command.connection.roots,
            command.connection.signer,
            command.connection.leaves,
            command.connection.dps,
            command.connection.hubs,
            Devices(wanted),
            lambda device: wanted[device].individual_settings(common),
            partial(requested, wanted),
        )
        return command.report(results, len(wanted))


def renew(
    context: typer.Context,
    devices: DevicesArgument = None,
    source: FromOption = None,
    expiring: Annotated[
        int | None, typer.Option("--expiring", metavar="DAYS", min=0, help="Every device whose certificate expires by then.")
    ] = None,
    shard: ShardOption = None,
    keep_going: KeepGoingOption = False,
    failed: FailedOption = None,
    again: Annotated[
        bool, typer.Option("--again", help="Issue one even if the device has not used its newest certificate yet.")
    ] = False,
) -> int:
    """Issue a new device certificate to each device, even if it has a valid one.

    A device uses the new certificate from its next registration. An individual enrollment accepts the new one, and the one that
    the device last registered with. If the newest certificate is less than an hour old ([leaf] fresh_minutes) and the device has
    not used it, a renewal was interrupted: that certificate is its result.

    \b
    Examples:
      dpsops device renew press-07
      dpsops device renew --expiring 30
      dpsops device renew --from line-3.csv
      dpsops device renew press-07 --again
    """
    from dpsops.workflows import issue as workflow

    options: Options = context.obj
    if expiring is not None and (devices or source):
        raise InvalidInput("--expiring names the devices itself", "leave out the device IDs and --from")
    with begun(options, shard, failed, source) as command:
        to, stock = command.connection, None
        found: Collection[DeviceId]
        if expiring is None:
            found = Devices(command.wanted(devices or (), source, keep_going=keep_going))
        else:
            found, stock = workflow.expiring(to.run, to.leaves, to.dps, expiring, command.shard.has)
        results = workflow.renew(to.run, to.roots, to.signer, to.leaves, to.dps, to.hubs, found, again=again, stock=stock)
        return command.report(results, len(found))


def _individual_settings(wanted: bool, twin: Path | None, hub: str | None, policy: str | None) -> IndividualSettings | None:
    """The settings of the individual enrollments, or None if there are to be none."""
    from dpsops.model.enrollment import REPROVISIONING, IndividualSettings

    if not wanted:
        if (twin, hub, policy) != (None, None, None):
            raise InvalidInput("--twin, --hub and --policy are settings of an individual enrollment", "add --individual")
        return None
    if policy is not None and policy not in REPROVISIONING:
        raise InvalidInput(f"{policy!r} is not a reprovisioning policy", f"use one of: {', '.join(REPROVISIONING)}")
    return IndividualSettings(hub=hub, policy=policy, twin=_read_twin(twin) if twin else None)


def _read_twin(path: Path) -> dict[str, Any]:
    import json

    from dpsops.limits import desired_properties

    hint = 'a twin is a JSON object of desired properties, as in {"interval": 30}'
    try:
        document = desired_properties(json.loads(files.read(path, "twin", hint)))
    except (ValueError, RecursionError) as cause:  # RecursionError: brackets that are too deep
        raise files.unreadable(path, "twin", str(cause), hint) from cause
    if not isinstance(document, dict):
        raise InvalidInput(f"the twin {path} is not a JSON object", hint)
    return document
