"""`dpsops local`: the embedded Azure for other clients."""

from __future__ import annotations

import sys
import threading
from typing import Annotated

import typer

from dpsops.cli.options import Options
from dpsops.errors import Error

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="""The embedded Azure, as a server for other clients.

\b
  dpsops local serve &           run it
  eval "$(dpsops local env)"     let az, an SDK or curl use it
  dpsops local reset             delete it""",
)


@app.command()
def serve(
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The port of the proxy; 0: any free port.")] = 8043,
) -> None:
    """Serve the embedded Azure until it is interrupted.

    \b
    Example:
      dpsops local serve --port 8043
    """
    from dpsops.cli.connection import SETTINGS_DIRECTORY
    from dpsops.cli.embedded import announced, start
    from dpsops.settings import LOCAL, load

    settings = load(LOCAL, SETTINGS_DIRECTORY).embedded
    try:
        with start(settings, port=port) as azure, announced(azure):
            print(f"dpsops: the embedded Azure is at {azure.proxy_url}; Ctrl-C stops it", file=sys.stderr, flush=True)
            threading.Event().wait()
    except OSError as cause:
        if cause.filename:
            raise
        raise Error(f"port {port} cannot be used: {cause.strerror}", "choose another port with --port") from cause
    except KeyboardInterrupt:
        print("dpsops: stopped; its state stays in .dpsops/", file=sys.stderr)


@app.command()
def env(context: typer.Context) -> None:
    """Print the variables that let another client use the embedded Azure that is served here.

    They contain a client secret, which is valid only for this embedded Azure.

    \b
    Example:
      eval "$(dpsops local env)" && python my_program.py
    """
    import shlex

    from dpsops.cli.embedded import served_variables

    options: Options = context.obj
    found = served_variables()
    if found is None:
        raise Error("no embedded Azure is served in this directory", "start one: dpsops local serve")
    options.print_result(dict(found), "\n".join(f"export {name}={shlex.quote(value)}" for name, value in found.items()))


@app.command()
def reset(context: typer.Context) -> None:
    """Delete the embedded Azure of this directory, with its vaults, keys and devices.

    \b
    Example:
      dpsops local reset && dpsops up
    """
    from dpsops.cli.embedded import reset as delete

    options: Options = context.obj
    changed = delete()
    options.print_result({"changed": changed}, "" if changed else "nothing to delete")
