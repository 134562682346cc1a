"""`dpsops device`: the devices and their certificates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dpsops.cli import files
from dpsops.cli.connection import connected
from dpsops.cli.exits import of_many
from dpsops.cli.gathering import gathered, line
from dpsops.cli.options import Options, timestamp
from dpsops.errors import InvalidInput

if TYPE_CHECKING:
    from cryptography import x509

    from dpsops.model.action import Action, Failed
    from dpsops.model.device import Issued, Unchanged
    from dpsops.model.enrollment import IndividualSettings
    from dpsops.model.member import Member

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="""The devices: their certificates, each with its key and chain in a secret of the vault, and their registrations.

\b
  dpsops device issue press-07      issue a device certificate
  dpsops device register press-07   play the device: register, connect, send a message
  dpsops device list                all devices: certificates, registrations, hubs
  dpsops device block press-07      block the device""",
)

DeviceArgument = Annotated[str, typer.Argument(metavar="ID", help="A device ID, in lower case, as in press-07.")]


@app.command()
def issue(
    context: typer.Context,
    devices: Annotated[list[str], typer.Argument(metavar="ID...", help="Device IDs, in lower case, as in press-07.")],
    individual: Annotated[bool, typer.Option("--individual", help="Create an individual enrollment for each.")] = False,
    twin: Annotated[Path | None, typer.Option("--twin", metavar="FILE", help="Initial desired properties, as JSON.")] = None,
    hub: Annotated[str | None, typer.Option("--hub", metavar="NAME", help="The hub that they are assigned to.")] = None,
    policy: Annotated[
        str | None, typer.Option("--policy", metavar="POLICY", help="Reprovisioning: migrate, reset or never.")
    ] = None,
) -> int:
    """Issue a device certificate to each device that has no valid one, and store it in a secret of the vault.

    A device with a valid certificate under the current root keeps it.

    \b
    Examples:
      dpsops device issue press-07
      dpsops device issue press-09 --individual --hub iot-dpsops-dev --twin press.json
      dpsops --output json device issue press-07 press-08 | jq -r '.issued[].secret_id'
    """
    from dpsops.pki.names import device_id
    from dpsops.workflows import issue as workflow

    options: Options = context.obj
    wanted = list(dict.fromkeys(device_id(text) for text in devices))
    settings = _individual_settings(individual, twin, hub, policy)
    with connected(options) as connection:
        results = gathered(
            connection.run,
            workflow.issue(
                connection.run,
                connection.roots,
                connection.signer,
                connection.leaves,
                connection.dps,
                connection.hubs,
                wanted,
                settings,
            ),
        )
    return _print_issued(options, results)


@app.command()
def renew(
    context: typer.Context,
    devices: Annotated[list[str], typer.Argument(metavar="ID...", help="Device IDs, in lower case, as in press-07.")],
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
      dpsops device renew press-07 --again
    """
    from dpsops.pki.names import device_id
    from dpsops.workflows import issue as workflow

    options: Options = context.obj
    wanted = list(dict.fromkeys(device_id(text) for text in devices))
    with connected(options) as connection:
        results = gathered(
            connection.run,
            workflow.renew(
                connection.run,
                connection.roots,
                connection.signer,
                connection.leaves,
                connection.dps,
                connection.hubs,
                wanted,
                again=again,
            ),
        )
    return _print_issued(options, results)


def _print_issued(options: Options, results: Sequence[Issued | Unchanged | Failed | Action]) -> int:
    from dpsops.model.action import Action, Failed
    from dpsops.model.device import Issued, Unchanged

    issued = {result.device: result for result in results if isinstance(result, Issued)}  # twice if a rotation was undone
    existing = {result.device: result for result in results if isinstance(result, Unchanged) and result.device not in issued}
    failed = [result for result in results if isinstance(result, Failed)]
    actions = [result for result in results if isinstance(result, Action)]
    document: dict[str, Any] = {
        "issued": [asdict(one) for one in issued.values()],
        "unchanged": list(existing),
        "existing": [{"device": one.device, "secret_id": one.secret_id} for one in existing.values()],
        "failed": [asdict(one) for one in failed],
        "actions": [action.document() for action in actions],
    }
    in_order = sorted(results, key=lambda each: (Issued, Unchanged, Failed, Action).index(type(each)))
    options.print_result(document, "\n".join(map(line, in_order)))
    succeeded = {*issued, *existing} - {one.device for one in failed}
    return of_many(succeeded=bool(succeeded), failed=bool(failed))


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


@app.command("list")
def list_devices(context: typer.Context) -> None:
    """List the devices: whether, when and on which hub each has registered, and whose certificate expires soon.

    \b
    Examples:
      dpsops device list
      dpsops --output json device list | jq -r '.devices[] | select(.registered_at == null) | .device'
    """
    from dpsops.workflows.devices import list_devices as workflow

    options: Options = context.obj
    with connected(options) as connection:
        found = list(workflow(connection.run, connection.roots, connection.leaves, connection.dps, connection.hubs))
    lines = [_line(member) for member in found]
    options.print_result({"devices": [_member(member) for member in found]}, "\n".join(lines) or "No device has a certificate.")


@app.command()
def show(context: typer.Context, device: DeviceArgument) -> None:
    """Show one device: its certificate, its registration and the certificate used for it, and whether it is blocked.

    \b
    Example:
      dpsops device show press-07
    """
    from dpsops.pki.names import device_id
    from dpsops.workflows.devices import show_device

    options: Options = context.obj
    wanted = device_id(device)
    with connected(options) as connection:
        found, chain = show_device(connection.run, connection.roots, connection.leaves, connection.dps, connection.hubs, wanted)
    leaf = found.leaf
    rows = [
        ("device", leaf.device),
        ("certificate", f"{leaf.thumbprint} (SHA-256), of root generation {leaf.generation}"),
        ("", f"valid until {timestamp(leaf.not_after) if leaf.not_after else 'unknown'}{_warning(found)}"),
        *(("signed by" if above == 0 else "", _certificate(issuer)) for above, issuer in enumerate(chain[1:])),
        (
            "registered",
            f"{found.registered_at} on {found.hub}" if found.hub else f"no: {found.failure}" if found.failure else "never",
        ),
        ("with", _registered_with(found)),
        ("identity", ("enabled" if found.identity_enabled else "disabled") if found.registered_thumbprint else "-"),
        ("blocked", _blocked(found)),
    ]
    document = _member(found) | {"chain": [_described(certificate) for certificate in chain]}
    options.print_result(document, "\n".join(f"{label:<12} {value}" for label, value in rows))


def _described(certificate: x509.Certificate) -> dict[str, Any]:
    from dpsops.pki import chains

    return {
        "subject": certificate.subject.rfc4514_string(),
        "thumbprint": chains.thumbprint(certificate),
        "not_after": certificate.not_valid_after_utc,
    }


def _certificate(certificate: x509.Certificate) -> str:
    described = _described(certificate)
    return f"{described['subject']}, {described['thumbprint']}, valid until {timestamp(described['not_after'])}"


def _registered_with(member: Member) -> str:
    if not member.registered_thumbprint:
        return "-"
    if member.waits_for_new_leaf:
        return f"an older certificate: it waits for its new leaf, and has not registered since {member.admitted_at}"
    return "this certificate" if member.uses_newest_leaf else f"another certificate: {member.registered_thumbprint}"


def _blocked(member: Member) -> str:
    name = member.leaf.device
    if member.partially_blocked:
        return f"partially: complete the block with 'dpsops device block {name}', or undo it with 'dpsops device unblock {name}'"
    return f"yes: dpsops device unblock {name}" if member.blocked else "no"


def _warning(member: Member) -> str:
    return f" (renew it: dpsops device renew {member.leaf.device})" if member.expires_soon and not member.blocked else ""


def _member(member: Member) -> dict[str, Any]:
    return {
        "device": member.leaf.device,
        "thumbprint": member.leaf.thumbprint,
        "generation": member.leaf.generation,
        "not_after": member.leaf.not_after,
        "expiring": member.expires_soon,
        "registered_at": member.registered_at or None,
        "hub": member.hub or None,
        "failure": member.failure or None,
        "registered_thumbprint": member.registered_thumbprint or None,
        "waits_for_new_leaf": member.waits_for_new_leaf,
        "blocked": member.blocked,
    }


def _line(member: Member) -> str:
    leaf = member.leaf
    end = f"{leaf.not_after:%Y-%m-%d}" if leaf.not_after else "unknown"
    return f"{leaf.device:<24} valid until {end}{_warning(member)}  {_state(member)}"


def _state(member: Member) -> str:
    if member.blocked:
        return "partially blocked: dpsops device show" if member.partially_blocked else "blocked"
    if not member.hub:
        return f"not registered: {member.failure}" if member.failure else "never registered"
    if not member.registered_thumbprint:
        use = ", but it has no identity there"
    elif not member.identity_enabled:
        use = ", but its identity there is disabled"
    elif member.waits_for_new_leaf:
        use = ", waits for its new leaf"
    else:
        use = "" if member.uses_newest_leaf else ", with an older certificate"
    return f"{member.hub} since {member.registered_at[:10]}{use}"
