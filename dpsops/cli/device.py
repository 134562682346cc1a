"""`dpsops device`: the devices and their certificates."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dpsops.cli import admission, exporting, issuing
from dpsops.cli.connection import connected
from dpsops.cli.options import Options, Output, timestamp
from dpsops.cli.summary import Few, Name, Outputs, Summary, Table
from dpsops.cli.wanted import DeviceArgument

if TYPE_CHECKING:
    from cryptography import x509

    from dpsops.model.member import Member
    from dpsops.model.run import Run

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="""The devices: their certificates, each with its key and chain in a secret of the vault, and their registrations.

\b
  dpsops device issue press-07      issue a device certificate; --from FILE for a whole fleet
  dpsops device register press-07   play the device: register, connect, send a message
  dpsops device list                all devices: certificates, registrations, hubs
  dpsops device block press-07      block the device""",
)

app.command()(issuing.issue)
app.command()(issuing.renew)
app.command()(exporting.export)


@app.command("list")
def list_devices(
    context: typer.Context,
    expiring: Annotated[
        int | None, typer.Option("--expiring", metavar="DAYS", min=0, help="Only those whose certificate expires by then.")
    ] = None,
    generation: Annotated[
        int | None, typer.Option("--generation", metavar="N", min=1, help="Only those with a certificate under root-gN.")
    ] = None,
    blocked: Annotated[bool, typer.Option("--blocked", help="Only those that are blocked.")] = False,
    never_registered: Annotated[bool, typer.Option("--never-registered", help="Only those that have no hub yet.")] = False,
    waiting: Annotated[
        bool, typer.Option("--waiting", help="Only those that have not registered with their newest certificate yet.")
    ] = False,
) -> None:
    """List the devices: whether, when and on which hub each has registered, and whose certificate expires soon.

    The rows come as they are read. With several options, a device must fit all of them.

    \b
    Examples:
      dpsops device list
      dpsops device list --expiring 30 --never-registered
      dpsops device list --output csv > devices.csv
      dpsops device list --output jsonl | jq -r 'select(.registered_at == null) | .device'
    """
    from dpsops.model.member import Filter
    from dpsops.workflows.devices import list_devices as workflow

    options: Options = context.obj
    wanted = Filter(expiring, generation, blocked=blocked, never_registered=never_registered, waiting=waiting)
    with connected(options, Output.jsonl, Output.csv) as connection:
        run = connection.run
        found = workflow(run, connection.roots, connection.leaves, connection.dps, connection.hubs)
        nothing = "No device has a certificate." if wanted == Filter() else "No device fits."
        few: Few[Member] = Few()
        try:
            fitting = (member for member in found if wanted.fits(member, run.now()))
            _print_members(options, run, _kept(fitting, few), nothing)
        finally:
            options.tell(_summary(few, nothing))


def _kept(members: Iterator[Member], few: Few[Member]) -> Iterator[Member]:
    for member in members:
        few.add(member)
        yield member


def _summary(few: Few[Member], nothing: str) -> Summary:
    """The devices that were read, the first of them in a table."""
    rows = tuple(
        (
            Name(each.leaf.device),
            f"{each.leaf.not_after:%Y-%m-%d}{_warning(each)}" if each.leaf.not_after else "unknown",
            _state(each),
        )
        for each in few.first
    )
    return Summary(
        lead=f"{few.total:,} device{'' if few.total == 1 else 's'}." if few.total else nothing,
        blocks=(Table(("device", "valid until", "registered"), rows, few.left_out, "dpsops device list --output csv"),),
        outputs=Outputs(changed=False),
    )


def _print_members(options: Options, run: Run, members: Iterator[Member], nothing: str) -> None:
    """Prints each device as soon as it is known; JSON is one document, which is printed at the end."""
    match options.output:
        case Output.json:
            options.print_document({"devices": [_member(member) for member in members]}, "")
        case Output.jsonl:
            for member in members:
                options.print_row(_member(member))
        case Output.csv:
            rows = csv.DictWriter(sys.stdout, _COLUMNS, lineterminator="\n")
            rows.writeheader()
            for member in members:
                rows.writerow({name: _cell(value) for name, value in _member(member).items()})
        case Output.text:
            empty = True
            for member in members:
                if empty:
                    run.progress("")  # a spinner would draw over the rows
                options.print_line(_line(member))
                empty = False
            if empty:
                options.print_document({}, nothing)


_ISSUED = "with a certificate that Azure issues"

_COLUMNS = (
    "device", "thumbprint", "generation", "not_after", "expiring", "registered_at", "hub", "failure", "registered_thumbprint",
    "issued_by_azure", "waits_for_new_leaf", "blocked", "vault",
)  # fmt: skip


def _cell(value: object) -> object:
    if isinstance(value, datetime):
        return timestamp(value)
    return str(value).lower() if isinstance(value, bool) else value


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
    leaf, has_identity = found.leaf, bool(found.registered_thumbprint) or found.issued_by_azure
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
        ("identity", ("enabled" if found.identity_enabled else "disabled") if has_identity else "-"),
        ("blocked", _blocked(found)),
        ("vault", leaf.vault),
    ]
    document = _member(found) | {"chain": [_described(certificate) for certificate in chain]}
    summary = Summary(
        lead=f"{leaf.device}: {_state(found)}.",
        blocks=(Table(("device", leaf.device), tuple(rows[1:])),),
        outputs=Outputs(changed=False),
        warnings=tuple(_troubles(found)),
    )
    options.print_result(document, "\n".join(f"{label:<12} {value}" for label, value in rows), summary)


def _troubles(found: Member) -> Iterator[str]:
    name = found.leaf.device
    if found.expires_soon and not found.blocked:
        yield f"the certificate of {name} expires soon, or has expired: dpsops device renew {name}"
    if found.partially_blocked:
        yield f"{name} is blocked only in part: dpsops device block {name}, or dpsops device unblock {name}"
    if found.failure:
        yield f"{name} could not register: {found.failure}"


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
    if member.issued_by_azure:
        return f"unknown: it connects {_ISSUED}"
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
        "issued_by_azure": member.issued_by_azure,
        "waits_for_new_leaf": member.waits_for_new_leaf,
        "blocked": member.blocked,
        "vault": member.leaf.vault,
    }


def _line(member: Member) -> str:
    leaf = member.leaf
    end = f"{leaf.not_after:%Y-%m-%d}" if leaf.not_after else "unknown"
    return f"{leaf.device:<24} valid until {end}{_warning(member)}  {_state(member)}"


def _state(member: Member) -> str:
    if member.blocked:
        return f"partially blocked: dpsops device show {member.leaf.device}" if member.partially_blocked else "blocked"
    if not member.hub:
        return f"not registered: {member.failure}" if member.failure else "never registered"
    if not member.registered_thumbprint and not member.issued_by_azure:
        use = ", but it has no identity there"
    elif not member.identity_enabled:
        use = ", but its identity there is disabled"
    elif member.issued_by_azure:
        use = f", {_ISSUED}"
    elif member.waits_for_new_leaf:
        use = ", waits for its new leaf"
    else:
        use = "" if member.uses_newest_leaf else ", with an older certificate"
    return f"{member.hub} since {member.registered_at[:10]}{use}"


app.command()(admission.register)
app.command()(admission.block)
app.command()(admission.unblock)
