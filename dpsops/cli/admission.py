"""`dpsops device register`, `block` and `unblock`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dpsops.cli import files
from dpsops.cli.connection import connected, wired
from dpsops.cli.exits import of_many
from dpsops.cli.gathering import actions_document, gathered, line
from dpsops.cli.options import Options, Transport, timestamp
from dpsops.cli.summary import Outputs, Summary
from dpsops.cli.tally import Tally
from dpsops.cli.wanted import DeviceArgument, DevicesArgument, FromOption, wanted_devices
from dpsops.errors import InvalidInput

if TYPE_CHECKING:
    from cryptography import x509

    from dpsops.model.action import Action, Failed
    from dpsops.workflows.register import Registered, Renewed


def register(
    context: typer.Context,
    device: DeviceArgument,
    transport: Annotated[Transport, typer.Option("--transport", help="How it registers.")] = Transport.mqtt,
    bundle: Annotated[
        Path | None, typer.Option("--bundle", metavar="FILE", help="Read the bundle from a file and not from the vault.")
    ] = None,
    id_scope: Annotated[
        str | None, typer.Option("--id-scope", metavar="SCOPE", help="The ID scope of the DPS, required with --bundle.")
    ] = None,
    csr_renewal: Annotated[
        bool,
        typer.Option(
            "--csr-renewal", help="Ask DPS for a certificate that Azure issues, connect with it, and renew it at the hub."
        ),
    ] = False,
) -> None:
    """Play a device: register in DPS, connect to the assigned hub, and send one message.

    With --transport https it only registers; connecting and sending the message need mqtt.

    With --csr-renewal, the device makes a key and asks for a certificate when it registers, connects to the hub with that, renews
    it there, and sends the message with the newest. It needs [group] certificate_policy in the settings. The keys stay in memory.

    \b
    Examples:
      dpsops device register press-07
      dpsops device register press-07 --transport https
      dpsops device register press-07 --bundle press-07.pem --id-scope 0ne00CAF894
      dpsops device register press-07 --csr-renewal
    """
    from dpsops.pki.bundles import read_bundle
    from dpsops.pki.entropy import Entropy
    from dpsops.pki.names import device_id
    from dpsops.workflows import register as workflow

    options: Options = context.obj
    wanted = device_id(device)
    play: Callable[..., Registered | Renewed] = partial(workflow.register, wanted, transport=transport.value)
    if csr_renewal:
        play = partial(workflow.register_and_renew, wanted, transport=transport.value, new_key=Entropy().key)
    if bundle is not None:
        if not id_scope:
            raise InvalidInput("--bundle needs the ID scope of the DPS", "add --id-scope; 'dpsops status' shows the ID scope")
        data = files.read_bytes(bundle, "bundle", "a bundle is PEM: private key, certificate, chain")
        credential = read_bundle(data, str(bundle))
        with wired(options) as (wire, progress):
            done = play(credential, id_scope, wire, wait=time.sleep, now=datetime.now(UTC), progress=progress)
    else:
        with connected(options) as connection:
            credential, scope = (
                workflow.fetch(connection.run, connection.leaves, wanted),
                id_scope or workflow.id_scope(connection.dps),
            )
            done = play(
                credential,
                scope,
                connection.wire,
                wait=connection.run.sleep,
                now=connection.run.now(),
                progress=connection.run.progress,
            )
    if isinstance(done, workflow.Renewed):
        _print_registered(options, wanted, done.registered, done.issued, done.renewed)
    else:
        _print_registered(options, wanted, done)


def _print_registered(
    options: Options,
    device: str,
    done: Registered,
    issued: Sequence[x509.Certificate] | None = None,
    renewed: Sequence[x509.Certificate] | None = None,
) -> None:
    document = {
        "device": device,
        "status": "assigned",
        "substatus": done.assigned.substatus,
        "assigned_hub": done.assigned.hub,
        "transport": done.transport,
        "message_sent": done.sent,
        "issued": None if issued is None else _issued(issued[0]),
        "renewed": None if renewed is None else _issued(renewed[0]),
    }
    lines = [f"registered over {done.transport}, assigned to {done.assigned.hub} ({done.assigned.substatus})"]
    if issued is not None:
        lines.append(f"Azure has issued a certificate: {_told(issued[0])}")
    if renewed is not None:
        lines.append(f"connected to the hub with it, and renewed it there: {_told(renewed[0])}")
    if done.sent:
        lines.append("connected to the hub and sent a message")
    summary = Summary(f"{device}: {lines[0]}.", outputs=Outputs(changed=True, failed=0))
    options.print_result(document, "\n".join(f"✓ {device}: {line}" for line in lines), summary)


def _issued(certificate: x509.Certificate) -> dict[str, Any]:
    from dpsops.pki import chains

    return {
        "subject": certificate.subject.rfc4514_string(),
        "serial": chains.serial_text(certificate),
        "issuer": certificate.issuer.rfc4514_string(),
        "thumbprint": chains.thumbprint(certificate),
        "not_before": certificate.not_valid_before_utc,
        "not_after": certificate.not_valid_after_utc,
    }


def _told(certificate: x509.Certificate) -> str:
    found = _issued(certificate)
    validity = f"valid {timestamp(found['not_before'])} to {timestamp(found['not_after'])}"
    return f"{found['subject']}, serial {found['serial']}, issued by {found['issuer']}, {validity}"


def block(context: typer.Context, devices: DevicesArgument = None, source: FromOption = None) -> int:
    """Block devices: disable their enrollments and their identities in the hubs, and remove their registrations.

    \b
    Examples:
      dpsops device block press-07
      dpsops device block --from stolen.txt
    """
    from dpsops.workflows.block import block as workflow

    return _change(context, devices, source, workflow, "already blocked")


def unblock(context: typer.Context, devices: DevicesArgument = None, source: FromOption = None) -> int:
    """Unblock devices, so that they can register again.

    \b
    Example:
      dpsops device unblock press-07
    """
    from dpsops.workflows.block import unblock as workflow

    return _change(context, devices, source, workflow, "not blocked")


def _change(
    context: typer.Context,
    devices: list[str] | None,
    source: Path | None,
    workflow: Callable[..., Iterator[Action | Failed]],
    nothing: str,
) -> int:
    from dpsops.model.action import Action, Failed
    from dpsops.model.shards import WHOLE

    options: Options = context.obj
    with connected(options) as connection:
        given = wanted_devices(devices or (), source, connection.run.environment, shard=WHOLE, keep_going=False)
        with given as roster:
            wanted = [each.device for each in roster]

        def document(found: Sequence[Action | Failed]) -> dict[str, Any]:
            failed = [asdict(each) for each in found if isinstance(each, Failed)]
            actions = actions_document([each for each in found if isinstance(each, Action)])
            return actions | ({"failed": failed} if len(wanted) > 1 else {})

        results = workflow(connection.run, connection.leaves, connection.dps, connection.hubs, wanted)
        found = gathered(options, connection.run, results, document)
    failed = sum(isinstance(each, Failed) for each in found)
    said = "it is" if len(wanted) == 1 else "they are"
    unchanged = f"Nothing changed: {said} {nothing}."
    options.print_result(document(found), "\n".join(map(line, found)) or unchanged, Tally.of(found).summary(unchanged))
    return of_many(succeeded=failed < len(wanted), failed=bool(failed))
