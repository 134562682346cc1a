"""`dpsops device`: the devices' certificates."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from dpsops.cli.connection import connected
from dpsops.cli.options import Options, timestamp

_FAILED, _SOME_FAILED = 1, 3

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="""The devices' certificates, each with its key and chain in a secret of the vault.

\b
  dpsops device issue press-07 press-08""",
)


@app.callback()
def device() -> None:
    """The devices' certificates, each with its key and chain in a secret of the vault."""


@app.command()
def issue(
    context: typer.Context,
    devices: Annotated[list[str], typer.Argument(metavar="ID...", help="Device IDs, in lower case, as in press-07.")],
) -> int:
    """Issue a leaf certificate to each device that has none, into a vault secret of its own.

    A device that has a valid leaf of the current root keeps it.

    \b
    Examples:
      dpsops device issue press-07
      dpsops --output json device issue press-07 press-08 | jq -r '.issued[].secret_id'
    """
    from dpsops.pki.names import device_id
    from dpsops.workflows import device as workflow

    options: Options = context.obj
    wanted = [device_id(text) for text in devices]
    with connected(options) as run:
        results = list(workflow.issue(run, wanted))
    issued = [result for result in results if isinstance(result, workflow.Issued)]
    unchanged = [result.device for result in results if isinstance(result, workflow.Unchanged)]
    failed = [result for result in results if isinstance(result, workflow.Failed)]
    document: dict[str, Any] = {
        "issued": [
            {
                "device": one.device,
                "serial": one.serial,
                "thumbprint": one.thumbprint,
                "not_after": one.not_after,
                "secret_id": one.secret_id,
            }
            for one in issued
        ],
        "unchanged": unchanged,
        "failed": [{"device": one.device, "reason": one.reason} for one in failed],
    }
    lines = [
        *(f"✓ {one.device}: until {timestamp(one.not_after)}, in {one.secret_id}" for one in issued),
        *(f"= {name}: has a valid leaf" for name in unchanged),
        *(f"✗ {one.device}: {one.reason}" for one in failed),
    ]
    options.print_result(document, "\n".join(lines))
    if not failed:
        return 0
    return _SOME_FAILED if issued or unchanged else _FAILED
