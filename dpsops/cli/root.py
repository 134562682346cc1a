"""`dpsops root`: the root's public side, and its proof of possession."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from dpsops.cli.connection import connected
from dpsops.cli.options import Options, timestamp
from dpsops.cli.up import root_document
from dpsops.errors import Error, InvalidInput

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="""The root certificate: its public side only, because its key never leaves the vault.

\b
  dpsops root show
  dpsops root export | openssl x509 -noout -text""",
)


@app.command()
def show(context: typer.Context) -> None:
    """Show the root: subject, key, life, and whether DPS has verified it.

    \b
    Example:
      dpsops root show
    """
    from dpsops.workflows.status import root_facts

    options: Options = context.obj
    with connected(options) as run:
        facts = root_facts(run)
    if facts is None:
        raise Error(f"the environment {options.env!r} has no whole root yet", "run 'dpsops up' first")
    text = "\n".join(
        (
            f"name        {facts.name} (generation {facts.generation})",
            f"subject     {facts.subject}",
            f"serial      {facts.serial}",
            f"thumbprint  {facts.thumbprint} (SHA-256)",
            f"key         {facts.key_type}-{facts.key_size}, {'EXPORTABLE' if facts.exportable else 'not exportable'}",
            f"valid       {timestamp(facts.not_before)} to {timestamp(facts.not_after)}",
            f"proven      {'yes' if facts.proven else 'no: dpsops root prove'}",
        )
    )
    options.print_result({"root": root_document(facts)}, text)


@app.command()
def prove(context: typer.Context) -> None:
    """Prove possession of the root's key to DPS, where it is not proven yet.

    \b
    Example:
      dpsops root prove
    """
    from dpsops.workflows import prove as proof
    from dpsops.workflows import root as roots

    options: Options = context.obj
    with connected(options) as run:
        name = roots.current_name(run)
        whole = roots.require(run)
        done = [action for registry in run.cloud.registries for action in proof.converge(run, registry, name, whole)]
    text = "\n".join(f"✓ {action.target}: {action.outcome}" for action in done) or "Nothing changed: it is proven already."
    options.print_result({"changed": bool(done), "actions": [asdict(action) for action in done]}, text)


@app.command()
def export(
    context: typer.Context,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write to a file instead of stdout.")] = None,
) -> None:
    """Print the root's certificate as PEM: the public half, for those who are to trust it.

    \b
    Example:
      dpsops root export --out root.pem
    """
    from dpsops.pki.chains import pem, thumbprint
    from dpsops.workflows import root as roots

    options: Options = context.obj
    with connected(options) as run:
        certificate = roots.require(run).certificate
    text = pem(certificate)
    if out is not None:
        try:
            with open(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
                file.write(text)
        except OSError as cause:
            raise InvalidInput(f"{out} cannot be written: {cause.strerror}", "name another file") from cause
        print(f"dpsops: wrote {out}", file=sys.stderr)
        text = ""
    options.print_result({"pem": pem(certificate), "thumbprint": thumbprint(certificate)}, text.rstrip("\n"))
