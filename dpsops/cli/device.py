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
    from dpsops.model.enrollment import OwnSettings
    from dpsops.model.member import Member

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="""The devices: their certificates, each with its key and chain in a secret of the vault, and who may register.

\b
  dpsops device issue press-07      a certificate
  dpsops device register press-07   play the device: register, connect, send a message
  dpsops device list                who registered, where, with which leaf
  dpsops device block press-07      keep it out""",
)

DeviceArgument = Annotated[str, typer.Argument(metavar="ID", help="A device ID, in lower case, as in press-07.")]


@app.command()
def issue(
    context: typer.Context,
    devices: Annotated[list[str], typer.Argument(metavar="ID...", help="Device IDs, in lower case, as in press-07.")],
    individual: Annotated[bool, typer.Option("--individual", help="Enroll each by itself, with settings of its own.")] = False,
    twin: Annotated[Path | None, typer.Option("--twin", metavar="FILE", help="JSON of desired properties to begin with.")] = None,
    hub: Annotated[str | None, typer.Option("--hub", metavar="NAME", help="The one hub that they are assigned to.")] = None,
    policy: Annotated[
        str | None, typer.Option("--policy", metavar="POLICY", help="Reprovisioning: migrate, reset or never.")
    ] = None,
) -> int:
    """Issue a leaf certificate to each device that has none, into a vault secret of its own.

    A device that has a valid leaf of the current root keeps it.

    \b
    Examples:
      dpsops device issue press-07
      dpsops device issue press-09 --individual --hub iot-dpsops-dev --twin press.json
      dpsops --output json device issue press-07 press-08 | jq -r '.issued[].secret_id'
    """
    from dpsops.pki.names import device_id
    from dpsops.workflows import issue as workflow

    options: Options = context.obj
    wanted = [device_id(text) for text in devices]
    own = _own_settings(individual, twin, hub, policy)
    with connected(options) as connection:
        results = gathered(
            connection.run, workflow.issue(connection.run, connection.roots, connection.leaves, connection.dps, wanted, own)
        )
    return _print_issued(options, results)


@app.command()
def renew(
    context: typer.Context,
    devices: Annotated[list[str], typer.Argument(metavar="ID...", help="Device IDs, in lower case, as in press-07.")],
) -> int:
    """Issue a new leaf certificate to each device, whatever it has; it is used once the device registers with it.

    An individual enrollment lets in the new leaf and the one before.

    \b
    Example:
      dpsops device renew press-07
    """
    from dpsops.pki.names import device_id
    from dpsops.workflows import issue as workflow

    options: Options = context.obj
    wanted = [device_id(text) for text in devices]
    with connected(options) as connection:
        results = gathered(
            connection.run, workflow.renew(connection.run, connection.roots, connection.leaves, connection.dps, wanted)
        )
    return _print_issued(options, results)


def _print_issued(options: Options, results: Sequence[Issued | Unchanged | Failed | Action]) -> int:
    from dpsops.model.action import Action, Failed
    from dpsops.model.device import Issued, Unchanged

    issued = [result for result in results if isinstance(result, Issued)]
    unchanged = [result.device for result in results if isinstance(result, Unchanged)]
    failed = [result for result in results if isinstance(result, Failed)]
    actions = [result for result in results if isinstance(result, Action)]
    document: dict[str, Any] = {
        "issued": [asdict(one) for one in issued],
        "unchanged": unchanged,
        "failed": [asdict(one) for one in failed],
        "actions": [asdict(action) for action in actions],
    }
    in_order = sorted(results, key=lambda each: (Issued, Unchanged, Failed, Action).index(type(each)))
    options.print_result(document, "\n".join(map(line, in_order)))
    well = {*unchanged, *(one.device for one in issued)} - {one.device for one in failed}
    return of_many(well=bool(well), failed=bool(failed))


def _own_settings(wanted: bool, twin: Path | None, hub: str | None, policy: str | None) -> OwnSettings | None:
    """The settings of an individual enrollment, or None where none is wanted."""
    from dpsops.model.enrollment import REPROVISIONING, OwnSettings

    if not wanted:
        if (twin, hub, policy) != (None, None, None):
            raise InvalidInput("--twin, --hub and --policy are settings of an individual enrollment", "add --individual")
        return None
    if policy is not None and policy not in REPROVISIONING:
        raise InvalidInput(f"{policy!r} is no reprovisioning policy", f"use one of: {', '.join(REPROVISIONING)}")
    return OwnSettings(hub=hub, policy=policy, twin=_read_twin(twin) if twin else None)


def _read_twin(path: Path) -> dict[str, Any]:
    import json

    from dpsops.settings import desired_properties

    hint = 'a twin is a JSON object of desired properties, as in {"interval": 30}'
    try:
        document = desired_properties(json.loads(files.read(path, "twin", hint)))
    except (ValueError, RecursionError) as cause:  # the latter for brackets too deep to be read
        raise files.unreadable(path, "twin", str(cause), hint) from cause
    if not isinstance(document, dict):
        raise InvalidInput(f"the twin {path} is no JSON object", hint)
    return document


@app.command("list")
def list_devices(context: typer.Context) -> None:
    """List the devices: who registered, when, on which hub, with which leaf; who never did; whose leaf is about to end.

    \b
    Examples:
      dpsops device list
      dpsops --output json device list | jq -r '.devices[] | select(.registered_at == null) | .device'
    """
    from dpsops.workflows.devices import list_devices as workflow

    options: Options = context.obj
    with connected(options) as connection:
        found = list(workflow(connection.run, connection.leaves, connection.dps, connection.hubs))
    lines = [_line(member) for member in found]
    options.print_result({"devices": [_member(member) for member in found]}, "\n".join(lines) or "No device has a leaf yet.")


@app.command()
def show(context: typer.Context, device: DeviceArgument) -> None:
    """Show one device: its leaf, where it is registered and with which leaf, and whether it is blocked.

    \b
    Example:
      dpsops device show press-07
    """
    from dpsops.pki.names import device_id
    from dpsops.workflows.devices import show_device

    options: Options = context.obj
    wanted = device_id(device)
    with connected(options) as connection:
        found, chain = show_device(connection.run, connection.leaves, connection.dps, connection.hubs, wanted)
    leaf = found.leaf
    rows = [
        ("device", leaf.device),
        ("leaf", f"{leaf.thumbprint} (SHA-256), of root generation {leaf.generation}"),
        ("", f"until {timestamp(leaf.not_after) if leaf.not_after else 'unknown'}{_warning(found)}"),
        *(("signed by" if above == 0 else "", _certificate(issuer)) for above, issuer in enumerate(chain[1:])),
        (
            "registered",
            f"{found.registered_at} on {found.hub}" if found.hub else f"no: {found.failure}" if found.failure else "never",
        ),
        ("with", ("this leaf" if found.uses_newest_leaf else f"another leaf: {found.seen}") if found.seen else "-"),
        ("admitted", ("yes" if found.admitted else "no: its identity is disabled") if found.seen else "-"),
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
    return f"{described['subject']}, {described['thumbprint']}, until {timestamp(described['not_after'])}"


def _blocked(member: Member) -> str:
    name = member.leaf.device
    if member.partially_blocked:
        return f"by half: complete it with 'dpsops device block {name}', or undo it with 'dpsops device unblock {name}'"
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
        "registered_thumbprint": member.seen or None,
        "blocked": member.blocked,
    }


def _line(member: Member) -> str:
    leaf = member.leaf
    end = f"{leaf.not_after:%Y-%m-%d}" if leaf.not_after else "unknown"
    return f"{leaf.device:<24} until {end}{_warning(member)}  {_state(member)}"


def _state(member: Member) -> str:
    if member.blocked:
        return "blocked by half: dpsops device show" if member.partially_blocked else "blocked"
    if not member.hub:
        return f"not registered: {member.failure}" if member.failure else "never registered"
    if not member.seen:
        use = ", which does not know it any more"
    elif not member.admitted:
        use = ", which does not let it in: its identity is disabled"
    else:
        use = "" if member.uses_newest_leaf else ", with an older leaf"
    return f"{member.hub} since {member.registered_at[:10]}{use}"
