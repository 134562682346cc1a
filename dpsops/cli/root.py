"""`dpsops root`: the public properties of the root, and its proof of possession."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dpsops.cli import files
from dpsops.cli.connection import connected, root_thumbprint
from dpsops.cli.gathering import actions_document, gathered, print_done
from dpsops.cli.options import Options, timestamp
from dpsops.cli.status import root_document
from dpsops.cli.summary import Listing, Outputs, Summary, Table
from dpsops.cli.trust_chain import root_chain

if TYPE_CHECKING:
    from cryptography import x509

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="""The root certificate. Only its public part is shown, because its key never leaves the vault.

\b
  dpsops root show
  dpsops root export | openssl x509 -noout -text
  dpsops root csr, dpsops root merge      the next root, signed by another CA""",
)


@app.command()
def show(context: typer.Context) -> None:
    """Show the root: its subject, key and validity, and whether DPS has verified it.

    \b
    Example:
      dpsops root show
    """
    from dpsops.workflows import root as workflow

    options: Options = context.obj
    with connected(options) as connection:
        facts = workflow.show(connection.run, connection.roots, connection.dps, connection.stores)
    rows = (
        ("name", f"{facts.name} (generation {facts.generation})"),
        ("subject", facts.subject),
        ("serial", facts.serial),
        ("thumbprint", f"{facts.thumbprint} (SHA-256)"),
        ("key", f"{facts.key}, {'EXPORTABLE' if facts.exportable else 'not exportable'}"),
        ("path length", _allowed(facts.path_length)),
        ("valid", f"{timestamp(facts.not_before)} to {timestamp(facts.not_after)}"),
        ("verified", "yes" if facts.verified else "no: dpsops root prove"),
    )
    summary = Summary(
        lead=f"The root is {facts.name}.",
        blocks=(root_chain(connection.run.environment, facts), Table(("root", facts.name), rows[1:])),
        outputs=Outputs(changed=False, root_thumbprint=facts.thumbprint),
        warnings=() if facts.verified else ("DPS has not verified the root: dpsops root prove",),
    )
    text = "\n".join(f"{label:<11} {value}" for label, value in rows)
    options.print_result({"root": root_document(facts)}, text, summary)


def _allowed(path_length: int | None) -> str:
    """How many CAs may be below a root."""
    return "not limited" if path_length is None else str(path_length)


@app.command()
def prove(context: typer.Context) -> None:
    """Prove possession of the root's key to DPS, unless the root is verified already.

    \b
    Example:
      dpsops root prove
    """
    from dpsops.workflows import root as workflow

    options: Options = context.obj
    with connected(options) as connection:
        steps = workflow.prove(connection.run, connection.roots, connection.dps, connection.stores)
        done = gathered(options, connection.run, steps, actions_document)
        root = root_thumbprint(options, connection)
    print_done(options, done, "it is already verified", Outputs(root_thumbprint=root))


@app.command()
def export(
    context: typer.Context,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write to a file instead of stdout.")] = None,
) -> None:
    """Print the root's certificate as PEM, for programs that must trust it.

    \b
    Example:
      dpsops root export --out root.pem
    """
    from dpsops.pki.chains import pem, thumbprint
    from dpsops.workflows import root as workflow

    options: Options = context.obj
    with connected(options) as connection:
        certificate = workflow.export(connection.run, connection.roots, connection.dps)
    text = pem(certificate)
    found = thumbprint(certificate)
    summary = Summary(
        lead=f"The root's certificate{f' was written to {out}' if out else ''}: SHA-256 {found}.",
        blocks=(Listing("The certificate as PEM", text),),
        outputs=Outputs(changed=False, root_thumbprint=found),
    )
    options.print_result({"pem": text, "thumbprint": found}, _written(out, "certificate", text), summary)


def _written(out: Path | None, what: str, text: str) -> str:
    """Writes a text to a file, if one is given, and returns the text that is still to be printed."""
    if out is None:
        return text.rstrip("\n")
    files.write(out, what, text)
    print(f"dpsops: wrote {out}", file=sys.stderr)
    return ""


@app.command()
def csr(
    context: typer.Context,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write to a file instead of stdout.")] = None,
) -> None:
    """Print a certificate request (CSR) for the next root, which another CA signs. The key stays in the vault.

    It prints the same request until 'dpsops root merge' completes the root. A vault's request cannot ask for a CA certificate:
    what that CA must issue is said on stderr.

    \b
    Example:
      dpsops root csr --out root.csr
    """
    from cryptography.hazmat.primitives.serialization import Encoding

    from dpsops.pki import root_requests
    from dpsops.pki.chains import common_name
    from dpsops.workflows import root_csr

    options: Options = context.obj
    with connected(options) as connection:
        name, request, made = root_csr.csr(connection.run, connection.roots, connection.leaves, connection.dps, connection.stores)
        root = root_thumbprint(options, connection)
    text = request.public_bytes(Encoding.PEM).decode()
    environment = connection.run.environment
    terms = root_requests.terms(request, environment.root.path_length, environment.leaf.days)
    asked, needed = "; ".join(terms.asked) or "no extension", "; ".join(terms.needed)
    summary = Summary(
        lead=f"{name} waits for a certificate that another CA signs: dpsops root merge CERT CHAIN",
        blocks=(
            Table(("request", name), (("it asks for", asked), ("the CA must issue", needed))),
            Listing(f"The request of {name} as PEM", text),
        ),
        outputs=Outputs(changed=made, pending=True, root_thumbprint=root),
    )
    document = {
        "name": name,
        "common_name": common_name(request.subject),
        "csr": text,
        "asks_for": list(terms.asked),
        "must_have": list(terms.needed),
    }
    options.print_result(document, _written(out, "request", text), summary)
    print(f"dpsops: the request asks for: {asked}", file=sys.stderr)
    print(f"dpsops: the CA must issue, whatever it asks for: {needed}", file=sys.stderr)


@app.command()
def merge(
    context: typer.Context,
    certificate: Annotated[Path, typer.Argument(metavar="CERT", help="The certificate for the request.")],
    chain: Annotated[Path, typer.Argument(metavar="CHAIN", help="The issuers' certificates up to the top, in any order.")],
) -> None:
    """Complete the next root with the certificate that another CA issued for the request of 'dpsops root csr'.

    The root is then staged: 'dpsops rotate --replace' proves possession of it and moves the devices to it.

    \b
    Example:
      dpsops root merge root-g2.pem company-ca.pem && dpsops rotate --replace root-g1 --until draining
    """
    from dpsops.workflows import root_csr

    options: Options = context.obj
    made, above = _read_certificates(certificate), _read_certificates(chain)
    with connected(options) as connection:
        done = gathered(
            options,
            connection.run,
            root_csr.merge(connection.run, connection.roots, connection.leaves, connection.dps, connection.stores, made, above),
            actions_document,
        )
        root = root_thumbprint(options, connection)
    print_done(options, done, "it is already finished", Outputs(root_thumbprint=root))


def _read_certificates(path: Path) -> list[x509.Certificate]:
    from dpsops.pki import encodings

    return encodings.certificates(files.read_bytes(path, "certificate", "check the path"), str(path))
